"""Operations that join tensors, cut them and select from them."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import ANY, Indices, Sizes, inner_axis, listed
from archspec.ops.base import Axis, DType, Integer, Operation, Positive, Sets, Shape, show
from archspec.ops.spans import Span

if TYPE_CHECKING:
    from typing import Self

    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")


class _Join(Operation):
    exact: ClassVar[bool] = True
    linear: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    takes: ClassVar[tuple[DType, ...]] = ANY

    def result(self, *dtypes: DType) -> DType:
        if len(set(dtypes)) > 1:
            raise ShapeError(
                f"cannot join {' and '.join(dict.fromkeys(dtypes))} numbers", hint="cast one of them before"
            )
        return dtypes[0]


class Concat(_Join):
    """y = the inputs one after the other along `axis`.

    Inputs: two or more, of shapes that are equal but for that axis. Output: there the sum of their sizes. What is the
    same for every sample (a `parameter`) is joined to each.
    """

    keeps_sign: ClassVar[bool] = True
    wish: ClassVar = "readers"
    axis: Axis = Field(1, description="axis along which to join")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        batch = next((x[0] for x in inputs if x[0] != 1), inputs[0][0])
        first = (batch, *inputs[0][1:])
        axis = inner_axis(self.axis, len(first))
        rest = first[1:axis] + first[axis + 1 :]
        if any(len(x) != len(first) or x[1:axis] + x[axis + 1 :] != rest or x[0] not in (1, batch) for x in inputs):
            raise ShapeError(
                f"cannot join inputs of shapes {' and '.join(map(show, inputs))}",
                attribute="axis",
                hint=f"all axes but axis {axis} must be equal",
            )
        total = inputs[0][axis]
        for x in inputs[1:]:
            total = total + x[axis]
        return ((*first[:axis], total, *first[axis + 1 :]),)

    def reference(self, *inputs: Array) -> Array:
        batch = max(len(x) for x in inputs)
        whole = [np.broadcast_to(x, (batch, *x.shape[1:])) for x in inputs]
        return np.concatenate(whole, inner_axis(self.axis, inputs[0].ndim))


class Stack(_Join):
    """y[..., i, ...] = input i: the inputs one after the other along a new axis.

    Inputs: two or more of the same shape. Output: one axis more, as large as there are inputs.
    """

    axis: Axis = Field(1, description="the new axis, as the output counts its axes")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        first = inputs[0]
        axis = inner_axis(self.axis, len(first) + 1, of="output")
        if any(x != first for x in inputs):
            raise ShapeError(
                f"cannot stack inputs of shapes {' and '.join(map(show, inputs))}", hint="their shapes must be equal"
            )
        return ((*first[:axis], len(inputs), *first[axis:]),)

    def reference(self, *inputs: Array) -> Array:
        return np.stack(inputs, inner_axis(self.axis, inputs[0].ndim + 1))


class ExpandBatch(Operation):
    """y[b, ...] = x[0, ...] for each sample b: what is the same for all samples, once for each.

    Inputs: x, of one sample or of as many as the second; any value that has the samples. Output: as many samples as the
    second has, and x's other axes.
    """

    exact: ClassVar[bool] = True
    linear: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    takes: ClassVar[tuple[DType, ...]] = ANY

    def infer(self, x: Shape, like: Shape) -> tuple[Shape, ...]:
        if x[0] not in (1, like[0]):
            raise ShapeError(f"{x[0]} samples cannot become {like[0]}")
        return ((like[0], *x[1:]),)

    def result(self, *dtypes: DType) -> DType:
        return dtypes[0]

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        return spans[0]

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0]

    def reference(self, x: Array, like: Array) -> Array:
        return np.broadcast_to(x, (len(like), *x.shape[1:]))


class _Cut(Operation):
    exact: ClassVar[bool] = True
    wish: ClassVar = "readers"
    linear: ClassVar[bool] = True
    takes: ClassVar[tuple[DType, ...]] = ANY
    drops: ClassVar[bool] = True
    axis: Axis = Field(1, description="axis to cut")

    def pieces(self, x: Shape) -> Sequence[int]:
        """The size of each piece along the axis."""
        raise NotImplementedError

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        return tuple((*x[:axis], size, *x[axis + 1 :]) for size in self.pieces(x))

    def reference(self, x: Array) -> tuple[Array, ...]:
        cuts = list(accumulate(self.pieces(x.shape)))[:-1]
        return tuple(np.split(x, cuts, inner_axis(self.axis, x.ndim)))


class Split(_Cut):
    """y0, y1, ... = x cut along `axis`, into pieces of the given `sizes` or into `sections` equal ones.

    Input: batch and other axes. Outputs: one for each piece.
    """

    sizes: Sizes | None = Field(None, description="size of each piece; together the size of the axis")
    sections: Positive | None = Field(None, description="number of equal pieces, instead of sizes")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.sizes is None) == (self.sections is None):
            raise ValueError("needs either sizes or sections")
        return self

    def pieces(self, x: Shape) -> Sequence[int]:
        axis = inner_axis(self.axis, len(x))
        if self.sizes is not None:
            if sum(self.sizes) != x[axis]:
                raise ShapeError(
                    f"sizes (={listed(self.sizes)}) must add up to {x[axis]}, the size of "
                    f"axis {axis}, not to {sum(self.sizes)}",
                    attribute="sizes",
                )
            return self.sizes
        sections = self.sections or 1
        if x[axis] % sections:
            raise ShapeError(
                f"sections (={sections}) must divide {x[axis]}, the size of axis {axis}", attribute="sections"
            )
        return (x[axis] // sections,) * sections


class Chunk(_Cut):
    """y0, y1, ... = x cut along `axis` into pieces of ceil(n / chunks) of its n elements; the last may have fewer.

    Input: batch and other axes. Outputs: one for each piece. They may be fewer than `chunks`: 6 elements in 4 chunks
    are 2, 2 and 2. (The rule of PyTorch.)
    """

    chunks: Positive = Field(description="number of pieces, if the axis has enough elements for so many")

    def pieces(self, x: Shape) -> Sequence[int]:
        total = x[inner_axis(self.axis, len(x))]
        if total % self.chunks == 0:
            return (total // self.chunks,) * self.chunks
        size = -(-total // self.chunks)
        whole = int((total - 1) // size)
        return (*[size] * whole, total - whole * size)


class Slice(Operation):
    """y = x[start:end:step] along `axis`.

    Input: batch and other axes. Output: along that axis ceil((end - start) / step) elements.
    """

    exact: ClassVar[bool] = True
    wish: ClassVar = "readers"
    linear: ClassVar[bool] = True
    takes: ClassVar[tuple[DType, ...]] = ANY
    drops: ClassVar[bool] = True
    axis: Axis = Field(description="axis to cut")
    start: Integer = Field(0, description="first element; negative: counted from the end")
    end: Integer | None = Field(None, description="first element left out; negative: counted from the end; null: none")
    step: Positive = Field(1, description="take every step-th element")

    def bounds(self, size: int, axis: int) -> tuple[int, int]:
        """Where the slice begins and ends, counted from 0. Raises ShapeError if it is empty or leaves the axis."""
        start = self.start + size if self.start < 0 else self.start
        end = size if self.end is None else self.end + size if self.end < 0 else self.end
        if not 0 <= start < size:
            raise ShapeError(f"start (={self.start}) is beyond the {size} elements of axis {axis}", attribute="start")
        if not start < end <= size:
            raise ShapeError(
                f"end (={self.end}) must come after start (={self.start}) and within the {size} elements of "
                f"axis {axis}",
                attribute="end",
            )
        return start, end

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        start, end = self.bounds(x[axis], axis)
        return ((*x[:axis], -(-(end - start) // self.step), *x[axis + 1 :]),)

    def reference(self, x: Array) -> Array:
        axis = inner_axis(self.axis, x.ndim)
        start, end = self.bounds(x.shape[axis], axis)
        return x[(*[slice(None)] * axis, slice(start, end, self.step))]


class IndexSelect(Operation):
    """y[..., i, ...] = x[..., indices[i], ...] along `axis`.

    Input: batch and other axes. Output: along that axis as many elements as there are indices.
    """

    exact: ClassVar[bool] = True
    wish: ClassVar = "readers"
    linear: ClassVar[bool] = True
    takes: ClassVar[tuple[DType, ...]] = ANY
    drops: ClassVar[bool] = True
    axis: Axis = Field(description="axis to select from")
    indices: Indices = Field(description="places of the elements to take, from 0, in any order and as often as wanted")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        if max(self.indices) >= x[axis]:
            raise ShapeError(
                f"indices (={listed(self.indices)}) must be smaller than {x[axis]}, the size of axis {axis}",
                attribute="indices",
            )
        return ((*x[:axis], len(self.indices), *x[axis + 1 :]),)

    def reference(self, x: Array) -> Array:
        return x.take(self.indices, inner_axis(self.axis, x.ndim))


class Gather(Operation):
    """y[..., i, ...] = x[..., index[..., i, ...], ...] along `axis`: each place of the output has an index of its own.

    Inputs: x with batch and other axes; index of the same shape but for `axis`, whole numbers from 0, smaller than the
    size that x has there. Output: the shape of index.
    """

    wish: ClassVar = "readers"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    takes_each: ClassVar[tuple[tuple[DType, ...], ...]] = (("float", "int64"), ("int64",))
    axis: Axis = Field(description="axis of x that the indices count along")

    def infer(self, x: Shape, index: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        if len(index) != len(x) or x[:axis] + x[axis + 1 :] != index[:axis] + index[axis + 1 :]:
            raise ShapeError(
                f"cannot gather from {show(x)} by indices {show(index)}",
                attribute="axis",
                hint=f"all axes but axis {axis} must be equal",
            )
        return ((*x[:axis], index[axis], *x[axis + 1 :]),)

    def indexes(self, x: Shape, index: Shape) -> dict[int, tuple[int, str]]:
        return {1: (x[inner_axis(self.axis, len(x))], "axis")}

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        return spans[0] if spans[0] is not None and spans[0].even else None

    def edges(self, x: Shape, index: Shape) -> tuple[Sets, ...]:
        """The first place and the last, and what is drawn besides."""
        return ((), ((0, x[inner_axis(self.axis, len(x))] - 1),))

    def reference(self, x: Array, index: Array) -> Array:
        axis = inner_axis(self.axis, x.ndim)
        if (
            index.size and not 0 <= index.min() <= index.max() < x.shape[axis]
        ):  # NumPy counts negative ones from the end
            raise IndexError(f"indices must be from 0 to {x.shape[axis] - 1}, not {index.min()} to {index.max()}")
        return np.take_along_axis(x, index, axis)
