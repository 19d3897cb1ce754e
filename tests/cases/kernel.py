"""Rows of the table of tests: layers whose weights flow in."""

from __future__ import annotations

from typing import Any, Final

from .common import IMAGE, LINE, VOLUME, Shape, Table

WEIGHT: Final[dict[str, Any]] = {"shared": (1,)}
BOTH: Final[dict[str, Any]] = {"shared": (1, 2)}
KERNEL: Final[Shape] = (4, 6, 3, 2)

TABLE: Final[Table] = {
    "linear_with": [
        ({}, (7,), (5, 7), (5,), BOTH),
        ({}, (3, 4, 7), (7, 7), WEIGHT),
        ({}, (9, 7, 6), (2, 6), (2,), BOTH),
    ],
    "conv1d_with": [
        ({}, LINE, (6, 6, 4), WEIGHT),
        ({"groups": 6}, LINE, (6, 1, 4), WEIGHT),
        ({"padding": 1}, LINE, (4, 6, 3), WEIGHT),
        ({"padding": "causal", "dilation": 2, "groups": 6}, LINE, (6, 1, 3), (6,), BOTH),
        ({"stride": 2, "padding": [[3, 0]], "groups": 2}, LINE, (4, 3, 5), WEIGHT),
    ],
    "conv2d_with": [
        ({}, IMAGE, KERNEL, (4,), BOTH),
        ({"groups": 2}, IMAGE, (4, 3, 3, 2), WEIGHT),
        ({"stride": 2, "padding": "same"}, IMAGE, KERNEL, WEIGHT),
        ({"stride": 2, "padding": 1, "groups": 6}, IMAGE, (6, 1, 3, 3), WEIGHT),
        ({"stride": [1, 2], "padding": [[3, 0], [1, 1]], "groups": 3}, IMAGE, (9, 2, 3, 3), (9,), BOTH),
        ({"stride": 2, "dilation": 2, "padding": [[1, 2], [0, 3]]}, IMAGE, KERNEL, WEIGHT),
        ({"groups": 6, "dilation": 2}, IMAGE, (12, 1, 2, 3), WEIGHT),
        ({"padding": 4}, (1, 1, 3), (1, 1, 5, 5), WEIGHT),
    ],
    "conv3d_with": [
        ({"padding": 1, "stride": [2, 1, 1]}, VOLUME, (3, 4, 3, 2, 3), (3,), BOTH),
        ({}, VOLUME, (2, 4, 2, 1, 3), WEIGHT),
        ({"groups": 2}, VOLUME, (6, 2, 2, 1, 3), WEIGHT),
        ({"dilation": [1, 2, 1], "padding": [[0, 1], [2, 0], [1, 1]]}, VOLUME, (3, 4, 2, 2, 1), WEIGHT),
    ],
    "conv_transpose1d_with": [
        ({"padding": 1, "dilation": 2, "groups": 3}, LINE, (6, 2, 3), WEIGHT),
        ({"stride": 2}, LINE, (6, 4, 2), (4,), BOTH),
        ({"stride": 3, "padding": [[2, 1]], "output_padding": 2}, LINE, (6, 5, 3), WEIGHT),
    ],
    "conv_transpose2d_with": [
        ({"stride": 2, "padding": 1}, IMAGE, (6, 4, 4, 3), WEIGHT),
        ({"dilation": [2, 1], "padding": 1}, IMAGE, (6, 4, 2, 3), WEIGHT),
        ({"stride": [2, 3], "padding": [1, 2], "output_padding": [1, 2]}, IMAGE, (6, 4, 3, 4), (4,), BOTH),
        ({"stride": 2, "padding": [[0, 1], [2, 1]], "groups": 2}, IMAGE, (6, 4, 3, 3), WEIGHT),
        ({}, IMAGE, (6, 4, 2, 3), WEIGHT),
    ],
}
