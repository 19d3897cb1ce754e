"""What only training sees."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import layer


def stop_gradient(site: Site) -> Lowered:
    return Lowered(apply=lambda own, inputs: method(inputs[0], "detach"))


ROWS: Final[dict[str, Lowering]] = {
    "dropout": layer("nn.Dropout(p)"),
    "dropout1d": layer("nn.Dropout1d(p)"),
    "dropout2d": layer("nn.Dropout2d(p)"),
    "dropout3d": layer("nn.Dropout3d(p)"),
    "alpha_dropout": layer("nn.AlphaDropout(p)"),
    "drop_path": layer("DropPath(p)"),
    "gaussian_noise": layer("GaussianNoise(std)"),
    "stop_gradient": stop_gradient,
}  # fmt: skip
