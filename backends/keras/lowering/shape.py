"""Shapes: flatten, reshape, permute, join, cut, pad and resize."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from archspec.emit.code import Call, Code, Items, Slice, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import Layout, canonical, channels_last, held
from archspec.emit.merge import MCall, MStep, Wire
from archspec.emit.signature import spell
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis

from .rows import (
    alike,
    axis_of,
    image_layer,
    image_layouts,
    imaged,
    plain,
    signed,
    supported,
    together,
)


def flatten(site: Site) -> Lowered:
    wire = site.inputs[0]
    layout = held(wire)
    first, last = (resolve_axis(a, wire.rank) for a in (site.op.start_axis, site.op.end_axis))
    whole = (first, last) == (1, wire.rank - 1)
    if (first, last) == (2, wire.rank - 1) and layout.axes == channels_last(wire.rank).axes:
        sizes = site.value(lambda step: (step.outputs[0].shape[2], step.outputs[0].shape[1]), "shape")
        return Lowered(
            lambda own, inputs: Call(own[""], tuple(inputs)),
            {"": call("layers.Reshape", sizes)},
            layouts=(Layout((0, 2, 1), (), layout.nonnegative),),
        )
    made = call("layers.Flatten")
    if whole and layout.axes == channels_last(wire.rank).axes and wire.rank > 2:
        if site.every(lambda step: step.inputs[0].shape[1] == 1 or all(n == 1 for n in step.inputs[0].shape[2:])):
            return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made}, layouts=(canonical(2),))
        fixed = site.every(lambda step: tuple(step.inputs[0].shape[1:]) == tuple(wire.shape[1:]))
        if fixed and _only_linear(site.outputs[0]):
            flattened = Layout((0, 1), tuple(map(int, wire.shape[1:])), layout.nonnegative)
            return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made}, layouts=(flattened,))
    if whole:
        return Lowered(lambda own, inputs: Call(own[""], tuple(plain(site, inputs))), {"": made},
                       layouts=(canonical(2),))  # fmt: skip
    return reshape(site)


def _only_linear(wire: Wire) -> bool:
    """Whether nothing but linear layers can see the order of these features."""
    if wire.uses > len(wire.consumers) or not wire.consumers:
        return False
    for reader in wire.consumers:
        if not isinstance(reader, MStep) or isinstance(reader, MCall):
            return False
        if reader.op.key == "linear":
            continue
        if not (reader.op.elementwise and len(reader.inputs) == 1 and _only_linear(reader.outputs[0])):
            return False
    return True


def reshape(site: Site) -> Lowered:
    """One size may stay open: the one that the spec leaves to be inferred, or that only the input knows."""
    rank = site.outputs[0].rank
    if site.op.key == "reshape" and site.every(lambda step: -1 in step.op.shape):
        sizes = site.value(lambda step: tuple(step.op.shape), "shape")
    else:
        sizes = site.value(lambda step: tuple(step.outputs[0].shape[1:]), "shape")
    made = call("layers.Reshape", sizes)
    return Lowered(lambda own, inputs: Call(own[""], tuple(plain(site, inputs))), {"": made},
                   layouts=(canonical(rank),))  # fmt: skip


def permute(site: Site) -> Lowered:
    """No work at all: the axes get other names where they are."""
    wire = site.inputs[0]
    order = [0, *(resolve_axis(a, wire.rank) for a in site.op.axes)]
    axes = tuple(order.index(axis) for axis in held(wire).axes)
    return Lowered(lambda own, inputs: inputs[0], layouts=(Layout(axes),))


def concat(site: Site) -> Lowered:
    axis = resolve_axis(site.op.axis, site.inputs[0].rank)
    position = together(site).position(axis)
    last = position == site.inputs[0].rank - 1
    made = spell("layers.Concatenate(*, axis=-1)", site, axis=-1 if last else position)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return Call(own[""], (Items(tuple(alike(site, inputs)), "[]"),))

    return Lowered(apply, {"": made}, layouts=(signed(site, together(site)),))


def split(site: Site) -> Lowered:
    """Keras takes the number of pieces, or where to cut."""
    axis = axis_of(site, resolve_axis(site.op.axis, site.inputs[0].rank))
    if site.every(lambda step: step.op.sections is not None):
        where = site.attr("sections")
    else:
        where = site.value(lambda step: _cuts(step.op.sizes), "cuts")
    layouts = (held(site.inputs[0]).plain(),) * len(site.outputs)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        pieces = call("ops.split", inputs[0], where, axis=literal(axis))
        return pieces if len(site.outputs) > 1 else Template("{0}[0]", (pieces,))

    return Lowered(apply, layouts=layouts)


def _cuts(sizes: Sequence[int]) -> list[int]:
    total, cuts = 0, []
    for size in sizes[:-1]:
        total = total + size
        cuts.append(total)
    return cuts


def pad(site: Site) -> Lowered:
    wire = site.inputs[0]
    layout = held(wire).plain()

    def pairs(step: Step) -> tuple[tuple[int, int], ...]:
        op: Any = step.op
        everything = [(0, 0)] * (wire.rank - len(op.padding)) + list(op.padding)
        return tuple(everything[axis] for axis in layout.axes)

    pads = site.value(pairs, "padding")
    if site.op.mode == "replicate":
        return Lowered(lambda own, inputs: call("replicate_pad", inputs[0], pads), layouts=(layout,))
    options: dict[str, Code] = {}
    if site.op.mode == "reflect":
        options["mode"] = literal("reflect")
    elif site.attr("value") != literal(0.0):
        options["constant_values"] = site.attr("value")
    return Lowered(lambda own, inputs: call("ops.pad", inputs[0], pads, **options), layouts=(layout,))


def slice_(site: Site) -> Lowered:
    wire = site.inputs[0]
    position = held(wire).position(resolve_axis(site.op.axis, wire.rank))
    start, end, step = (site.attr(name) for name in ("start", "end", "step"))
    part = Slice(
        None if start == literal(0) else start,
        None if end == literal(None) else end,
        None if step == literal(1) else step,
    )
    ahead = "..., " if position == wire.rank - 1 else ":, " * position
    return Lowered(lambda own, inputs: Template("{0}[" + ahead + "{1}]", (inputs[0], part)),
                   layouts=(held(wire).plain(),))  # fmt: skip


def upsample(site: Site) -> Lowered:
    if site.op.mode == "nearest" and site.every(lambda step: step.op.scale is not None):
        return image_layer(site, spell("layers.UpSampling2D(size)", site, size="scale"))
    size = site.value(lambda step: tuple(step.outputs[0].shape[2:]), "size")
    name = "resize_nearest" if site.op.mode == "nearest" else "resize_bilinear"
    corners = (literal(True),) if site.op.align_corners and site.op.mode == "bilinear" else ()
    return Lowered(lambda own, inputs: call(name, *imaged(site, inputs), size, *corners), layouts=image_layouts(site))


ROWS: Final[dict[str, Lowering]] = {
    "concat": concat,
    "split": split,
    "flatten": flatten,
    "reshape": reshape,
    "permute": permute,
    "pad": pad,
    "slice": slice_,
    "upsample": upsample,
    "channel_shuffle": supported("channel_shuffle", "groups"),
    "pixel_shuffle": supported("pixel_shuffle", "upscale_factor"),
}
