"""Operations that arrange elements anew: reshape, reorder, repeat and pad; and that change their kind."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.expressions import Dim
from archspec.ops._shapes import ANY, Sizes, inner_axes, inner_axis, listed, many, whole_numbers
from archspec.ops.base import Axes, Axis, DType, Operation, Positive, Real, Sets, Shape, pads, per_axis, product, show
from archspec.ops.spans import Span

if TYPE_CHECKING:
    from typing import Self

    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")


def _stretched(value: Any) -> tuple[int, ...]:
    sizes = many(value)
    whole_numbers([size for size in sizes if size != -1] or [1], 1)
    return sizes


def _target(value: Any) -> tuple[int, ...]:
    sizes = _stretched(value)
    if sizes.count(-1) > 1:
        raise ValueError("must have -1 at most once")
    return sizes


def _pairs(value: Any) -> tuple[tuple[int, int], ...]:
    pairs: Any = pads(many(value), len(value))
    return pairs


def _shifts(value: Any) -> tuple[int, ...]:
    return per_axis(value, len(value) if isinstance(value, (list, tuple)) else 1, -(2**53))


if TYPE_CHECKING:
    Target = tuple[int, ...]
    Stretched = tuple[int, ...]
    Pairs = tuple[tuple[int, int], ...]
    Shifts = tuple[int, ...]
else:
    _NATURAL = {"type": "integer", "minimum": 0}
    _PAIR = {"type": "array", "items": _NATURAL, "minItems": 2, "maxItems": 2}
    _INTEGERS = {"type": "array", "items": {"type": "integer"}, "minItems": 1}
    Target, Stretched, Pairs = (
        Annotated[Any, BeforeValidator(check), WithJsonSchema({"type": "array", "items": item, "minItems": 1})]
        for check, item in (
            (_target, {"type": "integer", "minimum": -1}),
            (_stretched, {"type": "integer", "minimum": -1}),
            (_pairs, {"anyOf": [_NATURAL, _PAIR]}),
        )
    )
    Shifts = Annotated[Any, BeforeValidator(_shifts), WithJsonSchema({"anyOf": [{"type": "integer"}, _INTEGERS]})]


class _Move(Operation):
    exact: ClassVar[bool] = True
    linear: ClassVar[bool] = True


class Flatten(_Move):
    """y = x with the axes from start_axis to end_axis merged into one, the last running fastest.

    Input: batch and other axes. Output: by default batch, features.
    """

    wish: ClassVar = "features"
    takes: ClassVar[tuple[DType, ...]] = ANY
    start_axis: Axis = Field(1, description="first axis to merge")
    end_axis: Axis = Field(-1, description="last axis to merge")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        start = inner_axis(self.start_axis, len(x), "start_axis")
        end = inner_axis(self.end_axis, len(x), "end_axis")
        if start > end:
            raise ShapeError(
                f"start_axis (={self.start_axis}) must not come after end_axis (={self.end_axis})",
                attribute="start_axis",
            )
        return ((*x[:start], product(x[start : end + 1]), *x[end + 1 :]),)

    def reference(self, x: Array) -> Array:
        return x.reshape(self.infer(x.shape)[0])


class Reshape(_Move):
    """y = the elements of each sample in the same order, the last axis running fastest, in another shape.

    Input: batch and other axes. Output: batch, *shape.
    """

    wish: ClassVar = "features"
    takes: ClassVar[tuple[DType, ...]] = ANY
    shape: Target = Field(description="new sizes without the batch axis; one may be -1: what remains")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        total, known = product(x[1:]), product([size for size in self.shape if size != -1])
        if total % known if -1 in self.shape else total != known:
            raise ShapeError(
                f"shape (={listed(self.shape)}) cannot hold the {total} elements of {show(x)} without its batch axis",
                attribute="shape",
            )
        return ((x[0], *(total // known if size == -1 else size for size in self.shape)),)

    def reference(self, x: Array) -> Array:
        return x.reshape(len(x), *self.shape)


class MergeBatch(_Move):
    """y[b n + i, ...] = x[b, i, ...]: each of the n places along `axis` becomes a sample of its own.

    Input: batch and other axes. Output: n times as many samples, without that axis. So the frames of a video go through
    a network for images, and attention looks along one of several axes. `split_batch` is the way back.
    """

    wish: ClassVar = "spec"
    takes: ClassVar[tuple[DType, ...]] = ANY
    across: ClassVar[bool] = True
    axis: Axis = Field(1, description="axis whose places become samples")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        if not isinstance(x[0], Dim) and x[0] == 1 and not isinstance(x[axis], Dim):
            raise ShapeError(
                f"would make {x[axis]} samples of {show(x)}, which is the same for every sample",
                hint="expand_batch before it gives each sample its own",
            )
        return ((x[0] * x[axis], *x[1:axis], *x[axis + 1 :]),)

    def reference(self, x: Array) -> Array:
        axis = inner_axis(self.axis, x.ndim)
        return np.moveaxis(x, axis, 1).reshape(-1, *x.shape[1:axis], *x.shape[axis + 1 :])


class SplitBatch(_Move):
    """y[b, i, ...] = x[b n + i, ...]: of n samples each one sample, with an axis more on which they are.

    Inputs: batch and other axes; and what `merge_batch` was given, with n places along `axis`. Output: as many samples
    as that has, and the new axis, where `axis` says. With the first input alone, y[0, i, ...] = x[i, ...]: all samples
    stand on the axis, and the output is the same for every sample. So samples see each other.
    """

    wish: ClassVar = "spec"
    arity: ClassVar[tuple[int, int | None]] = (1, 2)
    takes: ClassVar[tuple[DType, ...]] = ANY
    across: ClassVar[bool] = True
    axis: Axis = Field(1, description="the new axis, as the output counts its axes")

    def infer(self, x: Shape, like: Shape | None = None) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x) + 1, of="output")
        if like is None:
            return ((1, *x[1:axis], x[0], *x[axis:]),)
        if axis >= len(like) or x[0] != like[0] * like[axis]:
            raise ShapeError(
                f"cannot split the samples of {show(x)} as axis {axis} of {show(like)} has them",
                hint="the second input is what merge_batch was given, along the same axis",
            )
        return ((like[0], *x[1:axis], like[axis], *x[axis:]),)

    def result(self, *dtypes: DType) -> DType:
        return dtypes[0]

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        return spans[0]

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0]

    def reference(self, x: Array, like: Array | None = None) -> Array:
        axis = inner_axis(self.axis, x.ndim + 1)
        return np.moveaxis(x.reshape(1 if like is None else len(like), -1, *x.shape[1:]), 1, axis)


class Squeeze(_Move):
    """y[batch, ...] = x[batch, ..., 0, ...]: without axes of size 1.

    Input: batch and other axes. Output: without those in `axis`.
    """

    takes: ClassVar[tuple[DType, ...]] = ANY
    axis: Axes = Field(description="axis to drop, of size 1, or a list of such axes")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axes = inner_axes(self.axis, len(x))
        for axis in axes:
            if x[axis] != 1:
                raise ShapeError(
                    f"axis (={listed(self.axis)}) must have size 1, unlike axis {axis} of {show(x)}", attribute="axis"
                )
        return (tuple(size for axis, size in enumerate(x) if axis not in axes),)

    def reference(self, x: Array) -> Array:
        return x.squeeze(inner_axes(self.axis, x.ndim))


class Unsqueeze(_Move):
    """y[batch, ..., 0, ...] = x[batch, ...]: with new axes of size 1.

    Input: batch and other axes. Output: more axes, which stand where `axis` says.
    """

    takes: ClassVar[tuple[DType, ...]] = ANY
    axis: Axes = Field(description="the new axis, as the output counts its axes, or a list of new axes")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        rank = len(x) + len(self.axis)
        axes = inner_axes(self.axis, rank, of="output")
        old = iter(x)
        return (tuple(1 if axis in axes else next(old) for axis in range(rank)),)

    def reference(self, x: Array) -> Array:
        return x.reshape(self.infer(x.shape)[0])


class Permute(_Move):
    """y = x with its axes in another order: axis i of the output is axis axes[i - 1] of the input.

    Input: batch and other axes. `axes` names all but the batch axis, which stays first.
    """

    takes: ClassVar[tuple[DType, ...]] = ANY
    axes: Axes = Field(description="the axes of the input, without the batch axis, in the order of the output")

    def order(self, rank: int) -> tuple[int, ...]:
        order = inner_axes(self.axes, rank, "axes")
        if len(order) != rank - 1:
            raise ShapeError(
                f"axes (={listed(self.axes)}) must name each of the {rank - 1} axes but the batch axis",
                attribute="axes",
            )
        return (0, *order)

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        return (tuple(x[axis] for axis in self.order(len(x))),)

    def reference(self, x: Array) -> Array:
        return x.transpose(self.order(x.ndim))


class Expand(_Move):
    """y[batch, i, ...] = x[batch, 0, ...]: axes of size 1 become larger, others stay as they are.

    Input: batch and other axes. Output: batch, *shape.
    """

    wish: ClassVar = "readers"
    takes: ClassVar[tuple[DType, ...]] = ANY
    shape: Stretched = Field(description="new sizes without the batch axis; -1: as it is")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        if len(self.shape) != len(x) - 1 or any(
            size not in (-1, old) and old != 1 for old, size in zip(x[1:], self.shape, strict=True)
        ):
            raise ShapeError(
                f"shape (={listed(self.shape)}) cannot be had from {show(x)}",
                attribute="shape",
                hint="it names all axes but the batch axis, and only axes of size 1 can change",
            )
        return ((x[0], *(old if size == -1 else size for old, size in zip(x[1:], self.shape, strict=True))),)

    def reference(self, x: Array) -> Array:
        return np.broadcast_to(x, self.infer(x.shape)[0])


class Tile(_Move):
    """y[batch, i, ...] = x[batch, i mod n, ...] along each axis of n elements: copies side by side.

    Input: batch and other axes. Output: each axis but the batch axis as many times as large.
    """

    wish: ClassVar = "readers"
    takes: ClassVar[tuple[DType, ...]] = ANY
    repeats: Sizes = Field(description="number of copies along each axis but the batch axis")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        if len(self.repeats) != len(x) - 1:
            raise ShapeError(
                f"repeats (={listed(self.repeats)}) must have a number for each of the {len(x) - 1} axes of {show(x)} "
                "but the batch axis",
                attribute="repeats",
            )
        return ((x[0], *(size * count for size, count in zip(x[1:], self.repeats, strict=True))),)

    def reference(self, x: Array) -> Array:
        return np.tile(x, (1, *self.repeats))


class Roll(_Move):
    """y[..., i, ...] = x[..., (i - shift) mod n, ...] along each `axis` of n elements.

    Input and output: batch and other axes.
    """

    wish: ClassVar = "readers"
    takes: ClassVar[tuple[DType, ...]] = ANY
    shifts: Shifts = Field(
        description="how many places elements move up, or down if negative: one number, or one per axis"
    )
    axis: Axes = Field(description="axis to move along, or a list of axes")

    @model_validator(mode="after")
    def _per_axis(self) -> Self:
        if len(self.shifts) not in (1, len(self.axis)):
            raise ValueError(
                f"shifts must be one number, or one for each of the {len(self.axis)} axes, not {len(self.shifts)}"
            )
        return self

    def moves(self) -> tuple[int, ...]:
        """The shift along each axis."""
        return self.shifts if len(self.shifts) == len(self.axis) else self.shifts * len(self.axis)

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        inner_axes(self.axis, len(x))
        return (x,)

    def reference(self, x: Array) -> Array:
        return np.roll(x, self.moves(), inner_axes(self.axis, x.ndim))


class Flip(_Move):
    """y[..., i, ...] = x[..., n - 1 - i, ...] along each `axis` of n elements.

    Input and output: batch and other axes.
    """

    wish: ClassVar = "readers"
    takes: ClassVar[tuple[DType, ...]] = ANY
    axis: Axes = Field(description="axis to reverse, or a list of axes")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        inner_axes(self.axis, len(x))
        return (x,)

    def reference(self, x: Array) -> Array:
        return np.flip(x, inner_axes(self.axis, x.ndim))


class Pad(_Move):
    """y = x with a border, of a constant, of its mirror image, of its edge or of its other end.

    Input: batch and other axes. Output: the last axes larger, by the sum of their pair.
    """

    wish: ClassVar = "readers"
    padding: Pairs = Field(description="[before, after] for each of the last axes, or one number for both")
    mode: Literal["constant", "reflect", "replicate", "circular"] = Field(
        "constant",
        description="constant: value; reflect: the mirror image, edge not repeated; replicate: the edge; "
        "circular: the other end",
    )
    value: Real = Field(0.0, description="what a constant border holds")

    @model_validator(mode="after")
    def _value_is_used(self) -> Self:
        if self.value and self.mode != "constant":
            raise ValueError(f"value (={self.value:g}) has no meaning with mode (={self.mode})")
        return self

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        if len(self.padding) > len(x) - 1:
            raise ShapeError(
                f"padding has {len(self.padding)} pairs, but {show(x)} has {len(x) - 1} axes other than the batch axis",
                attribute="padding",
            )
        kept = len(x) - len(self.padding)
        for size, pair in zip(x[kept:], self.padding, strict=True):
            if self.mode == "reflect" and max(pair) >= size:
                raise ShapeError(
                    f"padding (={max(pair)}) must be smaller than the axis that it mirrors (={size})",
                    attribute="padding",
                )
            if self.mode == "circular" and max(pair) > size:
                raise ShapeError(
                    f"padding (={max(pair)}) must not be larger than the axis that it continues (={size})",
                    attribute="padding",
                )
        return ((*x[:kept], *(size + sum(pair) for size, pair in zip(x[kept:], self.padding, strict=True))),)

    def reference(self, x: Array) -> Array:
        around = [*[(0, 0)] * (x.ndim - len(self.padding)), *self.padding]
        if self.mode == "constant":
            return np.pad(x, around, constant_values=self.value)
        modes: dict[str, Any] = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
        return np.pad(x, around, mode=modes[self.mode])


class Cast(Operation):
    """y = x as numbers of another kind.

    Input and output: batch and any other axes. Fractions are cut off toward 0 by int64, true is 1, and what is not 0 is
    true. What int64 makes of NaN, and of numbers beyond its own, is not defined.
    """

    exact: ClassVar[bool] = True
    takes: ClassVar[tuple[DType, ...]] = ANY
    elementwise: ClassVar[bool] = True
    dtype: DType = Field(description="float: the precision of the weights; int64; or bool")

    def result(self, *dtypes: DType) -> DType:
        return self.dtype

    def kinks(self) -> tuple[float, ...]:
        return (1.0, -1.0, 2.5)

    def reference(self, x: Array) -> Array:
        if self.dtype == "float":
            return x if x.dtype.kind == "f" else x.astype(np.float64)
        return x.astype(self.dtype)

    def undefined(self, x: Array) -> tuple[Array | None, ...]:
        return (~(np.abs(x) < 2.0**63),) if x.dtype.kind == "f" and self.dtype == "int64" else ()


class OneHot(Operation):
    """y[..., i] = 1 if x[...] = i else 0.

    Input: whole numbers from 0 to num_classes - 1, batch, .... Output: batch, ..., num_classes, of floats.
    """

    exact: ClassVar[bool] = True
    takes: ClassVar[tuple[DType, ...]] = ("int64",)
    num_classes: Positive = Field(description="size of the new last axis: the input is smaller than this")

    def indexes(self, x: Shape) -> dict[int, tuple[int, str]]:
        return {0: (self.num_classes, "num_classes")}

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        return ((*x, self.num_classes),)

    def result(self, *dtypes: DType) -> DType:
        return "float"

    def edges(self, *inputs: Shape) -> tuple[Sets, ...]:
        """The first class and the last, and what is drawn besides."""
        return (((0, self.num_classes - 1),),)

    def reference(self, x: Array) -> Array:
        if x.size and not 0 <= x.min() <= x.max() < self.num_classes:
            raise IndexError(f"classes must be from 0 to {self.num_classes - 1}, not {x.min()} to {x.max()}")
        return (x[..., None] == np.arange(self.num_classes)).astype(np.float64)
