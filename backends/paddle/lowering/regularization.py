"""What only training sees."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import layer


def stop_gradient(site: Site) -> Lowered:
    return Lowered(apply=lambda own, inputs: method(inputs[0], "detach"))


ROWS: Final[dict[str, Lowering]] = {
    "dropout": layer("nn.Dropout(p)"),
    "dropout1d": layer("nn.Dropout(p, *, axis=None)", axis=literal([0, 1])),
    "dropout2d": layer("nn.Dropout2D(p)"),
    "dropout3d": layer("nn.Dropout3D(p)"),
    "alpha_dropout": layer("nn.AlphaDropout(p)"),
    "drop_path": layer("nn.Dropout(p, *, axis=None)", axis=0),
    "gaussian_noise": layer("GaussianNoise(std)"),
    "stop_gradient": stop_gradient,
}  # fmt: skip
