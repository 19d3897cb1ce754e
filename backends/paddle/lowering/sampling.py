"""Images read at places that are computed."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from archspec.emit.code import Code, Items, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function
from archspec.graph.tree import Step


def affine_grid(site: Site) -> Lowered:
    """Paddle takes the shape of a whole batch of images, and numbers of channels that mean nothing."""
    count = site.same(lambda step: len(step.op.size), "number of axes")
    sizes = [site.value(partial(_size, axis=axis), f"size{axis}") for axis in range(count)]
    aligned = site.attr("align_corners")
    options = {} if aligned == literal(True) else {"align_corners": aligned}

    def shape(theta: Code) -> Items:
        return Items((Template("{0}.shape[0]", (theta,)), literal(1), *sizes), "[]")

    return Lowered(apply=lambda own, inputs: call("F.affine_grid", inputs[0], shape(inputs[0]), **options))


def _size(step: Step, axis: int) -> int:
    op: Any = step.op
    size: int = op.size[axis]
    return size


ROWS: Final[dict[str, Lowering]] = {
    "grid_sample": function("F.grid_sample(*, mode='bilinear', padding_mode='zeros', align_corners=True)"),
    "affine_grid": affine_grid,
}
