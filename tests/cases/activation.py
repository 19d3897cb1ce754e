"""Rows of the table of tests: activation."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, LINE, VOLUME, Row, Table

ACTIVATED: Final[list[Row]] = [
    ({}, IMAGE, {"values": "wide"}),
    ({}, (13,), {"values": "wide"}),
    ({}, (3, 1, 5), {"values": "wide"}),
]


TABLE: Final[Table] = {
    **{
        op: list(ACTIVATED)
        for op in ("relu", "relu6", "selu", "silu", "mish", "sigmoid", "tanh", "hard_sigmoid", "hard_swish")
    },
    "leaky_relu": [
        *ACTIVATED,
        ({"negative_slope": 0.2}, IMAGE, {"values": "wide"}),
        ({"negative_slope": -1.5}, (5,), {"refused": {"keras": "its slope is not negative"}}),
    ],
    "prelu": [
        ({}, IMAGE),
        ({"per_channel": False}, IMAGE),
        ({}, (5,)),
        ({}, LINE),
        ({"per_channel": False}, (5,)),
        ({}, VOLUME),
    ],
    "elu": [*ACTIVATED, ({"alpha": 0.3}, IMAGE, {"values": "wide"}), ({"alpha": 2}, (5,))],
    "gelu": [*ACTIVATED, ({"approximate": "tanh"}, IMAGE, {"values": "wide"}), ({"approximate": "tanh"}, (5,))],
    "softplus": [
        *ACTIVATED,
        ({"beta": 0.7}, IMAGE, {"values": "wide"}),
        ({"beta": 2.0, "threshold": 3.0}, IMAGE, {"values": "wide"}),
    ],
    **{
        op: [
            ({}, (7,)),
            ({"axis": "channels"}, IMAGE),
            ({"axis": 2}, IMAGE),
            ({"axis": -1}, (3, 1)),
            ({"axis": 1}, (5, 4)),
        ]
        for op in ("softmax", "log_softmax")
    },
}
