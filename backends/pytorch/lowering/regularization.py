"""What only training sees."""

from __future__ import annotations

from typing import Final

from archspec.emit.context import Lowering
from archspec.emit.signature import layer

ROWS: Final[dict[str, Lowering]] = {
    "dropout": layer("nn.Dropout(p)"),
    "dropout1d": layer("nn.Dropout1d(p)"),
    "dropout2d": layer("nn.Dropout2d(p)"),
    "dropout3d": layer("nn.Dropout3d(p)"),
    "alpha_dropout": layer("nn.AlphaDropout(p)"),
    "drop_path": layer("DropPath(p)"),
    "gaussian_noise": layer("GaussianNoise(std)"),
}  # fmt: skip
