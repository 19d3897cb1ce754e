import paddle
from paddle import Tensor


def safe_sqrt(x: Tensor) -> Tensor:
    """The square root, with a gradient of 0 at 0, where paddle.sqrt has infinity."""
    zero = exactly_equal(x, 0)
    return paddle.sqrt(x.masked_fill(zero, 1.0)).masked_fill(zero, 0.0)


def safe_power(x: Tensor, exponent: float) -> Tensor:
    """x^exponent, with a gradient of 0 at 0; Paddle keeps plain numbers as float32."""
    zero = exactly_equal(x, 0)
    power = paddle.pow(x.masked_fill(zero, 1.0), paddle.full([], exponent, x.dtype))
    return power.masked_fill(zero, 0.0)


def vector_norm(
    x: Tensor, p: float, axis: int | list[int], keepdim: bool = False
) -> Tensor:
    """The norm of order p, which `paddle.linalg.vector_norm` has in float32."""
    total = safe_power(x.abs(), p).sum(axis, keepdim=keepdim)
    return safe_power(total, 1 / p)


def logsumexp(x: Tensor, axis: int | list[int], keepdim: bool = False) -> Tensor:
    """The logarithm of the sum of exp(x); Paddle's own takes up to 4 axes."""
    top = x.max(axis, keepdim=True).detach()
    total = paddle.log(paddle.exp(x - top).sum(axis, keepdim=keepdim))
    return total + (top if keepdim else top.squeeze(axis))


def safe_prod(x: Tensor, axis: int | list[int], keepdim: bool = False) -> Tensor:
    """The product; Paddle's own has a gradient of NaN where an element is 0."""
    axes = [axis] if isinstance(axis, int) else axis
    for each in axes:
        x = paddle.slice(x.cumprod(each), [each], [-1], [x.shape[each]])
    return x if keepdim else x.squeeze(axes)
