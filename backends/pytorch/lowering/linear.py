"""Matrix products and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from archspec.emit.code import Code, Infix, Template, call
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import layer, own_layer, spell


def matmul(site: Site) -> Lowered:
    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        flags = (site.op.transpose_a, site.op.transpose_b)
        sides = [Template("{0}.mT", (x,)) if turned else x for x, turned in zip(inputs, flags, strict=True)]
        return Infix("@", tuple(sides))

    return Lowered(apply=apply)


def linear(site: Site) -> Lowered:
    if site.step.tied:
        return Lowered(apply=lambda own, inputs: call("F.linear", *inputs, Template("{0}.weight", (own[""],))))
    made = spell("nn.Linear(in_features, out_features, *, bias=True)", site, in_features=site.size(-1))
    return own_layer(made, site)


def einsum(site: Site) -> Lowered:
    return Lowered(apply=lambda own, inputs: call("torch.einsum", site.attr("equation"), *inputs))


ROWS: Final[dict[str, Lowering]] = {
    "linear": linear,
    "bilinear": layer("nn.Bilinear(in1_features, in2_features, out_features, *, bias=True)",
                      in1_features=lambda site: site.size(-1), in2_features=lambda site: site.size(-1, 1)),
    "embedding": layer("nn.Embedding(num_embeddings, embedding_dim, *, padding_idx=None)",
                       padding_idx="padding_index"),
    "matmul": matmul,
    "einsum": einsum,
}  # fmt: skip
