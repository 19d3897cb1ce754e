from collections.abc import Sequence

import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F


class LayerNorm(nn.LayerNorm):
    """Layer normalization with an epsilon over 0.001, which Paddle's own refuses, or
    with a frozen weight, which its gradient lacks.
    """

    def forward(self, x: Tensor) -> Tensor:
        axes = list(range(-len(self._normalized_shape), 0))
        x = x - x.mean(axes, keepdim=True)
        x = x * paddle.rsqrt((x * x).mean(axes, keepdim=True) + self._epsilon)
        if self.weight is not None:
            x = x * self.weight.reshape(self._normalized_shape)
        if self.bias is not None:
            x = x + self.bias.reshape(self._normalized_shape)
        return x


class GroupNorm(nn.GroupNorm):
    """Group normalization that subtracts the mean first.

    Paddle's own takes the mean of squares less the square of the mean, which cancels in
    float32 where numbers hardly differ; and without a weight its gradient is wrong.
    """

    def forward(self, x: Tensor) -> Tensor:
        groups = x.reshape([0, self._num_groups, -1])
        groups = groups - groups.mean(-1, keepdim=True)
        weight = self.weight
        if weight is None:
            weight = paddle.ones([self._num_channels], x.dtype)
        x = groups.reshape(paddle.shape(x))
        return F.group_norm(x, self._num_groups, self._epsilon, weight, self.bias)


class RMSNorm(nn.Layer):
    """Divides by the root of the mean square; F.rms_norm does so on GPUs only."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        epsilon: float = 1e-6,
        affine: bool = True,
    ) -> None:
        super().__init__()
        if isinstance(normalized_shape, int):
            normalized_shape = [normalized_shape]
        self.axes = list(range(-len(normalized_shape), 0))
        self.epsilon = epsilon
        self.weight = None
        if affine:
            ones = nn.initializer.Constant(1.0)
            self.weight = self.create_parameter(
                list(normalized_shape), default_initializer=ones
            )

    def forward(self, x: Tensor) -> Tensor:
        x = x * paddle.rsqrt((x * x).mean(self.axes, keepdim=True) + self.epsilon)
        return x if self.weight is None else x * self.weight


def l2_normalize(x: Tensor, axis: int, epsilon: float = 1e-12) -> Tensor:
    """x over its norm; the gradient of `F.normalize` adds epsilon to the norm."""
    squares = (x * x).sum(axis, keepdim=True)
    return x / paddle.sqrt(paddle.clip(squares, min=epsilon**2))


class LayerNorm2D(nn.LayerNorm):
    """Layer normalization over the channels of images; nn.LayerNorm has them last."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x.transpose([0, 2, 3, 1]))
        return y.transpose([0, 3, 1, 2])
