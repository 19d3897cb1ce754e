"""What operations are in PyTorch: a function of the attributes, as they stand in a spec, the inputs and the weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (as PyTorch's own documentation has it)


def pairs_for(a: dict[str, Any], x: Any, rank: int) -> tuple[list[int], list[list[int]]]:
    """Kernel and padding per axis, read from the attributes as they stand in a spec."""
    kernel, stride, dilation = (
        value if isinstance(value, list) else [value] * rank
        for value in (a["kernel_size"], a.get("stride") or a["kernel_size"], a.get("dilation", 1))
    )
    padding = a.get("padding", 0)
    if padding == "same":
        pairs = []
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True):
            total = max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
            pairs.append([total // 2, total - total // 2])
        return kernel, pairs
    items = padding if isinstance(padding, list) else [padding] * rank
    return kernel, [item if isinstance(item, list) else [item, item] for item in items]


def last_first(pairs: list[list[int]]) -> list[int]:
    return [n for pair in reversed(pairs) for n in pair]


def conv(rank: int) -> Callable[..., Any]:
    def oracle(a: dict[str, Any], x: Any, weight: Any, bias: Any = None) -> Any:
        a = {"stride": 1} | a
        x = F.pad(x, last_first(pairs_for(a, x, rank)[1]))
        groups = x.shape[1] // weight.shape[1]
        function = getattr(F, f"conv{rank}d")
        return function(x, weight, bias, a["stride"], 0, a.get("dilation", 1), groups)

    return oracle


def separable(a: dict[str, Any], x: Any, depthwise_weight: Any, pointwise_weight: Any, bias: Any = None) -> Any:
    return F.conv2d(conv(2)(a, x, depthwise_weight), pointwise_weight, bias)


def conv_transpose(a: dict[str, Any], x: Any, weight: Any, bias: Any = None) -> Any:
    _, ((top, bottom), (left, right)) = pairs_for({"stride": 1} | a, x, 2)
    more = a.get("output_padding", 0)
    stride, dilation = a.get("stride", 1), a.get("dilation", 1)
    y = F.conv_transpose2d(x, weight, bias, stride, 0, more, a.get("groups", 1), dilation)
    return y[:, :, top : y.shape[2] - bottom, left : y.shape[3] - right]


def pool(kind: str, rank: int) -> Callable[..., Any]:
    def oracle(a: dict[str, Any], x: Any) -> Any:
        kernel, pairs = pairs_for(a, x, rank)
        stride, ceil_mode = a.get("stride"), a.get("ceil_mode", False)
        even = all(before == after <= k // 2 for (before, after), k in zip(pairs, kernel, strict=True))
        padding = [before for before, _ in pairs] if even else 0
        if kind == "max":
            x = x if even else F.pad(x, last_first(pairs), value=-math.inf)
            function = getattr(F, f"max_pool{rank}d")
            return function(x, a["kernel_size"], stride, padding, a.get("dilation", 1), ceil_mode)
        function = getattr(F, f"avg_pool{rank}d")
        if even:
            return function(x, a["kernel_size"], stride, padding, ceil_mode, a.get("count_include_pad", False))
        inside = torch.ones_like(x)
        total, count = (function(F.pad(v, last_first(pairs)), a["kernel_size"], stride) for v in (x, inside))
        return total / count

    return oracle


def adaptive(kind: str, rank: int) -> Callable[..., Any]:
    return lambda a, x: getattr(F, f"adaptive_{kind}_pool{rank}d")(x, a["output_size"])


def over_all(kind: str) -> Callable[..., Any]:
    return lambda a, x: getattr(torch, "mean" if kind == "avg" else "amax")(x, tuple(range(2, x.ndim)), a["keepdims"])


def layer_norm(a: dict[str, Any], x: Any, weight: Any = None, bias: Any = None) -> Any:
    eps = a.get("epsilon", 1e-5)
    if a.get("axis") == "channels":
        return F.layer_norm(x.movedim(1, -1), x.shape[1:2], weight, bias, eps).movedim(-1, 1)
    count = len(a["axis"]) if "axis" in a else 1
    return F.layer_norm(x, x.shape[-count:], weight, bias, eps)


def batch_norm(
    a: dict[str, Any], x: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None
) -> Any:
    return F.batch_norm(x, running_mean, running_var, weight, bias, False, 0.1, a.get("epsilon", 1e-5))


def matmul(a: dict[str, Any], x: Any, y: Any) -> Any:
    return (x.mT if a.get("transpose_a") else x) @ (y.mT if a.get("transpose_b") else y)


def pad(a: dict[str, Any], x: Any) -> Any:
    flat = last_first([item if isinstance(item, list) else [item, item] for item in a["padding"]])
    return F.pad(x, flat, a.get("mode", "constant"), a.get("value"))


def number(axis: int | str) -> int:
    return axis if isinstance(axis, int) else ["batch", "channels", "height", "width"].index(axis)


def upsample(a: dict[str, Any], x: Any) -> Any:
    scale, size, mode = a.get("scale"), a.get("size"), a.get("mode", "nearest")
    scale = [float(s) for s in scale] if isinstance(scale, list) else scale
    corners = a.get("align_corners", False) if mode == "bilinear" else None
    return F.interpolate(x, size, scale, mode, corners)


def plain(name: str) -> Callable[..., Any]:
    return lambda a, *inputs: getattr(torch, name)(*inputs)


def activation(name: str, *attributes: str) -> Callable[..., Any]:
    return lambda a, x: getattr(F, name)(x, **{key: a[key] for key in attributes if key in a})


ORACLES: dict[str, Callable[..., Any]] = {
    **{f"conv{rank}d": conv(rank) for rank in (1, 2, 3)},
    "depthwise_conv2d": conv(2),
    "separable_conv2d": separable,
    "conv_transpose2d": conv_transpose,
    "linear": lambda a, x, weight, bias=None: F.linear(x, weight, bias),
    "embedding": lambda a, x, weight: F.embedding(x, weight),
    "matmul": matmul,
    **{f"{kind}_pool{rank}d": pool(kind, rank) for kind in ("max", "avg") for rank in (1, 2)},
    **{f"adaptive_{kind}_pool{rank}d": adaptive(kind, rank) for kind in ("max", "avg") for rank in (1, 2)},
    **{f"global_{kind}_pool{rank}d": over_all(kind) for kind in ("max", "avg") for rank in (1, 2)},
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": lambda a, x, weight=None, bias=None: F.group_norm(
        x, a["num_groups"], weight, bias, a.get("epsilon", 1e-5)
    ),
    "instance_norm": lambda a, x, weight=None, bias=None: F.instance_norm(
        x, weight=weight, bias=bias, eps=a.get("epsilon", 1e-5)
    ),
    "local_response_norm": lambda a, x: F.local_response_norm(
        x, a["size"], a.get("alpha", 1e-4), a.get("beta", 0.75), a.get("k", 1.0)
    ),
    "prelu": lambda a, x, weight: F.prelu(x, weight),
    **{key: activation(key) for key in ("relu", "relu6", "selu", "silu", "mish", "sigmoid", "tanh")},
    "leaky_relu": activation("leaky_relu", "negative_slope"),
    "elu": activation("elu", "alpha"),
    "gelu": activation("gelu", "approximate"),
    "hard_sigmoid": activation("hardsigmoid"),
    "hard_swish": activation("hardswish"),
    "softplus": activation("softplus", "beta", "threshold"),
    "softmax": lambda a, x: F.softmax(x, number(a["axis"])),
    "log_softmax": lambda a, x: F.log_softmax(x, number(a["axis"])),
    "add": lambda a, *xs: sum(xs),
    "multiply": lambda a, *xs: math.prod(xs),
    "subtract": plain("sub"),
    "divide": plain("div"),
    "concat": lambda a, *xs: torch.cat(xs, number(a.get("axis", 1))),
    "split": lambda a, x: x.split(a["sizes"], 1) if "sizes" in a else x.tensor_split(a["sections"], number(a["axis"])),
    "flatten": lambda a, x: x.flatten(number(a.get("start_axis", 1)), a.get("end_axis", -1)),
    "reshape": lambda a, x: x.reshape(len(x), *a["shape"]),
    "permute": lambda a, x: x.permute(0, *map(number, a["axes"])),
    "pad": pad,
    "slice": lambda a, x: x.movedim(number(a["axis"]), 0)[a.get("start", 0) : a.get("end") : a.get("step", 1)].movedim(
        0, number(a["axis"])
    ),
    "upsample": upsample,
    "channel_shuffle": lambda a, x: F.channel_shuffle(x, a["groups"]),
    "pixel_shuffle": lambda a, x: F.pixel_shuffle(x, a["upscale_factor"]),
    "mean": lambda a, x: x.mean(
        [number(i) for i in a["axis"]] if isinstance(a["axis"], list) else a["axis"], a.get("keepdims", False)
    ),
    "dropout": lambda a, x: F.dropout(x, a["p"], training=False),
}
