"""Pools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Code, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function, spell
from archspec.graph.tree import Step


def max_pool(site: Site) -> Lowered:
    """Max pooling ignores padding: what the layer cannot pad is padded with -inf before it."""
    rank = site.op.rank
    arguments = "(*, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False)"
    if site.every(_within_half):
        pooled = function(f"F.max_pool{rank}d{arguments}", f"nn.MaxPool{rank}d{arguments}", padding=windows.before)
        return pooled(site)
    pads = windows.flat_pads(site, last_first=True, pads=windows.fitted)
    sources: dict[str, Any] = {"padding": 0, "ceil_mode": False}

    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        fenced = call("F.pad", inputs[0], pads, value=windows.MINUS_INFINITY)
        return spell(f"F.max_pool{rank}d{arguments}", site, (fenced,), **sources)

    made = spell(f"nn.MaxPool{rank}d{arguments}", site, **sources)
    border = call(f"nn.ConstantPad{rank}d", pads, windows.MINUS_INFINITY)
    return Lowered(apply=apply, module=call("nn.Sequential", border, made))


def _within_half(step: Step) -> bool:
    op: Any = step.op
    pairs = windows.resolved(step)
    return windows.symmetric(step) and all(2 * lo <= k for (lo, _), k in zip(pairs, op.kernel_size, strict=True))


def avg_pool(site: Site) -> Lowered:
    """Whether padding counts is said wherever there is any; one-sided padding is a step of its own."""
    rank = site.op.rank
    arguments = "(*, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)"
    if site.every(_within_half):
        sources: dict[str, Any] = {"padding": windows.before}
        if site.every(windows.unpadded):
            sources["count_include_pad"] = True
        return function(f"F.avg_pool{rank}d{arguments}", f"nn.AvgPool{rank}d{arguments}", **sources)(site)
    pooled = f"F.avg_pool{rank}d{arguments}"
    sources = {"padding": 0, "ceil_mode": False, "count_include_pad": True}
    counts = site.every(lambda step: step.op.count_include_pad)
    inside = site.every(lambda step: windows.fitted(step) == windows.resolved(step))
    whole = windows.flat_pads(site, last_first=True, pads=windows.fitted)
    if counts and inside:
        made = call("nn.Sequential", call(f"nn.ConstantPad{rank}d", whole, literal(0)),
                    spell(f"nn.AvgPool{rank}d{arguments}", site, **sources))  # fmt: skip
        return Lowered(
            apply=lambda own, inputs: spell(pooled, site, (call("F.pad", inputs[0], whole),), **sources), module=made
        )

    border = windows.resolved if counts else _no_pads
    around = windows.flat_pads(site, last_first=True, pads=border, name="border")
    rest = windows.flat_pads(site, last_first=True, pads=lambda step: _minus(windows.fitted(step), border(step)))
    stride = site.attr("kernel_size" if site.op.stride is None else "stride")

    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        arguments = {"kernel_size": site.attr("kernel_size"), "stride": stride, "padding": rest}
        return call(f"partial_avg_pool{rank}d", inputs[0], **arguments, **({"border": around} if counts else {}))

    return Lowered(apply=apply)


def _no_pads(step: Step) -> windows.Pairs:
    return tuple((0, 0) for _ in windows.resolved(step))


def _minus(a: windows.Pairs, b: windows.Pairs) -> windows.Pairs:
    return tuple((x[0] - y[0], x[1] - y[1]) for x, y in zip(a, b, strict=True))


def global_pool(name: str, module: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        dims = tuple(range(2, site.inputs[0].rank))
        shown = literal(dims if len(dims) > 1 else dims[0])
        keep = site.every(lambda step: step.op.keepdims)
        made = call(f"nn.{module}{len(dims)}d", literal(1))
        whole = made if keep else call("nn.Sequential", made, call("nn.Flatten"))
        options = {"keepdim": literal(True)} if keep else {}
        return Lowered(apply=lambda own, inputs: method(inputs[0], name, shown, **options), module=whole)

    return lower


ROWS: Final[dict[str, Lowering]] = {
    "max_pool1d": max_pool,
    "max_pool2d": max_pool,
    "avg_pool1d": avg_pool,
    "avg_pool2d": avg_pool,
    "adaptive_avg_pool1d": function("F.adaptive_avg_pool1d(output_size)", "nn.AdaptiveAvgPool1d(output_size)"),
    "adaptive_avg_pool2d": function("F.adaptive_avg_pool2d(output_size)", "nn.AdaptiveAvgPool2d(output_size)"),
    "adaptive_max_pool1d": function("F.adaptive_max_pool1d(output_size)", "nn.AdaptiveMaxPool1d(output_size)"),
    "adaptive_max_pool2d": function("F.adaptive_max_pool2d(output_size)", "nn.AdaptiveMaxPool2d(output_size)"),
    "global_avg_pool1d": global_pool("mean", "AdaptiveAvgPool"),
    "global_avg_pool2d": global_pool("mean", "AdaptiveAvgPool"),
    "global_max_pool1d": global_pool("amax", "AdaptiveMaxPool"),
    "global_max_pool2d": global_pool("amax", "AdaptiveMaxPool"),
}  # fmt: skip
