"""Layers whose weights flow in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit import windows
from archspec.emit.code import Call, Code, Infix, call
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.kernels import layered, unbatched
from archspec.emit.layouts import Layout, canonical, channels_last, held
from archspec.emit.signature import spell
from archspec.graph.tree import Step

from .convolution import by_channel, outside, padding, thinned, thinning
from .rows import check_sizes, image_layouts, moved


def _weights(site: Site, inputs: Sequence[Code], order: tuple[int, ...]) -> list[Code]:
    """The weight, with its axes in this order, and the bias, without their batch axes."""
    weight = moved(inputs[1], site.inputs[1], Layout((0, *order)))
    return unbatched([weight, *inputs[2:]])


def _plus(y: Code, bias: Sequence[Code]) -> Code:
    return Infix("+", (y, *bias)) if bias else y


def linear(site: Site) -> Lowered:
    wire = site.inputs[0]
    wanted = Layout(held(wire).axes) if held(wire).axes[-1] == wire.rank - 1 else canonical(wire.rank)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        weight, *bias = _weights(site, inputs, (2, 1))
        return _plus(call("ops.matmul", moved(inputs[0], wire, wanted), weight), bias)

    return Lowered(apply, layouts=(wanted,))


def conv(site: Site) -> Lowered:
    """With a kernel for each channel, it is a depthwise convolution."""
    like = layered(site)
    rank, thin = like.op.rank, thinned(like)
    padded = padding(like)
    if thin or (padded.before is not None and padded.before.condition is not None):
        padded = outside(like)
    depthwise = rank < 3 and like.every(_one_each)
    text = f"{'ops.depthwise_conv' if depthwise else 'ops.conv'}(*, strides=1, padding='valid', dilation_rate=1)"
    if not depthwise and not like.every(lambda step: step.op.groups == 1):
        text = "grouped_conv(groups, *, strides=1, padding='valid', dilation_rate=1)"
    order = (*range(3, 3 + rank), *((1, 2) if depthwise else (2, 1)))
    options = {"strides": 1 if thin else "stride", "padding": padded.own, "dilation_rate": "dilation"}

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        x = moved(inputs[0], site.inputs[0], channels_last(rank + 2))
        kernel, *bias = _weights(site, inputs, order)
        y = spell(text, like, (Call(own["pad"], (x,)) if padded.before else x, kernel), **options)
        return _plus(thinning(like)(y) if thin else y, bias)

    layers: dict[str, Code] = {"pad": padded.before.layer} if padded.before else {}
    return Lowered(apply, layers, layouts=image_layouts(site), sized=padded.sized)


def _one_each(step: Step) -> bool:
    return by_channel(step) and bool(step.op.out_channels == step.inputs[0].shape[1])


def conv_transpose(site: Site) -> Lowered:
    """A function at the top of the file: `ops.conv_transpose` takes its padding for its output padding in a model."""
    check_sizes(site)
    like = layered(site)
    rank = like.op.rank
    text = "conv_transpose(*, strides=1, padding=0, output_padding=0, dilation=1, groups=1)"
    options = {"strides": "stride", "padding": windows.nested_pads(like)}

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        x = moved(inputs[0], site.inputs[0], channels_last(rank + 2))
        kernel, *bias = _weights(site, inputs, (*range(3, 3 + rank), 1, 2))
        return _plus(spell(text, like, (x, kernel), **options), bias)

    return Lowered(apply, layouts=image_layouts(site))


ROWS: Final[dict[str, Lowering]] = {
    "linear_with": linear,
    "conv1d_with": conv,
    "conv2d_with": conv,
    "conv3d_with": conv,
    "conv_transpose1d_with": conv_transpose,
    "conv_transpose2d_with": conv_transpose,
}
