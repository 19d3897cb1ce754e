"""Learned and fixed arrays."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import Code, Items, Own, call, exact, literal
from archspec.emit.context import Lowered, Lowering, Site, WeightPlace
from archspec.graph.tree import Step
from archspec.ops.initializers import Fixed


def held(made: Code, site: Site, learned: bool) -> Lowered:
    """An attribute of the model that is the value itself."""
    return Lowered(apply=lambda own, inputs: own[""], layers={"": made}, weights={"": WeightPlace()} if learned else {})


def parameter(site: Site) -> Lowered:
    sizes = site.value(lambda step: [1, *step.op.shape], "shape")
    if not site.every(begins_fixed):
        return held(call(Own("create_parameter"), sizes), site, True)
    value = exact(site.value(lambda step: step.initial[""].distribution.number, "value"))
    start = call("nn.initializer.Constant", value)
    return held(call(Own("create_parameter"), sizes, default_initializer=start), site, True)


def begins_fixed(step: Step) -> bool:
    """Whether a learned array begins with one number, with which it is made."""
    return isinstance(step.initial[""].distribution, Fixed)


def constant(site: Site) -> Lowered:
    numbers = site.value(lambda step: step.op.numbers(), "value")
    if isinstance(numbers, Items):
        return held(call("paddle.to_tensor", Items((numbers,), "[]")), site, False)
    sizes = site.value(lambda step: [1, *step.op.sizes()], "shape")
    dtype = {} if site.op.dtype == "float" else {"dtype": literal(site.op.dtype)}
    plain = {exact(literal(0.0)): "paddle.zeros", exact(literal(1.0)): "paddle.ones"}.get(exact(numbers))
    return held(call(plain, sizes) if plain else call("paddle.full", sizes, numbers, **dtype), site, False)


ROWS: Final[dict[str, Lowering]] = {
    "parameter": parameter,
    "constant": constant,
}
