from collections.abc import Sequence

import paddle
from paddle import Tensor


def pad_axes(x: Tensor, padding: Sequence[tuple[int, int]], mode: str) -> Tensor:
    """Pads the last axes with elements of their own."""
    for axis, (before, after) in enumerate(padding, x.ndim - len(padding)):
        size = x.shape[axis]
        places = paddle.arange(-before, size + after)
        if mode == "circular":
            places = places % size
        elif mode == "replicate":
            places = places.clip(0, size - 1)
        else:
            places = size - 1 - (size - 1 - places.abs()).abs()
        x = paddle.index_select(x, places, axis=axis)
    return x
