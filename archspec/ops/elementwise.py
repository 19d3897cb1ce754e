"""Arithmetic, comparisons and functions, element by element.

Inputs have the same number of axes, and axes of size 1 are stretched to the others' size.
"""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import Field, model_validator

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import broadcast
from archspec.ops._special import erf
from archspec.ops.base import Constant, DType, Flag, Operation, Sets, Shape
from archspec.ops.spans import Span, computed

if TYPE_CHECKING:
    from typing import Self

    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

NUMBERS: tuple[DType, ...] = ("float", "int64")
_EXACT: Final[dict[str, Callable[..., Any]]] = {
    "abs": abs, "add": operator.add, "maximum": max, "minimum": min, "multiply": operator.mul, "neg": operator.neg,
    "sign": lambda x: (x > 0) - (x < 0), "square": lambda x: x * x, "subtract": operator.sub,
}  # fmt: skip
"""Functions of whole numbers whose extremes are those at the ends of what they are given, or at 0."""


def _one_kind(*dtypes: DType) -> DType:
    """The kind of number that all inputs have."""
    if len(set(dtypes)) > 1:
        raise ShapeError(f"needs inputs of one kind of numbers, not {' and '.join(dtypes)}")
    return dtypes[0]


class _Elementwise(Operation):
    """One whose reference, unless it says otherwise, is NumPy's function of the same name."""

    elementwise: ClassVar[bool] = True
    function: ClassVar[str] = ""
    """What NumPy calls it, if not by the operation's name."""

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        function = _EXACT.get(self.key)
        return computed(function, spans) if function is not None else None

    def reference(self, *inputs: Array) -> Array:
        return getattr(np, self.function or self.key)(*inputs)


class _WithConstants(_Elementwise):
    """One whose attributes may be operands: whole numbers where the inputs are."""

    takes: ClassVar[tuple[DType, ...]] = NUMBERS

    def result(self, *dtypes: DType) -> DType:
        for name, value in self:
            if isinstance(value, float) and dtypes[0] == "int64":
                raise ShapeError(f"{name} (={value}) must be a whole number, as those of its input are", attribute=name)
        return _one_kind(*dtypes)


# Functions of two inputs, or of one and a constant ------------------------------------------------------------------


class _Binary(_WithConstants):
    arity: ClassVar[tuple[int, int | None]] = (1, 2)

    value: Constant | None = Field(None, description="the second operand, in place of a second input")

    def accepts(self) -> tuple[int, int | None]:
        return (2, self.arity[1]) if self.value is None else (1, 1)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (broadcast(*inputs),)

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        value = () if self.value is None else (Span(self.value, self.value, fixed=True),)
        found: Span | None = super().span(self._ordered(spans, value)[:2], inputs)
        for other in spans[2:]:
            found = super().span([found, other], inputs)
        return found

    def nonnegative(self, *inputs: bool) -> bool:
        return super().nonnegative(*inputs) and (self.value is None or self.value >= 0)

    def kinks(self) -> tuple[float, ...]:
        return () if self.value is None else (self.value,)

    def reference(self, *inputs: Array) -> Array:
        return reduce(getattr(np, self.key), self._ordered(inputs, () if self.value is None else (self.value,)))

    def _ordered(self, inputs: Sequence[Any], value: Sequence[Any]) -> list[Any]:
        """The operands, of which the constant is one."""
        return [*inputs, *value]


class _Sided(_Binary):
    """One whose operands have sides."""

    value_first: Flag = Field(False, description="take `value` as the first operand, as in 1 - x and 1 / x")

    @model_validator(mode="after")
    def _something_first(self) -> Self:
        if self.value_first and self.value is None:
            raise ValueError("value_first needs a value")
        return self

    def _ordered(self, inputs: Sequence[Any], value: Sequence[Any]) -> list[Any]:
        return [*value, *inputs] if self.value_first else [*inputs, *value]


class Add(_Binary):
    """y = a + b + ...

    Inputs: two or more, of shapes that broadcast, or one and `value`. Output: their common shape.
    """

    keeps_sign: ClassVar[bool] = True
    linear: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (1, None)


class Subtract(_Sided):
    """y = a - b.

    Inputs: two, of shapes that broadcast, or one and `value`, which is b, or a with `value_first`. Output: their common
    shape.
    """

    linear: ClassVar[bool] = True


class Multiply(_Binary):
    """y = a * b * ...

    Inputs: two or more, of shapes that broadcast, or one and `value`. Output: their common shape.
    """

    keeps_sign: ClassVar[bool] = True
    linear: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (1, None)


class Divide(_Sided):
    """y = a / b.

    Inputs: two, of shapes that broadcast, or one and `value`, which is b, or a with `value_first`. Output: their common
    shape.
    """

    takes: ClassVar[tuple[DType, ...]] = ("float",)


