from collections.abc import Sequence

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn


class ToFloat(nn.Layer):
    """Numbers as floats of the model's type, which `to` and `paddle.amp` change."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("typed", paddle.zeros([1]), persistable=False)

    def forward(self, x: Tensor) -> Tensor:
        return x.astype(self.typed.dtype)


class OneHot(ToFloat):
    """Indices as vectors with a one, of the model's own type; F.one_hot has float32."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.one_hot(x, self.num_classes))


def pad_axes(x: Tensor, padding: Sequence[tuple[int, int]], mode: str) -> Tensor:
    """Pads the last axes with elements of their own; F.pad knows spatial axes only."""
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


def expand_flags(x: Tensor, shape: list[int]) -> Tensor:
    """Truth values expanded, which Paddle's static graphs refuse if they are inputs."""
    return x.astype("int64").expand(shape).astype("bool")


def tile_flags(x: Tensor, repeats: list[int]) -> Tensor:
    """Truth values tiled, which Paddle's static graphs refuse if they are inputs."""
    return x.astype("int64").tile(repeats).astype("bool")
