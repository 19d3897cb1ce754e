"""Sources: arrays that a network has by itself, learned or fixed. They take no input, or nothing of it but a size.

Their batch axis has size 1: in arithmetic it is stretched over the batch, and `concat` repeats them for every
sample.
"""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.expressions import Const
from archspec.ops._shapes import ANY, Sizes, inner_axis
from archspec.ops.base import Axis, DType, Epsilon, Integer, Operation, Real, Shape, describe, product
from archspec.ops.base import Parameter as Weight
from archspec.ops.initializers import Constant as Fixed
from archspec.ops.initializers import Initializer, Normal
from archspec.ops.spans import Span

if TYPE_CHECKING:
    from typing import Self

    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

LARGEST = 2**16
"""How many numbers a constant may have: what is longer belongs into weights."""


class _Source(Operation):
    arity: ClassVar[tuple[int, int | None]] = (0, 0)


class Parameter(_Source):
    """y = weight, a learned array that is the same for every sample: class tokens, tables of positions, layer scales.

    No input. Output: 1, *shape. Weight: 1, *shape, known by the name of the step alone.
    """

    shape: Sizes = Field(description="sizes, without the batch axis")
    mean: Real = Field(0.0, description="mean of the numbers that it starts with, as `init` may say, too")
    std: Epsilon = Field(0.0, description="standard deviation of the numbers that it starts with")

    def infer(self) -> tuple[Shape, ...]:
        return ((1, *self.shape),)

    def result(self, *dtypes: DType) -> DType:
        return "float"

    def parameters(self) -> dict[str, Weight]:
        mean, std = Const(self.mean), Const(self.std)
        initial: Initializer = Normal(std, mean) if self.std else Fixed(mean)
        return {"": Weight((1, *self.shape), "table", initial=initial, said=bool(self.mean or self.std))}

    def reference(self, **parameters: Array) -> Array:
        return parameters[""]


def _nested(value: Any, depth: int = 0) -> Any:
    """Numbers or truth values in lists of lists, as tuples; all lists of one level must be of one length."""
    if isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, (list, tuple)) or depth > 5:
        raise ValueError(f"must be a number or lists of numbers, not {describe(value)}")
    items = tuple(_nested(item, depth + 1) for item in value)
    if not items or len({_shape(item) for item in items}) > 1:
        raise ValueError("must have lists of equal length on each level, none of them empty")
    if product(_shape(items)) > LARGEST:
        raise ValueError(f"must have at most {LARGEST} numbers")
    return items


def _shape(value: Any) -> tuple[int, ...]:
    return (len(value), *_shape(value[0])) if isinstance(value, tuple) else ()


def _leaves(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, tuple) else [value]


if TYPE_CHECKING:
    Numbers = Any
else:
    _NUMBER = {"type": ["number", "boolean"]}
    Numbers = Annotated[Any, BeforeValidator(_nested), WithJsonSchema({"anyOf": [_NUMBER, {"type": "array"}]})]


_ALLOWED = {"float": ("int64", "float"), "int64": ("int64",), "bool": ("bool",)}


def _kind(value: Any) -> DType:
    if isinstance(value, bool):
        return "bool"
    return "int64" if isinstance(value, int) else "float"


class Constant(_Source):
    """y = value, a fixed array that is the same for every sample.

    No input. Output: 1, *shape.
    """

    exact: ClassVar[bool] = True
    value: Numbers = Field(description="a number, or lists of lists of numbers: rows, then columns, ...")
    shape: Sizes | None = Field(None, description="sizes of an array that is filled with one number")
    dtype: Literal["float", "int64", "bool"] = Field("float", description="kind of numbers")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.shape is not None and isinstance(self.value, tuple):
            raise ValueError("shape has a meaning only for one number; the lists tell the shape already")
        if any(_kind(leaf) not in _ALLOWED[self.dtype] for leaf in _leaves(self.value)):
            raise ValueError(f"value must have numbers of dtype (={self.dtype}) alone")
        return self

    def sizes(self) -> tuple[int, ...]:
        return _shape(self.value) if self.shape is None else tuple(self.shape)

    def infer(self) -> tuple[Shape, ...]:
        return ((1, *self.sizes()),)

    def result(self, *dtypes: DType) -> DType:
        return self.dtype

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        leaves = _leaves(self.value)
        return Span(min(leaves), max(leaves), fixed=True, even=min(leaves) == max(leaves))

    def numbers(self) -> Any:
        """The number, or lists of lists of them, each of its kind."""
        return _convert(self.value, {"float": float, "int64": int, "bool": bool}[self.dtype])

    def reference(self) -> Array:
        return np.broadcast_to(np.asarray(self.numbers()), (1, *self.sizes()))


class Range(Operation):
    """y = start, start + step, start + 2 step, ... as far as it is before stop; or 0, 1, 2, ... along an axis.

    No input, and `stop`; or `axis`, and an input, whose numbers do not matter. Output: 1, how many there are: with
    `axis` as many as the input has there.
    """

    exact: ClassVar[bool] = True
    linear: ClassVar[bool] = True
    cuts: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (0, 1)
    takes: ClassVar[tuple[DType, ...]] = ANY
    at_open_sizes: ClassVar[Mapping[str, str]] = {"stop": "axis, in place of stop, counts the places of an input"}
    stop: Integer | None = Field(None, description="all numbers are before it")
    start: Integer = Field(0, description="the first number, with stop")
    step: Integer = Field(1, description="from one number to the next, with stop; may be below zero")
    axis: Axis | None = Field(None, description="the axis of the input whose places are counted, in place of stop")
    dtype: Literal["float", "int64"] = Field("int64", description="kind of numbers")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.stop is None and self.axis is None:
            raise ValueError("needs stop, or the axis of an input")
        if self.stop is not None and self.axis is not None:
            raise ValueError("takes stop or axis, not both: it counts to a number, or the places of an input")
        if self.axis is not None and (self.start, self.step) != (0, 1):
            raise ValueError("start and step have a meaning only with stop; add and multiply change what axis counts")
        if not self.step:
            raise ValueError("step must not be 0")
        return self

    def accepts(self) -> tuple[int, int | None]:
        return (0, 0) if self.axis is None else (1, 1)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        if self.axis is not None:
            return ((1, inputs[0][inner_axis(self.axis, len(inputs[0]))]),)
        assert self.stop is not None
        length = -((self.start - self.stop) // self.step)
        if not 1 <= length <= LARGEST:
            raise ShapeError(f"has {max(0, length)} numbers; there must be from 1 to {LARGEST}", attribute="stop")
        return ((1, length),)

    def result(self, *dtypes: DType) -> DType:
        return self.dtype

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        length = self.infer(*inputs)[0][1]
        ends = (self.start, self.start + self.step * (length - 1))
        return Span(min(ends), max(ends), fixed=True, even=length == 1)

    def reference(self, *inputs: Array) -> Array:
        length = self.infer(*(x.shape for x in inputs))[0][1]
        numbers = self.start + self.step * np.arange(length)[None]
        floats = next((x.dtype for x in inputs if x.dtype.kind == "f"), np.dtype(np.float64))
        return numbers.astype(floats) if self.dtype == "float" else numbers


def _convert(value: Any, kind: type) -> Any:
    return [_convert(item, kind) for item in value] if isinstance(value, tuple) else kind(value)
