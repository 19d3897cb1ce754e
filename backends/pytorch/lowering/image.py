"""Images: rearrange and resize."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Code, Template, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function, spell
from archspec.emit.table import uniform

from .rows import in_channels


def upsample(site: Site) -> Lowered:
    """PyTorch's scales are float32, which for some sizes picks other neighbours than whole numbers do; and a fractional
    scale is one for places, too, which archspec takes from the sizes."""
    op = site.op
    if op.copies and (site.open or not site.every(windows.nearest_in_float32)):
        options = {"half_pixel": literal(True)} if op.mode == "nearest_exact" else {}
        return Lowered(apply=lambda own, inputs: call("resize_nearest", inputs[0], size_of(site, inputs), **options))
    sources: dict[str, Any] = {"align_corners": None if op.copies else "align_corners"}
    if op.mode == "nearest_exact":
        sources["mode"] = literal("nearest-exact")
    if site.every(lambda step: step.op.repeats):
        sources["scale_factor"] = "scale"
    elif op.size is None:
        sources["size"] = new_size
    arguments = "(*, size=None, scale_factor=None, mode='nearest', align_corners=None)"
    if len(site.inputs) > 1:
        return Lowered(apply=lambda own, inputs: spell(
            f"F.interpolate{arguments}", site, inputs[:1], **{**sources, "size": size_of(site, inputs)}
        ))  # fmt: skip
    return function(f"F.interpolate{arguments}", f"nn.Upsample{arguments}", **sources)(site)


def new_size(site: Site) -> Code:
    return site.value(lambda step: tuple(step.outputs[0].shape[2:]), "size")


def size_of(site: Site, inputs: Sequence[Code]) -> Code:
    """The new size, which may be that of another image."""
    return Template("{0}.shape[2:]", (inputs[1],)) if len(inputs) > 1 else new_size(site)


def space_to_depth(site: Site) -> Lowered:
    """Channels that stay together are groups of `pixel_unshuffle` that take turns."""
    block, channels = site.attr("block_size"), in_channels(site)
    return Lowered(
        apply=lambda own, inputs: call("F.channel_shuffle", call("F.pixel_unshuffle", inputs[0], block), channels),
        module=call("nn.Sequential", call("nn.PixelUnshuffle", block), call("nn.ChannelShuffle", channels)),
    )


def depth_to_space(site: Site) -> Lowered:
    """Mode CRD is `pixel_shuffle`, and DCR has its channels in groups, one for each place in a block."""
    if site.every(lambda step: step.op.mode == "CRD"):
        sources = {"upscale_factor": "block_size"}
        return function("F.pixel_shuffle(upscale_factor)", "nn.PixelShuffle(upscale_factor)", **sources)(site)
    block = site.attr("block_size")
    groups = site.value(lambda step: step.op.block_size * step.op.block_size if step.op.mode == "DCR" else 1, "groups")
    return Lowered(
        apply=lambda own, inputs: call("F.pixel_shuffle", call("F.channel_shuffle", inputs[0], groups), block),
        module=call("nn.Sequential", call("nn.ChannelShuffle", groups), call("nn.PixelShuffle", block)),
    )


def patches(site: Site) -> Lowered:
    size = site.attr("patch_size")
    return Lowered(apply=lambda own, inputs: method(
        call("F.unfold", inputs[0], size, stride=size), "transpose", literal(1), literal(2)
    ))  # fmt: skip


WINDOWS: Final = "kernel_size, *, dilation=1, padding=0, stride=1"


def unfold(site: Site) -> Lowered:
    """One-sided padding is a step of its own."""
    if site.every(windows.symmetric):
        return function(f"F.unfold({WINDOWS})", f"nn.Unfold({WINDOWS})", padding=windows.before)(site)
    pads = windows.flat_pads(site, last_first=True)
    made = call("nn.Sequential", call("nn.ZeroPad2d", pads), spell(f"nn.Unfold({WINDOWS})", site, padding=0))
    return Lowered(
        apply=lambda own, inputs: spell(f"F.unfold({WINDOWS})", site, (call("F.pad", inputs[0], pads),), padding=0),
        module=made,
    )


def fold(site: Site) -> Lowered:
    """A border that is not the same on both sides is cut off afterwards."""
    text = f"F.fold(output_size, {WINDOWS})"
    if site.every(windows.symmetric):
        return function(text, f"nn.Fold(output_size, {WINDOWS})", padding=windows.before)(site)
    sources: dict[str, Any] = {"output_size": site.value(windows.padded, "output_size"), "padding": 0}
    cut = windows.flat_pads(site, last_first=True, pads=windows.negated, name="border")
    return Lowered(apply=lambda own, inputs: call("F.pad", spell(text, site, inputs, **sources), cut))


ROWS: Final[dict[str, Lowering]] = {
    "upsample": uniform("mode", upsample),
    "channel_shuffle": function("F.channel_shuffle(groups)", "nn.ChannelShuffle(groups)"),
    "pixel_shuffle": function("F.pixel_shuffle(upscale_factor)", "nn.PixelShuffle(upscale_factor)"),
    "pixel_unshuffle": function("F.pixel_unshuffle(downscale_factor)", "nn.PixelUnshuffle(downscale_factor)"),
    "space_to_depth": space_to_depth,
    "depth_to_space": depth_to_space,
    "patches": patches,
    "unfold": unfold,
    "fold": fold,
}
