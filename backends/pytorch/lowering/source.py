"""Learned and fixed arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Call, Code, Items, Template, call, exact, literal
from archspec.emit.context import Lowered, Lowering, Site, WeightPlace
from archspec.emit.ranges import along_floats, bounds, of_floats
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis
from archspec.ops.initializers import Fixed

_DEVICE: Final = call("filled_device")
"""Weights may be made without memory and filled later, but no file of weights has constants."""


def learned(made: Code) -> Lowered:
    """An attribute of the model that is the value itself."""
    return Lowered(apply=lambda own, inputs: own[""], layers={"": made}, weights={"": WeightPlace()})


def held(made: Code) -> Lowered:
    """The same for what is fixed."""
    kept = call("nn.Buffer", made, persistent=literal(False))
    return Lowered(apply=lambda own, inputs: own[""], layers={"": kept}, array=made)


def parameter(site: Site) -> Lowered:
    sizes = site.value(lambda step: (1, *step.op.shape), "shape")
    if not site.every(begins_fixed):
        return learned(call("nn.Parameter", call("torch.empty", sizes)))
    value = exact(site.value(lambda step: step.initial[""].distribution.number, "value"))
    return learned(call("nn.Parameter", filled(sizes, value)))


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
    return held(made)


def range_(site: Site) -> Lowered:
    kind = {"dtype": call("torch.get_default_dtype")} if of_floats(site) else {}
    if not site.inputs:
        return held(Template("{0}[None]", (call("torch.arange", *bounds(site), **kind, device=_DEVICE),)))
    axis = site.value(lambda step: resolve_axis(step.op.axis, site.inputs[0].rank), "axis")
    like = bool(kind) and along_floats(site)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        size, *options = (Template(form, (inputs[0], axis)) for form in ("{0}.shape[{1}]", "{0}.dtype", "{0}.device"))
        dtype: dict[str, Code] = {"dtype": options[0]} if like else {**kind}
        return Template("{0}[None]", (call("torch.arange", size, **dtype, device=options[1]),))

    return Lowered(apply=apply)


ROWS: Final[dict[str, Lowering]] = {
    "parameter": parameter,
    "constant": constant,
    "range": range_,
}
