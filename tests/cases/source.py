"""Rows of the table of tests: source."""

from __future__ import annotations

from typing import Final

from .common import Table

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
}
