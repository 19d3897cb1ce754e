"""Images read at places that are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Code, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import canonical, channels_last

from .rows import check_sizes, image_layouts, moved


def grid_sample(site: Site) -> Lowered:
    check_sizes(site)
    rank = site.inputs[0].rank
    usual = {"mode": "bilinear", "padding_mode": "zeros", "align_corners": False}
    options = {name: code for name in usual if (code := site.attr(name)) != literal(usual[name])}

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        image = moved(inputs[0], site.inputs[0], channels_last(rank))
        return call("grid_sample", image, moved(inputs[1], site.inputs[1], canonical(rank)), **options)

    return Lowered(apply, layouts=image_layouts(site))


def affine_grid(site: Site) -> Lowered:
    size, aligned = site.value(lambda step: step.op.size, "size"), site.attr("align_corners")
    options = {} if aligned == literal(False) else {"align_corners": aligned}

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return call("affine_grid", moved(inputs[0], site.inputs[0], canonical(3)), size, **options)

    return Lowered(apply, layouts=(canonical(site.outputs[0].rank),))


ROWS: Final[dict[str, Lowering]] = {"grid_sample": grid_sample, "affine_grid": affine_grid}
