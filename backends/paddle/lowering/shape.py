"""Shapes: flatten, reshape, permute, join, cut, pad and resize."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Code, Items, Raw, Slice, Template, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function
from archspec.errors import BackendError
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis

from .rows import axis, padded


def concat(site: Site) -> Lowered:
    where = axis()(site)
    return Lowered(apply=lambda own, inputs: call("paddle.concat", Items(tuple(inputs), "[]"), axis=where))


def split(site: Site) -> Lowered:
    where = axis()(site)
    if site.every(lambda step: step.op.sections is not None):
        parts = site.attr("sections")
    else:
        parts = site.value(lambda step: list(step.op.sizes), "sizes")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        pieces = call("paddle.split", inputs[0], parts, axis=where)
        return pieces if len(site.outputs) > 1 else Template("{0}[0]", (pieces,))

    return Lowered(apply=apply)


def reshape(site: Site) -> Lowered:
    """The batch is -1, or 0, which copies it, if the spec leaves another size to be inferred."""
    infers = site.every(lambda step: -1 in step.op.shape)
    sizes = site.value(lambda step: list(step.op.shape if infers else step.outputs[0].shape[1:]), "shape")
    rest = sizes.items if isinstance(sizes, Items) else (Template("*{0}", (sizes,)),)
    whole = Items((literal(0 if infers else -1), *rest), "[]")
    return Lowered(apply=lambda own, inputs: method(inputs[0], "reshape", whole))


def permute(site: Site) -> Lowered:
    axes = [0, *(resolve_axis(a, site.inputs[0].rank) for a in site.op.axes)]
    return Lowered(apply=lambda own, inputs: method(inputs[0], "transpose", literal(axes)))


def pad(site: Site) -> Lowered:
    """`F.pad` takes the spatial axes, the last one first; or else all axes, and then the first one first."""
    rank = site.inputs[0].rank
    count = len(site.op.padding)
    mode, value = site.attr("mode"), site.attr("value")
    constant = mode == literal("constant")
    spatial = 3 <= rank <= 5 and count <= rank - 2
    if not spatial and not constant:
        raise BackendError(f"F.pad has mode {site.op.mode} for inputs with 3 to 5 axes, this has {rank}")

    def numbers(step: Step) -> tuple[int, ...]:
        op: Any = step.op
        whole = [*[(0, 0)] * ((rank - 2 if spatial else rank) - count), *op.padding]
        return tuple(n for pair in (reversed(whole) if spatial else whole) for n in pair)

    border = site.value(numbers, "padding")
    options = {} if constant else {"mode": mode}
    if constant and value != literal(0.0):
        options["value"] = value
    if spatial:
        return Lowered(apply=lambda own, inputs: padded(inputs[0], border, rank - 2, **options))
    return Lowered(apply=lambda own, inputs: call("F.pad", inputs[0], border, **options))


def slice_(site: Site) -> Lowered:
    number = resolve_axis(site.op.axis, site.inputs[0].rank)
    start, end, step = (site.attr(name) for name in ("start", "end", "step"))
    part = Slice(
        None if start == literal(0) else start,
        None if end == literal(None) else end,
        None if step == literal(1) else step,
    )
    return Lowered(apply=lambda own, inputs: Template("{0}[" + ":, " * number + "{1}]", (inputs[0], part)))


def upsample(site: Site) -> Lowered:
    """Paddle's ratios are float32, which moves neighbours and weights; and a size of one is wrong."""
    op = site.op
    scaled = op.scale is not None and op.mode == "nearest"
    arguments = "(*, size=None, scale_factor=None, mode='nearest', align_corners=False)"
    native = function(f"F.interpolate{arguments}", f"nn.Upsample{arguments}", size=None if scaled else new_size,
                      scale_factor="scale" if scaled else None)  # fmt: skip
    if op.mode == "nearest":
        exact = site.every(windows.nearest_in_float32)
    else:
        exact = site.every(windows.ratios_in_float32) and site.every(lambda step: min(step.outputs[0].shape[2:]) > 1)
    if exact:
        return native(site)
    aligned = not site.every(lambda step: not step.op.align_corners)
    options = {"align_corners": site.attr("align_corners")} if aligned else {}
    return Lowered(apply=lambda own, inputs: call(f"resize_{op.mode}", inputs[0], new_size(site), **options))


def new_size(site: Site) -> Code:
    return site.value(lambda step: tuple(step.outputs[0].shape[2:]), "size")


def channel_shuffle(site: Site) -> Lowered:
    """Paddle's own takes images only."""
    rank = site.inputs[0].rank
    if rank == 4:
        return function("F.channel_shuffle(groups)", "nn.ChannelShuffle(groups)")(site)
    groups = site.attr("groups")
    return Lowered(apply=lambda own, inputs: call("channel_shuffle", inputs[0], groups))


def end_axis(site: Site) -> Code:
    rank = site.inputs[0].rank
    number = resolve_axis(site.op.end_axis, rank)
    return Raw("-1", 8) if number == rank - 1 else literal(number)


ROWS: Final[dict[str, Lowering]] = {
    "concat": concat,
    "split": split,
    "flatten": function("paddle.flatten(start_axis, *, stop_axis=-1)", "nn.Flatten(*, start_axis=1, stop_axis=-1)",
                        start_axis=axis("start_axis"), stop_axis=end_axis),
    "reshape": reshape,
    "permute": permute,
    "pad": pad,
    "slice": slice_,
    "upsample": upsample,
    "channel_shuffle": channel_shuffle,
    "pixel_shuffle": function("F.pixel_shuffle(upscale_factor)", "nn.PixelShuffle(upscale_factor)"),
}  # fmt: skip
