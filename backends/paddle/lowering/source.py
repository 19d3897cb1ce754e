"""Learned and fixed arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Code, Items, Own, Template, call, exact, literal
from archspec.emit.context import Lowered, Lowering, Site, WeightPlace
from archspec.emit.ranges import along_floats, bounds, of_floats
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis
from archspec.ops.initializers import Fixed


def learned(made: Code) -> Lowered:
    """An attribute of the model that is the value itself."""
    return Lowered(apply=lambda own, inputs: own[""], layers={"": made}, weights={"": WeightPlace()})


def held(made: Code) -> Lowered:
    """The same for what is fixed."""
    return Lowered(apply=lambda own, inputs: own[""], layers={"": made}, array=made)


def parameter(site: Site) -> Lowered:
    sizes = site.value(lambda step: [1, *step.op.shape], "shape")
    if not site.every(begins_fixed):
        return learned(call(Own("create_parameter"), sizes))
    value = exact(site.value(lambda step: step.initial[""].distribution.number, "value"))
    start = call("nn.initializer.Constant", value)
    return learned(call(Own("create_parameter"), sizes, default_initializer=start))


def begins_fixed(step: Step) -> bool:
    """Whether a learned array begins with one number, with which it is made."""
    return isinstance(step.initial[""].distribution, Fixed)


def constant(site: Site) -> Lowered:
    numbers = site.value(lambda step: step.op.numbers(), "value")
    if isinstance(numbers, Items):
        return held(call("paddle.to_tensor", Items((numbers,), "[]")))
    sizes = site.value(lambda step: [1, *step.op.sizes()], "shape")
    dtype = {} if site.op.dtype == "float" else {"dtype": literal(site.op.dtype)}
    plain = {exact(literal(0.0)): "paddle.zeros", exact(literal(1.0)): "paddle.ones"}.get(exact(numbers))
    return held(call(plain, sizes) if plain else call("paddle.full", sizes, numbers, **dtype))


def range_(site: Site) -> Lowered:
    kind = {"dtype": call("paddle.get_default_dtype")} if of_floats(site) else {}
    if not site.inputs:
        return held(Template("{0}[None]", (call("paddle.arange", *bounds(site), **kind),)))
    axis = site.value(lambda step: resolve_axis(step.op.axis, site.inputs[0].rank), "axis")
    like = bool(kind) and along_floats(site)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        dtype: dict[str, Code] = {"dtype": Template("{0}.dtype", (inputs[0],))} if like else {**kind}
        made = call("paddle.arange", Template("{0}.shape[{1}]", (inputs[0], axis)), **dtype)
        return Template("{0}[None]", (made,))

    return Lowered(apply=apply)


ROWS: Final[dict[str, Lowering]] = {
    "parameter": parameter,
    "constant": constant,
    "range": range_,
}
