"""What models compute in training: normalization by the batch, the statistics that are kept, and no randomness."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from textwrap import dedent
from typing import Final

import numpy as np
import pytest

from archspec import reference
from archspec.backend import Program, backends
from archspec.graph.graph import Graph, rounded
from archspec.graph.mode import Mode
from archspec.model import Model, Spec
from archspec.proving import reports
from archspec.results.options import Options
from archspec.verification import data
from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.workers import Pool

BACKENDS: Final = {backend.name: backend for backend in backends()}

SPEC: Final = """
    archspec: 1
    name: Normalized
    inputs: {image: [4, 9, 7], line: [6, 5], volume: [3, 4, 2, 3], vector: [10]}
    layers:
      - {op: batch_norm, name: bn_image, from: image, momentum: 0.3}
      - {op: dropout2d, p: 0.3}
      - {op: group_norm, num_groups: 2}
      - {op: conv2d, name: conv, out_channels: 5, kernel_size: 3}
      - {op: batch_norm, name: bn_conv, epsilon: 0.01, affine: false}
      - {op: instance_norm, affine: true}
      - {op: drop_path, p: 0.4, name: seen}
      - {op: batch_norm, name: bn_line, from: line, momentum: 0.01}
      - {op: dropout, p: 0.5}
      - {op: layer_norm}
      - {op: rms_norm}
      - {op: lstm, name: lstm, hidden_size: 3, num_layers: 2, dropout: 0.5}
      - {op: batch_norm, name: bn_volume, from: volume, momentum: 1.0}
      - {op: dropout3d, name: dropped}
      - {op: batch_norm, name: bn_vector, from: vector, momentum: 0.0}
      - {op: gaussian_noise, name: noisy, std: 0.3}
      - {op: alpha_dropout, name: kept}
    outputs: {image: seen, line: lstm, volume: dropped, vector: kept}
