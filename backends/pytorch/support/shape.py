from collections.abc import Sequence

import torch
from torch import Tensor


def pad_axes(x: Tensor, padding: Sequence[tuple[int, int]], mode: str) -> Tensor:
    """Pads the last axes with elements of their own."""
    for axis, (before, after) in enumerate(padding, x.ndim - len(padding)):
        size = x.shape[axis]
        places = torch.arange(-before, size + after, device=x.device)
        if mode == "circular":
            places = places % size
        elif mode == "replicate":
            places = places.clamp(0, size - 1)
        else:
            places = size - 1 - (size - 1 - places.abs()).abs()
        x = x.index_select(axis, places)
    return x
