"""From what people write in PyTorch to the spec's operations: by the name of a call, a function that raises it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from archspec.importing.rows import numbers, shapes
from archspec.importing.rows.numbers import BINARY

from . import layers
from .layers import Row, activation, along, dropout


def raiser(func: str) -> Row | None:
    """The function for a call: `nn.Conv2d`, `relu`, `__iadd__`."""
    return ROWS.get(func) or ROWS.get(_plain(func))


def _plain(func: str) -> str:
    """`add`, of `__add__`, `__iadd__`, `__radd__`, and `add_`."""
    name = func.strip("_")
    inner = name[1:]
    return inner if func.startswith("__") and name[:1] in "ir" and inner in BINARY else name


NAMES: Final[tuple[tuple[Row, str], ...]] = (
    (layers.linear, "nn.Linear nn.NonDynamicallyQuantizableLinear linear"),
    (layers.embedding, "nn.Embedding embedding"),
    (layers.one_hot, "one_hot"),
    (layers.attention, "nn.MultiheadAttention"),
    (layers.recurrent("lstm"), "nn.LSTM"),
    (layers.recurrent("gru"), "nn.GRU"),
    (layers.recurrent("rnn"), "nn.RNN"),
    (layers.batch_norm, "nn.BatchNorm1d nn.BatchNorm2d nn.BatchNorm3d batch_norm"),
    (layers.normalized("layer_norm"), "nn.LayerNorm layer_norm"),
    (layers.normalized("rms_norm"), "nn.RMSNorm rms_norm"),
    (layers.group_norm, "nn.GroupNorm group_norm"),
    (layers.instance_norm, "nn.InstanceNorm1d nn.InstanceNorm2d nn.InstanceNorm3d instance_norm"),
    (layers.response, "nn.LocalResponseNorm local_response_norm"),
    (layers.gelu, "nn.GELU gelu"),
    (layers.prelu, "nn.PReLU prelu"),
    (layers.interpolate, "nn.Upsample nn.UpsamplingBilinear2d nn.UpsamplingNearest2d interpolate"),
    (layers.shuffle("channel_shuffle", "groups"), "nn.ChannelShuffle channel_shuffle"),
    (layers.shuffle("pixel_shuffle", "upscale_factor"), "nn.PixelShuffle pixel_shuffle"),
    (layers.shuffle("pixel_unshuffle", "downscale_factor"), "nn.PixelUnshuffle pixel_unshuffle"),
    (dropout("dropout"), "nn.Dropout dropout"),
    (dropout("alpha_dropout"), "nn.AlphaDropout alpha_dropout"),
    (shapes.reshaped, "nn.Flatten nn.Unflatten flatten unflatten view reshape reshape_as view_as"),
    (shapes.permuted(shapes.given_order), "permute"),
    (shapes.permuted(shapes.transposed), "transpose swapaxes swapdims"),
    (shapes.permuted(shapes.last_two), "t T mT"),
    (shapes.permuted(shapes.moved_axis), "movedim moveaxis"),
    (shapes.expanded, "expand expand_as broadcast_to"),
    (shapes.unsqueeze, "unsqueeze"),
    (shapes.squeeze, "squeeze"),
    (shapes.joined("concat"), "cat concat concatenate"),
    (shapes.joined("stack"), "stack"),
    (shapes.pieces, "chunk split tensor_split split_with_sizes"),
    (shapes.unbind, "unbind"),
    (shapes.item, "getitem"),
    (shapes.padded, "pad"),
    (numbers.same, "nn.Identity clone"),
    (numbers.cast, "to float long double type type_as bool"),
    (numbers.clamp, "clamp clip"),
    (numbers.matmul, "matmul bmm"),
    (numbers.scaled_dot_product, "scaled_dot_product_attention"),
    (numbers.einsum, "einsum"),
    (numbers.where, "where"),
    (numbers.filled(0.0), "zeros_like"),
    (numbers.filled(1.0), "ones_like"),
    (numbers.axiswise("cumsum"), "cumsum"),
    (numbers.axiswise("flip"), "flip"),
    (numbers.axiswise("roll"), "roll"),
    (numbers.normalize, "normalize"),
    (numbers.extreme("max"), "max"),
    (numbers.extreme("min"), "min"),
    (numbers.reduced("argmax"), "argmax"),
    (numbers.reduced("argmin"), "argmin"),
    (numbers.reduced("max"), "amax"),
    (numbers.reduced("min"), "amin"),
    (numbers.binary("subtract"), "rsub"),
    (activation("logical_not"), "invert"),
)
"""What people write, by the row that raises it."""


def _rows() -> Mapping[str, Row]:
    rows = {name: row for row, names in NAMES for name in names.split()}
    rows |= {func: numbers.binary(op) for func, op in BINARY.items()}
    for rank in (1, 2, 3):
        for op, module, row in (
            ("conv", "Conv", layers.kernel(rank)),
            ("conv_transpose", "ConvTranspose", layers.kernel(rank, transposed=True)),
            ("max_pool", "MaxPool", layers.pool("max", rank)),
            ("avg_pool", "AvgPool", layers.pool("avg", rank)),
            ("adaptive_avg_pool", "AdaptiveAvgPool", layers.adaptive("avg", rank)),
            ("adaptive_max_pool", "AdaptiveMaxPool", layers.adaptive("max", rank)),
            ("dropout", "Dropout", dropout(f"dropout{rank}d")),
        ):
            rows[f"{op}{rank}d"] = rows[f"nn.{module}{rank}d"] = row
        for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular"):
            rows[f"nn.{kind}Pad{rank}d"] = shapes.padded
    for op, module, function, names in ACTIVATIONS:
        rows[f"nn.{module}"] = rows[function] = activation(op, **names)
    for op, module in (("softmax", "Softmax"), ("log_softmax", "LogSoftmax"), ("softmin", "Softmin"), ("glu", "GLU")):
        rows[f"nn.{module}"] = rows[op] = along(op)
    rows |= {op: activation(op) for op in ELEMENTWISE.split()}
    rows |= {op: numbers.reduced(op) for op in ("mean", "sum", "var", "std", "prod", "logsumexp")}
    return rows


ELEMENTWISE: Final = "abs neg sign square sqrt rsqrt reciprocal exp log log1p sin cos erf floor ceil round logical_not"
ACTIVATIONS: Final[tuple[tuple[str, str, str, dict[str, tuple[str, int]]], ...]] = (
    ("relu", "ReLU", "relu", {}), ("relu6", "ReLU6", "relu6", {}), ("silu", "SiLU", "silu", {}),
    ("mish", "Mish", "mish", {}), ("sigmoid", "Sigmoid", "sigmoid", {}),
    ("log_sigmoid", "LogSigmoid", "logsigmoid", {}),
    ("tanh", "Tanh", "tanh", {}), ("hard_sigmoid", "Hardsigmoid", "hardsigmoid", {}),
    ("hard_swish", "Hardswish", "hardswish", {}), ("softsign", "Softsign", "softsign", {}),
    ("selu", "SELU", "selu", {}), ("tanh_shrink", "Tanhshrink", "tanhshrink", {}),
    ("leaky_relu", "LeakyReLU", "leaky_relu", {"negative_slope": ("negative_slope", 1)}),
    ("elu", "ELU", "elu", {"alpha": ("alpha", 1)}), ("celu", "CELU", "celu", {"alpha": ("alpha", 1)}),
    ("hard_tanh", "Hardtanh", "hardtanh", {"minimum": ("min_val", 1), "maximum": ("max_val", 2)}),
    ("softplus", "Softplus", "softplus", {"beta": ("beta", 1), "threshold": ("threshold", 2)}),
    ("hard_shrink", "Hardshrink", "hardshrink", {"threshold": ("lambd", 1)}),
    ("soft_shrink", "Softshrink", "softshrink", {"threshold": ("lambd", 1)}),
    ("threshold", "Threshold", "threshold", {"threshold": ("threshold", 1), "value": ("value", 2)}),
)  # fmt: skip


ROWS: Final = _rows()
