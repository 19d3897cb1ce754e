"""Matrix products and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from archspec.emit.code import Code, Infix, Template
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import layer


def matmul(site: Site) -> Lowered:
    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        flags = (site.op.transpose_a, site.op.transpose_b)
        sides = [Template("{0}.mT", (x,)) if turned else x for x, turned in zip(inputs, flags, strict=True)]
        return Infix("@", tuple(sides))

    return Lowered(apply=apply)


ROWS: Final[dict[str, Lowering]] = {
    "linear": layer("nn.Linear(in_features, out_features, *, bias=True)", in_features=lambda site: site.size(-1)),
    "embedding": layer("nn.Embedding(num_embeddings, embedding_dim)"),
    "matmul": matmul,
}  # fmt: skip
