"""Blocks that are called several times with one set of weights: what that means in the reference, and in code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from archspec import reference
from archspec.errors import BackendError
from archspec.expectations import parameter_count
from archspec.graph.graph import unreachable
from archspec.graph.mode import Mode
from archspec.model import Model, Spec

from .programs import BACKENDS
from .standins.check import written
from .test_language import HEAD, error

FILE: Final = Path(__file__).parent / "networks" / "siblings.yaml"
ROWS: Final = HEAD + "inputs: {left: [1], right: [1]}\n"
NORM: Final = "blocks: {B: {layers: [{op: batch_norm, name: bn}]}}\n"
FC: Final = "blocks: {B: {layers: [{op: linear, name: fc, out_features: 1}, tanh]}}\n"


def network(text: str, head: str = ROWS) -> Model:
    return Spec.parse(head + text).network()


def test_statistics_go_on_from_call_to_call() -> None:
    """With a momentum of 0.1, channel values [1, 3] and then [10, 14]: as torch, Keras and Paddle have it."""
    graph = network(NORM + """
layers:
  - {block: B, name: a, from: left}
  - {block: B, name: b, from: right, weights_of: a}
  - {op: add, from: [a, b]}""").graph  # fmt: skip
    start = {name: np.full(weight.shape, float(name.endswith(("weight", "var")))) for name, weight in
             graph.parameters().items()}  # fmt: skip
    inputs = {"left": np.array([[1.0], [3.0]]), "right": np.array([[10.0], [14.0]])}
    found = reference.run(graph, start, inputs, mode=Mode.TRAINING)
    assert found["a.bn.running_mean"] == pytest.approx(1.38)
    assert found["a.bn.running_var"] == pytest.approx(1.3)
    assert found["b.bn"][:, 0] == pytest.approx([-1, 1], abs=1e-4)


def test_a_repeat_applies_one_set_of_weights() -> None:
    graph = network(FC + "layers: [{block: B, name: b, from: left, repeat: 3, weights_of: b}]").graph
    assert list(graph.parameters()) == ["b.0.fc.weight", "b.0.fc.bias"]
    weights = {"b.0.fc.weight": np.array([[0.5]]), "b.0.fc.bias": np.array([0.25])}
    x = np.array([[2.0], [-1.0]])
    found = reference.run(graph, weights, {"left": x, "right": x})
    for number in range(3):
        x = np.tanh(0.5 * x + 0.25)
        assert found[f"b.{number}.tanh"] == pytest.approx(x)


def test_weights_are_counted_once_and_owned_by_the_first_call() -> None:
    model = Spec.read(FILE).network()
    graph = model.graph
    owners = {node.path: node.owner for node in graph.nodes}
    assert owners["c.unit.1.conv"] == owners["c.unit.0.conv"] == owners["b.unit.1.conv"] == "b.unit.0.conv"
    assert owners["a.twice.batch_norm"] == "b.once.batch_norm"
    assert owners["shallow.unit.2.conv"] == "shallow.unit.0.conv"
    assert owners["a.end"] == "b.tail"
    assert model.summary().parameters == parameter_count(graph)
    assert not any(name.startswith(("a.", "c.", "q.", "layer.1")) for name in graph.parameters())


def test_a_call_runs_as_a_whole_where_blocks_are_models() -> None:
    graph = network("""
blocks:
  B:
    layers: [{op: linear, name: fc, out_features: 1}, {op: tanh, name: t}]
    outputs: {o: fc, p: t}
layers:
  - {block: B, name: a, from: left}
  - {block: B, name: b, from: right, weights_of: a}
  - {op: add, from: [a.o, b.p]}""").graph  # fmt: skip
    assert unreachable(graph) == {"a.t"}
    assert not unreachable(graph, beside=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_code_calls_one_layer(backend: str) -> None:
    assert written(BACKENDS[backend], Spec.read(FILE).network()).problem() == ""
    text = network(FC + "layers: [{block: B, name: b, from: left, repeat: 3, weights_of: b}]").compile(backend)
    made = {"pytorch": "self.b = B(1)", "keras": "b_model = keras.Model(", "paddle": "self.b = B(1)"}[backend]
    called = {"pytorch": "left = self.b(left)", "keras": "= b_model(", "paddle": "left = self.b(left)"}[backend]
    assert text.count(made) == text.count(called) == text.count("for _ in range(3):") == 1


def test_keras_keeps_the_order_of_calls_that_change_statistics() -> None:
    calls = """
