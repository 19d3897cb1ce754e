"""Normalizations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Call, Code, Items, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import bindings, function, layer, own_layer, spell

from .rows import axis, in_channels


def batch_norm(site: Site, name: str = "nn.BatchNorm") -> Lowered:
    if site.frozen:
        name = "FrozenBatchNorm"
    rank = max(site.inputs[0].rank - 2, 1)
    text = f"{name}{rank}d(num_features, *, eps=1e-05, momentum=0.1, affine=True)"
    return layer(text, num_features=in_channels, eps="epsilon")(site)


def biased_batch_norm(site: Site) -> Lowered:
    """In place of `batch_norm` where the running variance is to be that of the other frameworks."""
    return batch_norm(site, "BiasedBatchNorm")


def instance_norm(site: Site) -> Lowered:
    text = f"nn.InstanceNorm{site.inputs[0].rank - 2}d(num_features, *, eps=1e-05, affine=False)"
    return layer(text, num_features=in_channels, eps="epsilon")(site)


def over_axes(text: str, images: str = "") -> Lowering:
    """A row for a layer that normalizes over trailing axes. Another axis is moved to the end and back, by the class
    `images` for the channels of images."""

    def lower(site: Site) -> Lowered:
        rank = site.inputs[0].rank
        axes = site.same(lambda step: step.op.axes(rank), "axis")
        shape = site.value(lambda step: tuple(step.inputs[0].shape[a] for a in axes), "shape")
        one = shape.items[0] if isinstance(shape, Items) and len(shape.items) == 1 else shape
        planes = images and rank == 4 and axes == (1,)
        form = text.replace("nn.LayerNorm", images) if planes else text
        made = spell(form, site, normalized_shape=one, eps="epsilon", elementwise_affine="affine")
        if axes[-1] == rank - 1 or planes:
            return own_layer(made, site)
        there = [*(a for a in range(rank) if a not in axes), *axes]
        back = [there.index(a) for a in range(rank)]

        def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
            moved = method(inputs[0], "permute", *map(literal, there))
            return method(Call(own[""], (moved,)), "permute", *map(literal, back))

        return Lowered(apply=apply, layers={"": made}, weights=bindings(site, {}))

    return lower


def local_response_norm(site: Site) -> Lowered:
    """PyTorch takes volumes alone whose elements lie in memory one after the other."""
    text, module = "F.local_response_norm(*, size, alpha, beta, k)", "nn.LocalResponseNorm(*, size, alpha, beta, k)"
    if site.inputs[0].rank < 5:
        return function(text, module)(site)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return spell(text, site, [method(inputs[0], "contiguous")])

    return Lowered(apply=apply)


ROWS: Final[dict[str, Lowering]] = {
    "batch_norm": batch_norm,
    "layer_norm": over_axes("nn.LayerNorm(normalized_shape, *, eps=1e-05, elementwise_affine=True, bias=True)",
                            "LayerNorm2d"),
    "rms_norm": over_axes("nn.RMSNorm(normalized_shape, *, eps=None, elementwise_affine=True)"),
    "l2_normalize": function("F.normalize(*, dim=1, eps=1e-12)", dim=axis(), eps="epsilon"),
    "group_norm": layer("nn.GroupNorm(num_groups, num_channels, *, eps=1e-05, affine=True)",
                        num_channels=in_channels, eps="epsilon"),
    "instance_norm": instance_norm,
    "local_response_norm": local_response_norm,
}  # fmt: skip
