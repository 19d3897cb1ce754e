import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F


class PReLU(nn.PReLU):
    """x, or a learned slope times x below zero; the gradient of Paddle's own crashes
    where x needs none, as the input of a model.
    """

    def forward(self, x: Tensor) -> Tensor:
        slope = self._weight.reshape([-1] + [1] * (x.ndim - 2))
        return paddle.where(x > 0, x, slope * x)


class ElementPReLU(nn.Layer):
    """nn.PReLU with a slope for each element of a sample."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        start = nn.initializer.Constant(0.25)
        self.weight = self.create_parameter(shape, default_initializer=start)

    def forward(self, x: Tensor) -> Tensor:
        return paddle.where(x > 0, x, self.weight * x)


def hard_sigmoid(x: Tensor) -> Tensor:
    """Rises from 0 at -3 to 1 at 3; the slope of F.hardsigmoid is 0.1666667."""
    return F.relu6(x + 3) / 6


def silu(x: Tensor) -> Tensor:
    """x * sigmoid(x); the gradient of F.silu is NaN below -88."""
    return F.swish(x)


class SiLU(nn.Swish):
    """x * sigmoid(x); the gradient of nn.Silu is NaN below -88."""


def exact_log_softmax(x: Tensor, axis: int) -> Tensor:
    """The logarithm of softmax; `F.log_softmax` is never below -64 on CPUs."""
    lowered = x - x.max(axis, keepdim=True).detach()
    return lowered - paddle.log(paddle.exp(lowered).sum(axis, keepdim=True))


def celu(x: Tensor, alpha: float) -> Tensor:
    """x, or alpha * (exp(x / alpha) - 1) below 0; `F.celu` has no gradient at 100."""
    curve = alpha * paddle.expm1(paddle.clip(x, max=0.0) / alpha)
    return paddle.where(x > 0, x, curve)


def hard_shrink(x: Tensor, threshold: float) -> Tensor:
    """x beyond the threshold, else 0; `F.hardshrink` keeps what is at the threshold."""
    return paddle.where(x.abs() > threshold, x, paddle.zeros_like(x))


def swiglu(x: Tensor, axis: int) -> Tensor:
    """The second half times SiLU of the first; F.swiglu knows the last axis only."""
    gate, value = x.chunk(2, axis)
    return silu(gate) * value


def reglu(x: Tensor, axis: int) -> Tensor:
    """Multiplies the second half by ReLU of the first."""
    gate, value = x.chunk(2, axis)
    return F.relu(gate) * value


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x), near GELU; plain numbers may be float32 in Paddle."""
    return x * F.sigmoid(x * paddle.full([], 1.702, x.dtype))


def squared_relu(x: Tensor) -> Tensor:
    """The square of what is above zero."""
    return paddle.square(F.relu(x))
