"""Elements brought into order, put to places that are computed, and taken from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Code, Template, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function

from .rows import axis


def sort(site: Site) -> Lowered:
    options = _given(site, "descending")
    where = {"dim": axis()(site)}
    return Lowered(apply=lambda own, inputs: Template("{0}.values", (call("torch.sort", *inputs, **where, **options),)))


def argsort(site: Site) -> Lowered:
    options = {"dim": axis()(site), **_given(site, "descending"), "stable": literal(True)}
    return Lowered(apply=lambda own, inputs: call("torch.argsort", *inputs, **options))


def _given(site: Site, flag: str) -> dict[str, Code]:
    code = site.attr(flag)
    return {} if code == literal(False) else {flag: code}


def scatter(name: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        where = axis()(site)
        return Lowered(apply=lambda own, inputs: method(inputs[0], name, where, *inputs[1:]))

    return lower


def masked_fill(site: Site) -> Lowered:
    return Lowered(apply=lambda own, inputs: method(inputs[0], "masked_fill", inputs[1], site.attr("value")))


def unbind(site: Site) -> Lowered:
    where = axis()(site)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        pieces = method(inputs[0], "unbind", where)
        return pieces if len(site.outputs) > 1 else Template("{0}[0]", (pieces,))

    return Lowered(apply=apply)


ROWS: Final[dict[str, Lowering]] = {
    "sort": sort,
    "argsort": argsort,
    "scatter": scatter("scatter"),
    "scatter_add": scatter("scatter_add"),
    "gather_rows": lambda site: Lowered(apply=lambda own, inputs: call("gather_rows", *inputs)),
    "scatter_add_rows": lambda site: Lowered(apply=lambda own, inputs: call("scatter_add_rows", *inputs)),
    "masked_fill": masked_fill,
    "tril": function("torch.tril(*, diagonal=0)"),
    "triu": function("torch.triu(*, diagonal=0)"),
    "repeat_interleave": function("torch.repeat_interleave(repeats, *, dim=None)", dim=axis()),
    "unbind": unbind,
}
