"""Every operation of the language, on one page. A family's module is loaded when one of its operations is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from archspec.ops.base import Operation

FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "convolution": (
        "conv1d", "conv2d", "conv3d", "masked_conv2d", "depthwise_conv1d", "depthwise_conv2d", "separable_conv1d",
        "separable_conv2d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    ),
    "linear": ("linear", "bilinear", "embedding", "matmul", "einsum"),
    "attention": (
        "scaled_dot_product_attention", "multi_head_attention", "rotary_embedding", "sinusoidal_positions",
        "learned_positions", "relative_position_bias", "bucketed_position_bias",
    ),
    "pooling": (
        "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
        "lp_pool1d", "lp_pool2d", "lp_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
        "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
        "global_avg_pool1d", "global_avg_pool2d", "global_avg_pool3d",
        "global_max_pool1d", "global_max_pool2d", "global_max_pool3d",
    ),
    "normalization": (
        "batch_norm", "layer_norm", "rms_norm", "l2_normalize", "group_norm", "instance_norm", "local_response_norm",
    ),
    "activation": (
        "relu", "relu6", "leaky_relu", "prelu", "elu", "celu", "selu", "gelu", "silu", "mish", "sigmoid",
        "log_sigmoid", "tanh", "hard_sigmoid", "hard_swish", "hard_tanh", "softsign", "threshold", "hard_shrink",
        "soft_shrink", "tanh_shrink", "softplus", "softmax", "softmin", "log_softmax", "glu", "swiglu",
    ),
    "elementwise": (
        "add", "subtract", "multiply", "divide", "power", "mod", "maximum", "minimum", "clip",
        "abs", "neg", "sign", "square", "sqrt", "rsqrt", "reciprocal", "exp", "log", "log1p", "sin", "cos", "erf",
        "floor", "ceil", "round",
        "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
        "logical_and", "logical_or", "logical_xor", "logical_not", "where",
    ),
    "joining": ("concat", "stack", "split", "chunk", "slice", "index_select", "gather"),
    "shape": (
        "flatten", "reshape", "squeeze", "unsqueeze", "permute", "expand", "tile", "roll", "flip", "pad", "cast",
        "one_hot",
    ),
    "image": (
        "upsample", "channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "space_to_depth", "depth_to_space",
        "patches", "unfold", "fold",
    ),
    "reduction": (
        "mean", "sum", "prod", "max", "min", "var", "std", "logsumexp", "norm", "argmax", "argmin", "cumsum", "topk",
    ),
    "recurrent": ("rnn", "lstm", "gru"),
    "source": ("parameter", "constant"),
    "regularization": (
        "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "drop_path", "gaussian_noise",
    ),
}  # fmt: skip
"""The keys that a spec uses, by family; a family's classes are in the module of that name."""

_FAMILY_OF: Final = {key: family for family, keys in FAMILIES.items() for key in keys}


def names() -> tuple[str, ...]:
    """The keys of all operations."""
    return tuple(_FAMILY_OF)


def family(key: str) -> str:
    """The family of an operation. Raises KeyError if there is none of that name."""
    return _FAMILY_OF[key]


@cache
def get(key: str) -> type[Operation]:
    """The class of an operation. Raises KeyError if there is none of that name."""
    module: Any = import_module(f"archspec.ops.{_FAMILY_OF[key]}")
    for name, member in vars(module).items():
        # Only what looks like a class is touched: to ask a lazy module anything would load it.
        if name[:1].isupper() and getattr(member, "__dict__", {}).get("key") == key:
            return member  # type: ignore[no-any-return]
    raise LookupError(f"archspec.ops.{_FAMILY_OF[key]} does not define {key}")
