"""Activations."""

from __future__ import annotations

from typing import Any, Final

from archspec.emit.code import Code, Template, call
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function, layer
from archspec.graph.tree import Step

from .rows import axis, in_channels


def activation(name: str, module: str, arguments: str = "", **sources: Any) -> Lowering:
    return function(f"{name}({arguments})", f"nn.{module}({arguments})", **sources)


def inexact(row: Lowering, bound: float) -> Lowering:
    """A row whose native operation holds constants as float32 even in float64 models."""

    def lower(site: Site) -> Lowered:
        lowered = row(site)
        lowered.inexact = lowered.inexact_gradient = bound
        return lowered

    return lower


def _elements(step: Step) -> list[int]:
    return list(step.inputs[0].shape[1:])


def prelu(site: Site) -> Lowered:
    """The gradient of Paddle's own by the slope crashes where its input needs none."""
    if site.same(lambda step: step.op.per_element, "per_element"):
        return layer("ElementPReLU(shape)", shape=lambda site: site.value(_elements, "shape"))(site)
    count = in_channels if site.same(lambda step: step.op.per_channel, "per_channel") else 1
    return layer("PReLU(*, num_parameters=1)", {"weight": "_weight"}, num_parameters=count)(site)


def is_tanh(site: Site) -> Code:
    return site.value(lambda step: step.op.approximate == "tanh", "approximate")


def softmin(site: Site) -> Lowered:
    where = axis()(site)
    return Lowered(apply=lambda own, inputs: call("F.softmax", Template("-{0}", tuple(inputs)), axis=where))


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
    "celu": function("celu(alpha)"),
    "selu": inexact(activation("F.selu", "SELU"), 1e-7),
    "gelu": activation("F.gelu", "GELU", "*, approximate=False", approximate=is_tanh),
    "silu": function("silu()", "SiLU()"),
    "mish": activation("F.mish", "Mish"),
    "sigmoid": activation("F.sigmoid", "Sigmoid"),
    "log_sigmoid": activation("F.log_sigmoid", "LogSigmoid"),
    "tanh": activation("F.tanh", "Tanh"),
    "hard_sigmoid": function("hard_sigmoid()"),
    "hard_swish": activation("F.hardswish", "Hardswish"),
    "hard_tanh": activation("F.hardtanh", "Hardtanh", "*, min=-1.0, max=1.0", min="minimum", max="maximum"),
    "softsign": activation("F.softsign", "Softsign"),
    "threshold": activation("F.thresholded_relu", "ThresholdedReLU", "*, threshold=1.0, value=0.0"),
    "hard_shrink": function("hard_shrink(threshold)"),
    "soft_shrink": activation("F.softshrink", "Softshrink", "*, threshold=0.5"),
    "tanh_shrink": activation("F.tanhshrink", "Tanhshrink"),
    "softplus": activation("F.softplus", "Softplus", "*, beta=1.0, threshold=20.0"),
    # On CPUs it takes a distance of more than 64 from the maximum for 64: an error of 1.6e-28.
    "softmax": activation("F.softmax", "Softmax", "*, axis=-1", axis=axis()),
    "softmin": softmin,
    "log_softmax": log_softmax,
    "glu": activation("F.glu", "GLU", "*, axis=-1", axis=axis()),
    "swiglu": function("swiglu(*, axis)", axis=axis()),
    "reglu": function("reglu(*, axis)", axis=axis()),
    "quick_gelu": function("quick_gelu()"),
    "squared_relu": function("squared_relu()"),
}  # fmt: skip
