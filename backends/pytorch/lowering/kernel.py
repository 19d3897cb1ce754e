"""Layers whose weights flow in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit import windows
from archspec.emit.code import Code, call
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.kernels import layered, unbatched
from archspec.emit.signature import spell


def linear(site: Site) -> Lowered:
    return Lowered(apply=lambda own, inputs: call("F.linear", inputs[0], *unbatched(inputs[1:])))


def conv(site: Site) -> Lowered:
    """PyTorch pads both sides alike; another padding is a step of its own before."""
    like = layered(site)
    text = f"F.conv{like.op.rank}d(*, stride=1, padding=0, dilation=1, groups=1)"
    even = like.every(windows.symmetric)
    padding = windows.before(like) if even else 0
    pads = None if even else windows.flat_pads(like, last_first=True)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        x = inputs[0] if pads is None else call("F.pad", inputs[0], pads)
        return spell(text, like, (x, *unbatched(inputs[1:])), padding=padding)

    return Lowered(apply=apply)


def conv_transpose(site: Site) -> Lowered:
    """PyTorch crops both sides alike; another crop comes after."""
    like = layered(site)
    text = f"F.conv_transpose{like.op.rank}d(*, stride=1, padding=0, output_padding=0, groups=1, dilation=1)"
    even = like.every(windows.symmetric)
    padding = windows.before(like) if even else 0
    crop = None if even else like.value(windows.crops, "crop")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        y = spell(text, like, (inputs[0], *unbatched(inputs[1:])), padding=padding)
        return y if crop is None else call("F.pad", y, crop)

    return Lowered(apply=apply)


ROWS: Final[dict[str, Lowering]] = {
    "linear_with": linear,
    "conv1d_with": conv,
    "conv2d_with": conv,
    "conv3d_with": conv,
    "conv_transpose1d_with": conv_transpose,
    "conv_transpose2d_with": conv_transpose,
}
