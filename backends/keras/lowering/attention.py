"""Attention and positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from archspec.emit import attention as shared
from archspec.emit.code import Call, Code, Items, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import canonical
from archspec.emit.signature import bindings, spell
from archspec.graph.tree import Step

from .rows import plain

_SCALE_ERROR: Final = 2e-7
"""Keras keeps the factor 1 / sqrt(head_dim) of the scores in float32, which is exact for powers of two alone."""


def scaled_dot_product_attention(site: Site) -> Lowered:
    """Keras' has time before the heads, and its scale in float32."""
    options = shared.given(site, "causal", "scale")
    near = shared.given(site, "window", "alibi")
    drops = not site.every(lambda step: step.op.dropout == 0)
    made = call("DroppingAttention", site.attr("dropout"), **options)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        codes = plain(site, inputs)
        if near:
            codes = [*codes[:3], call("place_scores", *codes[:2], *codes[3:], **near)]
        return Call(own[""], tuple(codes)) if drops else call("attend", *codes, **options)

    return Lowered(apply, {"": made} if drops else {}, layouts=(canonical(4),))


def multi_head_attention(site: Site) -> Lowered:
    """The layer of Keras takes masks that say yes or no; its projections begin alike, and no head is of one number. Its
    weights are in layers of its own, which do not hear that it is frozen."""
    masked = len(site.inputs) == 4 and not site.every(lambda step: step.inputs[3].dtype == "bool")
    plainly = site.every(lambda step: _begin_alike(step) and not _takes_times_for_heads(step))
    if masked or site.frozen or not plainly or not site.every(shared.all_or_none):
        return biased_multi_head_attention(site)
    same = site.every(lambda step: step.outputs[0].shape[2] == step.inputs[0].shape[2])
    out = None if same else Items((shared.out_features(site),))
    text = "layers.MultiHeadAttention(num_heads, key_dim, *, dropout=0.0, use_bias=True, output_shape=None)"
    made = spell(text, site, key_dim=shared.head_dim, use_bias="bias", output_shape=out)  # fmt: skip

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        query, *others = plain(site, inputs)
        options: dict[str, Code] = {}
        if len(others) > 1:
            options["key"] = others[0]
        if len(others) == 3:
            options["attention_mask"] = others[2]
        if site.attr("causal") != literal(False):
            options["use_causal_mask"] = site.attr("causal")
        return Call(own[""], (query, [query, *others[:2]][-1]), tuple(options.items()))

    error = 0.0 if site.every(lambda step: _is_power_of_four(shared.head_size(step))) else _SCALE_ERROR
    return Lowered(apply, {"": made}, weights=bindings(site, _WEIGHTS), layouts=(canonical(3),), inexact=error,
                   inexact_gradient=error)  # fmt: skip


def _begin_alike(step: Step) -> bool:
    """Whether all projections begin in one way, and so do all biases."""
    starts = {"weight": set[Any](), "bias": set[Any]()}
    for name, initial in step.initial.items():
        starts[name.rpartition("_")[2]].add((initial.distribution.__class__, f"{initial.distribution.number:.12g}"))
    return all(len(found) < 2 for found in starts.values())


def _takes_times_for_heads(step: Step) -> bool:
    """Whether biases [heads, 1] can be added along time: as `ops.add` does where there are as many times as heads."""
    op: Any = step.op
    return bool(op.bias) and shared.head_size(step) == 1 and op.num_heads > 1


def _is_power_of_four(size: int) -> bool:
    return size == 1 or (size % 4 == 0 and _is_power_of_four(size // 4))


def _split_heads(step: Step) -> Any:
    """A projection whose outputs are on axes of their own: head and feature."""
    op: Any = step.op
    return int(op.num_heads), shared.head_size(step)


def _projection(which: int) -> Any:
    def lay(step: Step) -> Any:
        value = step.inputs[min(which, len(step.inputs) - 1)]
        return (("transpose", (1, 0)), ("reshape", (int(value.shape[2]), *_split_heads(step))))

    return lay


_WEIGHTS: Final[dict[str, Any]] = {
    **{
        f"{short}_proj_{kind}": (f"{name}/{own}", lay)
        for which, (short, name) in enumerate({"q": "query", "k": "key", "v": "value"}.items())
        for kind, own, lay in (
            ("weight", "kernel", _projection(which)),
            ("bias", "bias", lambda step: (("reshape", _split_heads(step)),)),
        )
    },
    "out_proj_weight": (
        "attention_output/kernel",
        lambda step: (("transpose", (1, 0)), ("reshape", (*_split_heads(step), int(step.outputs[0].shape[2])))),
    ),
    "out_proj_bias": "attention_output/bias",
}


def biased_multi_head_attention(site: Site) -> Lowered:
    text = "BiasedMultiHeadAttention(num_heads, head_dim, out_features, *, use_bias=True, causal=False, dropout=0.0)"
    made = spell(text, site,
                 head_dim=shared.head_dim, out_features=shared.out_features, use_bias="bias")  # fmt: skip
    weights: dict[str, Any] = {f"{name}_proj_bias": f"{name}_proj/bias" for name in ("q", "k", "v", "out")}
    for name in ("q", "k", "v", "out"):
        weights[f"{name}_proj_weight"] = (f"{name}_proj/kernel", lambda step: (("transpose", (1, 0)),))

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        query, *others = plain(site, inputs)
        return Call(own[""], (query, *(others if len(others) > 1 else (others or [query]) * 2)))

    return replace(_layer(site, made, weights), apply=apply)


def _layer(site: Site, made: Call, weights: dict[str, Any] | None = None, *, sized: bool = False) -> Lowered:
    """A layer that takes its inputs in the order of the spec."""
    return Lowered(lambda own, inputs: Call(own[""], tuple(plain(site, inputs))), {"": made},
                   weights=bindings(site, weights or {}), layouts=(canonical(site.outputs[0].rank),),
                   sized=sized)  # fmt: skip


def positions(text: str, *, sized: bool = False, **sources: Any) -> Lowering:
    """A layer that adds or multiplies what depends on the place."""
    return lambda site: _layer(site, spell(text, site, **sources), sized=sized)


ROWS: Final[dict[str, Lowering]] = {
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "multi_head_attention": multi_head_attention,
    "rotary_embedding": positions("RotaryEmbedding(*, base=10000.0, style='half')"),
    "sinusoidal_positions": positions("SinusoidalPositions(*, base=10000.0, layout='interleaved')"),
    "learned_positions": positions("LearnedPositions(max_length)", sized=True, max_length=shared.table_length),
    "relative_position_bias": positions(
        "RelativePositionBias(window_size)", sized=True, window_size=shared.window_size),
    "bucketed_position_bias": positions(
        "BucketedPositionBias(*, num_buckets=32, max_distance=128, bidirectional=True)"),
}  # fmt: skip
