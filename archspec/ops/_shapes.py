"""Rules about axes that several families share: the batch axis comes first, and no step but those that say so
lets samples see each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from archspec.errors import ShapeError
from archspec.ops.base import DType, Shape, describe, resolve_axis, show

ALIKE: Final = (
    "inputs need the same number of axes: unsqueeze adds one, and a reduction with keepdims: true keeps its own"
)
ANY: Final[tuple[DType, ...]] = ("float", "int64", "bool")


def many(value: Any) -> tuple[Any, ...]:
    """A list that is not empty, as a tuple."""
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"must be a list, not {describe(value) if value != [] else 'an empty one'}")
    return tuple(value)


def whole_numbers(value: Any, minimum: int) -> tuple[int, ...]:
    """A list of whole numbers, as a tuple."""
    for number in many(value):
        if not isinstance(number, int) or isinstance(number, bool) or number < minimum:
            raise ValueError(f"must be whole numbers from {minimum}, not {describe(number)}")
    return tuple(value)


def _numbers(minimum: int) -> Any:
    schema = {"type": "array", "items": {"type": "integer", "minimum": minimum}, "minItems": 1}
    return Annotated[Any, BeforeValidator(lambda value: whole_numbers(value, minimum)), WithJsonSchema(schema)]


if TYPE_CHECKING:
    Sizes = tuple[int, ...]
    Indices = tuple[int, ...]
else:
    Sizes, Indices = _numbers(1), _numbers(0)


def listed(values: Iterable[int | str]) -> str:
    """A list of numbers or names as people write it."""
    return f"[{', '.join(map(str, values))}]"


def inner_axis(axis: int | str, rank: int, attribute: str = "axis", of: str = "input") -> int:
    """The number of an axis, from 1. Raises ShapeError if there is no such axis, or if it is the batch axis."""
    number = resolve_axis(axis, rank, attribute, of)
    if number == 0:
        raise ShapeError(f"{attribute} (={axis}) must not be the batch axis", attribute=attribute)
    return number


def inner_axes(axes: Sequence[int | str], rank: int, attribute: str = "axis", of: str = "input") -> tuple[int, ...]:
    """The numbers of several axes, in the order given. Raises ShapeError also if one is named twice."""
    numbers = tuple(inner_axis(axis, rank, attribute, of) for axis in axes)
    if len(set(numbers)) < len(numbers):
        raise ShapeError(f"{attribute} (={listed(axes)}) must not name an axis twice", attribute=attribute)
    return numbers


def broadcast(*shapes: Shape) -> Shape:
    """The shape that inputs of these shapes broadcast to, as in NumPy: axes of size 1 are stretched.

    Raises ShapeError if they differ elsewhere. All must have as many axes, because NumPy aligns the last axes, and so
    a shorter one's batch axis would meet another axis.
    """
    common, *others = shapes
    for shape in others:
        if len(shape) != len(common) or any(a != b and a != 1 and b != 1 for a, b in zip(common, shape, strict=True)):
            same_rank = all(len(other) == len(common) for other in others)
            raise ShapeError(
                f"cannot broadcast inputs of shapes {' and '.join(map(show, shapes))}",
                hint="axes must be equal or 1" if same_rank else ALIKE,
            )
        common = tuple(b if a == 1 else a for a, b in zip(common, shape, strict=True))
    return common
