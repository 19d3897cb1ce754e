"""Rows: images at places that are computed."""

from __future__ import annotations

from typing import Final

from .writing import Row, Step, Value


def _grid_sample(step: Step) -> Value:
    mode = {"bilinear": "linear"}.get(step.attr("mode"), step.attr("mode"))
    return step(
        "GridSample", *step.inputs, mode=mode, padding_mode=step.attr("padding_mode"),
        align_corners=int(step.attr("align_corners")),
    )  # fmt: skip


def _affine_grid(step: Step) -> Value:
    size = step.joined([step.writer.size(step.out[0], 0), 1, *step.attr("size")])
    return step("AffineGrid", step.x, size, align_corners=int(step.attr("align_corners")))


ROWS: Final[dict[str, Row]] = {"grid_sample": _grid_sample, "affine_grid": _affine_grid}
