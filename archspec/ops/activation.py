"""Activations: one nonlinear function, applied to each element or along one axis."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.expressions import Const
from archspec.ops._shapes import inner_axis
from archspec.ops._special import LEAST_SHARE, SELU_ALPHA, SELU_SCALE, erf
from archspec.ops.base import Axis, Flag, Operation, Parameter, Real, Shape, show
from archspec.ops.initializers import Constant

if TYPE_CHECKING:
    from typing import Self

    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")


class _Activation(Operation):
    follows: ClassVar[bool] = True


class _Elementwise(_Activation):
    elementwise: ClassVar[bool] = True


class Relu(_Elementwise):
    """y = max(x, 0).

    Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, 2010.
    """

    def nonnegative(self, *inputs: bool) -> bool:
        return True

    def reference(self, x: Array) -> Array:
        return np.maximum(x, 0)


class Relu6(_Elementwise):
    """y = min(max(x, 0), 6).

    Howard et al., MobileNets, 2017, https://arxiv.org/abs/1704.04861.
    """

    def nonnegative(self, *inputs: bool) -> bool:
        return True

    def kinks(self) -> tuple[float, ...]:
        return (6.0,)

    def reference(self, x: Array) -> Array:
        return np.clip(x, 0, 6)


class LeakyRelu(_Elementwise):
    """y = x if x > 0 else negative_slope * x.

    Maas et al., Rectifier nonlinearities improve neural network acoustic models, 2013.
    """

    negative_slope: Real = Field(0.01, description="factor of the elements that are not positive")

    def reference(self, x: Array) -> Array:
        return np.where(x > 0, x, x * self.negative_slope)


_SLOPE = Constant(Const(0.25))


class Prelu(_Activation):
    """y = x if x > 0 else weight * x, the slope being learned.

    Input and output: batch, channels, .... Weight: one number per channel, a single one, or one for each element of a
    sample.
    He et al., Delving deep into rectifiers, 2015, https://arxiv.org/abs/1502.01852.
    """

    per_channel: Flag = Field(True, description="a slope for each channel, not one for all")
    per_element: Flag = Field(False, description="a slope for each element of a sample, not one for its channel")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.per_element and not self.per_channel:
            raise ValueError("takes a slope for each element, or one for all, not both")
        return self

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        if len(x) < 2:
            raise ShapeError(f"needs an input with batch and channels, not {show(x)}")
        return (x,)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        shape = x[1:] if self.per_element else (x[1] if self.per_channel else 1,)
        return {"weight": Parameter(shape, "scale", initial=_SLOPE)}

    def reference(self, x: Array, weight: Array) -> Array:
        slope = weight if self.per_element else weight.reshape(-1, *(1,) * (x.ndim - 2))
        return np.where(x > 0, x, x * slope)


class Elu(_Elementwise):
    """y = x if x > 0 else alpha * (e^x - 1).

    Clevert et al., 2016, https://arxiv.org/abs/1511.07289.
    """

    alpha: Real = Field(1.0, description="minus the value that very negative elements tend to")

    def reference(self, x: Array) -> Array:
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def inner(self, x: Array) -> Array:
        return np.where(x > 0, 0, abs(self.alpha))


class Celu(_Elementwise):
    """y = x if x > 0 else alpha * (e^(x / alpha) - 1).

    Unlike that of `elu`, its slope is 1 at zero for every alpha. Barron, 2017, https://arxiv.org/abs/1704.07483.
    """

    alpha: Real = Field(1.0, gt=0, description="minus the value that very negative elements tend to")

    def reference(self, x: Array) -> Array:
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0) / self.alpha))


class Selu(_Elementwise):
    """y = 1.0507009873554805 * (x if x > 0 else 1.6732632423543773 * (e^x - 1)).

    The constants keep mean and variance of normal inputs. Klambauer et al., 2017, https://arxiv.org/abs/1706.02515.
    """

    def reference(self, x: Array) -> Array:
        return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0)))

    def inner(self, x: Array) -> Array:
        return np.where(x > 0, 0, SELU_SCALE * SELU_ALPHA)


class Gelu(_Elementwise):
    """y = x / 2 * (1 + erf(x / sqrt(2))).

    With `approximate: tanh`, y = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))).
    Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415.
    """

    approximate: Literal["none", "tanh"] = Field("none", description="none: with erf; tanh: the paper's approximation")

    def reference(self, x: Array) -> Array:
        if self.approximate == "tanh":
            odd = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))
        else:
            odd = erf(x * math.sqrt(0.5))
        return x / 2 * (1 + odd)

    def inner(self, x: Array) -> Array:
        return np.abs(x)


class Silu(_Elementwise):
    """y = x / (1 + e^-x), also called swish.

    Ramachandran et al., Searching for activation functions, 2017, https://arxiv.org/abs/1710.05941.
    """

    def reference(self, x: Array) -> Array:
        return x * _sigmoid(x)


class QuickGelu(_Elementwise):
    """y = x / (1 + e^(-1.702 x)), which is near gelu, as in OpenAI's GPT and CLIP.

    Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415.
    """

    def reference(self, x: Array) -> Array:
        return x * _sigmoid(1.702 * x)


class SquaredRelu(_Elementwise):
    """y = max(x, 0)^2.

    So et al., Primer, 2021, https://arxiv.org/abs/2109.08668.
    """

    def nonnegative(self, *inputs: bool) -> bool:
        return True

    def reference(self, x: Array) -> Array:
        return np.square(np.maximum(x, 0))


class Mish(_Elementwise):
    """y = x * tanh(log(1 + e^x)).

    Misra, 2019, https://arxiv.org/abs/1908.08681.
    """

    def reference(self, x: Array) -> Array:
        return x * np.tanh(np.logaddexp(0, x))

    def inner(self, x: Array) -> Array:
        return np.abs(x)


class Sigmoid(_Elementwise):
    """y = 1 / (1 + e^-x)."""

    def nonnegative(self, *inputs: bool) -> bool:
        return True

    def reference(self, x: Array) -> Array:
        return _sigmoid(x)


def _sigmoid(x: Array) -> Array:
    decay = np.exp(-np.abs(x))  # at most 1, so that nothing overflows
    return np.where(x > 0, 1, decay) / (1 + decay)


class LogSigmoid(_Elementwise):
    """y = -log(1 + e^-x)."""

    def reference(self, x: Array) -> Array:
        return -np.logaddexp(0, -x)

    def inner(self, x: Array) -> float:
        return 1.0


class Tanh(_Elementwise):
    """y = (e^x - e^-x) / (e^x + e^-x)."""

    def reference(self, x: Array) -> Array:
        return np.tanh(x)


class _SixWide(_Elementwise):
    def kinks(self) -> tuple[float, ...]:
        return (-3.0, 3.0)


class HardSigmoid(_SixWide):
    """y = min(max(x + 3, 0), 6) / 6.

    Howard et al., Searching for MobileNetV3, 2019, https://arxiv.org/abs/1905.02244.
    """

    def nonnegative(self, *inputs: bool) -> bool:
        return True

    def reference(self, x: Array) -> Array:
        return np.clip(x + 3, 0, 6) / 6


class HardSwish(_SixWide):
    """y = x * min(max(x + 3, 0), 6) / 6.

    Howard et al., Searching for MobileNetV3, 2019, https://arxiv.org/abs/1905.02244.
    """

    def reference(self, x: Array) -> Array:
        return x * np.clip(x + 3, 0, 6) / 6


class HardTanh(_Elementwise):
    """y = min(max(x, minimum), maximum)."""

    minimum: Real = Field(-1.0, description="least value of the output")
    maximum: Real = Field(1.0, description="greatest value of the output")

    @model_validator(mode="after")
    def _ordered(self) -> HardTanh:
        if not self.minimum < self.maximum:
            raise ValueError(f"minimum (={self.minimum:g}) must be less than maximum (={self.maximum:g})")
        return self

    def kinks(self) -> tuple[float, ...]:
        return (self.minimum, self.maximum)

    def reference(self, x: Array) -> Array:
        return np.clip(x, self.minimum, self.maximum)


class Softsign(_Elementwise):
    """y = x / (1 + |x|)."""

    def reference(self, x: Array) -> Array:
        return x / (1 + np.abs(x))


class Threshold(_Elementwise):
    """y = x if x > threshold else value."""

    threshold: Real = Field(description="what elements must exceed to pass")
    value: Real = Field(0.0, description="takes the place of the elements that do not pass")

    def kinks(self) -> tuple[float, ...]:
        return (self.threshold,)

    def reference(self, x: Array) -> Array:
        return np.where(x <= self.threshold, self.value, x)


class _Shrink(_Elementwise):
    threshold: Real = Field(0.5, ge=0, description="elements up to this distance from zero become zero")

    def kinks(self) -> tuple[float, ...]:
        return (self.threshold, -self.threshold)


class HardShrink(_Shrink):
    """y = x if |x| > threshold else 0.

    Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, 1994.
    """

    def reference(self, x: Array) -> Array:
        return np.where(np.abs(x) <= self.threshold, 0, x)


class SoftShrink(_Shrink):
    """y = sign(x) * max(|x| - threshold, 0).

    Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, 1994.
    """

    def reference(self, x: Array) -> Array:
        return np.sign(x) * np.maximum(np.abs(x) - self.threshold, 0)


class TanhShrink(_Elementwise):
    """y = x - tanh(x)."""

    def reference(self, x: Array) -> Array:
        return x - np.tanh(x)

    def inner(self, x: Array) -> Array:
        return np.abs(x)


class Softplus(_Elementwise):
    """y = log(1 + e^(beta x)) / beta, or x where beta x > threshold.

    With the threshold of 20 that PyTorch and Paddle have, the jump is 2e-9.
    """

    beta: Real = Field(1.0, gt=0, description="sharpness of the bend")
    threshold: Real = Field(20.0, description="where the line takes over from the curve")

    def nonnegative(self, *inputs: bool) -> bool:
        return True

    def kinks(self) -> tuple[float, ...]:
        return (self.threshold / self.beta,) if self.threshold / self.beta * self.beta == self.threshold else ()

    def reference(self, x: Array) -> Array:
        scaled = self.beta * x
        return np.where(scaled > self.threshold, x, np.logaddexp(0, scaled) / self.beta)

    def inner(self, x: Array) -> float:
        return 1 / self.beta


class _Softmax(_Activation):
    axis: Axis = Field(-1, description="axis along which the elements compete")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        inner_axis(self.axis, len(x))
        return (x,)


class Softmax(_Softmax):
    """y[i] = e^x[i] / sum over j of e^x[j], along `axis`.

    Input and output: batch and any other axes.
    """

    def nonnegative(self, *inputs: bool) -> bool:
        return True

    def reference(self, x: Array) -> Array:
        return _softmax(x, inner_axis(self.axis, x.ndim))

    def inner(self, x: Array) -> float:
        return LEAST_SHARE


class Softmin(_Softmax):
    """y[i] = e^-x[i] / sum over j of e^-x[j], along `axis`.

    Input and output: batch and any other axes.
    """

    def nonnegative(self, *inputs: bool) -> bool:
        return True

    def reference(self, x: Array) -> Array:
        return _softmax(-x, inner_axis(self.axis, x.ndim))

    def inner(self, x: Array) -> float:
        return LEAST_SHARE


def _softmax(x: Array, axis: int) -> Array:
    weights = np.exp(x - x.max(axis, keepdims=True))
    return weights / weights.sum(axis, keepdims=True)


class LogSoftmax(_Softmax):
    """y[i] = x[i] - log(sum over j of e^x[j]), along `axis`.

    Input and output: batch and any other axes.
    """

    def reference(self, x: Array) -> Array:
        axis = inner_axis(self.axis, x.ndim)
        lowered = x - x.max(axis, keepdims=True)
        return lowered - np.log(np.exp(lowered).sum(axis, keepdims=True))


class _Gated(_Activation):
    axis: Axis = Field(-1, description="axis whose halves are value and gate; its size must be even")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        if x[axis] % 2:
            raise ShapeError(
                f"axis (={self.axis}) must have an even size, to be halved, not {x[axis]} as in {show(x)}",
                attribute="axis",
            )
        return ((*x[:axis], x[axis] // 2, *x[axis + 1 :]),)

    def halves(self, x: Array) -> list[Array]:
        return np.split(x, 2, inner_axis(self.axis, x.ndim))


class Glu(_Gated):
    """y = first * sigmoid(second), the halves of x along `axis`: the second is the gate.

    Input: batch and any other axes; output: the same, with half the size along `axis`.
    Dauphin et al., Language modeling with gated convolutional networks, 2017, https://arxiv.org/abs/1612.08083.
    """

    def reference(self, x: Array) -> Array:
        first, second = self.halves(x)
        return first * _sigmoid(second)


class Reglu(_Gated):
    """y = max(first, 0) * second, the halves of x along `axis`: the first is the gate.

    Input: batch and any other axes; output: the same, with half the size along `axis`.
    Shazeer, GLU variants improve Transformer, 2020, https://arxiv.org/abs/2002.05202.
    """

    def reference(self, x: Array) -> Array:
        first, second = self.halves(x)
        return np.maximum(first, 0) * second


class Swiglu(_Gated):
    """y = silu(first) * second, the halves of x along `axis`: the first is the gate.

    Input: batch and any other axes; output: the same, with half the size along `axis`.
    Shazeer, GLU variants improve Transformer, 2020, https://arxiv.org/abs/2002.05202.
    """

    def reference(self, x: Array) -> Array:
        first, second = self.halves(x)
        return first * _sigmoid(first) * second
