"""Images: rearrange and resize."""

from __future__ import annotations

from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Call, Code, call, literal
from archspec.emit.context import Lowered, Lowering, Site, once
from archspec.emit.layouts import canonical
from archspec.emit.signature import spell
from archspec.emit.table import uniform
from archspec.graph.tree import Step

from .rows import check_sizes, closed, image_layer, image_layouts, imaged, supported


def upsample(site: Site) -> Lowered:
    """Keras resizes in float32; and what it calls nearest is `nearest_exact`."""
    op = site.op
    repeats = site.every(lambda step: step.op.repeats)
    if op.copies and repeats:
        return image_layer(site, _repeated(site))
    if len(site.inputs) > 1 or (repeats and site.open):
        return image_layer(site, _resized(site))
    check_sizes(site)
    options: dict[str, Code] = {}
    if repeats:
        options["scale"] = site.value(lambda step: step.op.factors(step.inputs[0].shape), "scale")
    else:
        options["size"] = site.value(lambda step: tuple(step.outputs[0].shape[2:]), "size")
    if op.mode == "nearest_exact":
        options["half_pixel"] = literal(True)
    if not site.every(lambda step: not step.op.align_corners):
        options["align_corners"] = site.attr("align_corners")
    if op.mode == "bicubic":
        options["cubic"] = literal(True)
    name = "resize_nearest" if op.copies else "interpolate"
    return Lowered(lambda own, inputs: call(name, *imaged(site, inputs), **options), layouts=image_layouts(site),
                   sized=not repeats and not site.every(lambda step: step.op.scale is None))  # fmt: skip


def _resized(site: Site) -> Call:
    """A layer that knows sizes only when it is called."""
    options: dict[str, Code] = {"mode": literal(site.op.mode)}
    if len(site.inputs) == 1:
        options["scale"] = site.value(lambda step: step.op.factors(step.inputs[0].shape), "scale")
    if not site.every(lambda step: not step.op.align_corners):
        options["align_corners"] = site.attr("align_corners")
    return call("Resize", **options)


def _repeated(site: Site) -> Call:
    rank = site.inputs[0].rank - 2

    def scale(step: Step) -> Any:
        op: Any = step.op
        factors = op.factors(step.inputs[0].shape)
        return factors[0] if rank == 1 else factors

    return spell(f"layers.UpSampling{rank}D(size)", site, size=once(site.value(scale, "scale")))


def depth_to_space(site: Site) -> Lowered:
    """Mode CRD is `pixel_shuffle`."""
    return supported("depth_to_space" if site.op.mode == "DCR" else "pixel_shuffle", "block_size")(site)


def patches(site: Site) -> Lowered:
    size = site.value(lambda step: step.op.patch_size, "patch_size")
    return Lowered(lambda own, inputs: call("extract_patches", *imaged(site, inputs), size), layouts=(canonical(3),))


def unfold(site: Site) -> Lowered:
    kernel_size = site.value(lambda step: step.op.kernel_size, "kernel_size")
    options = _geometry(site)
    return Lowered(lambda own, inputs: call("extract_windows", *imaged(site, inputs), kernel_size, **options),
                   layouts=image_layouts(site), sized=not site.every(_sizeless))  # fmt: skip


def _sizeless(step: Step) -> bool:
    """Whether the padding is the same for inputs of all sizes."""
    op: Any = step.op
    return bool(op.padding != "same" or max(op.stride) == 1)


def fold(site: Site) -> Lowered:
    output_size = site.value(lambda step: step.op.output_size, "output_size")
    kernel_size = site.value(lambda step: step.op.kernel_size, "kernel_size")
    options = _geometry(site)
    return Lowered(
        lambda own, inputs: call("add_windows", *imaged(site, inputs), output_size, kernel_size, **options),
        layouts=image_layouts(site),
    )


def _geometry(site: Site) -> dict[str, Code]:
    """How windows are spaced, with a number for each axis, where it is not the usual way."""
    options = {}
    if not site.every(lambda step: max(step.op.stride) == 1):
        options["strides"] = site.value(lambda step: step.op.stride, "strides")
    if not site.every(windows.unpadded):
        options["padding"] = site.value(windows.resolved, "padding")
    if not site.every(lambda step: max(step.op.dilation) == 1):
        options["dilation"] = site.value(lambda step: step.op.dilation, "dilation")
    return options


ROWS: Final[dict[str, Lowering]] = {
    "upsample": uniform("mode", upsample),
    "channel_shuffle": closed(supported("channel_shuffle", "groups")),
    "pixel_shuffle": closed(supported("pixel_shuffle", "upscale_factor")),
    "pixel_unshuffle": closed(supported("pixel_unshuffle", "downscale_factor")),
    "space_to_depth": closed(supported("space_to_depth", "block_size")),
    "depth_to_space": closed(uniform("mode", depth_to_space)),
    "patches": closed(patches),
    "unfold": closed(unfold),
    "fold": fold,
}
