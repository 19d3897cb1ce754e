"""Rows of the table of tests: shape."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, LINE, VOLUME, Table

TABLE: Final[Table] = {
    "concat": [
        ({}, IMAGE, (2, 9, 7)),
        ({"axis": "width"}, IMAGE, (6, 9, 1), (6, 9, 3)),
        ({"axis": -2}, IMAGE, (6, 2, 7)),
        ({}, (5,), (1,)),
        ({"axis": 1}, (5, 3), (2, 3)),
    ],
    "split": [
        ({"sections": 3}, IMAGE),
        ({"sizes": [1, 2, 3]}, IMAGE),
        ({"sizes": [4, 3], "axis": "width"}, IMAGE),
        ({"sections": 2, "axis": -1}, (3, 8)),
        ({"sections": 1}, (3, 4)),
        ({"sizes": [5, 1]}, (6,), {"dtype": "int64", "below": 9}),
    ],
    "flatten": [
        ({}, IMAGE),
        ({"start_axis": "height"}, IMAGE),
        ({"end_axis": 2}, VOLUME),
        ({"start_axis": 2, "end_axis": 3}, VOLUME),
        ({"start_axis": 1, "end_axis": 1}, (3, 4)),
        ({}, (5,)),
        ({}, (3, 4), {"dtype": "int64", "below": 9}),
    ],
    "reshape": [
        ({"shape": [7, 6, 9]}, IMAGE),
        ({"shape": [3, -1]}, IMAGE),
        ({"shape": [-1]}, IMAGE),
        ({"shape": [2, 3, 1, 4]}, (24,)),
        ({"shape": [-1, 1, 4]}, (24,), {"dtype": "int64", "below": 9}),
    ],
    "permute": [
        ({"axes": ["width", "channels", "height"]}, IMAGE),
        ({"axes": [2, 3, 1]}, IMAGE),
        ({"axes": [2, 1]}, (5, 3)),
        ({"axes": [4, 1, 3, 2]}, VOLUME),
        ({"axes": [2, 1]}, (5, 3), {"dtype": "int64", "below": 9}),
    ],
    "pad": [
        ({"padding": [[1, 2], [0, 3]]}, IMAGE),
        ({"padding": [2], "value": -1.5}, LINE),
        ({"padding": [[0, 2], [1, 0], [3, 1]], "value": 0.7}, IMAGE),
        ({"padding": [[1, 2]]}, (5,)),
        ({"padding": [[1, 2], [3, 0]], "mode": "reflect"}, IMAGE),
        ({"padding": [[2, 1]], "mode": "reflect"}, IMAGE),
        ({"padding": [[3, 2]], "mode": "replicate"}, LINE),
        ({"padding": [[8, 9], [0, 1]], "mode": "replicate"}, IMAGE),
        ({"padding": [[1, 0], [2, 1], [0, 2]], "mode": "replicate"}, VOLUME),
        ({"padding": [[1, 0], [2, 1], [0, 2]], "mode": "reflect"}, VOLUME),
    ],
    "slice": [
        ({"axis": "channels", "start": 1}, IMAGE),
        ({"axis": "width", "start": -5, "end": -1, "step": 2}, IMAGE),
        ({"axis": -2, "step": 4}, IMAGE),
        ({"axis": 1, "end": 3}, (5,)),
        ({"axis": 2, "start": 2, "end": 3}, (5, 3)),
        ({"axis": 1, "end": 2}, (5,), {"dtype": "int64", "below": 9}),
    ],
    "upsample": [
        ({"scale": 2}, IMAGE),
        ({"scale": [3, 1]}, IMAGE),
        ({"scale": [41, 2]}, (2, 2, 3)),  # where a scale in float32 is off by one
        ({"size": [13, 5]}, IMAGE),
        ({"size": 4}, (3, 9, 7)),
        ({"size": [22, 46]}, (1, 26, 14)),  # where scales in float32 are off by one
        ({"scale": 2, "mode": "bilinear"}, IMAGE),
        ({"size": [13, 5], "mode": "bilinear"}, IMAGE),
        ({"size": [1, 3], "mode": "bilinear"}, IMAGE),
        ({"scale": [2, 3], "mode": "bilinear", "align_corners": True}, IMAGE),
        ({"size": [5, 15], "mode": "bilinear", "align_corners": True}, IMAGE),
        ({"size": [1, 4], "mode": "bilinear", "align_corners": True}, (3, 1, 7)),
    ],
    "channel_shuffle": [
        ({"groups": 3}, IMAGE),
        ({"groups": 2}, LINE),
        ({"groups": 2}, VOLUME),
        ({"groups": 1}, IMAGE),
        ({"groups": 6}, IMAGE),
    ],
    "pixel_shuffle": [
        ({"upscale_factor": 2}, (12, 5, 3)),
        ({"upscale_factor": 3}, (9, 1, 4)),
        ({"upscale_factor": 1}, IMAGE),
    ],
}
