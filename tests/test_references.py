"""The NumPy references against what they must equal: PyTorch in float64, loops in plain Python, and closed forms.

The reference defines the right answer, so nothing here shares code with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (as PyTorch's own documentation has it)
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError
from archspec.expressions import Dim, Name, expr_of

IMAGE, LINE, VOLUME = (2, 6, 9, 7), (2, 6, 11), (2, 4, 5, 6, 7)

TABLE: list[Any] = [  # operation, attributes, shapes of the inputs
    ("conv1d", {"out_channels": 5, "kernel_size": 3}, [LINE]),
    ("conv1d", {"out_channels": 4, "kernel_size": 4, "stride": 2, "padding": [[3, 0]], "groups": 2}, [LINE]),
    ("conv1d", {"out_channels": 6, "kernel_size": 3, "dilation": 3, "padding": "same", "groups": 6}, [LINE]),
    ("conv2d", {"out_channels": 5, "kernel_size": 1}, [IMAGE]),
    ("conv2d", {"out_channels": 5, "kernel_size": 1, "stride": 2, "bias": False}, [IMAGE]),
    ("conv2d", {"out_channels": 4, "kernel_size": 3, "padding": 1}, [IMAGE]),
    ("conv2d", {"out_channels": 4, "kernel_size": [3, 2], "stride": [1, 3], "padding": [2, 0]}, [IMAGE]),
    ("conv2d", {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": [[0, 1], [2, 0]]}, [IMAGE]),
    ("conv2d", {"out_channels": 9, "kernel_size": 3, "dilation": [1, 2], "stride": 2, "groups": 3}, [IMAGE]),
    ("conv2d", {"out_channels": 12, "kernel_size": 3, "padding": "same", "stride": 2, "groups": 6}, [IMAGE]),
    ("conv2d", {"out_channels": 4, "kernel_size": 2, "padding": "same", "dilation": 2}, [IMAGE]),
    ("conv2d", {"out_channels": 2, "kernel_size": 3, "padding": 1}, [(1, 300, 15, 31)]),  # several blocks of rows
    ("conv3d", {"out_channels": 6, "kernel_size": [1, 3, 2], "stride": [1, 2, 1], "padding": 1, "groups": 2}, [VOLUME]),
    ("conv3d", {"out_channels": 4, "kernel_size": 3, "padding": "same", "dilation": [1, 2, 1]}, [VOLUME]),
    ("depthwise_conv2d", {"kernel_size": 3}, [IMAGE]),
    ("depthwise_conv2d", {"kernel_size": [3, 5], "stride": [2, 1], "padding": 2, "multiplier": 3}, [IMAGE]),
    ("depthwise_conv2d", {"kernel_size": 3, "dilation": 2, "padding": "same", "bias": False}, [IMAGE]),
    ("depthwise_conv2d", {"kernel_size": 3, "multiplier": 4}, [(2, 1, 9, 7)]),
    ("separable_conv2d", {"out_channels": 5, "kernel_size": 3, "padding": 1, "stride": 2}, [IMAGE]),
    ("separable_conv2d", {"out_channels": 5, "kernel_size": 3, "multiplier": 2, "bias": False}, [IMAGE]),
    ("conv_transpose2d", {"out_channels": 4, "kernel_size": 2, "stride": 2}, [IMAGE]),
    ("conv_transpose2d", {"out_channels": 4, "kernel_size": 3, "padding": 1, "bias": False}, [IMAGE]),
    (
        "conv_transpose2d",
        {"out_channels": 4, "kernel_size": [3, 4], "stride": [2, 3], "padding": [1, 2], "output_padding": [1, 2]},
        [IMAGE],
    ),
    (
        "conv_transpose2d",
        {"out_channels": 8, "kernel_size": 3, "stride": 2, "padding": [[0, 1], [2, 1]], "dilation": 2, "groups": 2},
        [IMAGE],
    ),
    (
        "conv_transpose2d",
        {"out_channels": 4, "kernel_size": 2, "stride": 4, "output_padding": 3, "dilation": [1, 3]},
        [IMAGE],
    ),
    ("linear", {"out_features": 5}, [(3, 7)]),
    ("linear", {"out_features": 5, "bias": False}, [(2, 3, 4, 7)]),
    ("embedding", {"num_embeddings": 11, "embedding_dim": 4}, [(3, 5)]),
    ("embedding", {"num_embeddings": 11, "embedding_dim": 4}, [(3,)]),
    ("matmul", {}, [(2, 3, 4), (2, 4, 5)]),
    ("matmul", {"transpose_b": True}, [(2, 3, 4, 6), (2, 1, 5, 6)]),
    ("matmul", {"transpose_a": True, "transpose_b": True}, [(2, 4, 3), (2, 5, 4)]),
    *(
        (f"{kind}_pool{rank}d", attributes, [shape])
        for kind, rank, shape in [("max", 1, LINE), ("max", 2, IMAGE), ("avg", 1, LINE), ("avg", 2, IMAGE)]
        for attributes in [
            {"kernel_size": 2},
            {"kernel_size": 3, "stride": 2, "padding": 1},
            {"kernel_size": 3, "stride": 1},
            {"kernel_size": 2, "stride": 2, "padding": 1, "ceil_mode": True},
            {"kernel_size": 3, "stride": 2, "ceil_mode": True},
            {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True},
            {"kernel_size": 3, "stride": 2, "padding": "same"},
            {"kernel_size": 2, "padding": "same", "stride": 1},
            {"kernel_size": 3, "padding": [[1, 0]] * rank, "stride": 2},
        ]
    ),
    *(
        (key, {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": True, "ceil_mode": ceil}, [shape])
        for key, shape in [("avg_pool1d", LINE), ("avg_pool2d", (2, 3, 9, 8))]
        for ceil in (False, True)
    ),
    ("max_pool1d", {"kernel_size": 3, "dilation": 2, "padding": 1, "stride": 2}, [LINE]),
    ("max_pool2d", {"kernel_size": [2, 3], "dilation": [3, 2], "padding": [1, 0], "ceil_mode": True}, [IMAGE]),
    ("max_pool2d", {"kernel_size": 3, "dilation": 2, "padding": "same", "stride": 2}, [IMAGE]),
    *(
        (f"adaptive_{kind}_pool1d", {"output_size": size}, [LINE])
        for kind in ("avg", "max")
        for size in (1, 4, 7, 11, 13)
    ),
    *(
        (f"adaptive_{kind}_pool2d", {"output_size": size}, [IMAGE])
        for kind in ("avg", "max")
        for size in (1, 4, [9, 3], [2, 10])
    ),
    *(
        (f"global_{kind}_pool{rank}d", {"keepdims": keepdims}, [shape])
        for kind in ("avg", "max")
        for rank, shape in ((1, LINE), (2, IMAGE))
        for keepdims in (False, True)
    ),
    ("batch_norm", {}, [IMAGE]),
    ("batch_norm", {"epsilon": 0.5, "momentum": 0.01, "affine": False}, [(3, 5)]),
    ("batch_norm", {"epsilon": 1e-3}, [VOLUME]),
    ("batch_norm", {}, [LINE]),
    ("layer_norm", {}, [(2, 3, 8)]),
    ("layer_norm", {"epsilon": 0.1, "affine": False}, [(2, 8)]),
    ("layer_norm", {"axis": "channels", "epsilon": 1e-6}, [IMAGE]),
    ("layer_norm", {"axis": ["channels", "height", "width"]}, [IMAGE]),
    ("layer_norm", {"axis": [-2, -1]}, [IMAGE]),
    *(("group_norm", {"num_groups": groups}, [shape]) for groups in (1, 2, 6) for shape in (IMAGE, LINE)),
    ("group_norm", {"num_groups": 3, "epsilon": 0.1, "affine": False}, [(4, 12)]),
    ("instance_norm", {}, [IMAGE]),
    ("instance_norm", {"affine": True, "epsilon": 0.1}, [VOLUME]),
    *(("local_response_norm", {"size": size, "alpha": 0.5, "k": 2}, [IMAGE]) for size in (1, 2, 3, 5, 8)),
    ("local_response_norm", {"size": 5}, [LINE]),
    ("relu", {}, [IMAGE]),
    ("relu6", {}, [IMAGE]),
    ("leaky_relu", {}, [IMAGE]),
    ("leaky_relu", {"negative_slope": 0.25}, [IMAGE]),
    ("prelu", {}, [IMAGE]),
    ("prelu", {"per_channel": False}, [(3, 5)]),
    ("prelu", {}, [(3, 5)]),
    ("elu", {}, [IMAGE]),
    ("elu", {"alpha": 0.5}, [IMAGE]),
    ("selu", {}, [IMAGE]),
    ("gelu", {}, [IMAGE]),
    ("gelu", {"approximate": "tanh"}, [IMAGE]),
    ("silu", {}, [IMAGE]),
    ("mish", {}, [IMAGE]),
    ("sigmoid", {}, [IMAGE]),
    ("tanh", {}, [IMAGE]),
    ("hard_sigmoid", {}, [IMAGE]),
    ("hard_swish", {}, [IMAGE]),
    ("softplus", {}, [IMAGE]),
    ("softplus", {"beta": 3, "threshold": 2}, [IMAGE]),
    *((key, {"axis": axis}, [IMAGE]) for key in ("softmax", "log_softmax") for axis in (-1, "channels", 2)),
    ("add", {}, [IMAGE, IMAGE]),
    ("add", {}, [IMAGE, (2, 6, 1, 1), (2, 1, 9, 7)]),
    ("subtract", {}, [(2, 6, 1, 1), IMAGE]),
    ("multiply", {}, [IMAGE, (2, 6, 1, 1), (1, 1, 1, 7)]),
    ("divide", {}, [IMAGE, (2, 1, 9, 1)]),
    ("concat", {}, [IMAGE, (2, 1, 9, 7), IMAGE]),
    ("concat", {"axis": "width"}, [IMAGE, (2, 6, 9, 2)]),
    ("split", {"sizes": [1, 3, 2]}, [IMAGE]),
    ("split", {"sections": 3, "axis": "height"}, [IMAGE]),
    ("flatten", {}, [IMAGE]),
    ("flatten", {"start_axis": "height"}, [IMAGE]),
    ("flatten", {"start_axis": 1, "end_axis": 2}, [IMAGE]),
    ("reshape", {"shape": [3, -1]}, [IMAGE]),
    ("reshape", {"shape": [7, 9, 6]}, [IMAGE]),
    ("permute", {"axes": [2, 1]}, [LINE]),
    ("permute", {"axes": ["height", -1, "channels"]}, [IMAGE]),
    ("pad", {"padding": [[1, 2], [0, 3]], "value": -1.5}, [IMAGE]),
    ("pad", {"padding": [[2, 2], 0, 1]}, [IMAGE]),
    ("pad", {"padding": [[1, 2], [6, 3]], "mode": "reflect"}, [IMAGE]),
    ("pad", {"padding": [4], "mode": "reflect"}, [LINE]),
    ("pad", {"padding": [[10, 2], [0, 9]], "mode": "replicate"}, [IMAGE]),
    ("slice", {"axis": 1, "start": 2}, [IMAGE]),
    ("slice", {"axis": "height", "start": -7, "end": -1, "step": 2}, [IMAGE]),
    ("slice", {"axis": -1, "end": 6, "step": 4}, [IMAGE]),
    ("upsample", {"scale": 2}, [IMAGE]),
    ("upsample", {"scale": [1, 3]}, [IMAGE]),
    ("upsample", {"size": [4, 10]}, [IMAGE]),
    ("upsample", {"scale": 2, "mode": "bilinear"}, [IMAGE]),
    ("upsample", {"size": [4, 17], "mode": "bilinear"}, [IMAGE]),
    ("upsample", {"size": 1, "mode": "bilinear"}, [IMAGE]),
    ("upsample", {"scale": 3, "mode": "bilinear", "align_corners": True}, [IMAGE]),
    ("upsample", {"size": [1, 4], "mode": "bilinear", "align_corners": True}, [IMAGE]),
    ("channel_shuffle", {"groups": 3}, [IMAGE]),
    ("channel_shuffle", {"groups": 2}, [LINE]),
    ("pixel_shuffle", {"upscale_factor": 2}, [(2, 12, 3, 5)]),
    ("mean", {"axis": -1}, [(2, 3, 4)]),
    ("mean", {"axis": ["height", "width"], "keepdims": True}, [IMAGE]),
    ("mean", {"axis": [1, 3]}, [IMAGE]),
    ("dropout", {"p": 0.1}, [IMAGE]),
]

IDS = [f"{key}-{i}" for i, (key, _, _) in enumerate(TABLE)]


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def arrays(op: Any, shapes: list[tuple[int, ...]]) -> tuple[list[Any], dict[str, Any]]:
    """Inputs and weights of an operation; no two elements are equal, none is zero."""
    rng = np.random.default_rng(len(str(op)))
    inputs: list[Any] = [rng.standard_normal(shape) * 3 for shape in shapes]
    if op.takes == ("int64",):
        inputs = [rng.integers(0, op.num_embeddings, shape) for shape in shapes]
    weights = {
        name: rng.uniform(0.5, 2, p.shape) if p.kind == "variance" else rng.standard_normal(p.shape)
        for name, p in op.parameters(*shapes).items()
    }
    return inputs, weights


# PyTorch as the oracle ----------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("key", "attributes", "shapes"), TABLE, ids=IDS)
def test_equals_pytorch(key: str, attributes: dict[str, Any], shapes: list[tuple[int, ...]]) -> None:
    op = make(key, **attributes)
    inputs, weights = arrays(op, shapes)
    before = [x.copy() for x in inputs]
    found = op.reference(*inputs, **weights)
    found = found if isinstance(found, tuple) else (found,)
    tensors = [torch.from_numpy(x) for x in inputs]
    wanted = ORACLES[key](attributes, *tensors, **{name: torch.from_numpy(w) for name, w in weights.items()})
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    assert tuple(y.shape for y in found) == op.infer(*shapes) == tuple(tuple(y.shape) for y in wanted)
    for y, w in zip(found, wanted, strict=True):
        np.testing.assert_allclose(y, w.numpy(), rtol=1e-12, atol=1e-12 * float(w.abs().max()))
    for x, kept in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize(("key", "attributes", "shapes"), TABLE, ids=IDS)
def test_keeps_the_dtype(key: str, attributes: dict[str, Any], shapes: list[tuple[int, ...]]) -> None:
    op = make(key, **attributes)
    inputs, weights = arrays(op, shapes)
    wanted = op.reference(*inputs, **weights)
    single = [x.astype(np.float32) if x.dtype == np.float64 else x for x in inputs]
    found = op.reference(*single, **{name: w.astype(np.float32) for name, w in weights.items()})
    for y, w in zip(found if isinstance(found, tuple) else (found,), wanted, strict=False):
        assert y.dtype == np.float32
        if not isinstance(wanted, tuple):
            np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * np.abs(w).max())


def test_every_oracle_is_asked() -> None:
    assert {key for key, _, _ in TABLE} == set(ORACLES) <= set(ops.names())


@pytest.mark.parametrize("key", ops.names())
def test_every_operation_documents_itself(key: str) -> None:
    operation = ops.get(key)
    schema = operation.model_json_schema()
    assert "=" in str(operation.__doc__).splitlines()[0]  # a formula
    assert all("description" in attribute for attribute in schema["properties"].values())


# Loops in plain Python ----------------------------------------------------------------------------------------------


def cells(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return product(*map(range, shape))


@pytest.mark.parametrize(("size", "kernel", "stride", "dilation"), [*product((5, 8), (1, 2, 3), (1, 2, 3), (1, 2))])
def test_same_padding_equals_loops(size: int, kernel: int, stride: int, dilation: int) -> None:
    """The output has ceil(size / stride) elements; an odd element of padding goes after (ONNX SAME_UPPER)."""
    op = make("conv1d", out_channels=2, kernel_size=kernel, stride=stride, dilation=dilation, padding="same")
    (x,), weights = arrays(op, [(2, 3, size)])
    count = math.ceil(size / stride)
    before = max(0, (count - 1) * stride + dilation * (kernel - 1) + 1 - size) // 2
    wanted = np.zeros((2, 2, count))
    for n, o, i in cells(wanted.shape):
        wanted[n, o, i] = weights["bias"][o]
        for c, t in cells((3, kernel)):
            place = i * stride + t * dilation - before
            if 0 <= place < size:
                wanted[n, o, i] += weights["weight"][o, c, t] * x[n, c, place]
    np.testing.assert_allclose(op.reference(x, **weights), wanted, rtol=1e-12, atol=1e-12)


def test_conv_transpose_is_the_adjoint_of_conv() -> None:
    """<conv(x), y> = <x, conv_transpose(y)> for the same weight, which exchanges in and out channels."""
    geometry: dict[str, Any] = {
        "kernel_size": 3,
        "stride": 2,
        "padding": [[1, 0], [2, 1]],
        "dilation": [1, 2],
        "groups": 2,
    }
    forward = make("conv2d", out_channels=4, bias=False, **geometry)
    back = make("conv_transpose2d", out_channels=6, bias=False, output_padding=[0, 1], **geometry)
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 6, 8, 9)), rng.standard_normal((4, 3, 3, 3))
    image = forward.reference(x, weight=weight)
    y = rng.standard_normal(image.shape)
    returned = back.reference(y, weight=weight)
    assert returned.shape == x.shape
    assert np.vdot(image, y) == pytest.approx(np.vdot(x, returned), rel=1e-12)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after", "ceil_mode", "counted"),
    [
        (size, kernel, stride, before, after, ceil_mode, counted)
        for size, kernel, stride in product((5, 6, 7), (2, 3), (1, 2, 3))
        for before, after in ((0, 0), (1, 1), (0, 1), (1, 0))
        for ceil_mode, counted in product((False, True), repeat=2)
    ],
)
def test_pools_equal_loops(
    size: int, kernel: int, stride: int, before: int, after: int, ceil_mode: bool, counted: bool
) -> None:
    """Also for unequal padding with ceil_mode, which no framework offers."""
    geometry: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": stride,
        "padding": [[before, after]],
        "ceil_mode": ceil_mode,
    }
    x = np.random.default_rng(size).standard_normal((1, 1, size))
    largest, mean = [], []
    start = -before
    while start + kernel <= size + after or (ceil_mode and start < size and start + kernel < size + after + stride):
        inside = [x[0, 0, i] for i in range(max(start, 0), min(start + kernel, size))]
        largest.append(max(inside))
        mean.append(sum(inside) / (min(start + kernel, size + after) - start if counted else len(inside)))
        start += stride
    max_pool, avg_pool = make("max_pool1d", **geometry), make("avg_pool1d", **geometry, count_include_pad=counted)
    np.testing.assert_array_equal(max_pool.reference(x)[0, 0], largest)
    np.testing.assert_allclose(avg_pool.reference(x)[0, 0], mean, rtol=1e-14)


@pytest.mark.parametrize(("n", "m"), [*product(range(1, 13), range(1, 13))])
def test_nearest_is_exact(n: int, m: int) -> None:
    """Whole-number arithmetic, where frameworks scale by a rounded float."""
    x = np.arange(n, dtype=float).reshape(1, 1, n, 1)
    y = make("upsample", size=[m, 1]).reference(x)
    assert y.ravel().tolist() == [j * n // m for j in range(m)]


def test_bilinear_of_a_line_is_a_line() -> None:
    x = np.linspace(-1, 3, 6).reshape(1, 1, 1, 6)
    y = make("upsample", size=[4, 21], mode="bilinear", align_corners=True).reference(x)
    np.testing.assert_allclose(y, np.broadcast_to(np.linspace(-1, 3, 21), (1, 1, 4, 21)), atol=1e-14)


def test_local_response_norm_equals_loops() -> None:
    op = make("local_response_norm", size=4, alpha=0.3, beta=0.5, k=1.5)
    x = np.random.default_rng(0).standard_normal((1, 7, 1))
    for c in range(7):
        total = sum(x[0, j, 0] ** 2 for j in range(c - 2, c + 2) if 0 <= j < 7)
        wanted = x[0, c, 0] / (1.5 + 0.3 / 4 * total) ** 0.5
        assert op.reference(x)[0, c, 0] == pytest.approx(wanted, rel=1e-14)


# Closed forms -------------------------------------------------------------------------------------------------------


def test_erf_is_accurate() -> None:
    from archspec.ops._special import erf

    x = np.concatenate([np.linspace(-7, 7, 40_001), np.logspace(-300, 300, 2_001), [0.0, -0.0, np.inf, -np.inf]])
    wanted = np.array([math.erf(v) for v in x])
    assert np.all(np.abs(erf(x) - wanted) <= 4 * np.spacing(np.abs(wanted)))
    assert np.isnan(erf(np.array([np.nan]))[0])


FAR = np.array([-710.0, -100.0, -40.0, -3.0, 0.0, 3.0, 40.0, 100.0, 710.0])
LIMITS: list[tuple[str, list[float]]] = [
    ("sigmoid", [math.exp(v) / (1 + math.exp(v)) if v < 700 else 1.0 for v in FAR]),
    ("silu", [v * math.exp(v) / (1 + math.exp(v)) if v < 700 else v for v in FAR]),
    ("softplus", [math.log1p(math.exp(v)) if v <= 20 else v for v in FAR]),
    ("mish", [v * math.tanh(math.log1p(math.exp(v))) if v < 700 else v for v in FAR]),
    ("elu", [v if v > 0 else math.expm1(v) for v in FAR]),
    ("selu", [1.0507009873554805 * (v if v > 0 else 1.6732632423543772 * math.expm1(v)) for v in FAR]),
    ("gelu", [v / 2 * (1 + math.erf(v / math.sqrt(2))) for v in FAR]),
    ("tanh", [math.tanh(v) for v in FAR]),
    ("hard_sigmoid", [0, 0, 0, 0, 0.5, 1, 1, 1, 1]),
    ("hard_swish", [0, 0, 0, 0, 0, 3, 40, 100, 710]),
    ("relu6", [0, 0, 0, 0, 0, 3, 6, 6, 6]),
    ("softmax", [0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ("log_softmax", list(FAR - 710)),
]


@pytest.mark.parametrize(("key", "wanted"), LIMITS, ids=[key for key, _ in LIMITS])
def test_activations_stay_finite(key: str, wanted: list[float]) -> None:
    with np.errstate(all="raise", under="ignore"):
        found = make(key).reference(FAR[None])[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-260)


def test_normalizations_give_mean_zero_and_variance_one() -> None:
    x = np.random.default_rng(0).standard_normal(IMAGE) * 3 + 5
    rows: list[Any] = [
        ("layer_norm", {"axis": ["channels", "height", "width"], "affine": False}, (1, 2, 3)),
        ("layer_norm", {"axis": 1, "affine": False}, (1,)),
        ("instance_norm", {}, (2, 3)),
        ("group_norm", {"num_groups": 1, "affine": False}, (1, 2, 3)),
    ]
    for key, attributes, axes in rows:
        y = make(key, epsilon=0, **attributes).reference(x)
        np.testing.assert_allclose(y.mean(axes), 0, atol=1e-13)
        np.testing.assert_allclose(y.var(axes), 1, rtol=1e-13)


# Costs, symbols and refusals ----------------------------------------------------------------------------------------

COSTS: list[tuple[str, dict[str, Any], list[tuple[int, ...]], int]] = [
    ("conv2d", {"out_channels": 64, "kernel_size": 7, "stride": 2, "padding": 3}, [(1, 3, 224, 224)], 118013952),
    ("conv2d", {"out_channels": 6, "kernel_size": 3, "groups": 2}, [(1, 4, 5, 5)], 9 * 6 * 2 * 9),
    ("conv_transpose2d", {"out_channels": 6, "kernel_size": 2, "stride": 2}, [(1, 4, 5, 5)], 25 * 4 * 6 * 4),
    ("depthwise_conv2d", {"kernel_size": 3, "multiplier": 2}, [(1, 4, 5, 5)], 9 * 8 * 9),
    ("separable_conv2d", {"out_channels": 5, "kernel_size": 3}, [(1, 4, 5, 5)], 9 * 4 * 9 + 9 * 4 * 5),
    ("linear", {"out_features": 10}, [(2, 3, 7)], 2 * 3 * 7 * 10),
    ("matmul", {"transpose_a": True}, [(2, 4, 3), (2, 4, 5)], 2 * 3 * 4 * 5),
    ("relu", {}, [IMAGE], 0),
]


@pytest.mark.parametrize(("key", "attributes", "shapes", "wanted"), COSTS)
def test_cost(key: str, attributes: dict[str, Any], shapes: list[tuple[int, ...]], wanted: int) -> None:
    op = make(key, **attributes)
    assert op.cost(shapes, op.infer(*shapes)) == wanted


C, H, W, K = Dim(8, Name("c")), Dim(10, Name("h")), Dim(12, Name("w")), Dim(3, Name("k"))
SYMBOLS: list[tuple[str, dict[str, Any], list[tuple[int, ...]], list[str]]] = [
    ("conv2d", {"out_channels": 2 * C, "kernel_size": 3, "padding": 1}, [(2, C, H, W)], ["2", "2 * c", "h", "w"]),
    ("conv2d", {"out_channels": 4, "kernel_size": K}, [(2, C, H, 7)], ["2", "4", "h - k + 1", "8 - k"]),
    ("conv2d", {"out_channels": 4, "kernel_size": 2, "stride": 2}, [(2, C, H, 7)], ["2", "4", "(h - 2) // 2 + 1", "3"]),
    ("depthwise_conv2d", {"kernel_size": 1, "multiplier": 2}, [(2, C, 5, 5)], ["2", "2 * c", "5", "5"]),
    ("conv_transpose2d", {"out_channels": 4, "kernel_size": 2, "stride": 2}, [(2, C, H, 5)], ["2", "4", "2 * h", "10"]),
    ("max_pool2d", {"kernel_size": 3, "stride": 1, "padding": 1}, [(2, C, H, W)], ["2", "c", "h", "w"]),
    ("global_avg_pool2d", {}, [(2, C, H, W)], ["2", "c"]),
    ("linear", {"out_features": 4 * C}, [(2, C)], ["2", "4 * c"]),
    ("concat", {}, [(2, C, H, W), (2, 3, H, W), (2, C, H, W)], ["2", "2 * c + 3", "h", "w"]),
    ("split", {"sections": 2}, [(2, 2 * C, H)], ["2", "c", "h"]),
    ("pixel_shuffle", {"upscale_factor": 2}, [(2, 4 * C, H, W)], ["2", "c", "2 * h", "2 * w"]),
    ("upsample", {"scale": 2}, [(2, C, H, W)], ["2", "c", "2 * h", "2 * w"]),
    ("slice", {"axis": 1, "start": 1}, [(2, C)], ["2", "c - 1"]),
    ("pad", {"padding": [1, [0, 2]]}, [(2, C, H, W)], ["2", "c", "h + 2", "w + 2"]),
    ("add", {}, [(2, C, 1, 1), (2, C, H, W)], ["2", "c", "h", "w"]),
    ("permute", {"axes": [2, 1]}, [(2, C, H)], ["2", "h", "c"]),
]


@pytest.mark.parametrize(("key", "attributes", "shapes", "wanted"), SYMBOLS)
def test_sizes_keep_their_expressions(
    key: str, attributes: dict[str, Any], shapes: list[tuple[int, ...]], wanted: list[str]
) -> None:
    assert [str(expr_of(size)) for size in make(key, **attributes).infer(*shapes)[0]] == wanted


REFUSED: list[tuple[str, dict[str, Any], list[tuple[int, ...]], str]] = [
    ("conv2d", {"out_channels": 10, "kernel_size": 1, "groups": 5}, [(1, 64, 5, 5)], "groups (=5) must divide the 64 "),
    ("conv2d", {"out_channels": 9, "kernel_size": 1, "groups": 4}, [(1, 64, 5, 5)], "must divide out_channels (=9)"),
    ("conv2d", {"out_channels": 9, "kernel_size": 1}, [(1, 64)], "needs an input with 4 axes"),
    (
        "conv2d",
        {"out_channels": 1, "kernel_size": [3, 7]},
        [(1, 1, 5, 5)],
        "kernel_size (=7) does not fit into the wid",
    ),
    ("conv2d", {"out_channels": 1, "kernel_size": 3, "dilation": 3, "padding": [1, 9]}, [(1, 1, 4, 9)], "padded to 6"),
    (
        "conv_transpose2d",
        {"out_channels": 1, "kernel_size": 3, "output_padding": 1},
        [(1, 1, 4, 9)],
        "output_padding (",
    ),
    ("conv_transpose2d", {"out_channels": 1, "kernel_size": 1, "padding": 2}, [(1, 1, 4, 9)], "padding (="),
    ("linear", {"out_features": 1}, [(1,)], "batch axis and features"),
    ("matmul", {}, [(1, 3), (3, 4)], "two axes besides the batch axis"),
    ("matmul", {}, [(1, 3, 4), (1, 5, 4)], "cannot multiply matrices of 3 x 4 and 5 x 4"),
    ("max_pool2d", {"kernel_size": 3, "padding": 2}, [IMAGE], "padding (=2) must be at most half"),
    ("group_norm", {"num_groups": 4}, [IMAGE], "num_groups (=4) must divide the 6 channels"),
    ("group_norm", {"num_groups": 6}, [(2, 6, 1, 1)], "mean is one of a single element"),
    ("instance_norm", {}, [(2, 6, 1)], "mean is one of a single element"),
    ("layer_norm", {}, [(2, 6, 1)], "mean is one of a single element"),
    ("layer_norm", {"axis": [1, 2]}, [IMAGE], "up to the last axis"),
    ("layer_norm", {"axis": 0}, [IMAGE], "axis (=0) must not be the batch axis"),
    ("softmax", {"axis": "depth"}, [IMAGE], "no axis 'depth'"),
    ("mean", {"axis": [1, "channels"]}, [IMAGE], "must not name an axis twice"),
    ("add", {}, [(2, 3, 4), (2, 3, 5)], "[2, 3, 4] and [2, 3, 5]"),
    ("multiply", {}, [IMAGE, (2, 6)], "[2, 6, 9, 7] and [2, 6]"),
    ("concat", {}, [(2, 3, 4), (2, 3, 5)], "[2, 3, 4] and [2, 3, 5]"),
    ("split", {"sizes": [1, 2]}, [IMAGE], "sizes (=[1, 2]) must add up to 6"),
    ("split", {"sections": 4}, [IMAGE], "sections (=4) must divide 6"),
    ("flatten", {"start_axis": 3, "end_axis": 2}, [IMAGE], "must not come after"),
    ("flatten", {"start_axis": 0}, [IMAGE], "batch axis"),
    ("reshape", {"shape": [4, -1]}, [IMAGE], "cannot hold the 378 elements of [2, 6, 9, 7]"),
    ("reshape", {"shape": [5]}, [IMAGE], "cannot hold"),
    ("permute", {"axes": [2, 1]}, [IMAGE], "must name each of the 3 axes"),
    ("pad", {"padding": [7], "mode": "reflect"}, [IMAGE], "padding (=7) must be smaller"),
    ("pad", {"padding": [1, 1, 1, 1], "mode": "replicate"}, [IMAGE], "4 pairs"),
    ("slice", {"axis": 1, "start": 6}, [IMAGE], "start (=6) is beyond the 6 elements"),
    ("slice", {"axis": 1, "start": -7}, [IMAGE], "start (=-7) is beyond"),
    ("slice", {"axis": 1, "end": 7}, [IMAGE], "end (=7) must come after"),
    ("slice", {"axis": 1, "start": 3, "end": -3}, [IMAGE], "end (=-3) must come after"),
    ("channel_shuffle", {"groups": 4}, [IMAGE], "groups (=4) must divide the 6 channels"),
    ("pixel_shuffle", {"upscale_factor": 2}, [IMAGE], "squared must divide the 6 channels"),
]


@pytest.mark.parametrize(("key", "attributes", "shapes", "message"), REFUSED)
def test_impossible_shapes_are_refused(
    key: str, attributes: dict[str, Any], shapes: list[tuple[int, ...]], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, **attributes).infer(*shapes)
    assert message in str(caught.value)
    assert caught.value.attribute is None or caught.value.attribute in ops.get(key).model_fields


INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("split", {}, "needs either sizes or sections"),
    ("split", {"sizes": [1], "sections": 1}, "needs either sizes or sections"),
    ("split", {"sizes": 3}, "must be a list, not 3"),
    ("split", {"sizes": []}, "must be a list, not an empty one"),
    ("split", {"sizes": [1, True]}, "must be whole numbers from 1, not true"),
    ("reshape", {"shape": [-1, -1]}, "must have -1 at most once"),
    ("reshape", {"shape": [0]}, "must be whole numbers from 1, not 0"),
    ("upsample", {}, "needs either scale or size"),
    ("upsample", {"scale": 2, "align_corners": True}, "align_corners has a meaning only"),
    ("pad", {"padding": [1], "mode": "reflect", "value": 2}, "value (=2) has no meaning"),
    ("pad", {"padding": [[-1, 2]]}, "must be at least 0"),
    ("conv_transpose2d", {"out_channels": 1, "kernel_size": 1, "padding": "same"}, "no agreed meaning"),
    ("mean", {"axis": []}, "must name at least one axis"),
    ("max_pool2d", {"kernel_size": 2, "stride": "two"}, "must be a whole number, not the text 'two'"),
    ("batch_norm", {"momentum": 1.5}, "less than or equal to 1"),
    ("gelu", {"approximate": "erf"}, "'none' or 'tanh'"),
]


@pytest.mark.parametrize(("key", "attributes", "message"), INVALID)
def test_invalid_attributes_are_refused(key: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make(key, **attributes)
    (error,) = caught.value.errors()
    assert message in error["msg"]


def test_embedding_refuses_what_is_not_in_its_table() -> None:
    op = make("embedding", num_embeddings=3, embedding_dim=2)
    for index in (-1, 3):
        with pytest.raises(IndexError, match="from 0 to 2"):
            op.reference(np.array([[index]]), weight=np.zeros((3, 2)))
