"""Rows of the table of tests: elementwise."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, Row, Table

REPEATED: Final[list[Row]] = [({}, IMAGE, IMAGE), ({}, (5,), (5,)), ({}, IMAGE, (6, 1, 1)), ({}, (1, 9, 7), IMAGE)]


TABLE: Final[Table] = {
    "add": [*REPEATED, ({}, (5, 3), (5, 3), (5, 1))],
    "subtract": [*REPEATED, ({}, (1,), (5,))],
    "multiply": [*REPEATED, ({}, (5, 3), (1, 3), (5, 1))],
    "divide": [*REPEATED, ({}, (5, 3), (1, 3))],
}
