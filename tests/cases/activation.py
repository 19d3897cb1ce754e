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
        for op in (
            "relu relu6 selu silu mish sigmoid log_sigmoid tanh hard_sigmoid hard_swish softsign tanh_shrink"
        ).split()
    },
    "leaky_relu": [
        *ACTIVATED,
        ({"negative_slope": 0.2}, IMAGE, {"values": "wide"}),
        ({"negative_slope": -1.5}, (5,)),
        ({"negative_slope": -0.3}, IMAGE, {"values": "wide"}),
        ({"negative_slope": 0}, (5,)),
        ({"negative_slope": 3}, IMAGE),
    ],
    "prelu": [
        ({}, IMAGE),
        ({"per_channel": False}, IMAGE),
        ({}, (5,)),
        ({}, LINE),
        ({"per_channel": False}, (5,)),
        ({}, VOLUME),
        ({"per_element": True}, IMAGE),
        ({"per_element": True}, (5,)),
    ],
    "elu": [*ACTIVATED, ({"alpha": 0.3}, IMAGE, {"values": "wide"}), ({"alpha": 2}, (5,)), ({"alpha": -0.7}, LINE)],
    "celu": [
        *ACTIVATED,
        ({"alpha": 0.3}, IMAGE, {"values": "wide"}),
        ({"alpha": 3}, LINE),
        ({"alpha": 0.04}, (50,)),
    ],
    "hard_tanh": [
        *ACTIVATED,
        ({"minimum": -0.4, "maximum": 0.7}, IMAGE),
        ({"minimum": 1.5, "maximum": 2}, LINE, {"values": "wide"}),
        ({"minimum": -2.5}, (5,), {"values": "wide"}),
        ({"maximum": 20.3}, VOLUME, {"values": "wide"}),
    ],
    "threshold": [
        ({"threshold": 0.3}, IMAGE),
        ({"threshold": 6, "value": -0.7}, IMAGE, {"values": "wide"}),
        ({"threshold": -0.8, "value": 20.1}, LINE),
        ({"threshold": 0, "value": 1}, (13,), {"values": "wide"}),
        ({"threshold": -3, "value": -2.5}, (3, 1, 5), {"values": "wide"}),
    ],
    **{
        op: [
            *ACTIVATED,
            ({"threshold": 3}, IMAGE, {"values": "wide"}),
            ({"threshold": 0.3}, LINE),
            ({"threshold": 0}, (5,), {"values": "wide"}),
        ]
        for op in ("hard_shrink", "soft_shrink")
    },
    "gelu": [*ACTIVATED, ({"approximate": "tanh"}, IMAGE, {"values": "wide"}), ({"approximate": "tanh"}, (5,))],
    "quick_gelu": ACTIVATED,
    "squared_relu": ACTIVATED,
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
        for op in ("softmax", "softmin", "log_softmax")
    },
    **{
        op: [
            ({}, (8,)),
            ({"axis": "channels"}, IMAGE),
            ({"axis": 2}, (3, 10, 7)),
            ({"axis": "width"}, (3, 5, 2)),
            ({"axis": -1}, (5, 14), {"values": "wide"}),
            ({"axis": 1}, (4, 5)),
            ({"axis": -2}, VOLUME),
        ]
        for op in ("glu", "swiglu", "reglu")
    },
}
