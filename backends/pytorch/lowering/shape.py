"""Shapes: flatten, reshape, permute, join, cut, pad and resize."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Code, Items, Raw, Slice, Template, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function
from archspec.errors import BackendError
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis

from .rows import axis


def concat(site: Site) -> Lowered:
    where = axis()(site)
    return Lowered(apply=lambda own, inputs: call("torch.cat", Items(tuple(inputs)), dim=where))


def split(site: Site) -> Lowered:
    where = axis()(site)
    if site.every(lambda step: step.op.sections is not None):
        target, parts = "torch.chunk", site.attr("sections")
    else:
        target, parts = "torch.split", site.value(lambda step: list(step.op.sizes), "sizes")

    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        pieces = call(target, inputs[0], parts, dim=where)
        return pieces if len(site.outputs) > 1 else Template("{0}[0]", (pieces,))

    return Lowered(apply=apply)


def reshape(site: Site) -> Lowered:
    """The batch is -1 unless the spec leaves another size to be inferred."""
    infers = site.every(lambda step: -1 in step.op.shape)
    sizes = site.value(lambda step: tuple(step.op.shape if infers else step.outputs[0].shape[1:]), "shape")
    rest = sizes.items if isinstance(sizes, Items) else (Template("*{0}", (sizes,)),)

    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        batch = Template("{0}.shape[0]", (inputs[0],)) if infers else literal(-1)
        return method(inputs[0], "reshape", batch, *rest)

    return Lowered(apply=apply)


def permute(site: Site) -> Lowered:
    axes = [0, *(resolve_axis(a, site.inputs[0].rank) for a in site.op.axes)]
    return Lowered(apply=lambda own, inputs: method(inputs[0], "permute", *map(literal, axes)))


def pad(site: Site) -> Lowered:
    """`F.pad` takes the last axes, the last one first; but with a mode all axes beyond the channels."""
    rank = site.inputs[0].rank
    mode, value = site.attr("mode"), site.attr("value")
    constant = mode == literal("constant")
    if rank > 5 and not constant:
        raise BackendError(f"F.pad has mode {site.op.mode} for inputs with up to 5 axes, this has {rank}")

    def numbers(step: Step) -> tuple[int, ...]:
        pairs = step.op.padding
        whole = [*[(0, 0)] * (0 if constant else rank - 2 - len(pairs)), *pairs]
        return tuple(n for pair in reversed(whole) for n in pair)

    pads = site.value(numbers, "padding")
    options = {} if constant else {"mode": mode}
    if constant and value != literal(0.0):
        options["value"] = value
    return Lowered(apply=lambda own, inputs: call("F.pad", inputs[0], pads, **options))


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
    op = site.op
    if op.mode == "nearest" and not site.every(windows.nearest_in_float32):
        return resize_nearest(site)
    sources: dict[str, Any] = {"scale_factor": "scale"} if op.scale is not None else {}
    corners: Any = None if op.mode == "nearest" else "align_corners"
    arguments = "(*, size=None, scale_factor=None, mode='nearest', align_corners=None)"
    return function(f"F.interpolate{arguments}", f"nn.Upsample{arguments}", align_corners=corners, **sources)(site)


def resize_nearest(site: Site) -> Lowered:
    """PyTorch's scales are float32, which for some sizes picks other neighbours than whole numbers do."""
    size = site.value(lambda step: tuple(step.outputs[0].shape[2:]), "size")
    return Lowered(apply=lambda own, inputs: call("resize_nearest", inputs[0], size))


def end_axis(site: Site) -> Code:
    rank = site.inputs[0].rank
    number = resolve_axis(site.op.end_axis, rank)
    return Raw("-1", 8) if number == rank - 1 else literal(number)


ROWS: Final[dict[str, Lowering]] = {
    "concat": concat,
    "split": split,
    "flatten": function("torch.flatten(start_dim, *, end_dim=-1)", "nn.Flatten(*, start_dim=1, end_dim=-1)",
                        start_dim=axis("start_axis"), end_dim=lambda site: end_axis(site)),
    "reshape": reshape,
    "permute": permute,
    "pad": pad,
    "slice": slice_,
    "upsample": upsample,
    "channel_shuffle": function("F.channel_shuffle(groups)", "nn.ChannelShuffle(groups)"),
    "pixel_shuffle": function("F.pixel_shuffle(upscale_factor)", "nn.PixelShuffle(upscale_factor)"),
}  # fmt: skip
