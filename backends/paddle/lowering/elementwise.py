"""Arithmetic between inputs."""

from __future__ import annotations

from typing import Final

from archspec.emit.context import Lowering
from archspec.emit.signature import operator

ROWS: Final[dict[str, Lowering]] = {
    "add": operator("+"),
    "subtract": operator("-"),
    "multiply": operator("*"),
    "divide": operator("/"),
}  # fmt: skip