class Power(_Binary):
    """y = a^b; NaN where a < 0 and b is no whole number.

    Inputs: two, of shapes that broadcast, or one and the exponent `value`. Output: their common shape.
    """

    takes: ClassVar[tuple[DType, ...]] = ("float",)


class Mod(_Binary):
    """y = a - b * floor(a / b), which has the sign of b, as Python's `%`.

    Inputs: two, of shapes that broadcast, or one and the divisor `value`. Output: their common shape.
    """

    def edges(self, *inputs: Shape) -> tuple[Sets, ...]:
        """Multiples of the divisor alone: beside one of them rounding decides."""
        value = 1.0 if self.value is None else self.value
        numbers: Sets = ((0.0, 1.0, -1.0, 2.0, -2.5, value, -value, 2 * value, -3 * value),)
        return (numbers,) * len(inputs)


class _Pair(_Elementwise):
    arity: ClassVar[tuple[int, int | None]] = (2, 2)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (broadcast(*inputs),)


class Atan2(_Pair):
    """y = the angle, from -pi to pi, of the point whose height is a and whose width is b.

    Inputs: two, of shapes that broadcast. Output: their common shape.
    """

    function: ClassVar[str] = "arctan2"

    def edges(self, *inputs: Shape) -> tuple[Sets, ...]:
        """All quadrants and axes, but that zero has signs, of which frameworks make what they want."""
        return (((1.0, -1.0, 0.5, -2.5, 1e-30, 1e5, -1e5),),) * 2


class Logaddexp(_Pair):
    """y = ln(e^a + e^b), also where one of them overflows.

    Inputs: two, of shapes that broadcast. Output: their common shape.
    """

    def inner(self, *inputs: Array) -> Array:
        return np.ones(np.broadcast_shapes(*(x.shape for x in inputs)))


class Maximum(_Binary):
    """y = a if a > b else b.

    Inputs: two, of shapes that broadcast, or one and `value`. Output: their common shape.
    """


class Minimum(_Binary):
    """y = a if a < b else b.

    Inputs: two, of shapes that broadcast, or one and `value`. Output: their common shape.
    """


# Comparisons and logic ----------------------------------------------------------------------------------------------


