import paddle
from paddle import Tensor, nn


class GaussianNoise(nn.Layer):
    """Training adds normal random numbers."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * paddle.randn(x.shape, x.dtype) if self.training else x
