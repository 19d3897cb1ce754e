"""Rows of the table of tests: spectral."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, LINE, Row, Table

WHOLE: Final[list[Row]] = [
    ({}, LINE),
    ({"axis": 1}, LINE, LINE),
    ({"axis": "channels"}, IMAGE, IMAGE),
    ({"axis": "height"}, IMAGE),
    ({}, (8,)),
    ({}, (1,), (1,)),
]
TABLE: Final[Table] = {
    "rfft": [({}, LINE), ({"axis": "channels"}, IMAGE), ({"axis": 2}, IMAGE), ({}, (8,)), ({"axis": 1}, (1, 3))],
    "irfft": [
        ({}, LINE, LINE),
        ({"length": 21}, LINE, LINE),
        ({"axis": "channels"}, IMAGE, IMAGE),
        ({"axis": 2, "length": 16}, IMAGE, IMAGE),
        ({"axis": 1, "length": 17}, (9,), (9,)),
        ({"length": 1}, (3, 1), (3, 1)),
    ],
    "fft": WHOLE,
    "ifft": WHOLE,
}
