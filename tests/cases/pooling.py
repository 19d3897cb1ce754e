"""Rows of the table of tests: pooling."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Final

from .common import IMAGE, LINE, VOLUME, Row, Table

POOLS_1D: Final[list[Row]] = [
    ({"kernel_size": 2}, LINE),
    ({"kernel_size": 3, "stride": 2, "padding": 1}, LINE),
    ({"kernel_size": 3, "stride": 2, "padding": 1}, LINE, {"values": "negative"}),
    ({"kernel_size": 4, "stride": 3, "padding": [[2, 0]], "ceil_mode": True}, LINE, {"values": "negative"}),
    ({"kernel_size": 4, "stride": 2, "padding": [[0, 2]]}, LINE),
    ({"kernel_size": 2, "stride": 2, "padding": 1, "ceil_mode": True}, (3, 7)),
    ({"kernel_size": 3, "stride": 2, "ceil_mode": True}, (3, 8)),
    ({"kernel_size": 3, "stride": 2, "padding": "same"}, (3, 8), {"values": "negative"}),
    ({"kernel_size": 2, "stride": 3, "padding": "same", "ceil_mode": True}, (3, 8)),
    ({"kernel_size": 5, "stride": 1, "padding": "same"}, (3, 1)),
    ({"kernel_size": 7, "stride": 3, "padding": "same"}, (3, 6)),  # a window of five elements from before the input
]


POOLS_2D: Final[list[Row]] = [
    ({"kernel_size": 2}, IMAGE),
    ({"kernel_size": [3, 2], "stride": [1, 3], "padding": [1, 0]}, IMAGE),
    ({"kernel_size": 3, "stride": 2, "padding": 1}, IMAGE, {"values": "negative"}),
    ({"kernel_size": 3, "stride": 2, "ceil_mode": True}, (3, 8, 10)),
    ({"kernel_size": 2, "stride": 2, "padding": 1, "ceil_mode": True}, (3, 7, 9)),  # a last window in the padding
    ({"kernel_size": 2, "stride": 2, "padding": [[0, 1], [0, 1]], "ceil_mode": True}, (3, 6, 7)),
    ({"kernel_size": [2, 4], "stride": [4, 3], "padding": [[0, 1], [2, 0]], "ceil_mode": True}, (3, 7, 11)),
    ({"kernel_size": 4, "stride": 3, "padding": [[2, 1], [0, 2]]}, IMAGE, {"values": "negative"}),
    ({"kernel_size": 3, "stride": 2, "padding": "same"}, (3, 8, 11)),
    ({"kernel_size": 2, "stride": 1, "padding": "same"}, IMAGE, {"values": "negative"}),
    ({"kernel_size": [2, 3], "stride": [3, 2], "padding": "same", "ceil_mode": True}, (3, 7, 8)),
    ({"kernel_size": 3, "stride": 2, "padding": "same"}, (3, 1, 4)),
    ({"kernel_size": [3, 6], "stride": [2, 1], "padding": "same"}, (3, 4, 5)),
]


POOLS_3D: Final[list[Row]] = [
    ({"kernel_size": 2}, VOLUME),
    ({"kernel_size": [1, 3, 2], "stride": [2, 1, 3], "padding": [0, 1, 1]}, VOLUME),
    ({"kernel_size": 3, "stride": 2, "padding": 1}, VOLUME, {"values": "negative"}),
    ({"kernel_size": 2, "stride": 2, "padding": 1, "ceil_mode": True}, (3, 5, 7, 3)),  # a last window in the padding
    ({"kernel_size": [2, 4, 3], "stride": [4, 3, 2], "padding": [[0, 1], [2, 0], 1], "ceil_mode": True}, (2, 7, 8, 6)),
    ({"kernel_size": 4, "stride": 3, "padding": [[2, 1], [0, 2], [1, 1]]}, VOLUME, {"values": "negative"}),
    ({"kernel_size": [2, 3, 3], "stride": [3, 2, 1], "padding": "same"}, (2, 7, 8, 4)),
    ({"kernel_size": 3, "stride": 2, "padding": "same"}, (3, 1, 4, 2)),
]


def averages(rows: list[Row]) -> Iterator[Row]:
    """Pools with and without padding that counts."""
    for attributes, *rest in rows:
        yield (attributes, *rest)
        if attributes.get("padding", 0) != 0:
            yield ({**attributes, "count_include_pad": True}, *rest)


def norms(rows: list[Row]) -> Iterator[Row]:
    """Pools, in turn of the Euclidean norm and of others, not all of which are float32 numbers."""
    for p, (attributes, *rest) in zip(cycle([None, 3, 1.3, 4, 1]), rows, strict=False):
        yield (attributes if p is None else {"norm_type": p, **attributes}, *rest)


TABLE: Final[Table] = {
    "max_pool1d": [
        *POOLS_1D,
        ({"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2}, LINE, {"values": "negative"}),
        ({"kernel_size": 2, "dilation": 3, "ceil_mode": True}, LINE),
    ],
    "max_pool2d": [
        *POOLS_2D,
        ({"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 2}, IMAGE, {"values": "negative"}),
        ({"kernel_size": 2, "stride": [2, 1], "padding": "same", "dilation": [2, 3]}, IMAGE, {"values": "negative"}),
        ({"kernel_size": [3, 2], "stride": 2, "dilation": [1, 2], "ceil_mode": True}, (3, 8, 10)),
    ],
    "max_pool3d": [
        *POOLS_3D,
        ({"kernel_size": [2, 3, 1], "stride": 2, "padding": [1, 1, 0], "dilation": [1, 2, 3]}, VOLUME),
        ({"kernel_size": 2, "dilation": [1, 3, 2], "padding": "same"}, VOLUME, {"values": "negative"}),
    ],
    "avg_pool1d": list(averages(POOLS_1D)),
    "avg_pool2d": list(averages(POOLS_2D)),
    "avg_pool3d": [
        *averages(POOLS_3D),
        ({"kernel_size": 2, "padding": 1, "count_include_pad": True, "ceil_mode": True}, (3, 1, 1, 1)),
        ({"kernel_size": [3, 2, 2], "padding": 1}, (3, 2, 4, 5)),
    ],
    "lp_pool1d": list(norms(POOLS_1D)),
    "lp_pool2d": list(norms(POOLS_2D)),
    "lp_pool3d": list(norms(POOLS_3D)),
    **{
        f"adaptive_{kind}_pool1d": [
            ({"output_size": 1}, LINE),
            ({"output_size": 4}, LINE),
            ({"output_size": 7}, (3, 5)),
        ]
        for kind in ("avg", "max")
    },
    **{
        f"adaptive_{kind}_pool2d": [
            ({"output_size": 1}, IMAGE),
            ({"output_size": [3, 1]}, IMAGE),
            ({"output_size": [4, 5]}, IMAGE),
            ({"output_size": [7, 3]}, (3, 5, 7)),
            ({"output_size": 7}, (2, 7, 7)),
        ]
        for kind in ("avg", "max")
    },
    **{
        f"adaptive_{kind}_pool3d": [
            ({"output_size": 1}, VOLUME),
            ({"output_size": [2, 1, 5]}, VOLUME),
            ({"output_size": [5, 3, 1]}, VOLUME),
            ({"output_size": [7, 2, 3]}, (3, 2, 5, 4)),
        ]
        for kind in ("avg", "max")
    },
    **{
        f"global_{kind}_pool{rank}d": [
            ({}, shape),
            ({"keepdims": True}, shape, {"values": "negative"}),
            ({}, (3, *(1,) * rank)),
        ]
        for kind in ("avg", "max")
        for rank, shape in ((1, LINE), (2, IMAGE), (3, VOLUME))
    },
}
