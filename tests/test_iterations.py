"""References to iterations of repeated steps."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from archspec.model import Spec

from .programs import BACKENDS
from .standins.check import written
from .test_language import error, graph, network

FILE: Final = Path(__file__).parent / "networks" / "pyramid.yaml"
STAGE: Final = "{op: conv2d, name: stage, out_channels: 8 * (index + 1), kernel_size: 1, repeat: 3}"


@pytest.mark.parametrize(
    ("reference", "step"),
    [("stage.0", "stage.0"), ("stage.1", "stage.1"), ("stage.-1", "stage.2"), ("stage.-3", "stage.0"),
     ("stage", "stage.2")],
)  # fmt: skip
def test_an_iteration_has_a_name(reference: str, step: str) -> None:
    found = graph(f"layers: [{STAGE}, {{op: relu, name: last, from: {reference}}}]")
    assert found.nodes[-1].inputs[0].name == step


def test_all_iterations_are_inputs() -> None:
    found = graph(f"layers: [{STAGE}, {{op: concat, name: all, from: [image, stage.*], axis: channels}}]")
    assert [tensor.name for tensor in found.nodes[-1].inputs] == ["image", "stage.0", "stage.1", "stage.2"]


def test_what_a_condition_leaves_out_is_not_among_all() -> None:
    stage = STAGE.replace("8 * (index + 1)", "8").replace("repeat", "when: index != 1, repeat")
    found = graph(f"layers: [{stage}, {{op: add, name: all, from: stage.*}}, {{op: relu, name: last, from: stage.1}}]")
    assert [[tensor.name for tensor in node.inputs] for node in found.nodes[-2:]] == [
        ["stage.0", "stage.2"],
        ["stage.0"],
    ]


def test_iterations_have_outputs_and_steps() -> None:
    found = graph("""
blocks:
  Two:
    inputs: [x, y]
    layers: [{op: relu, name: a, from: x}, {op: tanh, name: b, from: y}]
    outputs: {one: a, two: b}
layers:
  - {op: sigmoid, name: side}
  - {block: Two, name: pair, from: [image, side], repeat: 2}
  - {name: part, from: image, repeat: 2, layers: [{op: relu, name: inner}, tanh]}
  - {op: add, name: last, from: [pair.0.one, pair.-1.two, part.0.inner]}""")
    assert [tensor.name for tensor in found.nodes[-1].inputs] == ["pair.0.a", "pair.1.b", "part.0.inner"]


def test_an_iteration_lends_its_weights() -> None:
    stage = STAGE.replace("8 * (index + 1)", "8")
    last = stage.replace("name: stage", "name: last, from: image").replace("repeat: 3", "weights_of: stage.1")
    found = graph(f"layers: [{stage}, {last}]")
    assert found.nodes[-1].owner == "stage.1"


def test_there_is_no_such_iteration() -> None:
    text = f"layers: [{STAGE}, {{op: relu, from: stage.3}}]"
    assert error(text) == "'stage' is repeated, and has no iteration '3'"


@pytest.mark.parametrize("backend", BACKENDS)
def test_code_keeps_what_is_referred_to(backend: str) -> None:
    assert written(BACKENDS[backend], Spec.read(FILE).network()).problem() == ""
    plain = network(f"layers: [{STAGE}]").compile(backend)
    assert "for" in plain.replace("format", "") or backend == "keras"
    kept = network(f"layers: [{STAGE}, {{op: concat, from: stage.*, axis: channels}}]").compile(backend)
    assert all(f"stage_{number} = " in kept for number in range(3))