"""


@cache
def model() -> Model:
    return Spec.parse(dedent(SPEC), "normalized.yaml").network()


@cache
def graph() -> Graph:
    return rounded(model().graph)


@cache
def programs() -> dict[str, Program]:
    return {name: backend.generate(model()) for name, backend in BACKENDS.items()}


@pytest.mark.frameworks
def test_training_agrees(pool: Pool) -> None:
    report = examine(graph(), generated(programs()), pool, mode=Mode.TRAINING, gradients=True)
    assert {name: each.message for name, each in report.outcomes.items()} == dict.fromkeys(BACKENDS, "")
    steps = sum(len(node.outputs) for node in graph().nodes)
    for outcome in report.outcomes.values():
        assert outcome.rungs["float64"].compared == steps + 4 + 2 * 5, "all steps, outputs and statistics"


@pytest.mark.frameworks
@pytest.mark.parametrize("name", BACKENDS)
def test_another_momentum_is_found(name: str, pool: Pool) -> None:
    program = programs()[name]
    old, new = ("momentum=0.30000001192092896", "momentum=0.2") if name == "pytorch" else ("0.699999988079071", "0.8")
    assert program.rounded.count(old) == 1
    changed = replace(program, rounded=program.rounded.replace(old, new))
    outcome = examine(graph(), generated({**programs(), name: changed}), pool, mode=Mode.TRAINING).outcomes[name]
    assert outcome.status == "failed"
    assert outcome.culprit is not None
    assert outcome.culprit.step == "bn_image"
    assert {finding.tensor for finding in outcome.rungs["float64"].wrong} == {
        "bn_image.running_mean", "bn_image.running_var",
    }  # fmt: skip


@pytest.mark.frameworks
def test_the_variance_of_a_batch_has_the_divisor_of_its_framework(pool: Pool) -> None:
    biased = replace(programs()["pytorch"], unbiased_variance=False)
    subjects = generated({**programs(), "pytorch": biased})
    outcome = examine(graph(), subjects, pool, mode=Mode.TRAINING).outcomes["pytorch"]
    assert outcome.status == "failed"
    assert all(finding.tensor.endswith("running_var") for finding in outcome.rungs["float64"].wrong)


@pytest.mark.frameworks
def test_statistics_that_no_output_depends_on(pool: Pool) -> None:
    spec = """
        archspec: 1
        name: Idle
        inputs: {image: [4, 5]}
        layers:
          - {op: batch_norm, name: seen}
          - {op: batch_norm, name: idle, from: image}
        outputs: {y: seen}
    """
    for report in reports(Spec.parse(dedent(spec)).network(), backends(), pool, Options(training=True)):
        assert report.exit_code == 0, report.to_json()


def test_statistics_move_towards_those_of_the_batch() -> None:
    parameters, inputs = data.parameters(graph()), data.inputs(graph())
    found = reference.run(graph(), parameters, inputs, mode=Mode.TRAINING)
    x = inputs["line"].astype(np.float64)
    momentum = float(np.float32(0.01))
    for name, batch in (("running_mean", x.mean((0, 2))), ("running_var", x.var((0, 2)))):
        old = parameters[f"bn_line.{name}"].astype(np.float64)
        np.testing.assert_allclose(found[f"bn_line.{name}"], (1 - momentum) * old + momentum * batch, rtol=1e-12)
    np.testing.assert_allclose(found["bn_line"].mean((0, 2)), parameters["bn_line.bias"], atol=1e-12)
    assert np.array_equal(found["bn_vector.running_mean"], parameters["bn_vector.running_mean"].astype(np.float64))


def test_only_batch_norm_learns_by_seeing() -> None:
    """Others may be random in training, which is left out unless it is given."""
    for node in graph().nodes:
        arrays = [np.ones(tensor.shape) for tensor in node.inputs]
        weights = {name: np.ones(p.shape) for name, p in node.op.parameters(*(x.shape for x in arrays)).items()}
        assert bool(node.op.train(*arrays, **weights)[1]) == (node.op.key == "batch_norm")


RESIDUAL: Final = """
    archspec: 1
    name: Residual
    inputs: {image: [3, 8, 6], line: [2, 5], vector: [4], volume: [2, 3, 2, 2]}
    blocks:
      Basic:
        layers:
          - {op: conv2d, name: conv1, out_channels: 3, kernel_size: 3, padding: same, bias: false}
          - {op: batch_norm, name: bn1}
          - relu
          - {op: conv2d, name: conv2, out_channels: 3, kernel_size: 3, padding: same, bias: false}
          - {op: batch_norm, name: bn2, momentum: 0.3}
          - {op: add, from: [bn2, x]}
          - relu
    layers:
      - {block: Basic, name: first, from: image}
      - {block: Basic, name: second}
      - {op: global_avg_pool2d, name: pool}
      - {op: flatten, name: flat}
      - {op: batch_norm, name: bn_line, from: line, affine: false}
      - {op: batch_norm, name: bn_vector, from: vector, momentum: 1.0}
      - {op: batch_norm, name: bn_volume, from: volume}
      - {op: linear, name: fc, from: flat, out_features: 5}
    outputs: {logits: fc, line: bn_line, vector: bn_vector, volume: bn_volume}
    training:
      losses: {logits: {loss: cross_entropy, target: label}}
      optimizer: {optimizer: sgd, learning_rate: 0.1, momentum: 0.9}
"""


@pytest.mark.frameworks
def test_exact_statistics_are_those_of_the_reference(pool: Pool) -> None:
    model = Spec.parse(dedent(RESIDUAL), "residual.yaml").network()
    exact = [backend.exact() for backend in BACKENDS.values()]
    made = {backend.name: backend.generate(model) for backend in exact}
    assert not any(program.unbiased_variance for program in made.values())
    assert {name: "Biased" in program.source for name, program in made.items()} == {
        "pytorch": True, "keras": False, "paddle": False,
    }  # fmt: skip
    compared = reports(model, exact, pool, Options(training=True, gradients=True))
    (trained,) = reports(model, exact, pool, Options(steps=4))
    for report in [*compared, trained]:
        assert {name: each.message for name, each in report.outcomes.items()} == dict.fromkeys(BACKENDS, "")
    assert all({"statistics", "others"} <= outcome.rungs.keys() for outcome in trained.outcomes.values())
    assert not any("running variances" in remark for remark in trained.remarks)


@pytest.mark.frameworks
def test_statistics_that_are_said_to_be_exact_are_held_to_it(pool: Pool) -> None:
    exact = BACKENDS["pytorch"].exact().generate(model())
    usual = exact.rounded.replace("self.running_var.data.lerp_(", "torch.lerp(self.running_var, ")
    assert usual != exact.rounded
    (outcome,) = examine(
        graph(), generated({"pytorch": replace(exact, rounded=usual)}), pool, mode=Mode.TRAINING
    ).outcomes.values()
    assert outcome.status == "failed"
    assert {finding.tensor for finding in outcome.rungs["float64"].wrong} == {
        f"{name}.running_var" for name in ("bn_image", "bn_conv", "bn_line", "bn_volume")
    }  # fmt: skip
