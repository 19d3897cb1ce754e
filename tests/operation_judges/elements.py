"""Who judges activations and arithmetic: PyTorch's functions."""

from __future__ import annotations

from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 (as PyTorch's own documentation has it)
from torch import nn

from .common import Attributes, Judge, given, held, number

TORCH: Final = "torch.nn.functional"


def activation(name: str, *attributes: str, **renamed: str) -> Judge:
    """A function of PyTorch, with the attributes that a spec gives by PyTorch's names."""
    return Judge(f"{TORCH}.{name}", lambda a, x: getattr(F, name)(x, **given(a, *attributes, **renamed)))


def along(name: str, dim: int = -1) -> Judge:
    """The same along an axis."""
    return Judge(f"{TORCH}.{name}", lambda a, x: getattr(F, name)(x, dim=number(a.get("axis", dim), x.ndim)))


def prelu(a: Attributes, x: Any, **weights: Any) -> Any:
    """A slope for each channel, as in the paper; PyTorch's default is a single one."""
    if a.get("per_element"):  # elements as channels
        flat = held(nn.PReLU(x[0].numel()), {"weight": weights["weight"].flatten()})(x.flatten(1))
        return flat.reshape(x.shape)
    return held(nn.PReLU(x.shape[1] if a.get("per_channel", True) else 1), weights)(x)


def swiglu(a: Attributes, x: Any) -> Any:
    first, second = x.chunk(2, number(a.get("axis", -1), x.ndim))
    return F.silu(first) * second


def reglu(a: Attributes, x: Any) -> Any:
    first, second = x.chunk(2, number(a.get("axis", -1), x.ndim))
    return F.relu(first) * second


def unary(name: str) -> Judge:
    return Judge(f"torch.{name}", lambda a, x: getattr(torch, name)(x))


def several(name: str) -> Judge:
    """A function of PyTorch of two inputs or more, or of one and a constant."""
    function = getattr(torch, name)

    def ask(a: Attributes, x: Any, *others: Any) -> Any:
        constant = () if others else (torch.tensor(a["value"], dtype=x.dtype),)
        y, *more = (*constant, x) if a.get("value_first", False) else (x, *others, *constant)
        for other in more:
            y = function(y, other)
        return y

    return Judge(f"torch.{name}", ask)


ACTIVATIONS: Final[dict[str, Judge]] = {
    **{key: activation(key) for key in ("relu", "relu6", "selu", "silu", "mish", "softsign")},
    "sigmoid": unary("sigmoid"),
    "tanh": unary("tanh"),
    "log_sigmoid": activation("logsigmoid"),
    "hard_sigmoid": activation("hardsigmoid"),
    "hard_swish": activation("hardswish"),
    "tanh_shrink": activation("tanhshrink"),
    "leaky_relu": activation("leaky_relu", "negative_slope"),
    "elu": activation("elu", "alpha"),
    "celu": activation("celu", "alpha"),
    "gelu": activation("gelu", "approximate"),
    "softplus": activation("softplus", "beta", "threshold"),
    "hard_tanh": activation("hardtanh", minimum="min_val", maximum="max_val"),
    "hard_shrink": activation("hardshrink", threshold="lambd"),
    "soft_shrink": activation("softshrink", threshold="lambd"),
    "threshold": Judge(  # the default is that of ONNX' ThresholdedRelu, which has no other
        f"{TORCH}.threshold", lambda a, x: F.threshold(x, a["threshold"], a.get("value", 0.0))
    ),
    "prelu": Judge("torch.nn.PReLU", prelu),
    **{key: along(key) for key in ("softmax", "softmin", "log_softmax", "glu")},
    "swiglu": Judge(f"{TORCH}.silu", swiglu),
    "reglu": Judge(f"{TORCH}.relu", reglu),
    "quick_gelu": Judge("torch.sigmoid", lambda a, x: x * torch.sigmoid(1.702 * x)),
    "squared_relu": Judge(f"{TORCH}.relu", lambda a, x: F.relu(x) ** 2),
}

COMPARISONS: Final = {
    "equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge",
}  # fmt: skip
ARITHMETIC: Final = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "power": "pow", "mod": "remainder",
    "maximum": "maximum", "minimum": "minimum",
}  # fmt: skip
ELEMENTWISE: Final[dict[str, Judge]] = {
    **{
        key: unary(key)
        for key in "abs neg sign square sqrt rsqrt reciprocal exp log log1p sin cos erf floor ceil round"
        " tan asin acos atan sinh cosh asinh atanh expm1 log2 log10 trunc".split()
    },
    **{key: several(name) for key, name in {**ARITHMETIC, **COMPARISONS}.items()},
    "atan2": several("atan2"),
    "logaddexp": several("logaddexp"),
    "clip": Judge("torch.clamp", lambda a, x: x.clamp(**given(a, minimum="min", maximum="max"))),
    **{f"logical_{key}": several(f"logical_{key}") for key in ("and", "or", "xor")},
    "logical_not": unary("logical_not"),
    "where": Judge("torch.where", lambda a, condition, x, y: torch.where(condition, x, y)),
}

JUDGES: Final[dict[str, Judge]] = {**ACTIVATIONS, **ELEMENTWISE}
