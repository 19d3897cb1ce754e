import torch
from torch import Tensor, nn


class MaskedConv2d(nn.Conv2d):
    """A convolution that sees what comes before its centre, row by row.

    With mask "B" it sees the centre, too; with "A" it does not.
    """

    def __init__(self, *args, mask: str, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        height, width = self.kernel_size
        count = height // 2 * width + width // 2 + (mask == "B")
        seen = torch.arange(height * width).reshape(height, width) < count
        self.register_buffer("seen", seen, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * self.seen, self.bias)
