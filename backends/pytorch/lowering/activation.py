"""Activations."""

from __future__ import annotations

from typing import Any, Final

from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function, layer

from .rows import axis, in_channels


def prelu(site: Site) -> Lowered:
    count = in_channels if site.op.per_channel else 1
    return layer("nn.PReLU(*, num_parameters=1)", num_parameters=count)(site)


def activation(name: str, module: str, arguments: str = "", **sources: Any) -> Lowering:
    return function(f"{name}({arguments})", f"nn.{module}({arguments})", **sources)


ROWS: Final[dict[str, Lowering]] = {
    "relu": activation("F.relu", "ReLU"),
    "relu6": activation("F.relu6", "ReLU6"),
    "leaky_relu": activation("F.leaky_relu", "LeakyReLU", "*, negative_slope=0.01"),
    "prelu": prelu,
    "elu": activation("F.elu", "ELU", "*, alpha=1.0"),
    "selu": activation("F.selu", "SELU"),
    "gelu": activation("F.gelu", "GELU", "*, approximate='none'"),
    "silu": activation("F.silu", "SiLU"),
    "mish": activation("F.mish", "Mish"),
    "sigmoid": activation("torch.sigmoid", "Sigmoid"),
    "tanh": activation("torch.tanh", "Tanh"),
    "hard_sigmoid": activation("F.hardsigmoid", "Hardsigmoid"),
    "hard_swish": activation("F.hardswish", "Hardswish"),
    "softplus": activation("F.softplus", "Softplus", "*, beta=1.0, threshold=20.0"),
    "softmax": activation("F.softmax", "Softmax", "*, dim=None", dim=axis()),
    "log_softmax": activation("F.log_softmax", "LogSoftmax", "*, dim=None", dim=axis()),
}  # fmt: skip
