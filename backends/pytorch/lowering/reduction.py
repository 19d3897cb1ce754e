"""Reductions, and sums and ranks along an axis."""

from __future__ import annotations

import math
from typing import Final

from archspec.emit.code import call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.reductions import axes, keepdim, one_by_one, reduction
from archspec.emit.signature import function

from .rows import axis


def norm(site: Site) -> Lowered:
    infinite = site.every(lambda step: step.op.p == math.inf)
    order = literal(math.inf) if infinite else site.attr("p")
    options = {} if order == literal(2) else {"ord": order}
    options |= {"dim": axes(site)} | keepdim(site)
    return Lowered(apply=lambda own, inputs: call("torch.linalg.vector_norm", *inputs, **options))


ROWS: Final[dict[str, Lowering]] = {
    "mean": reduction("mean"),
    "sum": reduction("sum"),
    "prod": one_by_one("prod"),
    "max": reduction("amax"),
    "min": reduction("amin"),
    "var": reduction("var", "unbiased"),
    "std": reduction("std", "unbiased"),
    "logsumexp": reduction("logsumexp"),
    "norm": norm,
    "argmax": reduction("argmax"),
    "argmin": reduction("argmin"),
    "cumsum": function("torch.cumsum(dim)", dim=axis()),
    "topk": function("torch.topk(k, *, dim=None, largest=True)", dim=axis()),
}  # fmt: skip
