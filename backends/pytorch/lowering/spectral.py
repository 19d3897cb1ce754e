"""Fourier transforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Code, call
from archspec.emit.context import Lowered, Lowering, Site

from .rows import axis


def transform(name: str) -> Lowering:
    """One whose result is complex, and comes out as two tensors."""

    def lower(site: Site) -> Lowered:
        where = {"dim": axis()(site)}

        def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
            whole = inputs[0] if len(inputs) == 1 else call("torch.complex", *inputs)
            return call("split_complex", call(f"torch.fft.{name}", whole, **where))

        return Lowered(apply=apply)

    return lower


def irfft(site: Site) -> Lowered:
    where = {"dim": axis()(site)}
    if not site.every(lambda step: step.op.length is None):
        where = {"n": site.value(lambda step: step.outputs[0].shape[step.op.place(step.inputs[0].shape)], "length"),
                 **where}  # fmt: skip
    return Lowered(apply=lambda own, inputs: call("torch.fft.irfft", call("torch.complex", *inputs), **where))


ROWS: Final[dict[str, Lowering]] = {
    "rfft": transform("rfft"),
    "irfft": irfft,
    "fft": transform("fft"),
    "ifft": transform("ifft"),
}
