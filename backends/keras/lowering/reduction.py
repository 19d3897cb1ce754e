"""Reductions, and sums and ranks along an axis."""

from __future__ import annotations

import math
from typing import Any, Final

from archspec.emit.code import Code, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import Layout, held
from archspec.ops.base import resolve_axis

from .rows import axis_of, float_of


def axes_of(axis: Any, rank: int) -> list[int]:
    """The numbers of one axis or several."""
    return [resolve_axis(a, rank) for a in (axis if isinstance(axis, tuple) else (axis,))]


def reduced(site: Site) -> tuple[dict[str, Code], Layout]:
    """The arguments `axis` and `keepdims`, and how the output is laid out."""
    wire = site.inputs[0]
    layout = held(wire)
    gone = site.same(lambda step: axes_of(step.op.axis, wire.rank), "axes")
    shown = tuple(sorted(layout.position(a) for a in gone))
    options = {"axis": literal(shown if len(shown) > 1 else shown[0])}
    if site.same(lambda step: step.op.keepdims, "keepdims"):
        return options | {"keepdims": literal(True)}, layout.plain()
    kept = [axis for axis in layout.axes if axis not in gone]
    return options, Layout(tuple(sorted(kept).index(axis) for axis in kept))


def reduction(name: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        options, after = reduced(site)
        return Lowered(lambda own, inputs: call(name, *inputs, **options), layouts=(after,))

    return lower


def logsumexp(site: Site) -> Lowered:
    options, after = reduced(site)
    return Lowered(lambda own, inputs: float_of(call("ops.logsumexp", *inputs, **options)), layouts=(after,))


def variance(site: Site, x: Code, options: dict[str, Code]) -> Code:
    """Keras' own divides by the number of elements."""
    unbiased = site.attr("unbiased")
    if unbiased == literal(False):
        return call("ops.var", x, **options)
    flag = {} if unbiased == literal(True) else {"unbiased": unbiased}
    return call("variance", x, **options, **flag)


def var(site: Site) -> Lowered:
    options, after = reduced(site)
    return Lowered(lambda own, inputs: variance(site, inputs[0], options), layouts=(after,))


def std(site: Site) -> Lowered:
    """The gradient of Keras' own is NaN where all elements are equal."""
    options, after = reduced(site)
    return Lowered(lambda own, inputs: call("safe_sqrt", variance(site, inputs[0], options)), layouts=(after,))


def norm(site: Site) -> Lowered:
    """The gradient of Keras' own is NaN where all elements are zero."""
    options, after = reduced(site)

    def whole(size: str, over: str, x: Code) -> Code:
        return call(f"ops.{over}", call(f"ops.{size}", x), **options)

    def apply(own: object, inputs: Any) -> Code:
        if site.every(lambda step: step.op.p == 2):
            return call("safe_sqrt", whole("square", "sum", inputs[0]))
        if site.every(lambda step: step.op.p == 1):
            return whole("abs", "sum", inputs[0])
        if site.every(lambda step: step.op.p == math.inf):
            return whole("abs", "max", inputs[0])
        return call("vector_norm", inputs[0], site.attr("p"), **options)

    return Lowered(apply, layouts=(after,))


def extremum(name: str) -> Lowering:
    """Keras' own gives int32, and up to 3.13 tells a wrong shape of what keeps its axis."""

    def lower(site: Site) -> Lowered:
        options, after = reduced(site)
        keeps = options.pop("keepdims", None) is not None

        def apply(own: object, inputs: Any) -> Code:
            found = call(name, *inputs, **options)
            found = call("ops.expand_dims", found, options["axis"]) if keeps else found
            return call("ops.cast", found, literal("int64"))

        return Lowered(apply, layouts=(after,))

    return lower


def place(site: Site) -> Code:
    wire = site.inputs[0]
    return literal(axis_of(site, site.same(lambda step: resolve_axis(step.op.axis, wire.rank), "axes")))


def cumsum(site: Site) -> Lowered:
    where = place(site)
    return Lowered(lambda own, inputs: call("ops.cumsum", *inputs, axis=where), layouts=(held(site.inputs[0]).plain(),))


def topk(site: Site) -> Lowered:
    where, k, largest = place(site), site.attr("k"), site.attr("largest")
    options = {} if largest == literal(True) else {"largest": largest}
    layout = held(site.inputs[0]).plain()
    return Lowered(lambda own, inputs: call("top_k", *inputs, k, axis=where, **options), layouts=(layout, layout))


ROWS: Final[dict[str, Lowering]] = {
    "mean": reduction("ops.mean"),
    "sum": reduction("ops.sum"),
    "prod": reduction("ops.prod"),
    "max": reduction("ops.max"),
    "min": reduction("ops.min"),
    "var": var,
    "std": std,
    "logsumexp": logsumexp,
    "norm": norm,
    "argmax": extremum("ops.argmax"),
    "argmin": extremum("ops.argmin"),
    "cumsum": cumsum,
    "topk": topk,
}
