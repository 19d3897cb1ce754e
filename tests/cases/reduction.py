"""Rows of the table of tests: reduction."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, Table

TABLE: Final[Table] = {
    "mean": [
        ({"axis": -1}, IMAGE),
        ({"axis": ["height", "width"], "keepdims": True}, IMAGE),
        ({"axis": ["width", "channels"]}, IMAGE),
        ({"axis": "time"}, (5, 3)),
        ({"axis": [1, 2], "keepdims": True}, (5, 3)),
        ({"axis": 1}, (5,)),
    ],
}
