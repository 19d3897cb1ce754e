"""Normalizations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from archspec.emit.code import Call, Code, Infix, Items, Number, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import bindings, function, layer, own_layer, spell

from .rows import axis, in_channels, wanted

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
    more: dict[str, Any] = {}
    if site.frozen:
        text, more = text.replace(")", ", use_global_stats=None)"), {"use_global_stats": literal(True)}
    return layer(text, weights, num_features=in_channels, momentum=momentum, **AFFINE, **more)(site)


def instance_norm(site: Site) -> Lowered:
    rank = site.inputs[0].rank - 2
    text = f"nn.InstanceNorm{rank}D(num_features, *, epsilon=1e-05, weight_attr=None, bias_attr=None)"
    return layer(text, {"weight": "scale"}, num_features=in_channels, **AFFINE)(site)


def shifted(site: Site) -> Code | None:
    """A `bias_attr`, where a layer may scale alone."""
    if site.every(lambda step: getattr(step.op, "bias", True)):
        return AFFINE["bias_attr"](site)  # type: ignore[no-any-return]
    return site.value(lambda step: step.op.shifts, "bias_attr")


def over_axes(text: str, weights: Mapping[str, Any] | None = None, images: str = "") -> Lowering:
    """A row for a layer that normalizes over trailing axes. Another axis is moved to the end and back, by the class
    `images` for the channels of images."""

    def lower(site: Site) -> Lowered:
        rank = site.inputs[0].rank
        axes = site.same(lambda step: step.op.axes(rank), "axis")
        shape = site.value(lambda step: tuple(step.inputs[0].shape[a] for a in axes), "shape")
        one = shape.items[0] if isinstance(shape, Items) and len(shape.items) == 1 else shape
        planes = images and rank == 4 and axes == (1,)
        made = spell(
            text.replace("nn.LayerNorm", images) if planes else text,
            site,
            normalized_shape=one,
            weight_attr=AFFINE["weight_attr"],
            bias_attr=shifted,
        )
        if axes[-1] == rank - 1 or planes:
            return own_layer(made, site, weights)
        there = [*(a for a in range(rank) if a not in axes), *axes]
        back = [there.index(a) for a in range(rank)]

        def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
            moved = method(inputs[0], "transpose", literal(there))
            return method(Call(own[""], (moved,)), "transpose", literal(back))

        return Lowered(apply=apply, layers={"": made}, weights=bindings(site, weights or {}))

    return lower


def layer_norm(site: Site) -> Lowered:
    """Paddle's own takes no epsilon over 0.001, and gives a wrong gradient where its weight is frozen."""
    own = not site.frozen and site.every(lambda step: step.op.epsilon <= 1e-3)
    name = "nn.LayerNorm" if own else "LayerNorm"
    text = f"{name}(normalized_shape, *, epsilon=1e-05, weight_attr=None, bias_attr=None)"
    weights = {"weight": ("weight", FLAT), "bias": ("bias", FLAT)}
    return over_axes(text, weights, "LayerNorm2D" if own else "")(site)


def group_norm(site: Site) -> Lowered:
    """Paddle's own cancels in float32, and without a weight its gradient is wrong."""
    arguments = "(num_groups, num_channels, *, epsilon=1e-05, weight_attr=None, bias_attr=None)"
    return layer("GroupNorm" + arguments, num_channels=in_channels, **AFFINE)(site)


def local_response_norm(site: Site) -> Lowered:
    """Paddle's own averages squares by a pooling whose gradient has 1 / size as a float32 even in float64."""
    lowered = function("F.local_response_norm(size, *, alpha=0.0001, beta=0.75, k=1.0)",
                       "nn.LocalResponseNorm(size, *, alpha=0.0001, beta=0.75, k=1.0)")(site)  # fmt: skip
    lowered.inexact_gradient = 1e-7
    return lowered


ROWS: Final[dict[str, Lowering]] = {
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "rms_norm": over_axes("RMSNorm(normalized_shape, *, epsilon=1e-06, affine=True)"),
    "l2_normalize": function("l2_normalize(*, axis, epsilon=1e-12)", axis=axis()),
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "local_response_norm": local_response_norm,
}  # fmt: skip
