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
        return joined("torch.pow")(site)
    return function("torch.pow(exponent)", exponent="value")(site)


def bounded(name: str, bound: str) -> Lowering:
    """A function of two tensors, or, with a number, the clamp that has it as its bound."""

    def lower(site: Site) -> Lowered:
        if site.op.value is None:
            return joined(name)(site)
        return function(f"torch.clamp(*, {bound})", **{bound: "value"})(site)

    return lower


ROWS: Final[dict[str, Lowering]] = {
    "add": operator("+", "value"),
    "subtract": operator("-", "value"),
    "multiply": operator("*", "value"),
    "divide": operator("/", "value"),
    "power": power,
    "mod": operator("%", "value"),
    "maximum": bounded("torch.maximum", "min"),
    "minimum": bounded("torch.minimum", "max"),
    "clip": function("torch.clamp(*, min=None, max=None)", min="minimum", max="maximum"),
    "abs": joined("torch.abs"),
    "neg": joined("torch.neg"),
    "sign": joined("torch.sign"),
    "square": joined("torch.square"),
    "sqrt": joined("torch.sqrt"),
    "rsqrt": joined("torch.rsqrt"),
    "reciprocal": joined("torch.reciprocal"),
    "exp": joined("torch.exp"),
    "log": joined("torch.log"),
    "log1p": joined("torch.log1p"),
    "sin": joined("torch.sin"),
    "cos": joined("torch.cos"),
    "tan": joined("torch.tan"),
    "asin": joined("torch.asin"),
    "acos": joined("torch.acos"),
    "atan": joined("torch.atan"),
    "sinh": joined("torch.sinh"),
    "cosh": joined("torch.cosh"),
    "asinh": joined("torch.asinh"),
    "atanh": joined("torch.atanh"),
    "expm1": joined("torch.expm1"),
    "log2": joined("torch.log2"),
    "log10": joined("torch.log10"),
    "trunc": joined("torch.trunc"),
    "atan2": joined("torch.atan2"),
    "logaddexp": joined("torch.logaddexp"),
    "erf": joined("torch.erf"),
    "floor": joined("torch.floor"),
    "ceil": joined("torch.ceil"),
    "round": joined("torch.round"),
    "equal": operator("==", "value"),
    "not_equal": operator("!=", "value"),
    "less": operator("<", "value"),
    "less_equal": operator("<=", "value"),
    "greater": operator(">", "value"),
    "greater_equal": operator(">=", "value"),
    "logical_and": joined("torch.logical_and"),
    "logical_or": joined("torch.logical_or"),
    "logical_xor": joined("torch.logical_xor"),
    "logical_not": joined("torch.logical_not"),
    "where": joined("torch.where"),
}  # fmt: skip
