"""Faults of gradients alone: all values are right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .fault import Edit, Fault, Shared, text

KIND: Final = "a gradient"

NETWORKS: Final = {
    "tied": """
        archspec: 1
        name: Tied
        inputs: {token: {shape: [5], dtype: int64, below: 7}, more: [5, 6]}
        layers:
          - {op: embedding, name: words, from: token, num_embeddings: 7, embedding_dim: 6}
          - {op: gelu, name: bent}
          - {op: add, name: both, from: [bent, more]}
          - {op: linear, name: mix, out_features: 6}
          - {op: layer_norm, name: norm}
          - {op: linear, name: head, out_features: 7, bias: false, weights_of: words}
        outputs: {logits: head}
    """,
}


def _rows(words: Edit, both: Edit, mix: Edit, head: Edit) -> Mapping[str, list[Fault]]:
    rows = {
        "the words' gradient does not reach the table": (words, "words"),
        "half of the gradient of an input": (both, "both"),
        "a gradient that ends behind a step that may be inexact": (mix, "mix"),
        "a gradient that ends in a tied head": (head, "head"),
    }
    return {"tied": [Fault(about, edit, step, ("vjp",), KIND, "gradients") for about, (edit, step) in rows.items()]}


MIX: Final = {
    "pytorch": text("self.mix(x)", "self.mix(x.detach())"),
    "keras": text("name='mix')(x)", "name='mix')(ops.stop_gradient(x))"),
    "paddle": text("self.mix(x)", "self.mix(x.detach())"),
}

FAULTS: Final[Mapping[str, Mapping[str, list[Fault]]]] = {
    "pytorch": _rows(
        text("self.words(token)", "self.words(token).detach()"),
        text("bent + more", "bent + (more + more.detach()) / 2"),
        MIX["pytorch"],
        text("F.linear(x, self.words.weight)", "F.linear(x, self.words.weight.detach())"),
    ),
    "keras": _rows(
        text("words(token)", "ops.stop_gradient(words(token))"),
        text("[bent, more]", "[bent, (more + ops.stop_gradient(more)) / 2]"),
        MIX["keras"],
        text("words(x, reverse=True)", "words(ops.stop_gradient(x), reverse=True)"),
    ),
    "paddle": _rows(
        text("self.words(token)", "self.words(token).detach()"),
        text("bent + more", "bent + (more + more.detach()) / 2"),
        MIX["paddle"],
        text("x, self.words.weight, ", "x, self.words.weight.detach(), "),
    ),
}

ALIKE: Final = [Shared("a gradient that ends in all alike", "tied", MIX, "mix", ("vjp",), mode="gradients")]
