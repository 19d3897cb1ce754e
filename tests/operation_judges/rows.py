"""Rows that the table of tests does not need for the backends, and judges do for the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from archspec import ops

from ..cases import CASES
from ..cases.common import IMAGE, LINE, VOLUME, Case

FIRST: Final = {case.op: case for case in reversed(CASES)}
SILENT: Final = ("sign", "topk")
"""What is not asked about NaN: PyTorch's sign of it is 0 (NumPy's, ONNX's and the other frameworks' is NaN), and it
ranks it first."""

MORE: Final[list[Case]] = [
    Case("conv2d", {"out_channels": 2, "kernel_size": 3, "padding": 1}, ((130, 16, 31),)),  # several blocks of rows
    *(
        replace(FIRST[op], values="special")
        for family in ("activation", "elementwise", "reduction", "pooling")
        for op in ops.FAMILIES[family]
        if op not in SILENT and "float" in FIRST[op].dtypes
    ),
    Case("logsumexp", {"axis": 1}, ((1,),), values="special"),
    Case("bucketed_position_bias", {}, ((1, 150, 150),)),
    Case("bucketed_position_bias", {"num_buckets": 16, "bidirectional": False}, ((1, 150, 2),)),
    *(
        Case(f"{kind}_pool{rank}d", {"kernel_size": 3}, (shape,))
        for kind in ("max", "avg", "lp")
        for rank, shape in ((1, LINE), (2, IMAGE), (3, VOLUME))
    ),
    Case("max_pool2d_with_indices", {"kernel_size": 2, "padding": 1}, (IMAGE,), values="infinite"),
    Case("erf", {}, ((100, 100),)),  # several chunks
    Case("conv_transpose3d", {"out_channels": 3, "kernel_size": 2}, (VOLUME,)),
    Case("rnn", {"hidden_size": 3, "num_layers": 2}, ((7, 4),)),
    *(Case(op, {}, ((5, 8),)) for op in ("glu", "swiglu", "reglu")),
    Case("l2_normalize", {}, (LINE,), values="tiny"),
    Case("upsample", {"size": [2, 3], "mode": "bilinear", "align_corners": True}, (IMAGE,)),
    Case("affine_grid", {"size": [1, 5], "align_corners": True}, ((2, 3),)),
    *(
        Case(op, {}, ((5, 7),), values="large")
        for op in ("softmax", "softmin", "log_softmax", "log_sigmoid", "softplus")
    ),
    Case("logsumexp", {"axis": [1, -1]}, (IMAGE,), values="large"),
    Case("scaled_dot_product_attention", {"scale": 1.0}, ((2, 3, 4), (2, 5, 4), (2, 5, 4)), values="large"),
]
