"""What training leaves alone: frozen weights and statistics, and what is behind a `stop_gradient`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Final

import numpy as np
import pytest

from archspec import reference
from archspec.backend import backends
from archspec.errors import BackendError, SpecError
from archspec.graph.mode import Mode
from archspec.loading import load
from archspec.model import Model, Spec
from archspec.proving import reports
from archspec.results.options import Options
from archspec.verification import data
from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.workers import Pool

from .standins.check import written

NETWORKS: Final = Path(__file__).parent / "networks"
KINDS: Final = """
    archspec: 1
    name: Kinds
    inputs: {image: [3, 8, 8], tokens: {shape: [time], dtype: int64, below: 11}}
    layers:
      - name: part
        frozen: true
        layers:
          - {op: embedding, name: words, from: tokens, num_embeddings: 11, embedding_dim: 6}
          - {op: layer_norm, name: ln}
          - {op: multi_head_attention, name: att, num_heads: 2}
          - {op: linear, name: lin, out_features: 5}
      - {op: linear, name: learns, out_features: 3}
      - {op: depthwise_conv2d, name: dw, from: image, kernel_size: 3, frozen: true}
      - {op: conv_transpose2d, name: up, out_channels: 4, kernel_size: 3, frozen: true}
      - {op: prelu, name: bend, frozen: true}
      - {op: group_norm, name: gn, num_groups: 2, frozen: true}
      - {op: parameter, name: offset, shape: [4, 1, 1], frozen: true}
      - {op: add, from: [gn, offset]}
      - {op: conv2d, name: out, out_channels: 2, kernel_size: 1}
    outputs: {y: learns, z: out}
"""
RECURRENT: Final = """
    archspec: 1
    name: Recurrent
    inputs: {x: [time, 4]}
    layers:
      - {op: lstm, name: lstm, hidden_size: 3, bidirectional: true, frozen: true}
      - {op: gru, name: gru, hidden_size: 3, frozen: true}
      - {op: linear, name: out, out_features: 2}
"""


def network(text: str) -> Model:
    return Spec.parse(dedent(text), "net.yaml").network()


def shown(name: str) -> Model:
    return load(str(NETWORKS / f"{name}.yaml"))


def test_what_is_frozen() -> None:
    found = {name: p.trainable for name, p in shown("frozen").graph.parameters().items() if not p.statistic}
    assert {name for name, learned in found.items() if learned} == {
        "body.1.conv.weight", "body.1.conv.bias", "body.1.bn.weight", "body.1.bn.bias", "head.weight", "head.bias",
    }  # fmt: skip
    assert len(found) == 16, "frozen weights are weights as others"


def test_frozen_statistics_stay_and_are_used() -> None:
    graph = shown("frozen").graph
    parameters, inputs = data.parameters(graph), data.inputs(graph)
    found = reference.run(graph, parameters, inputs, mode=Mode.TRAINING)
    for name in ("bn", "body.0.bn", "norm"):
        for part in ("running_mean", "running_var"):
            assert np.array_equal(found[f"{name}.{part}"], parameters[f"{name}.{part}"].astype(np.float64))
    assert not np.array_equal(found["body.1.bn.running_mean"], parameters["body.1.bn.running_mean"])
    evaluated = reference.run(graph, parameters, inputs)
    assert np.array_equal(found["body.0.relu"], evaluated["body.0.relu"])
    assert not np.array_equal(found["body.1.relu"], evaluated["body.1.relu"])


@pytest.mark.parametrize("name", ["frozen", "cut", "kinds", "recurrent"])
def test_code_says_so(name: str) -> None:
    model = {"kinds": KINDS, "recurrent": RECURRENT}.get(name)
    for backend in backends():
        if (name, backend.name) != ("recurrent", "paddle"):
            assert written(backend, network(model) if model else shown(name)).problem() == "", backend.name


def test_paddle_freezes_no_recurrent_layer() -> None:
    with pytest.raises(BackendError, match=r"net.yaml:6:\d+: .*nn.LSTM has no gradients, or wrong ones"):
        network(RECURRENT).compile("paddle")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{op: relu, frozen: true}", "relu: has no weights that could be frozen"),
        ("{op: linear, name: b, out_features: 4, weights_of: a, frozen: true}", "its weights are those of 'a'"),
        ("{op: linear, out_features: 4, frozen: maybe}", "'maybe' is not defined here"),
        ("{op: linear, out_features: 4, frozen: 3}", "must be true, false, or an expression"),
        ("{branches: {a: [], b: []}, join: {op: add, frozen: true}}", "join cannot have 'frozen'"),
    ],
)
def test_mistakes_are_told(step: str, message: str) -> None:
    layers = f"layers:\n  - {{op: linear, name: a, out_features: 4}}\n  - {step}\n"
    text = f"archspec: 1\nname: N\ninputs: {{x: [4]}}\n{layers}"
    with pytest.raises(SpecError, match=message):
        Spec.parse(text, "net.yaml").network().check()


@pytest.mark.frameworks
@pytest.mark.parametrize("name", ["frozen", "cut", "kinds"])
def test_frameworks_leave_it_alone(name: str, pool: Pool) -> None:
    model = network(KINDS) if name == "kinds" else shown(name)
    for report in reports(model, backends(), pool, Options(training=True, gradients=True)):
        assert {key: each.message for key, each in report.outcomes.items()} == dict.fromkeys(report.outcomes, "")


@pytest.mark.frameworks
@pytest.mark.long
@pytest.mark.parametrize("name", ["frozen", "cut"])
def test_scripts_train_the_rest(name: str, pool: Pool) -> None:
    (report,) = reports(shown(name), backends(), pool, Options(steps=4))
    assert {key: each.message for key, each in report.outcomes.items()} == dict.fromkeys(report.outcomes, "")


FAULTS: Final = [
    ("frozen", "pytorch", "padding=1).requires_grad_(False)", "padding=1)"),
    ("frozen", "pytorch", "self.norm = FrozenBatchNorm1d(", "self.norm = nn.BatchNorm1d("),
    ("cut", "pytorch", ".detach()", ""),
    ("cut", "keras", "ops.stop_gradient", ""),
    ("cut", "paddle", ".detach()", ""),
]


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("name", "backend", "old", "new"),
    [pytest.param(*each, marks=[pytest.mark.long] * (each[1] != "pytorch")) for each in FAULTS],
)
def test_what_is_not_left_alone_is_found(name: str, backend: str, old: str, new: str, pool: Pool) -> None:
    model = shown(name)
    program = next(each for each in backends() if each.name == backend).generate(model)
    assert old in program.source
    assert old in program.rounded
    wrong = replace(program, source=program.source.replace(old, new), rounded=program.rounded.replace(old, new))
    outcome = examine(model.graph, generated({backend: wrong}), pool, mode=Mode.TRAINING, gradients=True).outcomes[
        backend
    ]
    assert outcome.status in ("failed", "error"), outcome.message
