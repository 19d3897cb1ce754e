"""Layers whose weights flow in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Code, Infix, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.kernels import layered, unbatched
from archspec.emit.signature import spell
from archspec.errors import BackendError

from .convolution import pads


def linear(site: Site) -> Lowered:
    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        weight, *bias = unbatched(inputs[1:])
        return _plus(call("paddle.matmul", inputs[0], weight, transpose_y=literal(True)), bias)

    return Lowered(apply=apply)


def _plus(y: Code, bias: Sequence[Code]) -> Code:
    return Infix("+", (y, *bias)) if bias else y


def conv(site: Site) -> Lowered:
    like = layered(site)
    text = f"F.conv{like.op.rank}d(*, stride=1, padding=0, dilation=1, groups=1)"
    padding = pads(like)
    return Lowered(apply=lambda own, inputs: spell(text, like, (inputs[0], *unbatched(inputs[1:])), padding=padding))


def conv_transpose(site: Site) -> Lowered:
    like = layered(site)
    if not like.every(lambda step: all(map(int.__lt__, map(int, step.op.output_padding), step.op.stride))):
        raise BackendError("paddle has no transposed convolution whose output_padding reaches its stride")
    text = f"F.conv{like.op.rank}d_transpose(*, stride=1, padding=0, output_padding=0, groups=1, dilation=1)"
    padding = pads(like)
    return Lowered(apply=lambda own, inputs: spell(text, like, (inputs[0], *unbatched(inputs[1:])), padding=padding))


ROWS: Final[dict[str, Lowering]] = {
    "linear_with": linear,
    "conv1d_with": conv,
    "conv2d_with": conv,
    "conv3d_with": conv,
    "conv_transpose1d_with": conv_transpose,
    "conv_transpose2d_with": conv_transpose,
}
