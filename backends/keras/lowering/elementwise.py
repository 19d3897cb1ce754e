"""Arithmetic, comparisons and functions, element by element."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from archspec.emit.code import Call, Code, Infix, Items, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import operator, spell
from archspec.graph.tree import Step

from .rows import alike, signed, together


def anyhow(row: Lowering) -> Lowering:
    """A row to which no axis matters, as long as all inputs have them in one order."""

    def lower(site: Site) -> Lowered:
        lowered = row(site)
        return Lowered(lambda own, inputs: lowered.apply(own, alike(site, inputs)), layouts=(together(site).plain(),))

    return lower


def infix(symbol: str) -> Lowering:
    return anyhow(operator(symbol, "value"))


def function(text: str, **sources: Any) -> Lowering:
    return anyhow(lambda site: Lowered(lambda own, inputs: spell(text, site, inputs, **sources)))


def joined(name: str) -> Lowering:
    """A function of all inputs, and of nothing else."""
    return anyhow(lambda site: Lowered(lambda own, inputs: call(name, *inputs)))


def binary(name: str) -> Lowering:
    """A function of two inputs, or of one and a number."""
    constant = function(f"{name}(x2)", x2="value")
    return lambda site: (joined(name) if site.op.value is None else constant)(site)


def times(site: Site) -> Lowered:
    """To Keras everything that is no symbolic tensor is sparse, and so is its product with one: some layers raise."""
    return anyhow(lambda site: Lowered(lambda own, inputs: call("times", *inputs, site.attr("value"))))(site)


def multiply(site: Site) -> Lowered:
    return (merging("Multiply", "*") if site.op.value is None else times)(site)


def merging(name: str, symbol: str) -> Lowering:
    """A layer that joins inputs element by element; they are tensors of floats, with a batch."""

    def lower(site: Site) -> Lowered:
        plain = site.every(lambda step: step.inputs[0].dtype == "float") and not any(
            map(site.shared, range(len(site.inputs)))
        )
        if site.op.value is not None or not plain:
            return infix(symbol)(site)
        made = call(f"layers.{name}")

        def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
            return Call(own[""], (Items(tuple(alike(site, inputs)), "[]"),))

        return Lowered(apply, {"": made}, layouts=(signed(site, together(site)),))

    return lower


def add(site: Site) -> Lowered:
    """What `ops.add` would take for a bias of another axis than the last is subtracted, with its sign changed. In
    graphs TensorFlow adds what is constant to a layer's input instead, whose channels it must then have: repeated."""
    biased = [any(each) for each in zip(*(_biases(site, step) for step in site.step.steps.values()), strict=True)]
    return _chain(site, "+", biased) or merging("Add", "+")(site)


def subtract(site: Site) -> Lowered:
    """In graphs TensorFlow makes one sum of numbers and constants, and adds it to a layer's input, as for `add`."""
    return _chain(site, "-", [False] * len(site.inputs)) or merging("Subtract", "-")(site)


