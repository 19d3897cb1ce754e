"""Learned and fixed arrays."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import Code, Items, Own, call, literal
from archspec.emit.context import Lowered, Lowering, Site, WeightPlace


def held(made: Code, site: Site, learned: bool) -> Lowered:
    """An attribute of the model that is the value itself."""
    return Lowered(apply=lambda own, inputs: own[""], layers={"": made}, weights={"": WeightPlace()} if learned else {})


def parameter(site: Site) -> Lowered:
    sizes = site.value(lambda step: [1, *step.op.shape], "shape")
    mean, std = site.attr("mean"), site.attr("std")
    numbers = (mean,) if std == literal(0.0) else (mean, std)
    start = call(f"nn.initializer.{'Normal' if len(numbers) > 1 else 'Constant'}", *numbers)
    return held(call(Own("create_parameter"), sizes, default_initializer=start), site, True)


def constant(site: Site) -> Lowered:
    numbers = site.value(lambda step: step.op.numbers(), "value")
    if isinstance(numbers, Items):
        return held(call("paddle.to_tensor", Items((numbers,), "[]")), site, False)
    sizes = site.value(lambda step: [1, *step.op.sizes()], "shape")
    dtype = {} if site.op.dtype == "float" else {"dtype": literal(site.op.dtype)}
    return held(call("paddle.full", sizes, numbers, **dtype), site, False)


ROWS: Final[dict[str, Lowering]] = {
    "parameter": parameter,
    "constant": constant,
}
