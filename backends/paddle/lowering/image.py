"""Images: rearrange and resize."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archspec.emit import windows
from archspec.emit.code import Code, Template, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site, once
from archspec.emit.signature import function, spell
from archspec.emit.table import uniform

from .rows import in_channels


def upsample(site: Site) -> Lowered:
    """Paddle's ratios are float32, which moves neighbours and weights; and a size of one is wrong."""
    op, rank = site.op, site.inputs[0].rank
    repeats = op.copies and site.every(lambda step: step.op.repeats)
    if repeats and rank == 3:
        scale = site.value(lambda step: step.op.factors(step.inputs[0].shape)[0], "scale")
        return Lowered(apply=lambda own, inputs: call("paddle.repeat_interleave", inputs[0], scale, axis=literal(2)))
    if op.copies:
        exact = op.mode == "nearest" and rank > 3 and not site.open and site.every(windows.nearest_in_float32)
    else:
        exact = not site.open and site.every(windows.ratios_in_float32)
        exact = exact and site.every(lambda step: min(step.outputs[0].shape[2:]) > 1)
    if not exact:
        return resize(site)
    arguments = "(*, size=None, scale_factor=None, mode='nearest', align_corners=False, data_format=None)"
    data_format = {3: "NCW", 4: None, 5: "NCDHW"}[rank]
    if len(site.inputs) > 1:
        return Lowered(apply=lambda own, inputs: spell(
            f"F.interpolate{arguments}", site, inputs[:1], size=size_of(site, inputs), scale_factor=None,
            data_format=data_format,
        ))  # fmt: skip
    return function(
        f"F.interpolate{arguments}",
        f"nn.Upsample{arguments}",
        size=None if repeats else new_size,
        scale_factor="scale" if repeats else None,
        data_format=data_format,
    )(site)


def resize(site: Site) -> Lowered:
    op = site.op
    if op.copies:
        options = {"half_pixel": literal(True)} if op.mode == "nearest_exact" else {}
        return Lowered(apply=lambda own, inputs: call("resize_nearest", inputs[0], size_of(site, inputs), **options))
    options = {"cubic": literal(True)} if op.mode == "bicubic" else {}
    if not site.every(lambda step: not step.op.align_corners):
        options = {"align_corners": site.attr("align_corners"), **options}
    return Lowered(apply=lambda own, inputs: call("interpolate", inputs[0], size_of(site, inputs), **options))


def new_size(site: Site) -> Code:
    return site.value(lambda step: tuple(step.outputs[0].shape[2:]), "size")


def size_of(site: Site, inputs: Sequence[Code]) -> Code:
    """The new size, which may be that of another image."""
    return Template("{0}.shape[2:]", (inputs[1],)) if len(inputs) > 1 else new_size(site)


def channel_shuffle(site: Site) -> Lowered:
    """Paddle's own takes images only."""
    rank = site.inputs[0].rank
    if rank == 4:
        return function("F.channel_shuffle(groups)", "nn.ChannelShuffle(groups)")(site)
    groups = site.attr("groups")
    return Lowered(apply=lambda own, inputs: call("channel_shuffle", inputs[0], groups))


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
        call("F.unfold", inputs[0], size, strides=size), "transpose", literal([0, 2, 1])
    ))  # fmt: skip


WINDOWS: Final = "kernel_sizes, *, strides=1, paddings=0, dilations=1"
NAMES: Final = {"kernel_sizes": "kernel_size", "strides": "stride", "dilations": "dilation"}


def unfold(site: Site) -> Lowered:
    """Padding is top, left, bottom, right; or one number, or one per axis, where opposite sides are alike."""
    sides = (0,) if site.every(windows.symmetric) else (0, 1)
    padding = site.value(lambda step: tuple(pair[i] for i in sides for pair in windows.resolved(step)), "padding")
    sources = {**NAMES, "paddings": once(padding)}
    return function(f"F.unfold({WINDOWS})", f"nn.Unfold({WINDOWS})", **sources)(site)


def fold(site: Site) -> Lowered:
    """Paddle takes a border for the same on both sides, whatever it is told; another one is cut off afterwards."""
    text = f"(output_sizes, {WINDOWS})"
    if site.every(windows.symmetric):
        sources = {**NAMES, "output_sizes": "output_size", "paddings": windows.before}
        return function(f"F.fold{text}", f"nn.Fold{text}", **sources)(site)
    sources = {**NAMES, "output_sizes": site.value(windows.padded, "output_size"), "paddings": 0}
    cut = windows.flat_pads(site, last_first=True, pads=windows.negated, name="border")
    return Lowered(apply=lambda own, inputs: call("F.pad", spell(f"F.fold{text}", site, inputs, **sources), cut))


ROWS: Final[dict[str, Lowering]] = {
    "upsample": uniform("mode", upsample),
    "channel_shuffle": channel_shuffle,
    "pixel_shuffle": function("F.pixel_shuffle(upscale_factor)", "nn.PixelShuffle(upscale_factor)"),
    "pixel_unshuffle": function("F.pixel_unshuffle(downscale_factor)", "nn.PixelUnshuffle(downscale_factor)"),
    "space_to_depth": space_to_depth,
    "depth_to_space": depth_to_space,
    "patches": patches,
    "unfold": unfold,
    "fold": fold,
}
