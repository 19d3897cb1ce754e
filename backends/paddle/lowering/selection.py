"""Elements brought into order, put to places that are computed, and taken from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Code, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function

from .rows import axis


def argsort(site: Site) -> Lowered:
    options = {"axis": axis()(site)}
    descending = site.attr("descending")
    if descending != literal(False):
        options["descending"] = descending
    options["stable"] = literal(True)
    return Lowered(apply=lambda own, inputs: call("paddle.argsort", *inputs, **options))


def scatter_add(site: Site) -> Lowered:
    """By default Paddle broadcasts the axes that differ."""
    options = {"axis": axis()(site), "reduce": literal("add"), "broadcast": literal(False)}
    return Lowered(apply=lambda own, inputs: call("paddle.put_along_axis", *inputs, **options))


def repeat_interleave(site: Site) -> Lowered:
    """Paddle has none for truth values."""
    if site.every(lambda step: step.inputs[0].dtype != "bool"):
        return function("paddle.repeat_interleave(repeats, *, axis=None)", axis=axis())(site)
    return function("repeat_flags(repeats, *, axis)", axis=axis())(site)


def unbind(site: Site) -> Lowered:
    where = {"axis": axis()(site)}

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        pieces = call("paddle.unbind", inputs[0], **where)
        return pieces if len(site.outputs) > 1 else Template("{0}[0]", (pieces,))

    return Lowered(apply=apply)


ROWS: Final[dict[str, Lowering]] = {
    "sort": function("paddle.sort(*, axis=-1, descending=False)", axis=axis()),
    "argsort": argsort,
    "scatter": function("scatter(*, axis)", axis=axis()),
    "scatter_add": scatter_add,
    "gather_rows": lambda site: Lowered(apply=lambda own, inputs: call("gather_rows", *inputs)),
    "scatter_add_rows": lambda site: Lowered(apply=lambda own, inputs: call("scatter_add_rows", *inputs)),
    "masked_fill": function("paddle.masked_fill(value)"),
    "tril": function("paddle.tril(*, diagonal=0)"),
    "triu": function("paddle.triu(*, diagonal=0)"),
    "repeat_interleave": repeat_interleave,
    "unbind": unbind,
}
