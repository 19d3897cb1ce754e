"""How the weights of Paddle's layers begin by themselves, and what fills them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from archspec.emit.dialect import Starts
from archspec.ops.initializers import Fans, Initializer
from archspec.spec.initial import initializer

TRANSPOSED: Final = frozenset({"nn.Conv1DTranspose", "nn.Conv2DTranspose", "nn.Conv3DTranspose"})
_CONVOLUTIONS: Final = frozenset({"nn.Conv1D", "nn.Conv2D", "nn.Conv3D"})
_LINEAR: Final = {"weight": "xavier_uniform", "bias": "zeros"}
_BY_NAME: Final = {
    "nn.PReLU": {"_weight": "constant(0.25)"},
    "ElementPReLU": {"weight": "constant(0.25)"},
    "nn.Linear": _LINEAR,
    "nn.Embedding": {"weight": "xavier_uniform"},
    **{kind: {"bias": "zeros"} for kind in _CONVOLUTIONS | TRANSPOSED},
    **{
        kind: {"weight": "normal(0.02)"}
        for kind in ("LearnedPositions", "RelativePositionBias", "BucketedPositionBias")
    },
}
_NORMALIZATION: Final = {"weight": "ones", "scale": "ones", "bias": "zeros", "_mean": "zeros", "_variance": "ones"}


def default(kind: str, name: str) -> Initializer | None:
    """How a weight begins in Paddle 3."""
    _, inner, own = name.rpartition(".")
    known = _LINEAR if inner and "Attention" in kind else _NORMALIZATION if "Norm" in kind else _BY_NAME.get(kind, {})
    text = known.get(own)
    return initializer(text) if text else None


def fans(kind: str) -> Mapping[str, str] | None:
    """A kernel has the axes out, in, ..., one of a transposed convolution or a linear layer in, out, ...."""
    rows, columns = "{0}.weight[:, 0].size", "{0}.weight[0].size"
    if kind in TRANSPOSED:
        return {"fan_in": rows, "fan_out": columns, "divided": "fan_in", "groups": "{0}._groups"}
    if kind in _CONVOLUTIONS or kind == "nn.Embedding":
        return {"fan_in": columns, "fan_out": rows, "divided": "fan_out", "groups": "{0}._groups"}
    if kind == "nn.Linear":
        return {"fan_in": "{0}.weight.shape[0]", "fan_out": "{0}.weight.shape[1]", "divided": "", "groups": ""}
    return None


def seen(kind: str, fans: Fans) -> tuple[int, int]:
    """Paddle takes the first axis of a kernel for all outputs, the second for a group's inputs; but the first axis
    of any matrix for inputs."""
    if kind in _CONVOLUTIONS or kind in ("nn.Linear", "nn.Bilinear"):
        return fans.fan_in, fans.fan_out * fans.groups
    return fans.fan_out, fans.fan_in * fans.groups


STARTS: Final = Starts(
    layers="self.sublayers()",
    layer="layer",
    function="nn.init.{}_",
    default=default,
    fans=fans,
    seen=seen,
    bases={"LayerNorm2D": "nn.LayerNorm", "MaskedConv2D": "nn.Conv2D", "FrozenRowEmbedding": "nn.Embedding"},
    inner={"nn.MultiHeadAttention": "nn.Linear", "MultiHeadAttention": "nn.Linear"},
    lacking=("nn.SimpleRNN", "nn.LSTM", "nn.GRU"),
)
