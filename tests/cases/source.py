"""Rows of the table of tests: source."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, Table

TABLE: Final[Table] = {
    "parameter": [
        ({"shape": [5]},),
        ({"shape": [3, 7], "std": 0.02},),
        ({"shape": [6, 1, 1]},),
        ({"shape": [2, 3, 4], "mean": 0.5, "std": 0.25},),
    ],
    "constant": [
        ({"value": 0.3, "shape": [6, 1, 1]},),
        ({"value": [[1, 2.5, -3], [0.1, 5, 6]]},),
        ({"value": [3, 1, 2], "dtype": "int64"},),
        ({"value": [[True], [False]], "dtype": "bool"},),
        ({"value": 7, "shape": [2, 3], "dtype": "int64"},),
    ],
    "range": [
        ({"stop": 7},),
        ({"start": -2, "stop": 9, "step": 3, "dtype": "float"},),
        ({"start": 5, "stop": -2, "step": -2},),
        ({"start": 3, "stop": 8, "dtype": "float"},),
        ({"axis": "time"}, (5, 4)),
        ({"axis": 3, "dtype": "float"}, IMAGE),
        ({"axis": -1}, (4, 3), {"dtype": "int64", "below": 9}),
        ({"axis": "channels", "dtype": "float"}, IMAGE),
        ({"axis": 1, "dtype": "float"}, (6,), {"dtype": "bool"}),
    ],
}
