"""Reductions: one number for all elements along some axes; and sums and ranks along one axis."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import inner_axes, inner_axis, listed
from archspec.ops.base import Axes, Axis, Constant, DType, Flag, Operation, Positive, Sets, Shape, describe, product
from archspec.ops.spans import Span

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")


class _Reduction(Operation):
    """One whose reference, unless it says otherwise, is NumPy's function of the same name."""

    axis: Axes = Field(description="axis to reduce, or a list of axes")
    keepdims: Flag = Field(False, description="keep the reduced axes, with size 1")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axes = inner_axes(self.axis, len(x))
        if self.keepdims:
            return (tuple(1 if i in axes else size for i, size in enumerate(x)),)
        return (tuple(size for i, size in enumerate(x) if i not in axes),)

    def reference(self, x: Array) -> Array:
        return getattr(np, self.key)(x, axis=inner_axes(self.axis, x.ndim), keepdims=self.keepdims)


class Mean(_Reduction):
    """y = the mean of x over `axis`.

    Input: batch and any other axes. Output: without those in `axis`, or with size 1 there if `keepdims`.
    """

    linear: ClassVar[bool] = True


class Sum(_Reduction):
    """y = the sum of x over `axis`.

    Input: batch and any other axes. Output: without those in `axis`, or with size 1 there if `keepdims`.
    """

    linear: ClassVar[bool] = True


class Prod(_Reduction):
    """y = the product of x over `axis`.

    Input: batch and any other axes. Output: without those in `axis`, or with size 1 there if `keepdims`.
    """

    steep: ClassVar[bool] = True

    def edges(self, *inputs: Shape) -> tuple[Sets, ...]:
        return (((0.0, 1.0, -1.0, 2.0, -0.5), (0.0,), (-1.0,), (1.0, 2.0, -0.5)),)


class Max(_Reduction):
    """y = the largest element of x over `axis`.

    Input: batch and any other axes. Output: without those in `axis`, or with size 1 there if `keepdims`.
    """


class Min(_Reduction):
    """y = the smallest element of x over `axis`.

    Input: batch and any other axes. Output: without those in `axis`, or with size 1 there if `keepdims`.
    """


class _Spread(_Reduction):
    unbiased: Flag = Field(False, description="divide by n - 1 and not by n, the number of elements (Bessel)")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axes = inner_axes(self.axis, len(x))
        if self.unbiased and product([x[axis] for axis in axes]) == 1:
            raise ShapeError(
                f"unbiased (=true) needs two elements or more, and axis (={listed(self.axis)}) has one",
                attribute="unbiased",
            )
        return super().infer(x)

    def reference(self, x: Array) -> Array:
        axes = inner_axes(self.axis, x.ndim)
        return getattr(np, self.key)(x, axis=axes, ddof=int(self.unbiased), keepdims=self.keepdims)

    def _square_of_rounding(self, x: Array) -> Array:
        """What the rounding of the mean in float32 adds to the variance, in units of float32: it may be off by the
        square root of n of them, also where all elements are equal, and then there is nothing else."""
        axes = inner_axes(self.axis, x.ndim)
        count = product([x.shape[axis] for axis in axes])
        return 2.0**-24 * count * np.square(x).max(axes, keepdims=self.keepdims)


class Var(_Spread):
    """y = the mean of (x - mean(x))^2 over `axis`: the variance; if `unbiased`, times n / (n - 1).

    Input: batch and any other axes. Output: without those in `axis`, or with size 1 there if `keepdims`.
    """

    def inner(self, x: Array) -> Array:
        return self._square_of_rounding(x)


class Std(_Spread):
    """y = the square root of the mean of (x - mean(x))^2 over `axis`; if `unbiased`, of that times n / (n - 1).

    Input: batch and any other axes. Output: without those in `axis`, or with size 1 there if `keepdims`. Where all
    elements are equal, the gradient is taken to be 0.
    """

    def inner(self, x: Array) -> Array:
        square = self._square_of_rounding(x)
        size = np.maximum(self.reference(x), np.sqrt(2.0**-24 * square))
        return np.divide(square, size, out=np.zeros_like(square), where=size > 0)


class Logsumexp(_Reduction):
    """y = ln(the sum of e^x over `axis`), also where e^x overflows.

    Input: batch and any other axes. Output: without those in `axis`, or with size 1 there if `keepdims`.
    """

    def reference(self, x: Array) -> Array:
        axes = inner_axes(self.axis, x.ndim)
        top = x.max(axes, keepdims=True)
        top = np.where(np.isinf(top), 0, top)  # an infinity minus itself would be no number
        total = np.log(np.exp(x - top).sum(axes, keepdims=self.keepdims))
        return total + top.reshape(total.shape)


