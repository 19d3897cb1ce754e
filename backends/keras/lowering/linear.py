"""Linear algebra, embeddings and means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from archspec.emit.code import Call, Code, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import Layout, canonical, held
from archspec.emit.signature import bindings, spell
from archspec.graph.tree import Step

from .rows import (
    moved,
    plain,
)


def linear(site: Site) -> Lowered:
    """Features that were flattened in the framework's order are met by weights in that order."""
    wire = site.inputs[0]
    layout = held(wire)
    if site.step.tied:
        flag = {"reverse": literal(True)}
        return Lowered(lambda own, inputs: call(own[""], *plain(site, inputs), **flag),
                       layouts=(canonical(wire.rank),))  # fmt: skip
    made = spell("layers.Dense(units, *, use_bias=True)", site, units="out_features", use_bias="bias")
    weights: dict[str, Any] = {"weight": ("kernel", lambda step: (("transpose", (1, 0)),))}
    if layout.flattened:
        weights["weight"] = ("kernel", image_weights(layout.flattened))
        return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                       weights=bindings(site, weights), layouts=(canonical(2),))  # fmt: skip
    wanted = layout.plain() if layout.axes[-1] == wire.rank - 1 else canonical(wire.rank)
    return Lowered(lambda own, inputs: Call(own[""], (moved(inputs[0], wire, wanted),)), {"": made},
                   weights=bindings(site, weights), layouts=(wanted,))  # fmt: skip


def image_weights(sizes: tuple[int, ...]) -> Callable[[Step], Any]:
    """The layout of a linear layer's weights over features that were flattened with channels last."""
    count = len(sizes)
    order = (*range(2, count + 1), 1, 0)

    def moves(step: Step) -> Any:
        op: Any = step.op
        total = 1
        for size in sizes:
            total *= size
        return (("reshape", (int(op.out_features), *sizes)), ("transpose", order),
                ("reshape", (total, int(op.out_features))))  # fmt: skip

    return moves


def embedding(site: Site) -> Lowered:
    if not site.every(lambda step: step.op.padding_index is None):
        text = "FrozenRowEmbedding(input_dim, output_dim, padding_index)"
    elif any(user.tied for user in (site.step.owner or site.step).users):
        text = "TiedEmbedding(input_dim, output_dim)"
    else:
        text = "layers.Embedding(input_dim, output_dim)"
    made = spell(text, site, input_dim="num_embeddings", output_dim="embedding_dim")
    return Lowered(lambda own, inputs: Call(own[""], tuple(plain(site, inputs))), {"": made},
                   weights=bindings(site, {"weight": "embeddings"}),
                   layouts=(canonical(site.outputs[0].rank),))  # fmt: skip


def matmul(site: Site) -> Lowered:
    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        sides = []
        for code, wire, turned in zip(inputs, site.inputs, (site.op.transpose_a, site.op.transpose_b), strict=True):
            axes = list(range(wire.rank))
            if turned:
                axes[-1], axes[-2] = axes[-2], axes[-1]
            sides.append(moved(code, wire, Layout(tuple(axes))))
        return call("ops.matmul", *sides)

    return Lowered(apply, layouts=(canonical(site.outputs[0].rank),))


def bilinear(site: Site) -> Lowered:
    made = spell("Bilinear(units, *, use_bias=True)", site, units="out_features", use_bias="bias")
    return Lowered(lambda own, inputs: Call(own[""], tuple(plain(site, inputs))), {"": made},
                   weights=bindings(site, {"weight": "kernel"}),
                   layouts=(canonical(site.outputs[0].rank),))  # fmt: skip


def einsum(site: Site) -> Lowered:
    return Lowered(lambda own, inputs: call("ops.einsum", site.attr("equation"), *plain(site, inputs)),
                   layouts=(canonical(site.outputs[0].rank),))  # fmt: skip


ROWS: Final[dict[str, Lowering]] = {
    "linear": linear,
    "bilinear": bilinear,
    "embedding": embedding,
    "matmul": matmul,
    "einsum": einsum,
}
