"""Normalizations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from archspec.emit.code import Call, Code, Infix, Items, Number, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import bindings, function, layer, own_layer, spell
from archspec.errors import BackendError
from archspec.ops.base import resolve_axis

from .rows import in_channels, wanted

FLAT: Final = lambda step: (("reshape", (-1,)),)  # noqa: E731


AFFINE: Final = {"weight_attr": wanted("affine"), "bias_attr": wanted("affine")}


def momentum(site: Site) -> Code:
    """Paddle's is the weight of the old statistics."""
    new = site.attr("momentum")
    return Number(float(1 - Decimal(repr(new.value)))) if isinstance(new, Number) else Infix("-", (literal(1), new))


def batch_norm(site: Site) -> Lowered:
    rank = max(site.inputs[0].rank - 2, 1)
    text = f"nn.BatchNorm{rank}D(num_features, *, momentum=0.9, epsilon=1e-05, weight_attr=None, bias_attr=None)"
    weights = {"running_mean": "_mean", "running_var": "_variance"}
    return layer(text, weights, num_features=in_channels, momentum=momentum, **AFFINE)(site)


def instance_norm(site: Site) -> Lowered:
    rank = site.inputs[0].rank - 2
    text = f"nn.InstanceNorm{rank}D(num_features, *, epsilon=1e-05, weight_attr=None, bias_attr=None)"
    return layer(text, {"weight": "scale"}, num_features=in_channels, **AFFINE)(site)


def layer_norm(site: Site) -> Lowered:
    """Paddle normalizes trailing axes; another axis is moved to the end and back."""
    if not site.every(lambda step: step.op.epsilon <= 1e-3):
        raise BackendError(f"its epsilon is at most 0.001, not {site.op.epsilon:g}")
    rank = site.inputs[0].rank
    axes = [resolve_axis(a, rank) for a in site.op.axis]
    shape = site.value(lambda step: tuple(step.inputs[0].shape[a] for a in axes), "shape")
    one = shape.items[0] if isinstance(shape, Items) and len(shape.items) == 1 else shape
    made = spell("nn.LayerNorm(normalized_shape, *, epsilon=1e-05, weight_attr=None, bias_attr=None)", site,
                 normalized_shape=one, **AFFINE)  # fmt: skip
    weights = {"weight": ("weight", FLAT), "bias": ("bias", FLAT)} if len(axes) > 1 else {}
    if axes == list(range(rank - len(axes), rank)):
        return own_layer(made, site, weights)
    there = [a for a in range(rank) if a not in axes] + axes
    back = [there.index(a) for a in range(rank)]

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        moved = method(inputs[0], "transpose", literal(there))
        return method(Call(own[""], (moved,)), "transpose", literal(back))

    return Lowered(apply=apply, layers={"": made}, weights=bindings(site, weights))


ROWS: Final[dict[str, Lowering]] = {
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": layer("nn.GroupNorm(num_groups, num_channels, *, epsilon=1e-05, weight_attr=None, bias_attr=None)",
                        num_channels=in_channels, **AFFINE),
    "instance_norm": instance_norm,
    "local_response_norm": function("F.local_response_norm(size, *, alpha=0.0001, beta=0.75, k=1.0)",
                                    "nn.LocalResponseNorm(size, *, alpha=0.0001, beta=0.75, k=1.0)"),
}  # fmt: skip
