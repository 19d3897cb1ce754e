"""Every operation of the language, on one page. A family's module is loaded when one of its operations is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from archspec.ops.base import Operation

FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "convolution": (
        "conv1d", "conv2d", "conv3d", "depthwise_conv2d", "separable_conv2d", "conv_transpose2d",
    ),
    "linear": ("linear", "embedding", "matmul"),
    "pooling": (
        "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d",
        "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d",
        "global_avg_pool1d", "global_avg_pool2d", "global_max_pool1d", "global_max_pool2d",
    ),
    "normalization": ("batch_norm", "layer_norm", "group_norm", "instance_norm", "local_response_norm"),
    "activation": (
        "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "sigmoid", "tanh",
        "hard_sigmoid", "hard_swish", "softplus", "softmax", "log_softmax",
    ),
    "elementwise": ("add", "subtract", "multiply", "divide"),
    "shape": (
        "concat", "split", "flatten", "reshape", "permute", "pad", "slice", "upsample", "channel_shuffle",
        "pixel_shuffle",
    ),
    "reduction": ("mean",),
    "regularization": ("dropout",),
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
