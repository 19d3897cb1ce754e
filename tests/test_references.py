"""The NumPy references against PyTorch in float64.

The reference defines the right answer, so nothing here shares code with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from archspec import ops

from .pytorch_oracles import ORACLES
from .references import IMAGE, LINE, VOLUME, arrays, make

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
