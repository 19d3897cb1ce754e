"""Activations."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from archspec.emit.code import Call, Raw, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import channels_last, held
from archspec.emit.signature import spell

from .rows import (
    anywhere,
    applied,
    axis,
    image_layer,
    signed,
)


def leaky_relu(site: Site) -> Lowered:
    """The layer takes no negative slope."""
    if site.every(lambda step: step.op.negative_slope >= 0):
        return anywhere("layers.LeakyReLU(*, negative_slope=0.3)")(site)
    return applied("ops.leaky_relu(*, negative_slope=0.2)")(site)


def prelu(site: Site) -> Lowered:
    wire = site.inputs[0]
    if site.same(lambda step: step.op.per_element, "per_element"):
        order = tuple(axis - 1 for axis in channels_last(wire.rank).axes[1:])
        lay = {"weight": ("alpha", lambda step: (("transpose", order),))}
        return image_layer(site, call("layers.PReLU"), lay, sized=True)
    shared = site.same(lambda step: step.op.per_channel, "per_channel")
    axes = list(range(1, wire.rank - 1)) if shared else list(range(1, wire.rank))
    made = spell("layers.PReLU(*, shared_axes=None)", site, shared_axes=literal(axes) if axes else None)
    shape = (*(1,) * (wire.rank - 2), -1)
    return image_layer(site, made, {"weight": ("alpha", lambda step: (("reshape", shape),))})


def softmax(site: Site) -> Lowered:
    if site.inputs[0].rank > 5:
        return probabilities("")(site)
    made = spell("layers.Softmax(*, axis=-1)", site, axis=axis())
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                   layouts=(signed(site, held(site.inputs[0])),))  # fmt: skip


def along(name: str, sign: str = "") -> Lowering:
    """A function along one axis, of the input or its negative."""

    def lower(site: Site) -> Lowered:
        where = axis()(site)
        return Lowered(lambda own, inputs: call(name, Template(sign + "{0}", tuple(inputs)), axis=where),
                       layouts=(signed(site, held(site.inputs[0])),))  # fmt: skip

    return lower


def probabilities(sign: str) -> Lowering:
    """Softmax of the input or its negative. Of more than five axes TensorFlow knows the logarithm alone."""

    def lower(site: Site) -> Lowered:
        if site.inputs[0].rank <= 5:
            return along("ops.softmax", sign)(site)
        lowered = along("ops.log_softmax", sign)(site)
        logarithm = lowered.apply
        return replace(lowered, apply=lambda own, inputs: call("ops.exp", logarithm(own, inputs)))

    return lower


def by_name(name: str, row: Lowering) -> Lowering:
    """A row for what Keras also knows by a name, which a block can be told."""

    def lower(site: Site) -> Lowered:
        return (activation(name) if site.chosen else row)(site)

    return lower


def softplus(site: Site) -> Lowered:
    beta, threshold = site.attr("beta"), site.attr("threshold")
    layouts = (signed(site, held(site.inputs[0])),)
    return Lowered(lambda own, inputs: call("softplus", inputs[0], beta, threshold), layouts=layouts)


def gelu(site: Site) -> Lowered:
    """Keras' own, whose constants are float32 even in float64 models."""
    layouts = (held(site.inputs[0]).plain(),)
    if site.same(lambda step: step.op.approximate, "approximate") == "tanh":
        return Lowered(lambda own, inputs: call("ops.gelu", inputs[0], approximate=literal(True)), layouts=layouts,
                       inexact=1e-8, inexact_gradient=1e-8)  # fmt: skip
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": call("layers.Activation", literal("gelu"))},
                   layouts=layouts, inexact=1e-8, inexact_gradient=1e-8)  # fmt: skip


def relu6(site: Site) -> Lowered:
    made = call("layers.ReLU", Raw("6.0"))
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                   layouts=(signed(site, held(site.inputs[0])),))  # fmt: skip


def activation(name: str, inexact: float = 0.0) -> Lowering:
    def lower(site: Site) -> Lowered:
        made = call("layers.Activation", literal(name))
        return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                       layouts=(signed(site, held(site.inputs[0])),), inexact=inexact)  # fmt: skip

    return lower


ROWS: Final[dict[str, Lowering]] = {
    "relu": by_name("relu", anywhere("layers.ReLU()")),
    "relu6": by_name("relu6", relu6),
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "elu": anywhere("layers.ELU(*, alpha=1.0)"),
    "celu": applied("celu(alpha)"),
    "selu": activation("selu"),
    "gelu": gelu,
    "silu": activation("silu"),
    "mish": activation("mish"),
    "sigmoid": activation("sigmoid"),
    "log_sigmoid": activation("log_sigmoid"),
    "tanh": activation("tanh"),
    "hard_sigmoid": activation("hard_sigmoid"),
    "hard_swish": activation("hard_swish"),
    "hard_tanh": applied("ops.clip(x_min, x_max)", x_min="minimum", x_max="maximum"),
    "softsign": activation("softsign"),
    "threshold": applied("ops.threshold(threshold, default_value)", default_value="value"),
    "hard_shrink": applied("ops.hard_shrink(*, threshold=0.5)"),
    "soft_shrink": applied("ops.soft_shrink(*, threshold=0.5)"),
    "tanh_shrink": activation("tanh_shrink"),
    "softplus": softplus,
    "softmax": softmax,
    "softmin": probabilities("-"),
    "log_softmax": along("ops.log_softmax"),
    "glu": applied("ops.glu(*, axis=-1)", axis=axis()),
    "swiglu": applied("swiglu(*, axis)", axis=axis()),
    "reglu": applied("reglu(*, axis)", axis=axis()),
    "quick_gelu": applied("quick_gelu()"),
    "squared_relu": applied("squared_relu()"),
}
