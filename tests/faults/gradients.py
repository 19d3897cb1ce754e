"""Faults of gradients alone: all values are right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .fault import Edit, Fault, Shared, pattern, text

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
    "padded": """
        archspec: 1
        name: Padded
        inputs: {token: {shape: [5], dtype: int64, below: 900}}
        layers:
          - {op: embedding, name: words, num_embeddings: 900, embedding_dim: 3, padding_index: 1}
          - {op: embedding, name: places, from: token, num_embeddings: 900, embedding_dim: 3}
          - {op: add, name: both, from: [words, places]}
        outputs: {both: both}
    """,
}


def _padded(words: Edit, places: Edit) -> Mapping[str, list[Fault]]:
    return {
        "padded": [
            Fault("a row of padding that learns", words, "words", ("gradient",), KIND, "gradients"),
            Fault("a last row that does not learn", places, "places", ("vjp",), KIND, "gradients"),
        ]
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
    "pytorch": {
        **_padded(
            text("900, 3, padding_idx=1", "900, 3"),
            text("self.places = nn.Embedding(900, 3)", "self.places = nn.Embedding(900, 3, padding_idx=899)"),
        ),
        **_rows(
            text("self.words(token)", "self.words(token).detach()"),
            text("bent + more", "bent + (more + more.detach()) / 2"),
            MIX["pytorch"],
            text("F.linear(x, self.words.weight)", "F.linear(x, self.words.weight.detach())"),
        ),
    },
    "keras": {
        **_padded(
            text("ops.stop_gradient(y), y", "y, y"),
            pattern(
                r"(layers.Embedding\(900, 3, .*name='places'\))\(token\)",
                r"(lambda y: ops.where(ops.equal(token, 899)[..., None], ops.stop_gradient(y), y))(\1(token))",
            ),
        ),
        **_rows(
            text("words(token)", "ops.stop_gradient(words(token))"),
            text("[bent, more]", "[bent, (more + ops.stop_gradient(more)) / 2]"),
            MIX["keras"],
            text("words(x, reverse=True)", "words(ops.stop_gradient(x), reverse=True)"),
        ),
    },
    "paddle": {
        **_padded(
            text("y.detach(), y", "y, y"),
            text(
                "self.places(token)",
                "paddle.where((token == 899).unsqueeze(-1), self.places(token).detach(), self.places(token))",
            ),
        ),
        **_rows(
            text("self.words(token)", "self.words(token).detach()"),
            text("bent + more", "bent + (more + more.detach()) / 2"),
            MIX["paddle"],
            text("x, self.words.weight, ", "x, self.words.weight.detach(), "),
        ),
    },
}

ALIKE: Final = [Shared("a gradient that ends in all alike", "tied", MIX, "mix", ("vjp",), mode="gradients")]
