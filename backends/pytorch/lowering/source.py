"""Learned and fixed arrays."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import Code, Items, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site, WeightPlace

_DEVICE: Final = call("filled_device")
"""Weights may be made without memory and filled later, but no file of weights has constants."""


def held(made: Code, site: Site, learned: bool) -> Lowered:
    """An attribute of the model that is the value itself."""
    return Lowered(apply=lambda own, inputs: own[""], layers={"": made}, weights={"": WeightPlace()} if learned else {})


def parameter(site: Site) -> Lowered:
    sizes = site.value(lambda step: (1, *step.op.shape), "shape")
    mean, std = site.attr("mean"), site.attr("std")
    plain = {literal(0.0): "torch.zeros", literal(1.0): "torch.ones"}.get(mean)
    if std != literal(0.0):
        start = call("torch.normal", mean, std, sizes)
    elif plain is None:
        start = call("torch.full", sizes, mean)
    else:
        start = call(plain, *(sizes.items if isinstance(sizes, Items) else (Template("*{0}", (sizes,)),)))
    return held(call("nn.Parameter", start), site, True)


def constant(site: Site) -> Lowered:
    numbers = site.value(lambda step: step.op.numbers(), "value")
    if isinstance(numbers, Items):
        made = call("torch.tensor", Items((numbers,), "[]"), device=_DEVICE)
    else:
        made = call("torch.full", site.value(lambda step: (1, *step.op.sizes()), "shape"), numbers, device=_DEVICE)
    return held(call("nn.Buffer", made, persistent=literal(False)), site, False)


ROWS: Final[dict[str, Lowering]] = {
    "parameter": parameter,
    "constant": constant,
}
