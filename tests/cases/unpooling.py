"""Rows of the table of tests: unpooling."""

from __future__ import annotations

from typing import Any, Final

from .common import IMAGE, LINE, VOLUME, Table


def places(below: int) -> dict[str, Any]:
    return {"dtype": ("float", "int64"), "below": below}


TABLE: Final[Table] = {
    "max_pool1d_with_indices": [
        ({"kernel_size": 3}, LINE),
        ({"kernel_size": 4, "stride": 3, "padding": 2}, LINE),
        ({"kernel_size": 2, "stride": 5}, LINE, {"values": "negative"}),
        ({"kernel_size": [1]}, LINE),
    ],
    "max_pool2d_with_indices": [
        ({"kernel_size": 2}, IMAGE),
        ({"kernel_size": 3}, IMAGE),
        ({"kernel_size": [3, 2], "stride": [2, 1], "padding": [1, 0]}, IMAGE),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, IMAGE, {"values": "negative"}),
        ({"kernel_size": [9, 7]}, IMAGE),
    ],
    "max_pool3d_with_indices": [
        ({"kernel_size": 2}, VOLUME),
        ({"kernel_size": [3, 2, 1], "stride": [2, 1, 3], "padding": [1, 0, 0]}, VOLUME),
        ({"kernel_size": 3, "padding": 1}, VOLUME, {"values": "negative"}),
    ],
    # With one number for a channel no two indices are the same.
    "max_unpool1d": [
        ({"kernel_size": 3}, (6, 1), (6, 1), places(3)),
        ({"kernel_size": 3}, (6, 2), (6, 2), places(6)),
        ({"kernel_size": 4, "stride": 2}, (3, 5), (3, 5), places(12)),
        ({"kernel_size": 3, "stride": 2, "padding": 1, "output_size": 8}, (6, 4), (6, 4), places(7)),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, (6, 4), (6, 4), places(7)),
    ],
    "max_unpool2d": [
        ({"kernel_size": [5, 3]}, (6, 1, 1), (6, 1, 1), places(15)),
        ({"kernel_size": 2}, (4, 3, 5), (4, 3, 5), places(60)),
        ({"kernel_size": 3}, (4, 2, 2), (4, 2, 2), places(36)),
        ({"kernel_size": 2, "output_size": [7, 10]}, (4, 3, 5), (4, 3, 5), places(60)),
        ({"kernel_size": 3, "stride": [2, 1], "padding": [1, 0]}, (4, 3, 5), (4, 3, 5), places(35)),
    ],
    "max_unpool3d": [
        ({"kernel_size": [5, 3, 2]}, (4, 1, 1, 1), (4, 1, 1, 1), places(30)),
        ({"kernel_size": 3}, (4, 2, 1, 2), (4, 2, 1, 2), places(108)),
        ({"kernel_size": 2, "output_size": [5, 6, 3]}, (2, 2, 3, 1), (2, 2, 3, 1), places(48)),
        ({"kernel_size": 3, "stride": [2, 1, 3], "padding": [1, 0, 1]}, (2, 2, 3, 2), (2, 2, 3, 2), places(60)),
    ],
}
