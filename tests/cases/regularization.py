"""Rows of the table of tests: regularization."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, Table

TABLE: Final[Table] = {
    "dropout": [({}, IMAGE), ({"p": 0.0}, (5,)), ({"p": 0.7}, (5, 3))],
}
