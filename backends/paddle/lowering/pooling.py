"""Pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Code, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function, spell
from archspec.graph.tree import Step

from .rows import padded, pads


def fits(step: Step) -> bool:
    """Whether Paddle counts as many windows as the spec: with ceil_mode it also keeps one that lies in the padding."""
    op: Any = step.op
    sizes = zip(step.inputs[0].shape[2:], windows.resolved(step), step.outputs[0].shape[2:], strict=True)
    stride = op.kernel_size if op.stride is None else op.stride
    for (size, (lo, hi), count), k, s in zip(sizes, op.kernel_size, stride, strict=True):
        room = size + lo + hi - k
        if (-(-room // s) if op.ceil_mode else room // s) + 1 != count:
            return False
    return True


def fitted_pads(site: Site) -> Code:
    return windows.flat_pads(site, last_first=False, pads=windows.fitted)


def fitting(site: Site) -> dict[str, Any]:
    """The arguments with which Paddle counts the windows as the spec does."""
    return {"padding": pads} if site.every(fits) else {"padding": fitted_pads, "ceil_mode": False}


def max_pool(site: Site) -> Lowered:
    rank = site.op.rank
    if not site.every(lambda step: set(step.op.dilation) == {1}):
        return dilated_max_pool(site)
    arguments = "(*, kernel_size, stride=None, padding=0, ceil_mode=False)"
    return function(f"F.max_pool{rank}d{arguments}", f"nn.MaxPool{rank}D{arguments}", **fitting(site))(site)


def dilated_max_pool(site: Site) -> Lowered:
    """Paddle's pools have no dilation."""
    options = {
        "kernel_size": site.value(lambda step: step.op.kernel_size, "kernel_size"),
        "stride": site.value(lambda step: step.op.stride or step.op.kernel_size, "stride"),
        "dilation": site.value(lambda step: step.op.dilation, "dilation"),
        "padding": fitted_pads(site),
    }
    return Lowered(apply=lambda own, inputs: call("dilated_max_pool", inputs[0], **options))


def avg_pool(site: Site) -> Lowered:
    """Paddle's `exclusive` leaves out the padding, and always does if that is one-sided; so padding that counts is a
    step of its own then, and what a window covers beyond it is left out."""
    rank = site.op.rank
    arguments = "(*, kernel_size, stride=None, padding=0, ceil_mode=False, exclusive=True)"
    pooled, module = f"F.avg_pool{rank}d{arguments}", f"nn.AvgPool{rank}D{arguments}"
    counts = site.every(lambda step: step.op.count_include_pad)
    if not counts or site.every(windows.unpadded):
        return function(pooled, module, exclusive=True, **fitting(site))(site)
    inside = site.every(lambda step: windows.fitted(step) == windows.resolved(step))
    if inside and site.every(windows.symmetric):
        return function(pooled, module, exclusive=False, padding=windows.before, ceil_mode=False)(site)
    sources: dict[str, Any] = {
        "padding": 0 if inside else windows.flat_pads(site, last_first=False, pads=windows.overhang, name="overhang"),
        "ceil_mode": False,
    }
    border = windows.flat_pads(site, last_first=True)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return spell(pooled, site, (padded(inputs[0], border, rank),), **sources)

    made = call("nn.Sequential", call(f"nn.Pad{rank}D", border), spell(module, site, **sources))
    return Lowered(apply=apply, module=made)


def float32_gradient(row: Lowering) -> Lowering:
    """Paddle multiplies the gradient of an average by 1/n as a float32 number."""

    def lower(site: Site) -> Lowered:
        lowered = row(site)
        lowered.inexact_gradient = 6e-8  # half a unit in the last place
        return lowered

    return lower


def lp_pool(site: Site) -> Lowered:
    """Paddle adds up x^p and not |x|^p, with exponents in float32, and knows no volumes."""
    sizes = [site.value(compute, name) for name, compute in
             (("kernel_size", lambda step: step.op.kernel_size),
              ("stride", lambda step: step.op.stride or step.op.kernel_size))]  # fmt: skip
    if not site.every(lambda step: all(lo == hi == 0 for lo, hi in windows.fitted(step))):
        sizes.append(fitted_pads(site))
    return Lowered(apply=lambda own, inputs: call("lp_pool", inputs[0], site.attr("norm_type"), *sizes))


def global_pool(name: str, module: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        dims = list(range(2, site.inputs[0].rank))
        shown = literal(dims if len(dims) > 1 else dims[0])
        keep = site.every(lambda step: step.op.keepdims)
        made = call(f"nn.{module}{len(dims)}D", literal(1))
        whole = made if keep else call("nn.Sequential", made, call("nn.Flatten"))
        options = {"keepdim": literal(True)} if keep else {}
        if name == "max" and len(dims) > 2:  # the gradient of a maximum over several axes of five is not even filled in
            return Lowered(apply=lambda own, inputs: call("max_of_volume", *inputs, **options), module=whole)
        return Lowered(apply=lambda own, inputs: method(inputs[0], name, shown, **options), module=whole)

    return lower


def each(name: str, row: Lowering) -> dict[str, Lowering]:
    """A row for one, two and three axes."""
    return {f"{name}{rank}d": row for rank in (1, 2, 3)}


def adaptive(kind: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        rank = site.op.rank
        text = f"F.adaptive_{kind.lower()}_pool{rank}d(output_size)"
        return function(text, f"nn.Adaptive{kind}Pool{rank}D(output_size)")(site)

    return lower


ROWS: Final[dict[str, Lowering]] = {
    **each("max_pool", max_pool),
    **each("avg_pool", float32_gradient(avg_pool)),
    **each("lp_pool", lp_pool),
    **each("adaptive_avg_pool", float32_gradient(adaptive("Avg"))),
    **each("adaptive_max_pool", adaptive("Max")),
    **each("global_avg_pool", float32_gradient(global_pool("mean", "AdaptiveAvgPool"))),
    **each("global_max_pool", global_pool("max", "AdaptiveMaxPool")),
}
