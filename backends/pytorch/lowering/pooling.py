"""Pools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Code, Number, call, literal, method
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
    if site.every(lambda step: _within_half(step) and _within_volume(step)):
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
        return call("partial_avg_pool", inputs[0], **arguments, **({"border": around} if counts else {}))

    return Lowered(apply=apply)


def _within_volume(step: Step) -> bool:
    """Whether PyTorch takes the kernel: one that is larger than a volume, it refuses, whatever the padding."""
    op: Any = step.op
    sizes = step.inputs[0].shape[2:]
    return len(sizes) < 3 or all(k <= size for k, size in zip(op.kernel_size, sizes, strict=True))


def _no_pads(step: Step) -> windows.Pairs:
    return tuple((0, 0) for _ in windows.resolved(step))


def _minus(a: windows.Pairs, b: windows.Pairs) -> windows.Pairs:
    return tuple((x[0] - y[0], x[1] - y[1]) for x, y in zip(a, b, strict=True))


def lp_pool(site: Site) -> Lowered:
    """PyTorch adds up x^p and not |x|^p, and takes what `ceil_mode` reaches beyond the input for more of the same; so
    there are absolute values, unless p is even, and zeros before it."""
    rank = site.op.rank
    arguments = "(norm_type, *, kernel_size, stride=None, ceil_mode=False)"
    even = site.every(lambda step: step.op.norm_type % 2 == 0)
    inside = site.every(lambda step: windows.fitted(step) == _no_pads(step))
    pads = windows.flat_pads(site, last_first=True, pads=windows.fitted)
    sources: dict[str, Any] = {"norm_type": norm_type, "ceil_mode": False}
    if rank == 1:
        sources["kernel_size"] = lambda s: s.value(lambda step: step.op.kernel_size[0], "kernel_size")

    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        code = inputs[0] if inside else call("F.pad", inputs[0], pads)
        return spell(f"F.lp_pool{rank}d{arguments}", site, (code if even else method(code, "abs"),), **sources)

    made = spell(f"nn.LPPool{rank}d{arguments}", site, **sources)
    whole = made if inside else call("nn.Sequential", call(f"nn.ConstantPad{rank}d", pads, literal(0)), made)
    return Lowered(apply=apply, module=whole if even else None)


def norm_type(site: Site) -> Code:
    """The p of a norm; a whole number as people write it."""
    code = site.attr("norm_type")
    return literal(int(code.value)) if isinstance(code, Number) and code.value.is_integer() else code


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


def each(name: str, row: Lowering) -> dict[str, Lowering]:
    """A row for one, two and three axes."""
    return {f"{name}{rank}d": row for rank in (1, 2, 3)}


def adaptive(kind: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        rank = site.op.rank
        text = f"F.adaptive_{kind.lower()}_pool{rank}d(output_size)"
        return function(text, f"nn.Adaptive{kind}Pool{rank}d(output_size)")(site)

    return lower


ROWS: Final[dict[str, Lowering]] = {
    **each("max_pool", max_pool),
    **each("avg_pool", avg_pool),
    **each("lp_pool", lp_pool),
    **each("adaptive_avg_pool", adaptive("Avg")),
    **each("adaptive_max_pool", adaptive("Max")),
    **each("global_avg_pool", global_pool("mean", "AdaptiveAvgPool")),
    **each("global_max_pool", global_pool("amax", "AdaptiveMaxPool")),
}
