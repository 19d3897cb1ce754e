"""How the weights of PyTorch's layers begin by themselves, and what fills them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from archspec.emit.dialect import Starts
from archspec.ops.initializers import Fans, Initializer
from archspec.spec.initial import initializer

TRANSPOSED: Final = frozenset({"nn.ConvTranspose1d", "nn.ConvTranspose2d", "nn.ConvTranspose3d"})
_KERNELS: Final = frozenset({"nn.Linear", "nn.Conv1d", "nn.Conv2d", "nn.Conv3d"})
TABLES: Final = "LearnedPositions", "RelativePositionBias", "BucketedPositionBias"
_BY_NAME: Final = {
    **{kind: {"weight": "constant(0.25)"} for kind in ("nn.PReLU", "ElementPReLU")},
    "nn.Embedding": {"weight": "normal(1)"},
    "nn.MultiheadAttention": {"in_proj_bias": "zeros", "out_proj.bias": "zeros",
                              "out_proj.weight": "uniform(1 / sqrt(fan_in))"},
    **{kind: dict.fromkeys(("weight", "bias"), "uniform(1 / sqrt(fan_in))") for kind in _KERNELS},
    **{kind: dict.fromkeys(("weight", "bias"), "uniform(1 / sqrt(fan_out))") for kind in TRANSPOSED},
    **{kind: {"weight": "normal(0.02)"} for kind in TABLES},
}  # fmt: skip
_NORMALIZATION: Final = {"weight": "ones", "bias": "zeros", "running_mean": "zeros", "running_var": "ones"}


def default(kind: str, name: str) -> Initializer | None:
    """How a weight begins in PyTorch 2, as its layers' `reset_parameters` have it."""
    text = (_NORMALIZATION if "Norm" in kind else _BY_NAME.get(kind, {})).get(name)
    return initializer(text) if text else None


def fans(kind: str) -> Mapping[str, str] | None:
    """A kernel has the axes out, in, ..., one of a transposed convolution in, out, ...."""
    rows, columns = "{0}.weight[:, 0].numel()", "{0}.weight[0].numel()"
    if kind in TRANSPOSED:
        return {"fan_in": rows, "fan_out": columns, "divided": "fan_in", "groups": "{0}.groups"}
    if kind in _KERNELS or kind == "nn.Embedding":
        return {"fan_in": columns, "fan_out": rows, "divided": "fan_out", "groups": "{0}.groups"}
    return None


def seen(kind: str, fans: Fans) -> tuple[int, int]:
    """PyTorch takes the first axis of a weight for all outputs, and the second for the inputs of one group."""
    return (
        (fans.fan_out, fans.fan_in * fans.groups) if kind in TRANSPOSED else (fans.fan_in, fans.fan_out * fans.groups)
    )


STARTS: Final = Starts(
    layers="self.modules()",
    layer="module",
    function="nn.init.{}_",
    default=default,
    fans=fans,
    seen=seen,
    bases={
        "LayerNorm2d": "nn.LayerNorm",
        "MaskedConv2d": "nn.Conv2d",
        "ResetFirstGRU": "nn.GRU",
        **{f"FrozenBatchNorm{rank}d": f"nn.BatchNorm{rank}d" for rank in (1, 2, 3)},
    },
    inner={"nn.MultiheadAttention": "nn.Linear", "MultiHeadAttention": "nn.Linear"},
    optional={kind: ("bias",) for kind in (*_KERNELS, *TRANSPOSED) if kind != "nn.Linear"},
    untyped=("nn.RNN", "nn.LSTM", "nn.GRU"),
    lacking=("nn.RNN", "nn.LSTM", "nn.GRU"),
    named='{}.get_parameter("{}")',
    packed=3,
    chunks="{}.chunk(3)",
)
