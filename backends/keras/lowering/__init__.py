"""How Keras spells each operation, with channels last."""

from __future__ import annotations

from typing import Final

from archspec.emit.context import Lowering

from .activation import dropout, gelu, leaky_relu, prelu, relu6, softmax, softplus
from .convolution import conv, conv_transpose, depthwise, separable
from .linear import embedding, linear, matmul, mean
from .normalization import batch_norm, group_norm, layer_norm
from .pooling import adaptive, avg_pool, global_pool, max_pool
from .rows import activation, anywhere, divide, merging, supported
from .shape import concat, flatten, pad, permute, reshape, slice_, split, upsample

LOWERINGS: Final[dict[str, Lowering]] = {
    "conv1d": conv,
    "conv2d": conv,
    "conv3d": conv,
    "depthwise_conv2d": depthwise,
    "separable_conv2d": separable,
    "conv_transpose2d": conv_transpose,
    "linear": linear,
    "embedding": embedding,
    "matmul": matmul,
    "max_pool1d": max_pool,
    "max_pool2d": max_pool,
    "avg_pool1d": avg_pool,
    "avg_pool2d": avg_pool,
    "adaptive_avg_pool1d": adaptive("Average"),
    "adaptive_avg_pool2d": adaptive("Average"),
    "adaptive_max_pool1d": adaptive("Max"),
    "adaptive_max_pool2d": adaptive("Max"),
    "global_avg_pool1d": global_pool("Average"),
    "global_avg_pool2d": global_pool("Average"),
    "global_max_pool1d": global_pool("Max"),
    "global_max_pool2d": global_pool("Max"),
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "instance_norm": group_norm,
    "local_response_norm": supported("local_response_norm", named=("size", "alpha", "beta", "k")),
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
    "add": merging("Add"),
    "subtract": merging("Subtract"),
    "multiply": merging("Multiply"),
    "divide": divide,
    "concat": concat,
    "split": split,
    "flatten": flatten,
    "reshape": reshape,
    "permute": permute,
    "pad": pad,
    "slice": slice_,
    "upsample": upsample,
    "channel_shuffle": supported("channel_shuffle", "groups"),
    "pixel_shuffle": supported("pixel_shuffle", "upscale_factor"),
    "mean": mean,
    "dropout": dropout,
}  # fmt: skip


UNSUPPORTED: Final[dict[str, str]] = {}
