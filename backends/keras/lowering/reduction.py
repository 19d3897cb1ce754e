"""Reductions."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import Layout, held
from archspec.ops.base import resolve_axis


def mean(site: Site) -> Lowered:
    wire = site.inputs[0]
    layout = held(wire)
    gone = [resolve_axis(a, wire.rank) for a in site.op.axis]
    shown = tuple(sorted(layout.position(a) for a in gone))
    options = {"axis": literal(shown if len(shown) > 1 else shown[0])}
    if site.op.keepdims:
        options["keepdims"] = literal(True)
    after = layout.plain()
    if not site.op.keepdims:
        kept = [axis for axis in layout.axes if axis not in gone]
        after = Layout(tuple(sorted(kept).index(axis) for axis in kept))
    return Lowered(lambda own, inputs: call("ops.mean", *inputs, **options), layouts=(after,))


ROWS: Final[dict[str, Lowering]] = {
    "mean": mean,
}
