"""From the nodes of ONNX to the spec's operations: by the name of a node's operator, a function that raises it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from archspec.importing.raising import Call, Refusal
from archspec.importing.rows import numbers, shapes

from . import arithmetic, layers, moving, recurrent
from .arithmetic import Row, simple


def raiser(func: str) -> Row | None:
    """The function for a node: of `Conv`, or `com.microsoft.FusedConv`, for which there is none."""
    return ROWS.get(func)


def _refused(call: Call) -> None:
    """A node of which not even the shapes are known."""
    raise Refusal(call.get("why"))


_SIMPLE: Final = {
    "Relu": "relu", "Selu": "selu", "Mish": "mish", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softsign": "softsign",
    "HardSwish": "hard_swish", "Abs": "abs", "Neg": "neg", "Sign": "sign", "Sqrt": "sqrt", "Reciprocal": "reciprocal",
    "Exp": "exp", "Log": "log", "Erf": "erf", "Sin": "sin", "Cos": "cos", "Tan": "tan", "Asin": "asin", "Acos": "acos",
    "Atan": "atan", "Sinh": "sinh", "Cosh": "cosh", "Asinh": "asinh", "Atanh": "atanh",
    "Floor": "floor", "Ceil": "ceil", "Round": "round", "Not": "logical_not", "Softplus": "softplus",
}  # fmt: skip
"""Operators that are an operation of one input, with nothing to say."""
_BINARY: Final = {
    "Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide", "Pow": "power", "Equal": "equal",
    "Less": "less", "LessOrEqual": "less_equal", "Greater": "greater", "GreaterOrEqual": "greater_equal",
    "And": "logical_and", "Or": "logical_or", "Xor": "logical_xor", "Mod": "mod",
}  # fmt: skip
_REDUCED: Final = {
    "ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "min", "ReduceProd": "prod",
    "ReduceLogSumExp": "logsumexp",
}  # fmt: skip

ROWS: Final[Mapping[str, Row]] = {
    **{func: simple(op) for func, op in _SIMPLE.items()},
    **{func: numbers.binary(op) for func, op in _BINARY.items()},
    **{func: arithmetic.reduced(op) for func, op in _REDUCED.items()},
    **{func: arithmetic.chained(op) for func, op in (("Sum", "add"), ("Max", "maximum"), ("Min", "minimum"))},
    **{func: recurrent.recurrent(op) for func, op in (("LSTM", "lstm"), ("GRU", "gru"), ("RNN", "rnn"))},
    "refused": _refused,
    "Conv": layers.convolution,
    "ConvTranspose": layers.transposed,
    "Gemm": layers.gemm,
    "MatMul": layers.product,
    "BatchNormalization": layers.batch_norm,
    "InstanceNormalization": layers.instance_norm,
    "LayerNormalization": layers.layer_norm,
    "GroupNormalization": layers.group_norm,
    "LRN": layers.response,
    "LpNormalization": layers.normalize,
    "MaxPool": layers.pool("max"),
    "AveragePool": layers.pool("avg"),
    "GlobalAveragePool": layers.global_pool("avg"),
    "GlobalMaxPool": layers.global_pool("max"),
    "PRelu": layers.prelu,
    "LeakyRelu": simple("leaky_relu", negative_slope=("alpha", 0.01)),
    "Elu": simple("elu", alpha=("alpha", 1.0)),
    "Celu": simple("celu", alpha=("alpha", 1.0)),
    "Gelu": simple("gelu", approximate=("approximate", "none")),
    "ThresholdedRelu": simple("threshold", threshold=("alpha", 1.0)),
    "HardSigmoid": arithmetic.hard_sigmoid,
    "Shrink": arithmetic.shrink,
    "Clip": arithmetic.clip,
    "Softmax": arithmetic.along("softmax"),
    "LogSoftmax": arithmetic.along("log_softmax"),
    "ReduceL1": arithmetic.reduced("norm", p=1),
    "ReduceL2": arithmetic.reduced("norm", p=2),
    "ReduceSumSquare": arithmetic.sum_square,
    "ArgMax": arithmetic.extreme_place("argmax"),
    "ArgMin": arithmetic.extreme_place("argmin"),
    "CumSum": arithmetic.cumsum,
    "TopK": arithmetic.topk,
    "Where": arithmetic.where,
    "Einsum": arithmetic.einsum,
    "Cast": numbers.cast,
    "Identity": moving.same,
    "Dropout": moving.same,
    "Reshape": shapes.reshaped,
    "Flatten": shapes.reshaped,
    "Transpose": shapes.permuted(moving.order),
    "Expand": shapes.expanded,
    "Squeeze": moving.squeeze,
    "Unsqueeze": moving.unsqueeze,
    "Concat": moving.concat,
    "Split": moving.split,
    "Slice": moving.cut_out,
    "Gather": moving.gather,
    "FirstRows": moving.first_rows,
    "GatherElements": moving.gather_elements,
    "Tile": moving.tile,
    "Pad": moving.pad,
    "Trilu": moving.triangle,
    "OneHot": moving.one_hot,
    "Resize": moving.resize,
    "Upsample": moving.resize,
    "DepthToSpace": moving.depth_to_space,
    "SpaceToDepth": moving.space_to_depth,
    "GridSample": moving.grid_sample,
}
