"""Convolutions."""

from __future__ import annotations

from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Call, Code, call, literal
from archspec.emit.context import Lowered, Lowering, Site, WeightPlace, symbols
from archspec.emit.signature import bindings, own_layer, spell
from archspec.graph.tree import Step

from .rows import in_channels


def conv(site: Site) -> Lowered:
    """PyTorch's layers pad both sides alike; another padding is a step of its own before the layer."""
    return padded(site, conv_text(site), in_channels=in_channels)


def conv_text(site: Site) -> str:
    return (f"nn.Conv{site.op.rank}d(in_channels, out_channels, *, kernel_size, stride=1, padding=0, dilation=1, "
            "groups=1, bias=True)")  # fmt: skip


def masked(site: Site) -> Lowered:
    text = ("MaskedConv2d(in_channels, out_channels, *, mask, kernel_size, stride=1, padding=0, dilation=1, groups=1, "
            "bias=True)")  # fmt: skip
    return padded(site, text, in_channels=in_channels)


def _pads_same(step: Step) -> bool:
    """Whether `pad_same` knows the padding."""
    op: Any = step.op
    return op.padding == "same" and max(op.dilation) == 1 and len({*op.kernel_size}) == len({*op.stride}) == 1


def padded(site: Site, text: str, **sources: Any) -> Lowered:
    if site.every(windows.symmetric):
        return own_layer(spell(text, site, padding=windows.before, **sources), site)
    made = spell(text, site, padding=0, **sources)
    pads = windows.flat_pads(site, last_first=True)
    rank = site.op.rank
    if symbols(pads) and site.every(_pads_same):
        sizes = (site.attr("kernel_size"), site.attr("stride"))
        return Lowered(
            apply=lambda own, inputs: Call(own[""], (call("pad_same", inputs[0], *sizes),)),
            layers={"": made},
            weights=bindings(site, {}),
        )
    return Lowered(
        apply=lambda own, inputs: Call(own[""], (call("F.pad", inputs[0], pads),)),
        layers={"": made},
        module=call("nn.Sequential", call(f"nn.ConstantPad{rank}d", pads, literal(0)), made),
        places={"": "1"},
        weights=bindings(site, {}),
    )


def depthwise(site: Site) -> Lowered:
    sources = {"in_channels": in_channels, "groups": in_channels, "out_channels": depthwise_channels}
    return padded(site, conv_text(site), **sources)


def depthwise_channels(site: Site) -> Code:
    return site.value(lambda step: step.inputs[0].shape[1] * step.op.multiplier, "channels")


def separable(site: Site) -> Lowered:
    """Two convolutions: one per channel, without bias, and one across channels, of size 1."""
    sources = {"in_channels": in_channels, "groups": in_channels, "out_channels": depthwise_channels}
    first = padded(site, conv_text(site), **sources, bias=False)
    layer, channels = f"nn.Conv{site.op.rank}d", depthwise_channels(site)
    second = call(layer, channels, site.attr("out_channels"), kernel_size=literal(1))
    if not site.every(lambda step: step.op.bias):
        second = Call(second.target, second.args, (*second.kwargs, ("bias", site.attr("bias"))))
    weights = {
        "depthwise_weight": WeightPlace("depthwise", "weight"),
        "pointwise_weight": WeightPlace("pointwise", "weight"),
        "bias": WeightPlace("pointwise", "bias"),
    }
    return Lowered(
        apply=lambda own, inputs: Call(own["pointwise"], (first.apply({"": own["depthwise"]}, inputs),)),
        layers={"depthwise": first.layers[""], "pointwise": second},
        module=None if first.module is None else call("nn.Sequential", first.module, second),
        places={"depthwise": f"0.{first.places[''] if first.places else ''}".rstrip("."), "pointwise": "1"},
        weights={name: weights[name] for name in bindings(site, {})},
    )


def conv_transpose(site: Site) -> Lowered:
    """PyTorch crops both sides alike; another crop comes after the layer."""
    rank = site.op.rank
    text = (f"nn.ConvTranspose{rank}d(in_channels, out_channels, *, kernel_size, stride=1, padding=0, "
            "output_padding=0, groups=1, bias=True, dilation=1)")  # fmt: skip
    if site.every(windows.symmetric):
        return own_layer(spell(text, site, in_channels=in_channels, padding=windows.before), site)
    made = spell(text, site, in_channels=in_channels, padding=0)
    crop = site.value(windows.crops, "crop")
    return Lowered(
        apply=lambda own, inputs: call("F.pad", Call(own[""], tuple(inputs)), crop),
        layers={"": made},
        module=call("nn.Sequential", made, call(f"nn.ConstantPad{rank}d", crop, literal(0))),
        places={"": "0"},
        weights=bindings(site, {}),
    )


ROWS: Final[dict[str, Lowering]] = {
    "conv1d": conv,
    "conv2d": conv,
    "conv3d": conv,
    "masked_conv2d": masked,
    "depthwise_conv1d": depthwise,
    "depthwise_conv2d": depthwise,
    "separable_conv1d": separable,
    "separable_conv2d": separable,
    "conv_transpose1d": conv_transpose,
    "conv_transpose2d": conv_transpose,
    "conv_transpose3d": conv_transpose,
}  # fmt: skip
