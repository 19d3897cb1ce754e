"""Matrix products and tables."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import bindings, layer, operator, own_layer, spell

from .rows import wanted

TRANSPOSED: Final = ("weight", lambda step: (("transpose", (1, 0)),))


def matmul(site: Site) -> Lowered:
    turned = {"transpose_x": site.op.transpose_a, "transpose_y": site.op.transpose_b}
    flags = {name: literal(True) for name, flag in turned.items() if flag}
    if not flags:
        return operator("@")(site)
    return Lowered(apply=lambda own, inputs: call("paddle.matmul", *inputs, **flags))


def bilinear(site: Site) -> Lowered:
    """Paddle's takes matrices, and its bias has two axes."""
    text = "nn.Bilinear(in1_features, in2_features, out_features, *, bias_attr=None)"
    made = spell(text, site, in1_features=site.size(-1), in2_features=site.size(-1, 1), bias_attr=wanted("bias"))
    weights = {"bias": ("bias", lambda step: (("reshape", (1, int(step.op.out_features))),))}
    if site.inputs[0].rank == 2:
        return own_layer(made, site, weights)
    return Lowered(apply=lambda own, inputs: call("bilinear_rows", own[""], *inputs), layers={"": made},
                   weights=bindings(site, weights))  # fmt: skip


def embedding(site: Site) -> Lowered:
    """Paddle's own padding gives zeros instead of the row."""
    if site.every(lambda step: step.op.padding_index is None):
        return layer("nn.Embedding(num_embeddings, embedding_dim)")(site)
    return layer("FrozenRowEmbedding(num_embeddings, embedding_dim, padding_index)")(site)


def linear(site: Site) -> Lowered:
    if site.step.tied:
        turned = {"transpose_y": literal(True)}
        return Lowered(apply=lambda own, inputs: call(
            "paddle.matmul", *inputs, Template("{0}.weight", (own[""],)), **turned))  # fmt: skip
    text = "nn.Linear(in_features, out_features, *, bias_attr=None)"
    made = spell(text, site, in_features=site.size(-1), bias_attr=wanted("bias"))
    return own_layer(made, site, {"weight": TRANSPOSED})


def einsum(site: Site) -> Lowered:
    return Lowered(apply=lambda own, inputs: call("paddle.einsum", site.attr("equation"), *inputs))


ROWS: Final[dict[str, Lowering]] = {
    "linear": linear,
    "bilinear": bilinear,
    "embedding": embedding,
    "matmul": matmul,
    "einsum": einsum,
}  # fmt: skip
