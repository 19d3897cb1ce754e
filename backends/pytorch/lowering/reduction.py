"""Reductions."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.ops.base import resolve_axis


def mean(site: Site) -> Lowered:
    rank = site.inputs[0].rank
    axes = tuple(sorted(resolve_axis(a, rank) for a in site.op.axis))
    shown = literal(axes if len(axes) > 1 else axes[0])
    options = {"keepdim": literal(True)} if site.op.keepdims else {}
    return Lowered(apply=lambda own, inputs: method(inputs[0], "mean", shown, **options))


ROWS: Final[dict[str, Lowering]] = {
    "mean": mean,
}  # fmt: skip
