"""Learned and fixed arrays."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import Call, Code, Items, Template, call, exact, literal
from archspec.emit.context import Lowered, Lowering, Site, WeightPlace
from archspec.graph.tree import Step
from archspec.ops.initializers import Fixed

_DEVICE: Final = call("filled_device")
"""Weights may be made without memory and filled later, but no file of weights has constants."""


def held(made: Code, site: Site, learned: bool) -> Lowered:
    """An attribute of the model that is the value itself."""
    return Lowered(apply=lambda own, inputs: own[""], layers={"": made}, weights={"": WeightPlace()} if learned else {})


def parameter(site: Site) -> Lowered:
    sizes = site.value(lambda step: (1, *step.op.shape), "shape")
    if not site.every(begins_fixed):
        return held(call("nn.Parameter", call("torch.empty", sizes)), site, True)
    value = exact(site.value(lambda step: step.initial[""].distribution.number, "value"))
    return held(call("nn.Parameter", filled(sizes, value)), site, True)


def filled(sizes: Code, value: Code, **more: Code) -> Call:
    """A tensor of one number."""
    plain = {exact(literal(0.0)): "torch.zeros", exact(literal(1.0)): "torch.ones"}.get(exact(value))
    if plain is None:
        return call("torch.full", sizes, value, **more)
    return call(plain, *(sizes.items if isinstance(sizes, Items) else (Template("*{0}", (sizes,)),)), **more)


def begins_fixed(step: Step) -> bool:
    """Whether a learned array begins with one number, with which it is made."""
    return isinstance(step.initial[""].distribution, Fixed)


def constant(site: Site) -> Lowered:
    numbers = site.value(lambda step: step.op.numbers(), "value")
    if isinstance(numbers, Items):
        made = call("torch.tensor", Items((numbers,), "[]"), device=_DEVICE)
    else:
        made = filled(site.value(lambda step: (1, *step.op.sizes()), "shape"), numbers, device=_DEVICE)
    return held(call("nn.Buffer", made, persistent=literal(False)), site, False)


ROWS: Final[dict[str, Lowering]] = {
    "parameter": parameter,
    "constant": constant,
}