def _order(value: Any) -> Any:
    if value == "inf" and isinstance(value, str):
        return math.inf
    if isinstance(value, str):
        raise ValueError(f"must be a number or inf, not {describe(value)}")
    return value


_ORDERS = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"const": "inf"}]}

if TYPE_CHECKING:
    Order = float
else:
    Order = Annotated[Constant, Field(gt=0), BeforeValidator(_order), WithJsonSchema(_ORDERS)]


class Norm(_Reduction):
    """y = (the sum of |x|^p over `axis`)^(1/p); for p = inf the largest |x|.

    Input: batch and any other axes. Output: without those in `axis`, or with size 1 there if `keepdims`. Where all
    elements are 0, the gradient is taken to be 0.
    """

    free: ClassVar[frozenset[str]] = frozenset({"p"})
    p: Order = Field(2, description="order of the norm: 1, 2, any other positive number, or inf")

    def reference(self, x: Array) -> Array:
        axes, size = inner_axes(self.axis, x.ndim), np.abs(x)
        if self.p == math.inf:
            return size.max(axes, keepdims=self.keepdims)
        return (size**self.p).sum(axes, keepdims=self.keepdims) ** (1 / self.p)


class _Extremum(Operation):
    axis: Axis = Field(description="axis to search")
    keepdims: Flag = Field(False, description="keep that axis, with size 1")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        return ((*x[:axis], *((1,) if self.keepdims else ()), *x[axis + 1 :]),)

    def result(self, *dtypes: DType) -> DType:
        return "int64"

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        return Span(0, inputs[0][inner_axis(self.axis, len(inputs[0]))] - 1)

    def reference(self, x: Array) -> Array:
        return getattr(np, self.key)(x, axis=inner_axis(self.axis, x.ndim), keepdims=self.keepdims)


class Argmax(_Extremum):
    """y = the place, from 0, of the largest element of x along `axis`; of equal ones, the first.

    Input: batch and any other axes. Output: whole numbers, without that axis, or with size 1 there if `keepdims`.
    """


class Argmin(_Extremum):
    """y = the place, from 0, of the smallest element of x along `axis`; of equal ones, the first.

    Input: batch and any other axes. Output: whole numbers, without that axis, or with size 1 there if `keepdims`.
    """


class Cumsum(Operation):
    """y[i] = x[0] + ... + x[i], along `axis`.

    Input and output: batch and any other axes.
    """

    linear: ClassVar[bool] = True
    axis: Axis = Field(description="axis along which to add up")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        inner_axis(self.axis, len(x))
        return (x,)

    def reference(self, x: Array) -> Array:
        return np.cumsum(x, inner_axis(self.axis, x.ndim))


class Topk(Operation):
    """values, indices = the k largest elements of x along `axis`, the largest first, and their places, from 0.

    Input: batch and any other axes. Outputs: both with size k along that axis, the second of whole numbers. The order
    of equal elements is not defined.
    """

    gives: ClassVar[tuple[str, ...]] = ("values", "indices")
    linear: ClassVar[bool] = True  # elements are moved, and of ties the order is not defined
    k: Positive = Field(description="how many elements to keep")
    axis: Axis = Field(-1, description="axis along which the elements compete")
    largest: Flag = Field(True, description="false: the smallest elements, the smallest first")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        if self.k > x[axis]:
            raise ShapeError(f"k (={self.k}) must be at most {x[axis]}, the size of axis {axis}", attribute="k")
        shape = (*x[:axis], self.k, *x[axis + 1 :])
        return (shape, shape)

    def result(self, *dtypes: DType) -> tuple[DType, ...]:
        return (dtypes[0], "int64")

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        return Span(0, inputs[0][inner_axis(self.axis, len(inputs[0]))] - 1)

    def reference(self, x: Array) -> tuple[Array, ...]:
        axis = inner_axis(self.axis, x.ndim)
        order = np.argsort(-x if self.largest else x, axis, stable=True)
        indices = np.take(order, range(self.k), axis)
        return np.take_along_axis(x, indices, axis), indices

    def undefined(self, x: Array) -> tuple[Array | None, ...]:
        axis = inner_axis(self.axis, x.ndim)
        falling = np.sort(-x if self.largest else x, axis)
        equal, first = np.diff(falling, axis=axis) == 0, np.zeros_like(np.take(falling, [0], axis), bool)
        tied = np.concatenate([equal, first], axis) | np.concatenate([first, equal], axis)
        return None, np.take(tied, range(self.k), axis)
