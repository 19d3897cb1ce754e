"""Sources: arrays that a network has by itself, learned or fixed. They take no input.

Their batch axis has size 1: in arithmetic it is stretched over the batch, and `concat` repeats them for every
sample.
"""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from archspec._lazy import lazy
from archspec.expressions import Const
from archspec.ops._shapes import Sizes
from archspec.ops.base import DType, Epsilon, Operation, Real, Shape, describe, product
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


def _convert(value: Any, kind: type) -> Any:
    return [_convert(item, kind) for item in value] if isinstance(value, tuple) else kind(value)
