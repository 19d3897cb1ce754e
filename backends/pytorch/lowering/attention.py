"""Attention and positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from archspec.emit import attention as shared
from archspec.emit.code import Call, Code, Local, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import bindings, function, layer, own_layer, spell
from archspec.graph.tree import Step


def scaled_dot_product_attention(site: Site) -> Lowered:
    """PyTorch's is causal without a mask only."""
    masked = len(site.inputs) == 4
    near = shared.given(site, "window", "alibi")
    found = shared.given(site, "causal", "scale")
    options = {"is_causal" if name == "causal" else name: code for name, code in found.items()}
    if masked or near:
        options.pop("is_causal", None)
    if near and "causal" in found:
        near["causal"] = found["causal"]
    drops = not site.every(lambda step: step.op.dropout == 0)
    layers: dict[str, Code] = {"": call("DroppingAttention", site.attr("dropout"))} if drops else {}
    if not site.every(lambda step: step.inputs[0].shape[1] == step.inputs[1].shape[1]):
        options["enable_gqa"] = literal(True)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        mask = {"attn_mask": causal_mask(site, inputs[3], inputs[0])} if masked else {}
        if near:
            mask = {"attn_mask": call("place_scores", *inputs[:2], *inputs[3:], **near)}
        if drops:
            return Call(own[""], tuple(inputs[:3]), tuple({**mask, **options}.items()))
        return call("F.scaled_dot_product_attention", *inputs[:3], **mask, **options)

    return Lowered(apply=apply, layers=layers)


def causal_mask(site: Site, mask: Code, q: Code) -> Code:
    """A mask that also hides what comes later, if the step is causal."""
    if site.every(lambda step: not step.op.causal):
        return mask
    hidden = call("hide_future", mask, q)
    if site.every(lambda step: step.op.causal):
        return hidden
    return Template("{0} if {1} else {2}", (hidden, site.attr("causal"), mask))


def _same_features(step: Step) -> bool:
    return len({int(x.shape[2]) for x in step.inputs[:3]}) == 1


def multi_head_attention(site: Site) -> Lowered:
    """PyTorch's takes a mask for each sample and head, and has the sizes of the query inside."""
    native = site.every(shared.like_query) and site.every(lambda step: not step.op.causal) and len(site.inputs) < 4
    native = native and site.every(shared.all_or_none)
    packed = site.every(_same_features)
    if not native or not (packed or site.every(lambda step: not _same_features(step))):
        return own_multi_head_attention(site)
    text = (
        "nn.MultiheadAttention(embed_dim, num_heads, *, dropout=0.0, bias=True, kdim=None, vdim=None, "
        "batch_first=False)"
    )
    count = len(site.inputs)
    made = spell(text, site, embed_dim=site.size(2), batch_first=True,
                 kdim=None if packed else site.size(2, min(1, count - 1)),
                 vdim=None if packed else site.size(2, count - 1))  # fmt: skip
    weights: dict[str, Any] = {f"out_proj_{kind}": f"out_proj.{kind}" for kind in ("weight", "bias")}
    for place, name in enumerate("qkv"):
        weights[f"{name}_proj_bias"] = ("in_proj_bias", _part(place))
        if packed:
            weights[f"{name}_proj_weight"] = ("in_proj_weight", _part(place))

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        if count == 2 and not isinstance(inputs[1], Local):
            return call("attend_to", own[""], *inputs)
        three = (*inputs, *[inputs[-1]] * (3 - count))
        return Template("{0}[0]", (Call(own[""], three, (("need_weights", literal(False)),)),))

    return Lowered(apply=apply, layers={"": made}, weights=bindings(site, weights))


def _part(place: int) -> Any:
    """The layout of one of three weights that are stored as one."""

    def lay(step: Step) -> Any:
        size = int(step.inputs[0].shape[2])
        return (("pad", (place * size, (2 - place) * size)),)

    return lay


def own_multi_head_attention(site: Site) -> Lowered:
    text = (
        "MultiHeadAttention(features, num_heads, *, head_dim=None, key_features=None, value_features=None, "
        "out_features=None, bias=True, causal=False, dropout=0.0)"
    )
    made = spell(text, site, features=site.size(2), **shared.other_features(site))
    names = {f"{name}_proj_{kind}": f"{name}_proj.{kind}" for name in ("q", "k", "v", "out")
             for kind in ("weight", "bias")}  # fmt: skip
    return own_layer(made, site, names)


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
