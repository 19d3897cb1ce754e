"""Normalizations."""

from __future__ import annotations

from typing import Any, Final

from archspec.emit.code import Call, Code, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import Layout, canonical, held
from archspec.emit.signature import bindings, spell

from .rows import (
    applied,
    axis,
    axis_of,
    float_of,
    image_layer,
    moved,
    signed,
    supported,
    transposed,
)

SCALE_AND_SHIFT: Final = {"weight": "gamma", "bias": "beta"}


def batch_norm(site: Site) -> Lowered:
    made = spell("layers.BatchNormalization(*, momentum=0.99, epsilon=0.001, center=True, scale=True)", site,
                 momentum=lambda s: s.value(lambda step: _complement(step.op.momentum), "momentum"),
                 center="affine", scale="affine")  # fmt: skip
    weights = {**SCALE_AND_SHIFT, "running_mean": "moving_mean", "running_var": "moving_variance"}
    return image_layer(site, made, weights)


def _complement(momentum: float) -> float:
    """The weight of the old statistics, as it is written."""
    return round(1 - momentum, 12)


def layer_norm(site: Site) -> Lowered:
    """Keras counts axes as they lie: what shares a layer with another step comes in the order of that one's input."""
    wire = site.inputs[0]
    axes = site.same(lambda step: step.op.axes(wire.rank), "axis")
    layout, owner = held(wire), site.step.owner
    if owner is not None and any(layout.position(a) != held(owner.inputs[0]).position(a) for a in axes):
        layout = held(owner.inputs[0])
    if len(axes) > 1:
        layout = canonical(wire.rank)
    positions = [layout.position(a) for a in axes]
    shown = [p - wire.rank for p in positions]
    made = spell("layers.LayerNormalization(*, axis=-1, epsilon=0.001, center=True, scale=True)", site,
                 axis=literal(shown if len(shown) > 1 else shown[0]), scale="affine",
                 center=shifted)  # fmt: skip
    return Lowered(lambda own, inputs: Call(own[""], (moved(inputs[0], wire, layout),)), {"": made},
                   weights=bindings(site, SCALE_AND_SHIFT), layouts=(layout.plain(),))  # fmt: skip


def shifted(site: Site) -> Code:
    """Whether a layer normalization has a bias."""
    if site.every(lambda step: step.op.bias):
        return site.attr("affine")
    return site.value(lambda step: step.op.shifts, "center")


def rms_norm(site: Site) -> Lowered:
    """Keras' own layer scales along trailing axes; another axis is moved to the end and back."""
    wire = site.inputs[0]
    layout = held(wire)
    axes = site.same(lambda step: step.op.axes(wire.rank), "axis")
    if not site.same(lambda step: step.op.affine, "affine"):
        places = sorted(layout.position(a) for a in axes)
        where = literal(places if len(places) > 1 else axis_of(site, axes[0]))
        return applied("ops.rms_normalization(*, scale=None, axis=-1, epsilon=None)", axis=where)(site)
    last = Layout((*(a for a in layout.axes if a not in axes), *axes))
    where = literal(list(range(-len(axes), 0)) if len(axes) > 1 else -1)
    made = spell("layers.RMSNormalization(*, axis=-1, epsilon=1e-06)", site, axis=where)
    return Lowered(lambda own, inputs: transposed(Call(own[""], (moved(inputs[0], wire, last),)), last, layout),
                   {"": made}, weights=bindings(site, {"weight": "scale"}), layouts=(layout.plain(),))  # fmt: skip


def l2_normalize(site: Site) -> Lowered:
    """Keras' layer has a fixed epsilon. Its function, which has not, claims that its result is float32."""
    layouts = (signed(site, held(site.inputs[0])),)
    if site.every(lambda step: step.op.epsilon == 1e-12):
        made = spell("layers.UnitNormalization(*, axis=-1)", site, axis=axis())
        return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made}, layouts=layouts)
    text = "ops.normalize(*, axis=-1, epsilon=None)"
    return Lowered(lambda own, inputs: float_of(spell(text, site, inputs, axis=axis())), layouts=layouts)


def group_norm(site: Site) -> Lowered:
    groups: Any = "num_groups" if site.op.key == "group_norm" else -1
    made = spell("layers.GroupNormalization(*, groups=32, epsilon=0.001, center=True, scale=True)", site,
                 groups=groups, center="affine", scale="affine")  # fmt: skip
    return image_layer(site, made, SCALE_AND_SHIFT)


ROWS: Final[dict[str, Lowering]] = {
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "l2_normalize": l2_normalize,
    "group_norm": group_norm,
    "instance_norm": group_norm,
    "local_response_norm": supported("local_response_norm", named=("size", "alpha", "beta", "k")),
}
