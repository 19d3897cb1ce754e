from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ToFloat(nn.Module):
    """Numbers as floats of the model's own type, which `half()` and `to` change."""

    def __init__(self) -> None:
        super().__init__()
        self.typed = nn.Buffer(torch.empty(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x.to(self.typed.dtype)


class OneHot(ToFloat):
    """Indices as vectors with a one, of the model's own type."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.one_hot(x, self.num_classes))


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
