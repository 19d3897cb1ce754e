"""Activations."""

from __future__ import annotations

from typing import Any, Final

from archspec.emit.code import Code, Infix, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function, layer

from .rows import axis, in_channels


def activation(name: str, module: str, arguments: str = "", **sources: Any) -> Lowering:
    return function(f"{name}({arguments})", f"nn.{module}({arguments})", **sources)


def inexact(row: Lowering, bound: float) -> Lowering:
    """A row whose native operation holds constants as float32 even in float64 models."""

    def lower(site: Site) -> Lowered:
        lowered = row(site)
        lowered.inexact = bound
        return lowered

    return lower


def hard_sigmoid(site: Site) -> Lowered:
    """The slope of Paddle's own is 0.1666667."""
    return Lowered(
        apply=lambda own, inputs: Infix("/", (call("F.relu6", Infix("+", (inputs[0], literal(3)))), literal(6)))
    )


def prelu(site: Site) -> Lowered:
    count = in_channels if site.op.per_channel else 1
    return layer("nn.PReLU(*, num_parameters=1)", {"weight": "_weight"}, num_parameters=count)(site)


def is_tanh(site: Site) -> Code:
    return site.value(lambda step: step.op.approximate == "tanh", "approximate")


def log_softmax(site: Site) -> Lowered:
    """Paddle's own takes a distance of more than 64 from the largest for 64."""
    where = axis()(site)
    return Lowered(apply=lambda own, inputs: call("exact_log_softmax", inputs[0], where))


ROWS: Final[dict[str, Lowering]] = {
    "relu": activation("F.relu", "ReLU"),
    "relu6": activation("F.relu6", "ReLU6"),
    "leaky_relu": activation("F.leaky_relu", "LeakyReLU", "*, negative_slope=0.01"),
    "prelu": prelu,
    "elu": activation("F.elu", "ELU", "*, alpha=1.0"),
    "selu": inexact(activation("F.selu", "SELU"), 1e-7),
    "gelu": activation("F.gelu", "GELU", "*, approximate=False", approximate=is_tanh),
    "silu": activation("F.swish", "Swish"),  # the gradient of F.silu is NaN from -89 down
    "mish": activation("F.mish", "Mish"),
    "sigmoid": activation("F.sigmoid", "Sigmoid"),
    "tanh": activation("F.tanh", "Tanh"),
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": activation("F.hardswish", "Hardswish"),
    "softplus": activation("F.softplus", "Softplus", "*, beta=1.0, threshold=20.0"),
    # On CPUs it takes a distance of more than 64 from the maximum for 64: an error of 1.6e-28.
    "softmax": activation("F.softmax", "Softmax", "*, axis=-1", axis=axis()),
    "log_softmax": log_softmax,
}  # fmt: skip
