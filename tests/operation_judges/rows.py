"""Rows that the table of tests does not need for the backends, and judges do for the reference."""

from __future__ import annotations

from typing import Final

from ..cases.common import IMAGE, LINE, VOLUME, Case

MORE: Final[list[Case]] = [
    Case("conv2d", {"out_channels": 2, "kernel_size": 3, "padding": 1}, ((300, 15, 31),)),  # several blocks of rows
    Case("erf", {}, ((100, 100),)),  # several chunks
    Case("conv_transpose3d", {"out_channels": 3, "kernel_size": 2}, (VOLUME,)),
    Case("rnn", {"hidden_size": 3, "num_layers": 2}, ((7, 4),)),
    *(Case(op, {}, ((5, 8),)) for op in ("glu", "swiglu")),
    Case("l2_normalize", {}, (LINE,), values="tiny"),
    Case("upsample", {"size": [2, 3], "mode": "bilinear", "align_corners": True}, (IMAGE,)),
    *(
        Case(op, {}, ((5, 7),), values="large")
        for op in ("softmax", "softmin", "log_softmax", "log_sigmoid", "softplus")
    ),
    Case("logsumexp", {"axis": [1, -1]}, (IMAGE,), values="large"),
    Case("scaled_dot_product_attention", {"scale": 1.0}, ((2, 3, 4), (2, 5, 4), (2, 5, 4)), values="large"),
]
