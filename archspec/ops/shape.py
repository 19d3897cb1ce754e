"""Operations that move elements about: join, cut, reshape, reorder, pad and resize."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import inner_axes, inner_axis, listed
from archspec.ops.base import (
    Axes,
    Axis,
    DType,
    Flag,
    Integer,
    Operation,
    OptionalWindow2d,
    Positive,
    Real,
    Shape,
    check_rank,
    describe,
    pads,
    product,
    show,
)

if TYPE_CHECKING:
    from typing import Self

    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

ANY: tuple[DType, ...] = ("float", "int64", "bool")


def _list(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"must be a list, not {describe(value) if value != [] else 'an empty one'}")
    return tuple(value)


def _sizes(value: Any) -> tuple[int, ...]:
    sizes = _list(value)
    for size in sizes:
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"must be whole numbers from 1, not {describe(size)}")
    return sizes


def _target(value: Any) -> tuple[int, ...]:
    sizes = _list(value)
    known = [size for size in sizes if size != -1]
    if len(known) < len(sizes) - 1:
        raise ValueError("must have -1 at most once")
    return sizes if not known else _sizes(known) and sizes


def _pairs(value: Any) -> tuple[tuple[int, int], ...]:
    pairs: Any = pads(_list(value), len(value))
    return pairs


if TYPE_CHECKING:
    Sizes = tuple[int, ...]
    Target = tuple[int, ...]
    Pairs = tuple[tuple[int, int], ...]
else:
    _NATURAL = {"type": "integer", "minimum": 0}
    _PAIR = {"type": "array", "items": _NATURAL, "minItems": 2, "maxItems": 2}
    Sizes, Target, Pairs = (
        Annotated[Any, BeforeValidator(check), WithJsonSchema({"type": "array", "items": item, "minItems": 1})]
        for check, item in (
            (_sizes, {"type": "integer", "minimum": 1}),
            (_target, {"type": "integer", "minimum": -1}),
            (_pairs, {"anyOf": [_NATURAL, _PAIR]}),
        )
    )


class Concat(Operation):
    """y = the inputs one after the other along `axis`.

    Inputs: two or more, of shapes that are equal but for that axis. Output: there the sum of their sizes.
    """

    arity: ClassVar[tuple[int, int | None]] = (2, None)
    axis: Axis = Field(1, description="axis along which to join")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        first = inputs[0]
        axis = inner_axis(self.axis, len(first))
        rest = first[:axis] + first[axis + 1 :]
        if any(len(x) != len(first) or x[:axis] + x[axis + 1 :] != rest for x in inputs):
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
        return np.concatenate(inputs, inner_axis(self.axis, inputs[0].ndim))


class Split(Operation):
    """y0, y1, ... = x cut along `axis`, into pieces of the given `sizes` or into `sections` equal ones.

    Input: batch and other axes. Outputs: one for each piece.
    """

    takes: ClassVar[tuple[DType, ...]] = ANY
    sizes: Sizes | None = Field(None, description="size of each piece; together the size of the axis")
    sections: Positive | None = Field(None, description="number of equal pieces, instead of sizes")
    axis: Axis = Field(1, description="axis to cut")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.sizes is None) == (self.sections is None):
            raise ValueError("needs either sizes or sections")
        return self

    def pieces(self, x: Shape) -> tuple[int, ...]:
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

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axis = inner_axis(self.axis, len(x))
        return tuple((*x[:axis], size, *x[axis + 1 :]) for size in self.pieces(x))

    def reference(self, x: Array) -> tuple[Array, ...]:
        cuts = list(accumulate(self.pieces(x.shape)))[:-1]
        return tuple(np.split(x, cuts, inner_axis(self.axis, x.ndim)))


class Flatten(Operation):
    """y = x with the axes from start_axis to end_axis merged into one, the last running fastest.

    Input: batch and other axes. Output: by default batch, features.
    """

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


class Reshape(Operation):
    """y = the elements of each sample in the same order, the last axis running fastest, in another shape.

    Input: batch and other axes. Output: batch, *shape.
    """

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


class Permute(Operation):
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


class Pad(Operation):
    """y = x with a border, of a constant, of its mirror image or of its edge.

    Input: batch and other axes. Output: the last axes larger, by the sum of their pair.
    """

    padding: Pairs = Field(description="[before, after] for each of the last axes, or one number for both")
    mode: Literal["constant", "reflect", "replicate"] = Field(
        "constant", description="constant: value; reflect: the mirror image, edge not repeated; replicate: the edge"
    )
    value: Real = Field(0.0, description="what a constant border holds")

    @model_validator(mode="after")
    def _value_is_used(self) -> Self:
        if self.value and self.mode != "constant":
            raise ValueError(f"value (={self.value:g}) has no meaning with mode (={self.mode})")
        return self

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        free = 1 if self.mode == "constant" else 2
        if len(self.padding) > len(x) - free:
            kind = "other than the batch axis" if free == 1 else "beyond batch and channels"
            raise ShapeError(
                f"padding has {len(self.padding)} pairs, but {show(x)} has {max(0, len(x) - free)} axes {kind}",
                attribute="padding",
            )
        kept = len(x) - len(self.padding)
        for size, pair in zip(x[kept:], self.padding, strict=True):
            if self.mode == "reflect" and max(pair) >= size:
                raise ShapeError(
                    f"padding (={max(pair)}) must be smaller than the axis that it mirrors (={size})",
                    attribute="padding",
                )
        return ((*x[:kept], *(size + sum(pair) for size, pair in zip(x[kept:], self.padding, strict=True))),)

    def reference(self, x: Array) -> Array:
        around = [*[(0, 0)] * (x.ndim - len(self.padding)), *self.padding]
        if self.mode == "constant":
            return np.pad(x, around, constant_values=self.value)
        return np.pad(x, around, mode="reflect" if self.mode == "reflect" else "edge")


class Slice(Operation):
    """y = x[start:end:step] along `axis`.

    Input: batch and other axes. Output: along that axis ceil((end - start) / step) elements.
    """

    takes: ClassVar[tuple[DType, ...]] = ANY
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


class Upsample(Operation):
    """y[j] = x[floor(j n / m)] along an axis of n elements that becomes m, or a blend of two neighbours.

    Input: batch, channels, height, width. Output: batch, channels, *size. With `bilinear` the place in the input is
    (j + 1/2) n / m - 1/2, but at least 0; with `align_corners` it is j (n - 1) / (m - 1).
    """

    scale: OptionalWindow2d = Field(None, description="factor of the size: one whole number, or one per axis")
    size: OptionalWindow2d = Field(
        None, description="size of the output, instead of scale: one number, or one per axis"
    )
    mode: Literal["nearest", "bilinear"] = Field("nearest", description="nearest: copy; bilinear: blend")
    align_corners: Flag = Field(False, description="bilinear: the corners of input and output coincide")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.scale is None) == (self.size is None):
            raise ValueError("needs either scale or size")
        if self.align_corners and self.mode == "nearest":
            raise ValueError("align_corners has a meaning only with mode (=bilinear)")
        return self

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 4)
        if self.scale is not None:
            return ((*x[:2], *(n * factor for n, factor in zip(x[2:], self.scale, strict=True))),)
        return ((*x[:2], *(self.size or ())),)

    def reference(self, x: Array) -> Array:
        for axis, m in enumerate(self.infer(x.shape)[0][2:], 2):
            n = x.shape[axis]
            if self.mode == "nearest":
                x = x.take([j * n // m for j in range(m)], axis)
                continue
            whole, part, unit = self._places(n, m)
            weight = (part / unit).astype(x.dtype).reshape(-1, *(1,) * (3 - axis))
            x = x.take(whole, axis) * (1 - weight) + x.take(np.minimum(whole + 1, n - 1), axis) * weight
        return x

    def _places(self, n: int, m: int) -> tuple[Array, Array, int]:
        """The places in the input as `whole + part / unit`, exactly."""
        j = np.arange(m)
        if self.align_corners:
            unit = max(m - 1, 1)
            return *np.divmod(j * (n - 1), unit), unit
        return *np.divmod(np.maximum((2 * j + 1) * n - m, 0), 2 * m), 2 * m


class ChannelShuffle(Operation):
    """y[i groups + g] = x[g (channels / groups) + i]: the channels of the groups take turns.

    Input and output: batch, channels, ....
    Zhang et al., ShuffleNet, 2017, https://arxiv.org/abs/1707.01083.
    """

    groups: Positive = Field(description="groups of neighbouring channels; must divide the channels")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 3, 4, 5)
        if x[1] % self.groups:
            raise ShapeError(
                f"groups (={self.groups}) must divide the {x[1]} channels of its input", attribute="groups"
            )
        return (x,)

    def reference(self, x: Array) -> Array:
        return x.reshape(len(x), self.groups, -1, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape)


class PixelShuffle(Operation):
    """y[c, r h + i, r w + j] = x[c r^2 + r i + j, h, w]: channels become an image r = upscale_factor times as large.

    Input: batch, channels, height, width. Output: batch, channels / r^2, height r, width r.
    Shi et al., 2016, https://arxiv.org/abs/1609.05158.
    """

    upscale_factor: Positive = Field(description="factor of height and width; its square must divide the channels")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 4)
        batch, channels, height, width = x
        r = self.upscale_factor
        if channels % (r * r):
            raise ShapeError(
                f"upscale_factor (={r}) squared must divide the {channels} channels of its input",
                attribute="upscale_factor",
            )
        return ((batch, channels // (r * r), height * r, width * r),)

    def reference(self, x: Array) -> Array:
        batch, _, height, width = x.shape
        r = self.upscale_factor
        blocks = x.reshape(batch, -1, r, r, height, width).transpose(0, 1, 4, 2, 5, 3)
        return blocks.reshape(self.infer(x.shape)[0])
