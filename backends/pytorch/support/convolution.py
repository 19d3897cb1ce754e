import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pad_same(x: Tensor, kernel_size: int, stride: int) -> Tensor:
    """Zeros around: as many windows as there are strides, begun ones included."""
    pads: list[int] = []
    for size in x.shape[:1:-1]:
        total = max((-(-size // stride) - 1) * stride + kernel_size - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class MaskedConv2d(nn.Conv2d):
    """A convolution that sees what comes before its centre, row by row.

    With mask "B" it sees the centre, too; with "A" it does not.
    """

    def __init__(self, *args, mask: str, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        height, width = self.kernel_size
        count = height // 2 * width + width // 2 + (mask == "B")
        places = torch.arange(height * width, device=filled_device())
        seen = places.reshape(height, width) < count
        self.seen = nn.Buffer(seen, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * self.seen, self.bias)
