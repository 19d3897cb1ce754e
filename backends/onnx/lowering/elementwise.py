"""Rows: arithmetic, comparisons and functions, element by element."""

from __future__ import annotations

import math
from typing import Final

from .writing import Row, Step, Value, node


def _operands(step: Step) -> tuple[Value, ...]:
    value = getattr(step.op, "value", None)
    if value is None:
        return step.inputs
    constant = step.like(value, step.x)
    return (constant, *step.inputs) if getattr(step.op, "value_first", False) else (*step.inputs, constant)


def binary(op: str) -> Row:
    """A node of two inputs, or of one and a constant; of more, one after the other."""

    def row(step: Step) -> Value:
        first, *others = _operands(step)
        for other in others:
            first = step(op, first, other)
        return first

    return row


def _not_equal(step: Step) -> Value:
    return step("Not", step("Equal", *_operands(step)))


def _mod(step: Step) -> Value:
    a, b = _operands(step)
    if a.dtype != "float":
        return step("Mod", a, b)
    rest, zero = step("Mod", a, b, fmod=1), step.floats(0)  # which has the sign of `a`
    other_sign = step("Xor", step("Less", rest, zero), step("Less", b, zero))
    wrong = step("And", other_sign, step("Not", step("Equal", rest, zero)))
    return step("Where", wrong, step("Add", rest, b), rest, gives="float")


def _atan2(step: Step) -> Value:
    y, x = step.inputs
    zero, pi = step.floats(0), step.floats(math.pi)
    angle = step("Atan", step("Div", y, x))
    half_turn = step("Where", step("Less", y, zero), step("Neg", pi), pi, gives="float")
    turned = step("Where", step("Less", x, zero), step("Add", angle, half_turn), angle, gives="float")
    both = step("And", step("Equal", y, zero), step("Equal", x, zero))
    return step("Where", both, zero, turned, gives="float")


def _logaddexp(step: Step) -> Value:
    a, b = step.inputs
    one = step.floats(1)
    less = step("Log", step("Add", one, step("Exp", step("Neg", step("Abs", step("Sub", a, b))))))
    equal = step("Add", a, step.floats(math.log(2)))  # also where both are infinite
    return step("Where", step("Equal", a, b), equal, step("Add", step("Max", a, b), less), gives="float")


def _clip(step: Step) -> Value:
    bounds = (step.attr("minimum"), step.attr("maximum"))
    return step("Clip", step.x, *(None if bound is None else step.like(bound, step.x) for bound in bounds))


def _square(step: Step) -> Value:
    return step("Mul", step.x, step.x)


def _rsqrt(step: Step) -> Value:
    return step("Reciprocal", step("Sqrt", step.x))


def _log1p(step: Step) -> Value:
    """Kahan's way, exact also near 0: log(u) x / (u - 1), with u = 1 + x."""
    x, one = step.x, step.floats(1)
    u = step("Add", x, one)
    exact = step("Div", step("Mul", step("Log", u), x), step("Sub", u, one))
    near = step("Where", step("Equal", u, one), x, exact, gives="float")
    return step("Where", step("Equal", u, step.floats(math.inf)), u, near, gives="float")


def _expm1(step: Step) -> Value:
    """Kahan's way, exact also near 0: (u - 1) x / log(u), with u = e^x; far from it, u - 1."""
    x, one = step.x, step.floats(1)
    u = step("Exp", x)
    less = step("Sub", u, one)
    exact = step("Div", step("Mul", less, x), step("Log", u))
    near = step("Where", step("Equal", u, one), x, exact, gives="float")
    far = step("Greater", step("Abs", x), one)
    return step("Where", far, less, near, gives="float")


def _log_of(base: float) -> Row:
    def row(step: Step) -> Value:
        return step("Div", step("Log", step.x), step.floats(math.log(base)))

    return row


def _trunc(step: Step) -> Value:
    return step("Mul", step("Sign", step.x), step("Floor", step("Abs", step.x)))


def _where(step: Step) -> Value:
    return step("Where", *step.inputs, gives=step.inputs[1].dtype)


def _nodes(**names: str) -> dict[str, Row]:
    """Operations that are one node each, by the node's name."""
    return {key: node(op) for key, op in names.items()}


ROWS: Final[dict[str, Row]] = {
    "add": binary("Add"),
    "subtract": binary("Sub"),
    "multiply": binary("Mul"),
    "divide": binary("Div"),
    "power": binary("Pow"),
    "mod": _mod,
    "atan2": _atan2,
    "logaddexp": _logaddexp,
    "maximum": binary("Max"),
    "minimum": binary("Min"),
    "equal": binary("Equal"),
    "not_equal": _not_equal,
    "less": binary("Less"),
    "less_equal": binary("LessOrEqual"),
    "greater": binary("Greater"),
    "greater_equal": binary("GreaterOrEqual"),
    "clip": _clip,
    "square": _square,
    "rsqrt": _rsqrt,
    "log1p": _log1p,
    "expm1": _expm1,
    "log2": _log_of(2),
    "log10": _log_of(10),
    "trunc": _trunc,
    "where": _where,
    **_nodes(abs="Abs", neg="Neg", sign="Sign", sqrt="Sqrt", reciprocal="Reciprocal", exp="Exp", log="Log", erf="Erf"),
    **_nodes(sin="Sin", cos="Cos", tan="Tan", asin="Asin", acos="Acos", atan="Atan"),
    **_nodes(sinh="Sinh", cosh="Cosh", asinh="Asinh", atanh="Atanh"),
    **_nodes(floor="Floor", ceil="Ceil", round="Round"),
    **_nodes(logical_and="And", logical_or="Or", logical_xor="Xor", logical_not="Not"),
}
