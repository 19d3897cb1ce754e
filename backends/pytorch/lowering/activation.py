"""Activations."""

from __future__ import annotations

import re
from typing import Any, Final

from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function, layer
from archspec.expressions import float32
from archspec.graph.tree import Step

from .rows import axis, in_channels


def _elements(step: Step) -> tuple[int, ...]:
    return tuple(step.inputs[0].shape[1:])


def prelu(site: Site) -> Lowered:
    if site.same(lambda step: step.op.per_element, "per_element"):
        return layer("ElementPReLU(shape)", shape=lambda site: site.value(_elements, "shape"))(site)
    count = in_channels if site.same(lambda step: step.op.per_channel, "per_channel") else 1
    return layer("nn.PReLU(*, num_parameters=1)", num_parameters=count)(site)


def activation(name: str, module: str, arguments: str = "", **sources: Any) -> Lowering:
    return function(f"{name}({arguments})", f"nn.{module}({arguments})", **sources)


_FRESH: Final = re.compile(r"(depthwise_)?conv\dd|batch_norm|linear|add")
"""Operations whose result is their own, and whose gradient does not need it."""


_RECTIFIERS: Final = frozenset({"relu", "relu6", "silu", "hard_swish"})
"""Those that can."""


def in_place(site: Site) -> bool:
    """Whether the input may be overwritten, which saves memory and time: nothing else reads it."""
    (wire,) = site.inputs
    if not site.step.operations <= _RECTIFIERS:
        return False
    return bool(_FRESH.fullmatch(wire.producer)) and wire.uses == len(wire.consumers) == 1


def rectifier(name: str, module: str) -> Lowering:
    return activation(name, module, "*, inplace=False", inplace=in_place)


def celu(site: Site) -> Lowered:
    """The gradient of PyTorch's own has 1 / alpha as a float32 even in float64."""
    lowered = activation("F.celu", "CELU", "*, alpha=1.0")(site)
    if not site.every(lambda step: float32(1 / step.op.alpha) == 1 / step.op.alpha):
        lowered.inexact_gradient = 1e-7
    return lowered


def hard_sigmoid(site: Site) -> Lowered:
    """The gradient of PyTorch's own has 1 / 6 as a float32 even in float64."""
    lowered = activation("F.hardsigmoid", "Hardsigmoid")(site)
    lowered.inexact_gradient = 1e-8
    return lowered


ROWS: Final[dict[str, Lowering]] = {
    "relu": rectifier("F.relu", "ReLU"),
    "relu6": rectifier("F.relu6", "ReLU6"),
    "leaky_relu": activation("F.leaky_relu", "LeakyReLU", "*, negative_slope=0.01"),
    "prelu": prelu,
    "elu": activation("F.elu", "ELU", "*, alpha=1.0"),
    "celu": celu,
    "selu": activation("F.selu", "SELU"),
    "gelu": activation("F.gelu", "GELU", "*, approximate='none'"),
    "silu": rectifier("F.silu", "SiLU"),
    "mish": activation("F.mish", "Mish"),
    "sigmoid": activation("torch.sigmoid", "Sigmoid"),
    "log_sigmoid": activation("F.logsigmoid", "LogSigmoid"),
    "tanh": activation("torch.tanh", "Tanh"),
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": rectifier("F.hardswish", "Hardswish"),
    "hard_tanh": activation("F.hardtanh", "Hardtanh", "*, min_val=-1.0, max_val=1.0",
                            min_val="minimum", max_val="maximum"),
    "softsign": activation("F.softsign", "Softsign"),
    "threshold": activation("F.threshold", "Threshold", "threshold, value"),
    "hard_shrink": activation("F.hardshrink", "Hardshrink", "*, lambd=0.5", lambd="threshold"),
    "soft_shrink": activation("F.softshrink", "Softshrink", "*, lambd=0.5", lambd="threshold"),
    "tanh_shrink": activation("F.tanhshrink", "Tanhshrink"),
    "softplus": activation("F.softplus", "Softplus", "*, beta=1.0, threshold=20.0"),
    "softmax": activation("F.softmax", "Softmax", "*, dim=None", dim=axis()),
    "softmin": activation("F.softmin", "Softmin", "*, dim=None", dim=axis()),
    "log_softmax": activation("F.log_softmax", "LogSoftmax", "*, dim=None", dim=axis()),
    "glu": activation("F.glu", "GLU", "*, dim=-1", dim=axis()),
    "swiglu": function("swiglu(*, dim)", dim=axis()),
    "reglu": function("reglu(*, dim)", dim=axis()),
    "quick_gelu": function("quick_gelu()"),
    "squared_relu": function("squared_relu()"),
}  # fmt: skip
