"""Weights that several steps use: what that means, and what frameworks refuse."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from archspec import ops
from archspec.errors import BackendError
from archspec.expectations import parameter_count
from archspec.graph.mode import Mode
from archspec.model import Spec

from .cases import CASES, Case
from .programs import BACKENDS
from .standins.check import written
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


def lends(case: Case) -> bool:
    """Whether its weights can be shared, and its inputs lie in more than one order of axes."""
    shapes = case.whole(2)
    weights = ops.get(case.op)(**case.attributes).parameters(*shapes).values() if shapes else ()
    images = any(len(shape) > 2 for shape in shapes) and set(case.dtypes) <= {"float"}
    return bool(weights) and all(weight.trainable for weight in weights) and images


@pytest.mark.slow
@pytest.mark.parametrize("first", ["plain", "turned"])
def test_what_shares_a_layer_may_lie_in_another_order(first: str) -> None:
    refused = {}
    for case in filter(lends, CASES):
        inputs: dict[str, Any] = {}
        layers: list[Any] = []
        for number, shape in enumerate(case.shapes):
            inputs |= {f"plain{number}": list(shape), f"other{number}": list(shape[::-1])}
            axes = list(range(len(shape), 0, -1))
            layers.append({"op": "permute", "axes": axes, "from": f"other{number}", "name": f"turned{number}"})
        step = {"op": case.op, **case.attributes}
        for name, own in (("owner", first), ("user", "plain" if first == "turned" else "turned")):
            layers.append({**step, "name": name, "from": [f"{own}{number}" for number in range(len(case.shapes))]})
        layers[-1]["weights_of"] = "owner"
        given = ops.get(case.op)(**case.attributes).infer(*((2, *shape) for shape in case.shapes))
        parts = [f".{i}" for i in range(len(given))] if len(given) > 1 else [""]
        outputs = {f"{name}{part[1:]}": f"{name}{part}" for name in ("owner", "user") for part in parts}
        text = json.dumps({"archspec": 1, "name": "N", "inputs": inputs, "layers": layers, "outputs": outputs})
        try:
            problem = written(BACKENDS["keras"], Spec.parse(text).network()).problem()
        except BackendError as error:
            problem = str(error)
        if problem:
            refused[f"{case.op} {case.attributes}"] = problem
    assert not refused


def test_a_linear_layer_may_read_what_was_flattened_and_what_was_not() -> None:
    text = """
layers:
  - {op: flatten, from: image}
  - {op: linear, name: fc, out_features: 4}
  - {op: reshape, name: features, from: other, shape: [192]}
  - {op: linear, name: again, from: features, out_features: 4, weights_of: fc}
outputs: {fc: fc, again: again}"""
    model = network(text, head=HEAD + "inputs: {image: [3, 8, 8], other: [12, 16]}\n")
    assert written(BACKENDS["keras"], model).problem() == ""
