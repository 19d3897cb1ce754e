"""Attention and positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from archspec.emit import attention as shared
from archspec.emit.code import Call, Code, Local, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import bindings, function, layer, own_layer, spell

from .linear import TRANSPOSED
from .rows import wanted


def scaled_dot_product_attention(site: Site) -> Lowered:
    """Paddle's has time before the heads, and is causal without a mask and for equal times only."""
    options = shared.given(site, "causal", "scale")
    near = shared.given(site, "window", "alibi")
    drops = not site.every(lambda step: step.op.dropout == 0)
    layers: dict[str, Code] = {"": call("DroppingAttention", site.attr("dropout"))} if drops else {}

    def attend(own: Mapping[str, Code], values: Sequence[Code], options: Mapping[str, Code]) -> Code:
        if drops:
            return Call(own[""], tuple(values), tuple(options.items()))
        return call("attend", *values, **options)

    if near:
        if "causal" in options:
            near["causal"] = options.pop("causal")

        def placed(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
            return attend(own, (*inputs[:3], call("place_scores", *inputs[:2], *inputs[3:], **near)), options)

        return Lowered(apply=placed, layers=layers)
    if len(site.inputs) == 3 and site.every(lambda step: step.inputs[0].shape[2] == step.inputs[1].shape[2]):
        return Lowered(apply=lambda own, inputs: attend(own, inputs, options), layers=layers)
    causal = options.pop("causal", None)

    def mask(inputs: Sequence[Code]) -> tuple[Code, ...]:
        if causal is None:
            return tuple(inputs[3:])
        times = (Template("{0}.shape[2]", (value,)) for value in inputs[:2])
        hidden = call("hide_future", *times, *inputs[3:])
        if causal == literal(True):
            return (hidden,)
        return (Template("{0} if {1} else {2}", (hidden, causal, inputs[3] if inputs[3:] else literal(None))),)

    return Lowered(apply=lambda own, inputs: attend(own, (*inputs[:3], *mask(inputs)), options), layers=layers)


def multi_head_attention(site: Site) -> Lowered:
    weights: dict[str, Any] = {}
    for name in ("q", "k", "v", "out"):
        weights[f"{name}_proj_weight"] = (f"{name}_proj.weight", TRANSPOSED[1])
        weights[f"{name}_proj_bias"] = f"{name}_proj.bias"
    others = shared.other_features(site)
    native = site.every(shared.like_query) and site.every(lambda step: not step.op.causal)
    if native and site.every(shared.all_or_none):
        text = "nn.MultiHeadAttention(embed_dim, num_heads, *, dropout=0.0, kdim=None, vdim=None, bias_attr=None)"
        count = min(len(site.inputs), 3)
        made = spell(text, site, embed_dim=site.size(2), bias_attr=wanted("bias"),
                     kdim=site.size(2, min(1, count - 1)) if others else None,
                     vdim=site.size(2, count - 1) if others else None)  # fmt: skip
        if count == 2:  # else the value would be the query
            return Lowered(apply=to_memory, layers={"": made}, weights=bindings(site, weights))
    else:
        text = (
            "MultiHeadAttention(features, num_heads, *, head_dim=None, key_features=None, value_features=None, "
            "out_features=None, bias_attr=None, causal=False, dropout=0.0)"
        )
        biased = None if site.every(lambda step: step.op.bias is True) else site.attr("bias")
        made = spell(text, site, features=site.size(2), bias_attr=biased, **others)
    return own_layer(made, site, weights)


def to_memory(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
    """Attention whose keys and values come from one tensor, which is written twice if it is a variable."""
    query, memory = inputs
    if isinstance(memory, Local):
        return Call(own[""], (query, memory, memory))
    return call("attend_to", own[""], query, memory)


def rotary_embedding(site: Site) -> Lowered:
    name = "rotary_embedding" if len(site.inputs) == 1 else "rotary_at"
    return function(f"{name}(*, base=10000.0, style='half')")(site)


ROWS: Final[dict[str, Lowering]] = {
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "multi_head_attention": multi_head_attention,
    "rotary_embedding": rotary_embedding,
    "sinusoidal_positions": function("add_sinusoidal_positions(*, base=10000.0, layout='interleaved')"),
    "learned_positions": layer("LearnedPositions(max_length, features)", max_length=shared.table_length,
                               features=shared.features),
    "relative_position_bias": layer("RelativePositionBias(window_size, num_heads)", window_size=shared.window_size,
                                    num_heads=shared.heads),
    "bucketed_position_bias": layer(
        "BucketedPositionBias(num_heads, *, num_buckets=32, max_distance=128, bidirectional=True)",
        num_heads=shared.heads),
}  # fmt: skip
