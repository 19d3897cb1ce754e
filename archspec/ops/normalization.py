"""Normalizations: subtract a mean, divide by a deviation or a norm, then scale and shift by learned numbers.

All variances are biased: the mean of squared distances, not divided by n - 1.
"""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import inner_axes, inner_axis, listed
from archspec.ops.base import (
    MODERATE,
    Axes,
    Axis,
    Epsilon,
    Flag,
    Operation,
    Parameter,
    Positive,
    Real,
    Sets,
    Shape,
    check_rank,
    product,
)

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

EPSILON = Field(1e-5, description="added to the variance, before the root")
AFFINE = Field(True, description="scale and shift by learned numbers")


class _Normalization(Operation):
    follows: ClassVar[bool] = True


class _Standardization(_Normalization):
    steep: ClassVar[bool] = True

    def edges(self, *inputs: Shape) -> tuple[Sets, ...]:
        return (MODERATE,) * len(inputs)


def _scale_and_shift(shape: Shape) -> dict[str, Parameter]:
    return {"weight": Parameter(shape, "scale"), "bias": Parameter(shape, "bias")}


def _check_several(count: int) -> None:
    """Raises ShapeError if a mean is one of a single element: that makes zero of everything, by rounding in some
    frameworks, and others refuse it."""
    if count == 1:
        raise ShapeError(
            "would subtract each element from itself: the mean is one of a single element",
            hint="what comes out would not depend on what goes in",
        )


def _standardize(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    return _divided(x - x.mean(axes, keepdims=True), np.sqrt(x.var(axes, keepdims=True) + epsilon))


def _divided(y: Array, divisor: Array) -> Array:
    """`y / divisor`, in the memory of `y`: large networks spend their time on memory."""
    return np.divide(y, divisor, out=y)


def _affine(y: Array, weight: Array | None, bias: Array | None, axes: tuple[int, ...] = (1,)) -> Array:
    """`y` scaled and shifted, in its own memory, by numbers that vary along `axes`."""
    shape = [size if axis in axes else 1 for axis, size in enumerate(y.shape)]
    if weight is not None:
        y *= weight.reshape(shape)
    if bias is not None:
        y += bias.reshape(shape)
    return y


class BatchNorm(_Normalization):
    """y = (x - running_mean) / sqrt(running_var + epsilon) * weight + bias, per channel.

    Input and output: batch, channels, and up to three more axes. In training the batch's own mean and variance take
    the place of the running ones, and those move: running = (1 - momentum) running + momentum batch.
    Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167.
    """

    wish: ClassVar = "image"
    linear: ClassVar[bool] = True
    epsilon: Epsilon = EPSILON
    momentum: Real = Field(0.1, ge=0, le=1, description="weight of the new batch in the running statistics")
    affine: Flag = AFFINE

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 2, 3, 4, 5)
        return (x,)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        statistics = {
            "running_mean": Parameter((x[1],), "mean", trainable=False),
            "running_var": Parameter((x[1],), "variance", trainable=False),
        }
        return (_scale_and_shift((x[1],)) if self.affine else {}) | statistics

    def reference(
        self, x: Array, running_mean: Array, running_var: Array, weight: Array | None = None, bias: Array | None = None
    ) -> Array:
        shape = (-1, *(1,) * (x.ndim - 2))
        y = _divided(x - running_mean.reshape(shape), np.sqrt(running_var.reshape(shape) + self.epsilon))
        return _affine(y, weight, bias)

    def train(
        self, x: Array, running_mean: Array, running_var: Array, weight: Array | None = None, bias: Array | None = None
    ) -> tuple[Array, dict[str, Array]]:
        axes = (0, *range(2, x.ndim))
        y = _affine(_standardize(x, axes, self.epsilon), weight, bias)
        old, new = 1 - self.momentum, self.momentum
        return y, {
            "running_mean": old * running_mean + new * x.mean(axes),
            "running_var": old * running_var + new * x.var(axes),
        }


class _OverAxes(_Normalization):
    wish: ClassVar = "features"
    axis: Axes = Field((-1,), description="axis to normalize over, or a list of axes up to the last")

    def axes(self, rank: int) -> tuple[int, ...]:
        """The numbers of the axes. Raises ShapeError unless it is one, or a row that ends with the last."""
        numbers = inner_axes(self.axis, rank)
        if len(numbers) > 1 and numbers != tuple(range(rank - len(numbers), rank)):
            raise ShapeError(
                f"axis (={listed(self.axis)}) must be one axis, or neighbours in order up to the last axis",
                attribute="axis",
            )
        return numbers

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        self.axes(len(x))
        return (x,)


