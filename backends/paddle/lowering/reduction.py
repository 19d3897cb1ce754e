"""Reductions, and sums and ranks along an axis."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

from archspec.emit import reductions
from archspec.emit.code import call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.reductions import keepdim, one_by_one
from archspec.emit.signature import function

from .rows import axis

axes = partial(reductions.axes, sequence=list)
reduction = partial(reductions.reduction, sequence=list)


def supported(name: str, *attributes: str) -> Lowering:
    """A function that stands at the top of the file."""

    def lower(site: Site) -> Lowered:
        arguments, options = [*map(site.attr, attributes), axes(site)], keepdim(site)
        return Lowered(apply=lambda own, inputs: call(name, *inputs, *arguments, **options))

    return lower


def extreme(name: str) -> Lowering:
    """Beyond 4 axes the gradient of Paddle's own is wrong for several axes at a time."""
    return lambda site: (reduction(name) if site.inputs[0].rank <= 4 else one_by_one(name))(site)


def logsumexp(site: Site) -> Lowered:
    """Paddle's own takes up to 4 axes."""
    return reduction("logsumexp")(site) if site.inputs[0].rank <= 4 else supported("logsumexp")(site)


def std(site: Site) -> Lowered:
    """The gradient of Paddle's own is NaN where all elements are equal."""
    var = reduction("var", "unbiased")(site)
    return Lowered(apply=lambda own, inputs: call("safe_sqrt", var.apply(own, inputs)))


def norm(site: Site) -> Lowered:
    """Paddle's own is exact for 1 and 2; for other orders it takes roots in float32."""
    if site.every(lambda step: step.op.p == math.inf):
        largest = extreme("max")(site)
        return Lowered(apply=lambda own, inputs: largest.apply(own, [call("paddle.abs", *inputs)]))
    if not site.every(lambda step: step.op.p in (1, 2)):
        return supported("vector_norm", "p")(site)
    order = site.attr("p")
    options = ({} if order == literal(2) else {"p": order}) | {"axis": axes(site)} | keepdim(site)
    return Lowered(apply=lambda own, inputs: call("paddle.linalg.vector_norm", *inputs, **options))


ROWS: Final[dict[str, Lowering]] = {
    "mean": reduction("mean"),
    "sum": reduction("sum"),
    "prod": supported("safe_prod"),
    "max": extreme("max"),
    "min": extreme("min"),
    "var": reduction("var", "unbiased"),
    "std": std,
    "logsumexp": logsumexp,
    "norm": norm,
    "argmax": reduction("argmax"),
    "argmin": reduction("argmin"),
    "cumsum": function("paddle.cumsum(axis)", axis=axis()),
    "topk": function("paddle.topk(k, *, axis=None, largest=True)", axis=axis()),
}  # fmt: skip