class Clip(_WithConstants):
    """y = min(max(x, minimum), maximum)."""

    minimum: Constant | None = Field(None, description="the least value that is kept")
    maximum: Constant | None = Field(None, description="the largest value that is kept")

    @model_validator(mode="after")
    def _some_way(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("needs a minimum or a maximum")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum (={self.minimum}) must not be above maximum (={self.maximum})")
        return self

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        least = -inf if self.minimum is None else self.minimum
        most = inf if self.maximum is None else self.maximum
        return computed(lambda x: min(max(x, least), most), spans)

    def kinks(self) -> tuple[float, ...]:
        return tuple(bound for bound in (self.minimum, self.maximum) if bound is not None)

    def reference(self, x: Array) -> Array:
        return np.clip(x, self.minimum, self.maximum)


# Functions of one input ---------------------------------------------------------------------------------------------


class Abs(_Elementwise):
    """y = |x|."""

    takes: ClassVar[tuple[DType, ...]] = NUMBERS


class Neg(_Elementwise):
    """y = -x."""

    linear: ClassVar[bool] = True

    takes: ClassVar[tuple[DType, ...]] = NUMBERS

    def reference(self, x: Array) -> Array:
        return -x


class Sign(_Elementwise):
    """y = 1 where x > 0, -1 where x < 0, else 0."""

    takes: ClassVar[tuple[DType, ...]] = NUMBERS


class Square(_Elementwise):
    """y = x^2."""

    takes: ClassVar[tuple[DType, ...]] = NUMBERS


class Sqrt(_Elementwise):
    """y = x^(1/2); NaN where x < 0."""


class Rsqrt(_Elementwise):
    """y = 1 / x^(1/2); NaN where x < 0."""

    def reference(self, x: Array) -> Array:
        return 1 / np.sqrt(x)


class Reciprocal(_Elementwise):
    """y = 1 / x."""


class Exp(_Elementwise):
    """y = e^x."""

    def kinks(self) -> tuple[float, ...]:
        return (709.0, -745.0)  # nearly all that float64 holds


class Log(_Elementwise):
    """y = ln x; NaN where x < 0."""


class Log1p(_Elementwise):
    """y = ln(1 + x), exact also where x is near 0; NaN where x < -1."""

    def kinks(self) -> tuple[float, ...]:
        return (-1.0,)


class Sin(_Elementwise):
    """y = sin x, of an angle in radians."""


class Cos(_Elementwise):
    """y = cos x, of an angle in radians."""


class Log2(_Elementwise):
    """y = the logarithm of x to base 2; NaN where x < 0."""


class Log10(_Elementwise):
    """y = the logarithm of x to base 10; NaN where x < 0."""


class Expm1(_Elementwise):
    """y = e^x - 1, exact also where x is near 0."""

    def kinks(self) -> tuple[float, ...]:
        return (709.0, -745.0)


class Tan(_Elementwise):
    """y = tan x, of an angle in radians."""


class Asin(_Elementwise):
    """y = the angle from -pi / 2 to pi / 2 whose sine is x; NaN where |x| > 1."""

    function: ClassVar[str] = "arcsin"


class Acos(_Elementwise):
    """y = the angle from 0 to pi whose cosine is x; NaN where |x| > 1."""

    function: ClassVar[str] = "arccos"


class Atan(_Elementwise):
    """y = the angle from -pi / 2 to pi / 2 whose tangent is x."""

    function: ClassVar[str] = "arctan"


class Sinh(_Elementwise):
    """y = (e^x - e^-x) / 2."""


class Cosh(_Elementwise):
    """y = (e^x + e^-x) / 2."""


class Asinh(_Elementwise):
    """y = ln(x + (x^2 + 1)^(1/2)), the inverse of sinh."""

    function: ClassVar[str] = "arcsinh"


class Atanh(_Elementwise):
    """y = ln((1 + x) / (1 - x)) / 2, the inverse of tanh; NaN where |x| > 1."""

    function: ClassVar[str] = "arctanh"

    def kinks(self) -> tuple[float, ...]:
        return (1.0, -1.0)


class Erf(_Elementwise):
    """y = 2 / sqrt(pi) * the integral of e^(-t^2) from 0 to x: the error function."""

    def reference(self, x: Array) -> Array:
        return erf(x)


class _Whole(_Elementwise):
    def kinks(self) -> tuple[float, ...]:
        return (1.0, -1.0, 0.5, -0.5, 2.5)


class Floor(_Whole):
    """y = the largest whole number that is at most x."""


class Ceil(_Whole):
    """y = the smallest whole number that is at least x."""


class Trunc(_Whole):
    """y = x without what is behind the point: the whole number next to it towards 0."""


class Round(_Whole):
    """y = the whole number nearest to x; halfway between two, the even one (IEEE 754)."""


class _Comparison(_Binary):
    def result(self, *dtypes: DType) -> DType:
        super().result(*dtypes)
        return "bool"


class Equal(_Comparison):
    """y = whether a = b.

    Inputs: two, of shapes that broadcast, or one and `value`. Output: truth values of their common shape.
    """


class NotEqual(_Comparison):
    """y = whether a differs from b.

    Inputs: two, of shapes that broadcast, or one and `value`. Output: truth values of their common shape.
    """


class Less(_Comparison):
    """y = whether a < b.

    Inputs: two, of shapes that broadcast, or one and `value`. Output: truth values of their common shape.
    """


class LessEqual(_Comparison):
    """y = whether a <= b.

    Inputs: two, of shapes that broadcast, or one and `value`. Output: truth values of their common shape.
    """


class Greater(_Comparison):
    """y = whether a > b.

    Inputs: two, of shapes that broadcast, or one and `value`. Output: truth values of their common shape.
    """


class GreaterEqual(_Comparison):
    """y = whether a >= b.

    Inputs: two, of shapes that broadcast, or one and `value`. Output: truth values of their common shape.
    """


class _Logical(_Pair):
    takes: ClassVar[tuple[DType, ...]] = ("bool",)


class LogicalAnd(_Logical):
    """y = whether both a and b are true.

    Inputs: two of truth values, of shapes that broadcast. Output: their common shape.
    """


class LogicalOr(_Logical):
    """y = whether a or b is true, or both.

    Inputs: two of truth values, of shapes that broadcast. Output: their common shape.
    """


class LogicalXor(_Logical):
    """y = whether one of a and b is true, not both.

    Inputs: two of truth values, of shapes that broadcast. Output: their common shape.
    """


class LogicalNot(_Elementwise):
    """y = whether x is false."""

    takes: ClassVar[tuple[DType, ...]] = ("bool",)


class Where(_Elementwise):
    """y = a if condition else b.

    Inputs: condition, of truth values, then a and b, of one kind of numbers; of shapes that broadcast. Output: their
    common shape.
    """

    exact: ClassVar[bool] = True
    linear: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (3, 3)
    takes_each: ClassVar[tuple[tuple[DType, ...], ...]] = (("bool",), NUMBERS, NUMBERS)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (broadcast(*inputs),)

    def result(self, *dtypes: DType) -> DType:
        return _one_kind(*dtypes[1:])
