"""Elements brought into order, put to places that are computed, and taken from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from archspec.emit.code import Call, Code, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import Layout, canonical, held
from archspec.ops.base import resolve_axis

from .elementwise import anyhow
from .rows import alike, axis_of, moved, plain, together


def where(site: Site) -> int:
    """The axis as the spec counts it."""
    number: int = site.same(lambda step: resolve_axis(step.op.axis, site.inputs[0].rank), "axis")
    return number


def order(name: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        descending = site.attr("descending")
        options = {} if descending == literal(False) else {"descending": descending}
        options = {"axis": literal(axis_of(site, where(site))), **options}
        return Lowered(lambda own, inputs: call(name, *inputs, **options), layouts=(held(site.inputs[0]).plain(),))

    return lower


def scatter(name: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        layout = together(site)
        made = call(name, axis=literal(layout.position(where(site))))
        return Lowered(lambda own, inputs: Call(own[""], tuple(alike(site, inputs))), {"": made},
                       layouts=(layout.plain(),))  # fmt: skip

    return lower


def gather_rows(site: Site) -> Lowered:
    rank = site.outputs[0].rank
    return Lowered(lambda own, inputs: call("gather_rows", *plain(site, inputs)), layouts=(canonical(rank),))


def scatter_add_rows(site: Site) -> Lowered:
    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return Call(own[""], tuple(plain(site, inputs)))

    return Lowered(apply, {"": call("ScatterAddRows")}, layouts=(canonical(site.outputs[0].rank),))


def masked_fill(site: Site) -> Lowered:
    return anyhow(lambda site: Lowered(lambda own, inputs: call("mask_fill", *inputs, site.attr("value"))))(site)


def triangle(name: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        diagonal = site.attr("diagonal")
        options = {} if diagonal == literal(0) else {"k": diagonal}
        layout = canonical(site.inputs[0].rank)
        return Lowered(lambda own, inputs: call(name, moved(inputs[0], site.inputs[0], layout), **options),
                       layouts=(layout,))  # fmt: skip

    return lower


def repeat(site: Site) -> Lowered:
    axis, repeats = literal(axis_of(site, where(site))), site.attr("repeats")
    return Lowered(lambda own, inputs: call("ops.repeat", *inputs, repeats, axis=axis),
                   layouts=(held(site.inputs[0]).plain(),))  # fmt: skip


def unbind(site: Site) -> Lowered:
    """What is left keeps the order of axes."""
    gone, have = where(site), held(site.inputs[0])
    axis = literal(have.position(gone))
    kept = [place for place in have.axes if place != gone]
    layout = Layout(tuple(sorted(kept).index(place) for place in kept))

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Any:
        pieces = call("ops.unstack", inputs[0], axis=axis)
        return pieces if len(site.outputs) > 1 else Template("{0}[0]", (pieces,))

    return Lowered(apply, layouts=(layout,) * len(site.outputs))


ROWS: Final[dict[str, Lowering]] = {
    "sort": order("sort"),
    "argsort": order("argsort"),
    "scatter": scatter("Scatter"),
    "scatter_add": scatter("ScatterAdd"),
    "gather_rows": gather_rows,
    "scatter_add_rows": scatter_add_rows,
    "masked_fill": masked_fill,
    "tril": triangle("ops.tril"),
    "triu": triangle("ops.triu"),
    "repeat_interleave": repeat,
    "unbind": unbind,
}
