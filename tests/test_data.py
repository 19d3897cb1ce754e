"""Weights and inputs of comparisons, and the scale of signals that they make."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest

from archspec import load, reference
from archspec.graph.graph import Graph
from archspec.graph.mode import Mode
from archspec.model import Spec
from archspec.verification import data

from .cases import CASES, TABLE, Case, alone

LINEAR: Final = """
archspec: 1
name: Small
inputs: {x: [4]}
layers: [{op: linear, name: a, out_features: 4}]
"""


def graph_of(text: str) -> Graph:
    return Spec.parse(text).network().graph


def test_data_depends_on_seed_and_name_alone() -> None:
    short = graph_of(LINEAR)
    longer = graph_of(LINEAR.replace("[{op", "[relu, {op").replace("4}]", "4}, tanh]"))
    assert np.array_equal(data.parameters(longer)["a.weight"], data.parameters(short)["a.weight"])
    assert not np.array_equal(data.parameters(short, 1)["a.weight"], data.parameters(short)["a.weight"])
    assert not np.array_equal(data.inputs(short, 1)["x"], data.inputs(short)["x"])
    assert data.inputs(short)["x"].min() < 0


def test_kinds_of_data() -> None:
    found = data.parameters(
        graph_of("""
archspec: 1
name: Kinds
inputs: {tokens: {shape: [5], dtype: int64, below: 7}}
layers:
  - {op: embedding, name: table, num_embeddings: 7, embedding_dim: 6}
  - {op: permute, axes: [2, 1]}
  - {op: batch_norm, name: norm}
""")
    )
    assert {array.dtype.name for array in found.values()} == {"float32"}
    assert 0.5 <= found["norm.running_var"].min() <= found["norm.running_var"].max() <= 1.5
    assert np.abs(found["norm.running_mean"]).min() > 0


def test_whole_numbers_stay_below_their_limit() -> None:
    graph = graph_of("archspec: 1\nname: Ints\ninputs: {x: {shape: [50], dtype: int64, below: 7}}\nlayers: [flatten]")
    tokens = data.inputs(graph)["x"]
    assert tokens.dtype == np.int64
    assert (tokens.min(), tokens.max()) == (0, 6)


@pytest.mark.parametrize("mode", [Mode.AUXILIARY, Mode.TRAINING])
@pytest.mark.parametrize("name", [pytest.param("resnet152", marks=pytest.mark.slow), "mnasnet_small"])
def test_signals_neither_vanish_nor_explode(name: str, mode: Mode) -> None:
    graph = load(name).resized({"image": (3, 32, 32)}).graph
    inputs = data.inputs(graph)
    weights, values = data.leveled(graph, data.parameters(graph), inputs, mode=mode)
    for node in graph.nodes:
        scale = float(np.sqrt(np.mean(values[node.path] ** 2)))
        assert 0.1 < scale < 20, node.path
        if node.op.gain:
            assert 0.7 < scale < 1.42, node.path
    again = reference.run(graph, weights, inputs, mode=mode)
    assert all(np.array_equal(array, values[name]) for name, array in again.items())
    assert again.keys() == values.keys()


def test_weights_that_several_steps_use_suit_the_first() -> None:
    graph = graph_of("""
archspec: 1
name: Shared
inputs: {x: [4]}
layers:
  - {op: linear, name: a, out_features: 4}
  - {op: multiply, value: 100}
  - {op: linear, name: b, out_features: 4, weights_of: a}
""")
    weights, values = data.leveled(graph, data.parameters(graph), data.inputs(graph))
    again = reference.run(graph, weights, data.inputs(graph))
    assert all(np.array_equal(values[name], again[name]) for name in values)
    assert np.abs(values["b"]).max() > 10


def test_what_is_zero_but_for_rounding_is_not_made_a_signal() -> None:
    graph = graph_of(LINEAR.replace("out_features: 4", "out_features: 4, bias: false"))
    noise = {"x": np.full((2, 4), 1e-17, np.float32)}
    _, values = data.leveled(graph, data.parameters(graph), noise)
    assert np.abs(values["a"]).max() < 1e-12
    _, values = data.leveled(graph, data.parameters(graph), {"x": np.zeros((2, 4), np.float32)})
    assert not values["a"].any()


LAYERS: Final = [case for case in CASES if alone(case).graph.nodes[-1].op.gain]


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_the_output_follows_the_weights_of_a_layer(case: Case) -> None:
    graph = alone(case).graph
    (node,) = graph.nodes
    weights, inputs = data.parameters(graph), data.inputs(graph)
    doubled = {
        name: 2 * array if name.removeprefix(f"{node.path}.") in node.op.gain else array
        for name, array in weights.items()
    }
    once, twice = (reference.run(graph, each, inputs)[node.path] for each in (weights, doubled))
    assert np.array_equal(twice, 2 * once)


@pytest.mark.slow
def test_every_layer_says_which_weights_its_output_follows() -> None:
    without = {case.op for case in CASES if case not in LAYERS and any(
        p.kind == "weight" for p in alone(case).graph.parameters().values())}  # fmt: skip
    assert without == {"rnn", "lstm", "gru"} & TABLE.keys(), "what squashes its output, whatever its weights"


def test_a_direction_has_the_size_of_scores_beside_that_of_their_mask() -> None:
    scores = np.random.default_rng(0).standard_normal((4, 6, 6))
    masked = np.where(np.tri(6) > 0, scores, -1e9)
    along = abs(data.direction(masked, 0, "x"))
    assert along[masked > -1e8].max() < 4
    assert along[masked < -1e8].min() > 1e5
    assert (data.direction(scores, 0, "x") < 4).all()