class LayerNorm(_OverAxes, _Standardization):
    """y = (x - mean) / sqrt(variance + epsilon) * weight + bias, mean and variance over `axis`.

    Input and output: batch and any other axes; weight and bias have the sizes of the axes normalized over.
    These are one axis (`-1`, or `channels` for an image) or all axes from one on (`[channels, height, width]`).
    Ba et al., 2016, https://arxiv.org/abs/1607.06450.
    """

    epsilon: Epsilon = EPSILON
    affine: Flag = AFFINE
    bias: Flag = Field(True, description="shift by learned numbers, where it is affine; false: scale alone")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        _check_several(product([x[axis] for axis in self.axes(len(x))]))
        return (x,)

    @property
    def shifts(self) -> bool:
        """Whether it has a bias."""
        return self.affine and self.bias

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        found = _scale_and_shift(tuple(x[axis] for axis in self.axes(len(x)))) if self.affine else {}
        return {name: each for name, each in found.items() if name != "bias" or self.shifts}

    def reference(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        axes = self.axes(x.ndim)
        return _affine(_standardize(x, axes, self.epsilon), weight, bias, axes)


class RmsNorm(_OverAxes):
    """y = x / sqrt(mean square + epsilon) * weight, the mean over `axis`.

    Input and output: batch and any other axes; weight has the sizes of the axes normalized over.
    These are one axis (`-1`, or `channels` for an image) or all axes from one on (`[channels, height, width]`).
    Zhang and Sennrich, 2019, https://arxiv.org/abs/1910.07467.
    """

    epsilon: Epsilon = Field(1e-6, description="added to the mean square, before the root")
    affine: Flag = Field(True, description="scale by learned numbers")

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        shape = tuple(x[axis] for axis in self.axes(len(x)))
        return {"weight": Parameter(shape, "scale")} if self.affine else {}

    def reference(self, x: Array, weight: Array | None = None) -> Array:
        axes = self.axes(x.ndim)
        return _affine(x / np.sqrt((x * x).mean(axes, keepdims=True) + self.epsilon), weight, None, axes)


class L2Normalize(_Normalization):
    """y = x / max(norm, epsilon), the norm being the root of the sum of squares along `axis`.

    Input and output: batch and any other axes. What is zero along `axis` stays zero.
    """

    axis: Axis = Field(-1, description="axis along which the norm becomes one")
    epsilon: Real = Field(1e-12, ge=1e-18, description="the least norm that is divided by")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        inner_axis(self.axis, len(x))
        return (x,)

    def reference(self, x: Array) -> Array:
        norm = np.sqrt((x * x).sum(inner_axis(self.axis, x.ndim), keepdims=True))
        return x / np.maximum(norm, self.epsilon)


class GroupNorm(_Standardization):
    """y = (x - mean) / sqrt(variance + epsilon) * weight + bias, mean and variance over each group of channels.

    Input and output: batch, channels, and up to three more axes; weight and bias have one number per channel.
    Wu and He, 2018, https://arxiv.org/abs/1803.08494.
    """

    wish: ClassVar = "image"
    num_groups: Positive = Field(description="groups of neighbouring channels; must divide the channels")
    epsilon: Epsilon = EPSILON
    affine: Flag = AFFINE

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 2, 3, 4, 5)
        if x[1] % self.num_groups:
            raise ShapeError(
                f"num_groups (={self.num_groups}) must divide the {x[1]} channels of its input", attribute="num_groups"
            )
        _check_several(product(x[1:]) // self.num_groups)
        return (x,)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return _scale_and_shift((x[1],)) if self.affine else {}

    def reference(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        groups = x.reshape(len(x), self.num_groups, -1)
        return _affine(_standardize(groups, (2,), self.epsilon).reshape(x.shape), weight, bias)


class InstanceNorm(_Standardization):
    """y = (x - mean) / sqrt(variance + epsilon) * weight + bias, mean and variance over each channel of each sample.

    Input and output: batch, channels, and one to three more axes. There is no weight and no bias unless `affine`.
    Ulyanov et al., 2016, https://arxiv.org/abs/1607.08022.
    """

    wish: ClassVar = "image"
    epsilon: Epsilon = EPSILON
    affine: Flag = Field(False, description="scale and shift by learned numbers")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 3, 4, 5)
        _check_several(product(x[2:]))
        return (x,)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return _scale_and_shift((x[1],)) if self.affine else {}

    def reference(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        return _affine(_standardize(x, tuple(range(2, x.ndim)), self.epsilon), weight, bias)


class LocalResponseNorm(_Normalization):
    """y[c] = x[c] / (k + alpha / size * sum of x[j]^2)^beta, for j from c - size // 2 to c + (size - 1) // 2.

    Input and output: batch, channels, and one to three more axes. The sum stops at the first and the last channel.
    As in PyTorch and ONNX alpha is divided by size; in the paper it is not. Krizhevsky et al., ImageNet classification
    with deep convolutional neural networks, 2012.
    """

    wish: ClassVar = "image"
    size: Positive = Field(description="number of neighbouring channels to sum over")
    alpha: Real = Field(1e-4, description="weight of the mean square")
    beta: Real = Field(0.75, description="exponent")
    k: Real = Field(1.0, description="added before the power is taken")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 3, 4, 5)
        return (x,)

    def reference(self, x: Array) -> Array:
        channels = x.shape[1]
        around = [(0, 0), (self.size // 2, (self.size - 1) // 2), *[(0, 0)] * (x.ndim - 2)]
        squares = np.pad(x * x, around)
        total = sum(squares[:, j : j + channels] for j in range(self.size))
        return x / (self.k + self.alpha / self.size * total) ** self.beta
