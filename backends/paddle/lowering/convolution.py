"""Convolutions."""

from __future__ import annotations

from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Call, Code, call, literal
from archspec.emit.context import Lowered, Lowering, Site, WeightPlace, once
from archspec.emit.signature import bindings, own_layer, spell
from archspec.graph.tree import Step

from .rows import in_channels, padded, wanted
from .rows import pads as numbers

CONV: Final = "(in_channels, out_channels, *, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias_attr=None)"


def pads(site: Site) -> Code:
    # What Paddle calls SAME forgets the dilation.
    same = site.every(lambda step: step.op.padding == "same" and max(step.op.dilation) == 1)
    return literal("SAME") if same and not site.every(windows.symmetric) else numbers(site)


def conv(site: Site) -> Lowered:
    text = f"nn.Conv{site.op.rank}D{CONV}"
    return own_layer(spell(text, site, in_channels=in_channels, padding=pads, bias_attr=wanted("bias")), site)


def masked(site: Site) -> Lowered:
    text = ("MaskedConv2D(in_channels, out_channels, *, kernel_size, mask, stride=1, padding=0, dilation=1, groups=1, "
            "bias_attr=None)")  # fmt: skip
    return own_layer(spell(text, site, in_channels=in_channels, padding=pads, bias_attr=wanted("bias")), site)


def per_channel(site: Site, bias: Any) -> Call:
    sources = {"groups": in_channels, "out_channels": depthwise_channels, "bias_attr": bias}
    return spell(f"nn.Conv{site.op.rank}D{CONV}", site, in_channels=in_channels, padding=pads, **sources)


def depthwise(site: Site) -> Lowered:
    return own_layer(per_channel(site, wanted("bias")), site)


def depthwise_channels(site: Site) -> Code:
    return site.value(lambda step: step.inputs[0].shape[1] * step.op.multiplier, "channels")


def separable(site: Site) -> Lowered:
    """Two convolutions: one per channel, without bias, and one across channels, of size 1."""
    first = per_channel(site, False)
    second = spell(f"nn.Conv{site.op.rank}D{CONV}", site, in_channels=depthwise_channels, kernel_size=1, stride=1,
                   padding=0, dilation=1, groups=1, bias_attr=wanted("bias"))  # fmt: skip
    weights = {
        "depthwise_weight": WeightPlace("depthwise", "weight"),
        "pointwise_weight": WeightPlace("pointwise", "weight"),
        "bias": WeightPlace("pointwise", "bias"),
    }
    return Lowered(
        apply=lambda own, inputs: Call(own["pointwise"], (Call(own["depthwise"], tuple(inputs)),)),
        layers={"depthwise": first, "pointwise": second},
        module=call("nn.Sequential", first, second),
        places={"depthwise": "0", "pointwise": "1"},
        weights={name: weights[name] for name in bindings(site, {})},
    )


def conv_transpose(site: Site) -> Lowered:
    """Paddle's `output_padding` is less than the stride. More of it is zeros at the end of the input: each adds a
    stride to the output."""
    rank = site.op.rank
    text = (f"nn.Conv{rank}DTranspose(in_channels, out_channels, *, kernel_size, stride=1, padding=0, "
            "output_padding=0, dilation=1, groups=1, bias_attr=None)")  # fmt: skip
    sources: dict[str, Any] = {"in_channels": in_channels, "padding": pads, "bias_attr": wanted("bias")}
    if site.every(lambda step: not any(_strides(step))):
        return own_layer(spell(text, site, **sources), site)
    made = spell(text, site, **sources, output_padding=lambda s: once(s.value(_left, "output_padding")))
    border = windows.flat_pads(site, last_first=True, pads=lambda step: tuple((0, n) for n in _strides(step)),
                               name="border")  # fmt: skip
    return Lowered(
        apply=lambda own, inputs: Call(own[""], (padded(inputs[0], border, rank),)),
        layers={"": made},
        module=call("nn.Sequential", call(f"nn.Pad{rank}D", border), made),
        places={"": "1"},
        weights=bindings(site, {}),
    )


def _strides(step: Step) -> tuple[int, ...]:
    """How many strides are in the output padding, per axis."""
    return tuple(more // stride for more, stride in zip(step.op.output_padding, step.op.stride, strict=True))


def _left(step: Step) -> tuple[int, ...]:
    """What is left of the output padding without them."""
    return tuple(more % stride for more, stride in zip(step.op.output_padding, step.op.stride, strict=True))


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
