"""Weights that several steps use: what that means, and what frameworks refuse."""

from __future__ import annotations

from typing import Final

import pytest

from archspec.errors import BackendError
from archspec.graph.mode import Mode
from archspec.model import parameter_count

from .test_language import CONV, HEAD, error, graph, network

TEXT: Final = HEAD + "inputs: {tokens: {shape: [5], dtype: int64, below: 10}}\n"
TIED: Final = """
layers:
  - {op: embedding, name: words, num_embeddings: 10, embedding_dim: 4}
  - {op: linear, name: fc, out_features: 4}
  - {op: linear, name: again, out_features: 4, weights_of: fc}
  - {op: linear, name: more, out_features: 4, weights_of: again}
  - {op: linear, name: logits, out_features: 10, bias: false, weights_of: words}
"""


def test_shared_weights_are_there_once() -> None:
    found = graph(TIED, TEXT)
    assert list(found.parameters()) == ["words.weight", "fc.weight", "fc.bias"]
    assert [node.owner for node in found.nodes] == ["", "", "fc", "fc", "words"]
    assert parameter_count(found) == 10 * 4 + 4 * 4 + 4
    assert [row.parameters for row in network(TIED, head=TEXT).summary().rows] == [40, 20, 0, 0, 0]
    assert network(TIED, head=TEXT).summary().parameters == parameter_count(found)


def test_shared_weights_are_those_of_the_same_instance_of_a_block() -> None:
    found = graph(f"""
blocks: {{Twice: {{layers: [{{name: s, layers: [{{op: conv2d, name: c, out_channels: x.channels, kernel_size: 1}}]}},
                          {{op: conv2d, name: d, out_channels: x.channels, kernel_size: 1, weights_of: s.c}}]}}}}
layers: [{{block: Twice, name: a}}, {{block: Twice, name: b, repeat: 2}}, {CONV}]""")
    assert {node.path: node.owner for node in found.nodes if node.owner} == {
        "a.d": "a.s.c", "b.0.d": "b.0.s.c", "b.1.d": "b.1.s.c",
    }  # fmt: skip


def test_what_only_training_has_lends_no_weights_to_evaluation() -> None:
    text = """
layers:
  - {op: conv2d, name: head, out_channels: 8, kernel_size: 1}
  - {op: conv2d, name: lent, from: image, out_channels: 8, kernel_size: 1, weights_of: head}
outputs: {main: %s, aux: {from: %s, when: training}}"""
    assert error(text % ("lent", "head")) == "conv2d 'lent': cannot use the weights of 'head': only training has it"
    other_way_round = graph(text % ("head", "lent"))
    assert [node.training_only for node in other_way_round.nodes] == [False, True]
    assert list(other_way_round.parameters(Mode.EVALUATION)) == ["head.weight", "head.bias"]


def test_a_framework_may_need_another_layer() -> None:
    conv = "{op: conv2d, out_channels: 8, kernel_size: 3, stride: 2, padding: 1"
    text = f"layers: [{conv}, name: a}}, {{op: pad, padding: [[1, 0], [1, 0]]}}, {conv}, weights_of: a}}]"
    assert "self.a(x)" in network(text).compile("pytorch")
    message = (
        "it uses the weights of 'a', but its layer would be layers.Conv2D.*, padding=\"same\".* and is .*pad layers"
    )
    with pytest.raises(BackendError, match=message):
        network(text).compile("keras")
