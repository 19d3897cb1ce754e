"""Rows of the table of tests: selection."""

from __future__ import annotations

from typing import Any, Final

from .common import IMAGE, LINE, VOLUME, Row, Table

WHOLE: Final = {"dtype": "int64", "below": 50}


def indexed(below: int) -> dict[str, Any]:
    return {"dtype": ("float", "int64"), "below": below}


def put(below: int) -> dict[str, Any]:
    return {"dtype": ("float", "int64", "float"), "below": below}


def masked(**options: Any) -> dict[str, Any]:
    return {"dtype": ("float", "bool"), **options}


ORDERS: Final[list[Row]] = [
    ({}, IMAGE),
    ({"axis": "channels"}, IMAGE),
    ({"axis": 2, "descending": True}, VOLUME),
    ({"descending": True}, (5,)),
    ({"axis": "time"}, LINE),
    ({}, (7,), WHOLE),
    ({"descending": True}, (7,), WHOLE),
]
SCATTERED: Final[list[Row]] = [
    ({"axis": "channels"}, IMAGE, (2, 9, 7), (2, 9, 7), put(6)),
    ({"axis": "width"}, IMAGE, (6, 9, 10), (6, 9, 10), put(7)),
    ({"axis": 1}, (5, 3), (1, 3), (1, 3), put(5)),
    ({"axis": -1}, LINE, (6, 1), (6, 1), put(11)),
    ({"axis": 1}, (5,), (3,), (3,), put(5)),
    ({"axis": 1}, (4, 4), (4, 4), (4, 4), put(4)),
    ({"axis": 2}, (4, 4), (4, 4), (4, 4), put(4)),
]
TRIANGLES: Final[list[Row]] = [
    ({}, LINE),
    ({"diagonal": 2}, LINE),
    ({"diagonal": -3}, (5, 5)),
    ({"diagonal": 1}, IMAGE),
]

TABLE: Final[Table] = {
    "sort": ORDERS,
    "argsort": ORDERS,
    "scatter": SCATTERED,
    "scatter_add": SCATTERED,
    "gather_rows": [
        ({}, (7, 5), (4,), indexed(7)),
        ({}, (7, 2, 5), (9,), indexed(7)),
        ({}, (3, 2, 5, 4), (1,), indexed(3)),
        ({}, (7, 5), (4,), {"dtype": "int64", "below": 7}),
    ],
    "scatter_add_rows": [
        ({}, (7, 5), (4,), (4, 5), put(7)),
        ({}, (3, 2, 5), (9,), (9, 2, 5), put(3)),
        ({}, (4, 1), (1,), (1, 1), put(4)),
    ],
    "masked_fill": [
        ({"value": -1e9}, IMAGE, IMAGE, masked()),
        ({"value": 0.1}, IMAGE, (1, 9, 7), masked()),
        ({"value": 3}, (5,), (5,), masked()),
        ({"value": -0.75}, LINE, (6, 1), masked()),
    ],
    "tril": TRIANGLES,
    "triu": TRIANGLES,
    "repeat_interleave": [
        ({"axis": "channels", "repeats": 2}, IMAGE),
        ({"axis": -1, "repeats": 3}, LINE),
        ({"axis": 1, "repeats": 1}, (5,)),
        ({"axis": 1, "repeats": 4}, (5,), {"dtype": "int64", "below": 9}),
        ({"axis": "height", "repeats": 2}, VOLUME, {"dtype": "bool"}),
    ],
    "unbind": [
        ({"axis": 1}, IMAGE),
        ({"axis": -1}, (6, 9, 3)),
        ({}, (3, 5)),
        ({"axis": 2}, (4, 2, 5)),
        ({}, (2, 5), {"dtype": "int64", "below": 9}),
        ({"axis": 2}, (3, 1)),
    ],
}
