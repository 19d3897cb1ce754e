import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn


class MaskedConv2D(nn.Conv2D):
    """A convolution that sees what comes before its centre, row by row.

    With mask "B" it sees the centre, too; with "A" it does not.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size, mask: str, **options
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **options)
        options.pop("bias_attr", None)
        self.options = options
        height, width = self.weight.shape[2:]
        count = height // 2 * width + width // 2 + (mask == "B")
        seen = paddle.arange(height * width).reshape([height, width]) < count
        seen = seen.astype(self.weight.dtype)
        self.register_buffer("seen", seen, persistable=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.seen, self.bias, **self.options)
