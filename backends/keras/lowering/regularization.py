"""What only training sees."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import Call, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import held
from archspec.emit.signature import spell

from .rows import anywhere, applied, image_layer, signed


def channel_dropout(site: Site) -> Lowered:
    rank = site.inputs[0].rank - 2
    return image_layer(site, spell(f"layers.SpatialDropout{rank}D(rate)", site, rate="p"))


def drop_path(site: Site) -> Lowered:
    """One random number for each sample."""
    wire = site.inputs[0]
    made = call("layers.Dropout", site.attr("p"), noise_shape=literal((None, *[1] * (wire.rank - 1))))
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                   layouts=(signed(site, held(wire)),))  # fmt: skip


def gaussian_noise(site: Site) -> Lowered:
    """The layer of Keras takes deviations up to 1."""
    native = site.every(lambda step: step.op.std <= 1)
    return anywhere("layers.GaussianNoise(stddev)" if native else "WideGaussianNoise(stddev)", stddev="std")(site)


ROWS: Final[dict[str, Lowering]] = {
    "dropout": anywhere("layers.Dropout(rate)", rate="p"),
    "dropout1d": channel_dropout,
    "dropout2d": channel_dropout,
    "dropout3d": channel_dropout,
    "alpha_dropout": anywhere("layers.AlphaDropout(rate)", rate="p"),
    "drop_path": drop_path,
    "gaussian_noise": gaussian_noise,
    "stop_gradient": applied("ops.stop_gradient()"),
}
