"""What only training sees."""

from __future__ import annotations

from typing import Final

from archspec.emit.context import Lowering
from archspec.emit.signature import layer

ROWS: Final[dict[str, Lowering]] = {
    "dropout": layer("nn.Dropout(p)"),
}  # fmt: skip
