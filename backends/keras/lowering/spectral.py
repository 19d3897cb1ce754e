"""Fourier transforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Code, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import Layout
from archspec.ops.base import resolve_axis

from .rows import alike, together


def along(site: Site, name: str, **more: Code) -> Lowered:
    """Keras' own transform the last axis, and take and give pairs."""
    layout: Layout = together(site)
    number = site.same(lambda step: resolve_axis(step.op.axis, site.inputs[0].rank), "axis")
    position = layout.position(number)
    options = {} if position == len(layout.axes) - 1 else {"axis": literal(position)}

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return call(name, *alike(site, inputs), **options, **more)

    return Lowered(apply, layouts=(layout.plain(),) * len(site.outputs), sized=True)


def irfft(site: Site) -> Lowered:
    if site.every(lambda step: step.op.length is None):
        return along(site, "irfft")
    length = site.value(lambda step: step.outputs[0].shape[step.op.place(step.inputs[0].shape)], "length")
    return along(site, "irfft", length=length)


ROWS: Final[dict[str, Lowering]] = {
    "rfft": lambda site: along(site, "rfft"),
    "irfft": irfft,
    "fft": lambda site: along(site, "fft"),
    "ifft": lambda site: along(site, "ifft"),
}
