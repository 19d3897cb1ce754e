"""Rows: what is random in training, and nothing when a network is used."""

from __future__ import annotations

from typing import Final

from archspec.ops import FAMILIES

from .writing import Row, node

ROWS: Final[dict[str, Row]] = dict.fromkeys(FAMILIES["regularization"], node("Identity"))
