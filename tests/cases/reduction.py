"""Rows of the table of tests: reduction."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, LINE, VOLUME, Row, Table

AXES: Final[list[Row]] = [
    ({"axis": -1}, IMAGE),
    ({"axis": ["height", "width"], "keepdims": True}, IMAGE),
    ({"axis": ["width", "channels"]}, IMAGE),
    ({"axis": "time"}, (5, 3)),
    ({"axis": [1, 2], "keepdims": True}, (5, 3)),
    ({"axis": 1}, (5,)),
    ({"axis": [4, 2]}, VOLUME),
]
SPREAD: Final[list[Row]] = [
    *AXES,
    ({"axis": "channels", "unbiased": True}, IMAGE),
    ({"axis": [3, 1], "unbiased": True, "keepdims": True}, IMAGE),
    ({"axis": -1, "unbiased": True}, LINE),
    ({"axis": 2}, (5, 1)),
]
PLACES: Final[list[Row]] = [
    ({"axis": -1}, IMAGE),
    ({"axis": "channels", "keepdims": True}, IMAGE),
    ({"axis": "height"}, IMAGE),
    ({"axis": "time"}, (5, 3)),
    ({"axis": 1, "keepdims": True}, (5,)),
    ({"axis": 2}, (5, 1)),
]


TABLE: Final[Table] = {
    "mean": AXES,
    "sum": AXES,
    "prod": AXES,
    "max": AXES,
    "min": AXES,
    "var": SPREAD,
    "std": SPREAD,
    "logsumexp": [*AXES, ({"axis": 2}, (5, 40), {"values": "wide"})],
    "norm": [
        *AXES,
        ({"axis": -1, "p": 1}, IMAGE),
        ({"axis": ["channels", "height"], "p": 1, "keepdims": True}, IMAGE),
        ({"axis": "channels", "p": "inf"}, IMAGE),
        ({"axis": [1, 2], "p": "inf", "keepdims": True}, LINE),
        ({"axis": [2, 4], "p": "inf"}, VOLUME),
        ({"axis": [2, 3], "p": 3}, IMAGE),
        ({"axis": 1, "p": 2.7, "keepdims": True}, IMAGE),
        ({"axis": -1, "p": 0.5}, (5,)),
    ],
    "argmax": PLACES,
    "argmin": PLACES,
    "cumsum": [({"axis": -1}, IMAGE), ({"axis": "channels"}, IMAGE), ({"axis": "time"}, LINE), ({"axis": 1}, (5,))],
    "topk": [
        ({"k": 2}, IMAGE),
        ({"k": 3, "axis": "channels"}, IMAGE),
        ({"k": 9, "axis": 2, "largest": False}, IMAGE),
        ({"k": 1, "axis": -1, "largest": False}, (5,)),
        ({"k": 2, "axis": "time"}, LINE),
    ],
}
