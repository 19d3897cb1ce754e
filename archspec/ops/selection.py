"""Elements brought into order, put to places that are computed, and taken from there."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import inner_axis
from archspec.ops.base import Axis, Constant, DType, Flag, Integer, Operation, Positive, Sets, Shape, show
from archspec.ops.spans import Span

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

NUMBERS: tuple[DType, ...] = ("float", "int64")


class _Order(Operation):
    takes: ClassVar[tuple[DType, ...]] = NUMBERS
    axis: Axis = Field(-1, description="axis along which elements are compared")
    descending: Flag = Field(False, description="the largest first")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        inner_axis(self.axis, len(x))
        return (x,)

    def order(self, x: Array) -> Array:
        """The places of the elements in their new order, those of equal ones as they were."""
        return np.argsort(-x if self.descending else x, inner_axis(self.axis, x.ndim), stable=True)


class Sort(_Order):
    """y = the elements of x along `axis`, the smallest first, or the largest if `descending`.

    Input and output: batch and any other axes.
    """

    exact: ClassVar[bool] = True
    linear: ClassVar[bool] = True  # elements are moved

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        return spans[0]

    def reference(self, x: Array) -> Array:
        return np.take_along_axis(x, self.order(x), inner_axis(self.axis, x.ndim))


class Argsort(_Order):
    """y = the places, from 0, of the elements of x in their order along `axis`; of equal elements, the first one first.

    Input: batch and any other axes. Output: whole numbers, of the same shape.
    """

    def result(self, *dtypes: DType) -> DType:
        return "int64"

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        return Span(0, inputs[0][inner_axis(self.axis, len(inputs[0]))] - 1)

    def reference(self, x: Array) -> Array:
        return self.order(x)


class _Scatter(Operation):
    linear: ClassVar[bool] = True
    wish: ClassVar = "readers"
    arity: ClassVar[tuple[int, int | None]] = (3, 3)
    takes_each: ClassVar[tuple[tuple[DType, ...], ...]] = (("float",), ("int64",), ("float",))
    axis: Axis = Field(description="axis of x that the indices count along")

    def infer(self, x: Shape, index: Shape, source: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        if len(index) != len(x) or x[:axis] + x[axis + 1 :] != index[:axis] + index[axis + 1 :]:
            raise ShapeError(
                f"cannot put numbers into {show(x)} by indices {show(index)}",
                attribute="axis",
                hint=f"all axes but axis {axis} must be equal",
            )
        if source != index:
            raise ShapeError(f"needs a number for each index of {show(index)}, not {show(source)}")
        return (x,)

    def indexes(self, x: Shape, index: Shape, source: Shape) -> dict[int, tuple[int, str]]:
        return {1: (x[inner_axis(self.axis, len(x))], "axis")}


class Scatter(_Scatter):
    """y[..., index[..., i, ...], ...] = source[..., i, ...] along `axis`, and x elsewhere.

    Inputs: x with batch and other axes; index, whole numbers from 0, of the same shape but for `axis`; source of the
    shape of index. Output: the shape of x. Where several indices are equal, it is not defined which number stays.
    """

    exact: ClassVar[bool] = True

    def reference(self, x: Array, index: Array, source: Array) -> Array:
        y = x.copy()
        np.put_along_axis(y, index, source, inner_axis(self.axis, x.ndim))
        return y

    def undefined(self, x: Array, index: Array, source: Array) -> tuple[Array | None, ...]:
        named = ScatterAdd(axis=self.axis).reference(np.zeros(x.shape), index, np.ones(index.shape))
        return (named > 1,)


class ScatterAdd(_Scatter):
    """y[..., index[..., i, ...], ...] += source[..., i, ...] along `axis`, beginning with x.

    Inputs: x with batch and other axes; index, whole numbers from 0, of the same shape but for `axis`; source of the
    shape of index. Output: the shape of x. Numbers with equal indices add up.
    """

    def reference(self, x: Array, index: Array, source: Array) -> Array:
        axis = inner_axis(self.axis, x.ndim)
        y = np.moveaxis(x.copy(), axis, -1)
        places = np.moveaxis(index, axis, -1)
        cells = (*np.indices(places.shape)[:-1], places)
        np.add.at(y, cells, np.moveaxis(source, axis, -1))
        return np.moveaxis(y, -1, axis)


class _Rows(Operation):
    wish: ClassVar = "spec"

    @staticmethod
    def check(x: Shape, index: Shape) -> None:
        if len(x) < 3 or len(index) != 2 or index[0] != x[0]:
            raise ShapeError(
                f"needs rows and an index for some of them, not {show(x)} and {show(index)}",
                hint="their shapes are batch, rows, ... and batch, places",
            )


class GatherRows(_Rows):
    """y[i] = x[index[i]]: whole rows, each sample by its own indices.

    Inputs: x: batch, rows, and other axes; index: batch, places: whole numbers from 0, smaller than rows. Output:
    batch, places, and the other axes. ONNX GatherND with batch_dims = 1.
    """

    exact: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    takes_each: ClassVar[tuple[tuple[DType, ...], ...]] = (NUMBERS, ("int64",))

    def infer(self, x: Shape, index: Shape) -> tuple[Shape, ...]:
        self.check(x, index)
        return ((*index, *x[2:]),)

    def indexes(self, x: Shape, index: Shape) -> dict[int, tuple[int, str]]:
        return {1: (x[1], "op")}

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        return spans[0] if spans[0] is not None and spans[0].even else None

    def edges(self, x: Shape, index: Shape) -> tuple[Sets, ...]:
        """The first row and the last, and what is drawn besides."""
        return (), ((0, x[1] - 1),)

    def reference(self, x: Array, index: Array) -> Array:
        return x[np.arange(len(x))[:, None], index]


class ScatterAddRows(_Rows):
    """y[index[i]] += source[i], beginning with x: whole rows, each sample by its own indices.

    Inputs: x: batch, rows, and other axes; index: batch, places: whole numbers from 0, smaller than rows; source:
    batch, places, and the other axes. Output: the shape of x. Rows with equal indices add up, as the messages along the
    edges of a graph.
    """

    linear: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (3, 3)
    takes_each: ClassVar[tuple[tuple[DType, ...], ...]] = (("float",), ("int64",), ("float",))

    def infer(self, x: Shape, index: Shape, source: Shape) -> tuple[Shape, ...]:
        self.check(x, index)
        if source != (*index, *x[2:]):
            raise ShapeError(f"needs rows of the shape {show((*index, *x[2:]))} to add, not {show(source)}")
        return (x,)

    def indexes(self, x: Shape, index: Shape, source: Shape) -> dict[int, tuple[int, str]]:
        return {1: (x[1], "op")}

    def reference(self, x: Array, index: Array, source: Array) -> Array:
        y = x.copy()
        np.add.at(y, (np.arange(len(x))[:, None], index), source)
        return y


class MaskedFill(Operation):
    """y = value where the mask is true, else x.

    Inputs: x, and a mask that broadcasts to its shape. Output: the shape of x.
    """

    linear: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    takes_each: ClassVar[tuple[tuple[DType, ...], ...]] = (("float",), ("bool",))
    free: ClassVar[frozenset[str]] = frozenset({"value"})
    value: Constant = Field(description="what stands where the mask is true")

    def infer(self, x: Shape, mask: Shape) -> tuple[Shape, ...]:
        fits = len(x) == len(mask) and all(m in (1, n) for n, m in zip(x, mask, strict=True))
        if not fits:
            raise ShapeError(f"needs a mask that broadcasts to {show(x)}, not {show(mask)}")
        return (x,)

    def reference(self, x: Array, mask: Array) -> Array:
        return np.where(mask, x.dtype.type(self.value), x)


class _Triangle(Operation):
    linear: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    wish: ClassVar = "spec"
    diagonal: Integer = Field(0, description="the last diagonal that is kept; above the main one if positive")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        if len(x) < 3:
            raise ShapeError(f"needs matrices, which have two axes besides the batch, not {show(x)}")
        return (x,)


class Tril(_Triangle):
    """y[i, j] = x[i, j] where j <= i + diagonal, else 0, of the last two axes.

    Input and output: batch and two or more axes.
    """

    def reference(self, x: Array) -> Array:
        return np.tril(x, self.diagonal)


class Triu(_Triangle):
    """y[i, j] = x[i, j] where j >= i + diagonal, else 0, of the last two axes.

    Input and output: batch and two or more axes.
    """

    diagonal: Integer = Field(0, description="the first diagonal that is kept; above the main one if positive")

    def reference(self, x: Array) -> Array:
        return np.triu(x, self.diagonal)


class RepeatInterleave(Operation):
    """y[..., repeats i + j, ...] = x[..., i, ...] for j < repeats, along `axis`: each element so many times in a row.

    Input: batch and any other axes. Output: along `axis` as many times as large.
    """

    linear: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    takes: ClassVar[tuple[DType, ...]] = ("float", "int64", "bool")
    wish: ClassVar = "readers"
    axis: Axis = Field(description="axis whose elements are repeated")
    repeats: Positive = Field(description="how many times each element")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        return ((*x[:axis], x[axis] * self.repeats, *x[axis + 1 :]),)

    def reference(self, x: Array) -> Array:
        return np.repeat(x, self.repeats, inner_axis(self.axis, x.ndim))


class Unbind(Operation):
    """y0, y1, ... = the slices of x along `axis`, without that axis.

    Input: batch and other axes. Outputs: one for each place along the axis.
    """

    linear: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    takes: ClassVar[tuple[DType, ...]] = ("float", "int64", "bool")
    drops: ClassVar[bool] = True
    wish: ClassVar = "spec"
    axis: Axis = Field(1, description="axis that is taken apart")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        if x[axis] > 64:
            raise ShapeError(f"axis (={self.axis}) has {x[axis]} elements, and at most 64 can be taken apart",
                             attribute="axis")  # fmt: skip
        return ((*x[:axis], *x[axis + 1 :]),) * int(x[axis])

    def reference(self, x: Array) -> tuple[Array, ...]:
        return tuple(np.moveaxis(x, inner_axis(self.axis, x.ndim), 0))