layers:
  - {block: B, name: a, from: left}
  - {block: B, name: b, from: right, weights_of: a}
  - {op: add, from: [b, a]}"""
    assert 'a_model(After(name="b_after")([right, a]))' in network(NORM + calls).compile("keras")
    assert "After" not in network(FC + calls).compile("keras")
    chained = calls.replace("from: right", "from: a")
    assert "After" not in network(NORM + chained).compile("keras")


def test_models_and_layers_of_keras_have_names_of_their_own() -> None:
    text = network(FC + """
layers:
  - {name: s, from: left, layers: [{block: B, name: a}, {block: B, name: b, weights_of: a}]}
  - {op: linear, name: s_a, out_features: 2}""").compile("keras")  # fmt: skip
    names = re.findall(r'name="(s_a\w*)"', text)
    assert sorted(set(names)) == ["s_a", "s_a_"]
    assert names.count("s_a") == 2  # the block's function is told its model's name
    assert names.count("s_a_") == 1


def test_sizes_may_differ_unless_code_computes_with_them() -> None:
    head = HEAD + "inputs: {left: [2, 8, 8], right: [2, 6, 6]}\n"
    calls = """
layers:
  - {block: B, name: a, from: left}
  - {block: B, name: b, from: right, weights_of: a}
  - {name: mean, from: a, layers: [global_avg_pool2d]}
outputs: {a: mean, b: b}"""
    conv = "{op: conv2d, name: conv, out_channels: 2, kernel_size: 3}"
    assert "keras.Input((None, None, left.shape[-1]))" in network(f"blocks: {{B: {{layers: [{conv}]}}}}{calls}",
                                                                  head).compile("keras")  # fmt: skip
    sized = f"blocks: {{B: {{layers: [{conv}, {{op: multiply, value: 1 / x.height}}]}}}}{calls}"
    assert network(sized, head).compile("pytorch").count("self.a(") == 2
    with pytest.raises(BackendError, match="its code computes with 'in_height', which is another than for 'a'"):
        network(sized, head).compile("keras")


def test_what_only_training_has_lends_no_weights_to_evaluation() -> None:
    text = FC.replace("out_features: 1", "out_features: 8") + """
layers:
  - {block: B, name: early, from: image}
  - {block: B, name: late, from: image, weights_of: early}
outputs: {main: late, aux: {from: early, when: training}}"""  # fmt: skip
    assert error(text) == "block B 'late': cannot use the weights of 'early': only training has it"


def test_a_model_is_made_for_what_it_is_called_on() -> None:
    """In Keras this permute is no code, and both asking for sizes and the call read it: a probe sees it once."""
    head = HEAD + "inputs: {image: [3, 8, 10]}\n"
    block = "blocks: {B: {layers: [{op: conv2d, out_channels: 3, kernel_size: 1}]}}\n"
    model = network(block + """
layers:
  - {op: permute, axes: [-3, -2, -1]}
  - {block: B, name: a}
  - {block: B, name: b, weights_of: a, from: image}
outputs: {a: a, b: b}""", head)  # fmt: skip
    assert written(BACKENDS["keras"], model).problem() == ""
    assert "    x = image\n    a_input = keras.Input(x.shape[1:])\n" in model.compile("keras")


def test_a_shared_block_may_take_one_value_twice_at_first() -> None:
    """On stand-ins what its model is made of shows two inputs all the same: the second call tells them apart."""
    program = written(BACKENDS["keras"], network("""
blocks:
  B:
    inputs: [p, q]
    layers: [{op: linear, name: fc, from: p, out_features: 1}, {op: subtract, from: [fc, q]}]
layers:
  - {block: B, name: a, from: [left, left]}
  - {block: B, name: b, weights_of: a, from: [left, right]}
  - {op: add, from: [a, b]}"""))  # fmt: skip
    assert program.problem() == ""
    assert program.text.count("[fc, q]") == 1
    assert "b.subtract is" in program.problem(program.text.replace("[fc, q]", "[fc, p]"))