def _chain(site: Site, symbol: str, biased: Sequence[bool]) -> Lowered | None:
    """Operators between inputs, if some are taken for a bias, or must be repeated along the last axis."""
    copies = [_copies(site, which) for which in range(len(biased))]
    if not any(biased) and not any(copies):
        return None

    def total(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        first, *others = (
            one if count is None else call("ops.repeat", one, count, axis=literal(-1))
            for one, count in zip(inputs, copies, strict=True)
        )
        for one, alike_bias in zip(others, biased[1:], strict=True):
            first = Infix("-", (first, call("ops.negative", one))) if alike_bias else Infix(symbol, (first, one))
        return first

    return anyhow(lambda site: Lowered(total))(site)


def _copies(site: Site, which: int) -> Code | None:
    """How often an input is repeated, if it is. An axis of open size is no layer's channels."""
    order = together(site).axes[1:]
    if not order or (order[-1] > 1 and site.open) or site.every(lambda step: _repeats(step, order)[which] == 1):
        return None
    return site.value(lambda step: _repeats(step, order)[which], "repeats")


def _repeats(step: Step, order: Sequence[int]) -> list[Any]:
    """How often each input is repeated along the last axis: to be as long as the sum, where but some have a batch, and
    others may be constant."""
    last = [value.shape[order[-1]] for value in step.inputs]
    if len({int(value.shape[0]) for value in step.inputs}) == 1:
        return [1] * len(last)
    return [max(last) if size == 1 else 1 for size in last]


def _biases(site: Site, step: Step) -> Iterator[bool]:
    """Of each input, whether `ops.add` adds it along another axis than the last, to the sum of those before it."""
    order = together(site).axes[1:]
    repeats = _repeats(step, order) if order else [1] * len(step.inputs)
    total: list[int] = []
    for which, (value, times) in enumerate(zip(step.inputs, repeats, strict=True)):
        own = [value.shape[axis] for axis in order]
        own[-1:] = [size * times for size in own[-1:]]
        yield bool(total and own) and _like_a_bias(site, which, own, total)
        total = list(map(max, total, own)) if total else own


def _like_a_bias(site: Site, which: int, own: Sequence[int], total: Sequence[int]) -> bool:
    """Whether `ops.add` takes an input of these sizes, after the batch, for a bias of another axis than the last. If
    but one of its axes is longer than 1, that is a bias for the last axis or else for axis 1, if one of these is as
    long; and the batch may have any size. One for axis 1 is right in eager models alone: graphs may take the last."""
    wide = [place for place, size in enumerate(own) if size != 1]
    if not wide:
        return not site.shared(which) and (total[0] != 1 or total[-1] != 1)
    if len(wide) > 1:
        return False
    (place,) = wide
    if total[-1] == own[place]:
        return place != len(own) - 1
    return bool(total[0] == own[place])


def clip(site: Site) -> Lowered:
    """Keras' own has two bounds."""
    if site.op.minimum is None:
        return function("ops.minimum(x2)", x2="maximum")(site)
    if site.op.maximum is None:
        return function("ops.maximum(x2)", x2="minimum")(site)
    return function("ops.clip(x_min, x_max)", x_min="minimum", x_max="maximum")(site)


def reciprocal(site: Site) -> Lowered:
    """To `ops.reciprocal` everything is float32 while a model is built."""
    return anyhow(lambda site: Lowered(lambda own, inputs: Infix("/", (literal(1), *inputs))))(site)


ROWS: Final[dict[str, Lowering]] = {
    "add": add,
    "subtract": subtract,
    "multiply": multiply,
    "divide": infix("/"),
    "power": binary("ops.power"),
    "mod": infix("%"),
    "maximum": binary("ops.maximum"),
    "minimum": binary("ops.minimum"),
    "clip": clip,
    "abs": joined("ops.abs"),
    "neg": joined("ops.negative"),
    "sign": joined("ops.sign"),
    "square": joined("ops.square"),
    "sqrt": joined("ops.sqrt"),
    "rsqrt": joined("ops.rsqrt"),
    "reciprocal": reciprocal,
    "exp": joined("ops.exp"),
    "log": joined("ops.log"),
    "log1p": joined("ops.log1p"),
    "sin": joined("ops.sin"),
    "cos": joined("ops.cos"),
    "tan": joined("ops.tan"),
    "asin": joined("ops.arcsin"),
    "acos": joined("ops.arccos"),
    "atan": joined("ops.arctan"),
    "sinh": joined("ops.sinh"),
    "cosh": joined("ops.cosh"),
    "asinh": joined("ops.arcsinh"),
    "atanh": joined("ops.arctanh"),
    "expm1": joined("ops.expm1"),
    "log2": joined("ops.log2"),
    "log10": joined("ops.log10"),
    "trunc": joined("ops.trunc"),
    "atan2": joined("ops.arctan2"),
    "logaddexp": joined("logaddexp"),
    "erf": joined("ops.erf"),
    "floor": joined("ops.floor"),
    "ceil": joined("ops.ceil"),
    "round": joined("ops.round"),
    "equal": binary("ops.equal"),
    "not_equal": binary("ops.not_equal"),
    "less": binary("ops.less"),
    "less_equal": binary("ops.less_equal"),
    "greater": binary("ops.greater"),
    "greater_equal": binary("ops.greater_equal"),
    "logical_and": joined("ops.logical_and"),
    "logical_or": joined("ops.logical_or"),
    "logical_xor": joined("ops.logical_xor"),
    "logical_not": joined("ops.logical_not"),
    "where": joined("ops.where"),
}
