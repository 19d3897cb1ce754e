"""Rows of the table of tests: sampling."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, VOLUME, Table

TABLE: Final[Table] = {
    "grid_sample": [
        ({}, IMAGE, (4, 5, 2)),
        ({"align_corners": True}, IMAGE, (4, 5, 2)),
        ({"padding_mode": "border"}, IMAGE, (3, 8, 2)),
        ({"padding_mode": "border", "align_corners": True}, (2, 1, 6), (3, 8, 2)),
        ({"padding_mode": "reflection"}, IMAGE, (3, 8, 2)),
        ({"padding_mode": "reflection", "align_corners": True}, (2, 6, 1), (3, 8, 2)),
        ({"mode": "nearest"}, IMAGE, (5, 3, 2)),
        ({"mode": "nearest", "align_corners": True, "padding_mode": "border"}, IMAGE, (5, 3, 2)),
        ({"mode": "nearest", "padding_mode": "reflection"}, IMAGE, (5, 3, 2)),
        ({}, VOLUME, (2, 3, 5, 3)),
        ({"align_corners": True, "padding_mode": "reflection"}, VOLUME, (2, 3, 5, 3)),
        ({"mode": "nearest", "padding_mode": "border"}, VOLUME, (2, 3, 5, 3)),
    ],
    "affine_grid": [
        ({"size": [5, 7]}, (2, 3)),
        ({"size": [5, 7], "align_corners": True}, (2, 3)),
        ({"size": [4, 1, 6]}, (3, 4)),
        ({"size": [3, 5, 2], "align_corners": True}, (3, 4)),
    ],
}
