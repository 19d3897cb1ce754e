"""Matrix products and tables."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import layer, operator

from .rows import wanted

TRANSPOSED: Final = ("weight", lambda step: (("transpose", (1, 0)),))


def matmul(site: Site) -> Lowered:
    turned = {"transpose_x": site.op.transpose_a, "transpose_y": site.op.transpose_b}
    flags = {name: literal(True) for name, flag in turned.items() if flag}
    if not flags:
        return operator("@")(site)
    return Lowered(apply=lambda own, inputs: call("paddle.matmul", *inputs, **flags))


ROWS: Final[dict[str, Lowering]] = {
    "linear": layer("nn.Linear(in_features, out_features, *, bias_attr=None)", {"weight": TRANSPOSED},
                    in_features=lambda site: site.size(-1), bias_attr=wanted("bias")),
    "embedding": layer("nn.Embedding(num_embeddings, embedding_dim)"),
    "matmul": matmul,
}  # fmt: skip
