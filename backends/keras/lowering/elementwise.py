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
    """What `ops.add` would take for a bias of another axis is subtracted, with its sign changed."""
    order = together(site).axes[1:]
    instances = [_biases(site, step, order) for step in site.step.steps.values()]
    biased = [any(each) for each in zip(*instances, strict=True)]
    if not any(biased):
        return merging("Add", "+")(site)

    def total(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        first, *others = inputs
        for one, alike_bias in zip(others, biased[1:], strict=True):
            first = Infix("-", (first, call("ops.negative", one))) if alike_bias else Infix("+", (first, one))
        return first

    return anyhow(lambda site: Lowered(total))(site)


def _biases(site: Site, step: Step, order: Sequence[int]) -> Iterator[bool]:
    """Of each input, whether `ops.add` adds it along another axis than it should, to the sum of those before it."""
    total: list[int] = []
    for which, value in enumerate(step.inputs):
        own = [value.shape[axis] for axis in order]
        yield bool(total and own) and _like_a_bias(site, which, own, total)
        total = list(map(max, total, own)) if total else own


def _like_a_bias(site: Site, which: int, own: Sequence[int], total: Sequence[int]) -> bool:
    """Whether `ops.add` takes an input of these sizes, after the batch, for a bias of the wrong axis. If but one of its
    axes is longer than 1, that is a bias for the last axis or else for axis 1, if one of these is as long; and the
    batch may have any size."""
    wide = [place for place, size in enumerate(own) if size != 1]
    if not wide:
        return not site.shared(which) and (total[0] != 1 or total[-1] != 1)
    if len(wide) > 1:
        return False
    (place,) = wide
    taken = len(own) - 1 if total[-1] == own[place] else 0 if total[0] == own[place] else place
    return taken != place


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
    "subtract": merging("Subtract", "-"),
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
