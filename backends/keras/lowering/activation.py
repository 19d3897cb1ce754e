"""Activations that need more than a rename, and dropout."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import Call, Raw, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import held
from archspec.emit.signature import spell
from archspec.errors import BackendError
from archspec.ops.base import resolve_axis

from .rows import (
    anywhere,
    axis_of,
    image_layer,
    signed,
)


def leaky_relu(site: Site) -> Lowered:
    if not site.every(lambda step: step.op.negative_slope >= 0):
        raise BackendError(f"its slope is not negative, as {site.op.negative_slope:g} is")
    return anywhere("layers.LeakyReLU(*, negative_slope=0.3)")(site)


def prelu(site: Site) -> Lowered:
    wire = site.inputs[0]
    shared = site.op.per_channel
    axes = list(range(1, wire.rank - 1)) if shared else list(range(1, wire.rank))
    made = spell("layers.PReLU(*, shared_axes=None)", site, shared_axes=literal(axes) if axes else None)
    shape = (*(1,) * (wire.rank - 2), -1)
    return image_layer(site, made, {"weight": ("alpha", lambda step: (("reshape", shape),))})


def softmax(site: Site) -> Lowered:
    axis = axis_of(site, resolve_axis(site.op.axis, site.inputs[0].rank))
    layouts = (signed(site, held(site.inputs[0])),)
    if site.op.key == "softmax":
        made = spell("layers.Softmax(*, axis=-1)", site, axis=axis)
        return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made}, layouts=layouts)
    return Lowered(lambda own, inputs: call("ops.log_softmax", inputs[0], axis=literal(axis)), layouts=layouts)


def softplus(site: Site) -> Lowered:
    beta, threshold = site.attr("beta"), site.attr("threshold")
    layouts = (signed(site, held(site.inputs[0])),)
    return Lowered(lambda own, inputs: call("softplus", inputs[0], beta, threshold), layouts=layouts)


def gelu(site: Site) -> Lowered:
    """Keras' own, whose constants are float32 even in float64 models."""
    layouts = (held(site.inputs[0]).plain(),)
    if site.every(lambda step: step.op.approximate == "tanh"):
        return Lowered(lambda own, inputs: call("ops.gelu", inputs[0], approximate=literal(True)), layouts=layouts,
                       inexact=1e-8)  # fmt: skip
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": call("layers.Activation", literal("gelu"))},
                   layouts=layouts, inexact=1e-8)  # fmt: skip


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
    "relu": anywhere("layers.ReLU()"),
    "relu6": relu6,
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "elu": anywhere("layers.ELU(*, alpha=1.0)"),
    "selu": activation("selu"),
    "gelu": gelu,
    "silu": activation("silu"),
    "mish": activation("mish"),
    "sigmoid": activation("sigmoid"),
    "tanh": activation("tanh"),
    "hard_sigmoid": activation("hard_sigmoid"),
    "hard_swish": activation("hard_swish"),
    "softplus": softplus,
    "softmax": softmax,
    "log_softmax": softmax,
}
