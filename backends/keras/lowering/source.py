"""Learned and fixed arrays."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import Call, Code, Items, call, literal
from archspec.emit.context import Lowered, Lowering, Site, WeightPlace
from archspec.emit.layouts import Layout, canonical, channels_last
from archspec.emit.ranges import bounds, of_floats
from archspec.ops.base import resolve_axis

from .rows import axis_of


def order(site: Site) -> Layout:
    """Channels last for what meets images."""
    rank = site.outputs[0].rank
    return channels_last(rank) if rank > 3 else canonical(rank)


def held(made: Call, site: Site, layout: Layout, weights: dict[str, WeightPlace], *, sized: bool = False) -> Lowered:
    return Lowered(apply=lambda own, inputs: Call(own[""], tuple(inputs)), layers={"": made}, weights=weights,
                   layouts=(layout,), sized=sized)  # fmt: skip


def parameter(site: Site) -> Lowered:
    layout = order(site)
    sizes = site.value(lambda step: tuple((1, *step.op.shape)[axis] for axis in layout.axes[1:]), "shape")
    weights = {"": WeightPlace(name="value", layout=lambda step: layout.moves())}
    return held(call("Parameter", sizes), site, layout, weights)


def constant(site: Site) -> Lowered:
    numbers = site.value(lambda step: step.op.numbers(), "value")
    options: dict[str, Code] = {}
    if not isinstance(numbers, Items):
        options["shape"] = site.value(lambda step: tuple(step.op.sizes()), "shape")
    if site.op.dtype != "float":
        options["dtype"] = literal(site.op.dtype)
    return held(call("Constant", numbers, **options), site, canonical(site.outputs[0].rank), {}, sized=_is_sized(site))


def _is_sized(site: Site) -> bool:
    """Whether it has elements for the places of an image or a sequence."""
    return not site.every(lambda step: all(size == 1 for size in step.op.sizes()[1:]))


def range_(site: Site) -> Lowered:
    kind: dict[str, Code] = {} if of_floats(site) else {"dtype": literal("int64")}
    if not site.inputs:
        sized = not site.every(lambda step: step.outputs[0].shape[1] == 1)
        return held(call("Range", *bounds(site), **kind), site, canonical(2), {}, sized=sized)
    rank = site.inputs[0].rank
    axis = site.value(lambda step: axis_of(site, resolve_axis(step.op.axis, rank)), "axis")
    return held(call("Places", axis, **kind), site, canonical(2), {})


ROWS: Final[dict[str, Lowering]] = {
    "parameter": parameter,
    "constant": constant,
    "range": range_,
}
