"""Blocks along an axis: what carried state means in the reference, and how it looks in code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from archspec import reference
from archspec.errors import BackendError
from archspec.graph.graph import Graph
from archspec.graph.mode import Mode
from archspec.model import Model, Spec

from .programs import BACKENDS
from .standins.check import written
from .test_language import HEAD

FILE: Final = Path(__file__).parent / "networks" / "along.yaml"
CELL: Final = """
blocks:
  Cell:
    inputs: [x, h]
    layers:
      - {op: linear, name: fresh, from: x, out_features: 1, bias: false}
      - {op: linear, name: old, from: h, out_features: 1, bias: false}
      - {op: add, name: sum, from: [fresh, old]}
    outputs: {output: sum, h: sum}
"""
ROWS: Final = HEAD + "inputs: {x: [3, 1], start: [1]}\n" + CELL
WEIGHTS: Final = {"rnn.0.fresh.weight": np.array([[2.0]]), "rnn.0.old.weight": np.array([[0.5]])}


def network(text: str, head: str = ROWS) -> Model:
    return Spec.parse(head + text).network()


def run(graph: Graph, **inputs: Any) -> Any:
    return reference.run(graph, WEIGHTS, {name: np.array(value, float) for name, value in inputs.items()})


def test_state_goes_from_place_to_place_and_outputs_are_put_together() -> None:
    graph = network("layers: [{block: Cell, name: rnn, from: [x, start], over: time}]\n"
                    "outputs: {all: rnn.output, last: rnn.h}").graph  # fmt: skip
    assert list(graph.parameters()) == list(WEIGHTS)
    found = run(graph, x=[[[1], [2], [4]], [[0], [0], [0]]], start=[[8], [0]])
    assert found[graph.outputs["all"].name][0, :, 0].tolist() == [6, 7, 11.5]
    assert found[graph.outputs["last"].name].tolist() == [[11.5], [0]]


def test_backwards_the_last_place_comes_first_and_each_output_stands_at_its_place() -> None:
    graph = network("layers: [{block: Cell, name: rnn, from: [x, start], over: 1, reverse: true}]\n"
                    "outputs: {all: rnn.output, last: rnn.h}").graph  # fmt: skip
    found = run(graph, x=[[[1], [2], [4]], [[0], [0], [0]]], start=[[8], [0]])
    assert found[graph.outputs["all"].name][0, :, 0].tolist() == [7, 10, 12]
    assert found[graph.outputs["last"].name].tolist() == [[7], [0]]


def test_a_constant_begins_the_same_for_each_sample() -> None:
    graph = network("""
layers:
  - {op: constant, name: one, value: 1, shape: [1]}
  - {block: Cell, name: rnn, from: [x, one], over: time}
outputs: {last: rnn.h}""").graph
    found = run(graph, x=[[[1], [2], [4]], [[0], [0], [0]]], start=[[8], [8]])
    assert found[graph.outputs["last"].name].tolist() == [[10.625], [0.125]]


def test_statistics_go_on_from_place_to_place() -> None:
    """As one `batch_norm` called twice: of [1, 3] and then [10, 14] with a momentum of 0.1."""
    rows = HEAD + "inputs: {x: [2, 1], start: [1]}"
    graph = network(
        """
blocks:
  Norm:
    inputs: [x, total]
    layers: [{op: batch_norm, name: bn, from: x}, {op: add, name: sum, from: [bn, total]}]
    outputs: {total: sum}
layers: [{block: Norm, name: norm, from: [x, start], over: time}]""",
        rows,
    ).graph
    start = {name: np.full(weight.shape, float(name.endswith(("weight", "var")))) for name, weight in
             graph.parameters().items()}  # fmt: skip
    inputs = {"x": np.array([[[1.0], [10.0]], [[3.0], [14.0]]]), "start": np.zeros((2, 1))}
    found = reference.run(graph, start, inputs, mode=Mode.TRAINING)
    assert found["norm.0.bn.running_mean"] == pytest.approx(1.38)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_code_is_a_loop_whatever_the_length(backend: str) -> None:
    step = "layers: [{block: Cell, name: rnn, from: [x, start], over: time}]\noutputs: rnn.output"
    models = [network(step, ROWS.replace("[3, 1]", f"[{length}, 1]")) for length in (3, 7)]
    short, long = (BACKENDS[backend].generate(model).source for model in models)
    assert "for x_t in " in short
    assert short.replace("3", "7") == long.replace("3", "7")


OPEN: Final = (
    ROWS.replace("[3, 1]", "[length, 1]")
    + """
layers:
  - {block: Cell, name: there, from: [x, start], over: time}
  - {block: Cell, name: back, from: [there.output, there.h], over: time, reverse: true}
outputs: {each: back.output, last: back.h}"""
)


@pytest.mark.parametrize("backend", ["pytorch", "paddle"])
def test_an_axis_may_have_any_size_where_code_runs_on_what_is_there(backend: str) -> None:
    model = network("", OPEN)
    assert "for x_t in " in BACKENDS[backend].generate(model).source
    assert written(BACKENDS[backend], model).problem() == ""
    short = network("", OPEN.replace("length", "5"))
    assert written(BACKENDS[backend], short).problem() == ""


def test_keras_counts_calls_when_a_model_is_made() -> None:
    with pytest.raises(BackendError, match="give that axis a size"):
        BACKENDS["keras"].generate(network("", OPEN))


def test_one_class_has_axes_of_several_lengths() -> None:
    program = BACKENDS["pytorch"].generate(network("""
inputs: {long: [9, 1], short: [4, 1], start: [1]}
blocks:
  Cell:
    inputs: [x, h]
    layers: [{op: linear, name: fresh, from: x, out_features: 1}, {op: add, name: sum, from: [fresh, h]}]
    outputs: {output: sum, h: sum}
  Run:
    inputs: [x, h]
    layers: [{block: Cell, name: cell, from: [x, h], over: time}]
    outputs: {last: cell.h}
layers:
  - {block: Run, name: one, from: [long, start]}
  - {block: Run, name: two, from: [short, one]}""", HEAD))  # fmt: skip
    assert program.source.count("class Run") == 1
    seen = {each.tensor for probe in program.probes.values() for each in probe}
    assert seen >= {"one.cell.x.8", "two.cell.x.3", "one.cell.8.sum", "two.cell.3.sum"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_step_of_the_code_runs_on_what_the_graph_gives_it(backend: str) -> None:
    assert written(BACKENDS[backend], Spec.read(FILE).network()).problem() == ""
