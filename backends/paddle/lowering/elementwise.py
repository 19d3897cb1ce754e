"""Arithmetic, comparisons and functions, element by element."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import call
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function, operator


def joined(name: str) -> Lowering:
    """A function of all inputs, and of nothing else."""
    return lambda site: Lowered(apply=lambda own, inputs: call(name, *inputs))


def power(site: Site) -> Lowered:
    if site.op.value is None:
        return joined("paddle.pow")(site)
    return function("paddle.pow(y)", y="value")(site)


def bounded(name: str, bound: str) -> Lowering:
    """A function of two tensors, or, with a number, the clip that has it as its bound."""

    def lower(site: Site) -> Lowered:
        if site.op.value is None:
            return joined(name)(site)
        return function(f"paddle.clip(*, {bound})", **{bound: "value"})(site)

    return lower


def equality(sign: str, name: str) -> Lowering:
    """An operator, which takes floats that are close for equal; for them a function."""

    def lower(site: Site) -> Lowered:
        if not site.every(lambda step: step.inputs[0].dtype == "float"):
            return operator(sign, "value")(site)
        return joined(name)(site) if site.op.value is None else function(f"{name}(y)", y="value")(site)

    return lower


ROWS: Final[dict[str, Lowering]] = {
    "add": operator("+", "value"),
    "subtract": operator("-", "value"),
    "multiply": operator("*", "value"),
    "divide": operator("/", "value"),
    "power": power,
    "mod": operator("%", "value"),
    "maximum": bounded("paddle.maximum", "min"),
    "minimum": bounded("paddle.minimum", "max"),
    "clip": function("paddle.clip(*, min=None, max=None)", min="minimum", max="maximum"),
    "abs": joined("paddle.abs"),
    "neg": joined("paddle.neg"),
    "sign": joined("paddle.sign"),
    "square": joined("paddle.square"),
    "sqrt": joined("paddle.sqrt"),
    "rsqrt": joined("paddle.rsqrt"),
    "reciprocal": joined("paddle.reciprocal"),
    "exp": joined("paddle.exp"),
    "log": joined("paddle.log"),
    "log1p": joined("paddle.log1p"),
    "sin": joined("paddle.sin"),
    "cos": joined("paddle.cos"),
    "tan": joined("paddle.tan"),
    "asin": joined("paddle.asin"),
    "acos": joined("paddle.acos"),
    "atan": joined("paddle.atan"),
    "sinh": joined("paddle.sinh"),
    "cosh": joined("paddle.cosh"),
    "asinh": joined("paddle.asinh"),
    "atanh": joined("paddle.atanh"),
    "expm1": joined("paddle.expm1"),
    "log2": joined("paddle.log2"),
    "log10": joined("paddle.log10"),
    "trunc": joined("paddle.trunc"),
    "atan2": joined("paddle.atan2"),
    "logaddexp": joined("paddle.logaddexp"),
    "erf": joined("paddle.erf"),
    "floor": joined("paddle.floor"),
    "ceil": joined("paddle.ceil"),
    "round": joined("paddle.round"),
    "equal": equality("==", "exactly_equal"),
    "not_equal": equality("!=", "differs"),
    "less": operator("<", "value"),
    "less_equal": operator("<=", "value"),
    "greater": operator(">", "value"),
    "greater_equal": operator(">=", "value"),
    "logical_and": joined("paddle.logical_and"),
    "logical_or": joined("paddle.logical_or"),
    "logical_xor": joined("paddle.logical_xor"),
    "logical_not": joined("paddle.logical_not"),
    "where": joined("paddle.where"),
}  # fmt: skip
