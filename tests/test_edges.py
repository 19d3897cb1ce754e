"""Values at the edges of operations: which are chosen. What goes wrong there alone is among the seeded faults."""

from __future__ import annotations

from functools import cache
from textwrap import dedent
from typing import Final

import numpy as np
import pytest

from archspec import ops
from archspec.backend import Interface, Observed, Program, backends
from archspec.graph.graph import Graph, rounded
from archspec.model import Spec
from archspec.ops.base import FAR
from archspec.proving import reports
from archspec.verification import data, edges
from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.workers import Pool

from .cases import CASES, alone
from .faults import NETWORKS

BACKENDS: Final = {backend.name: backend for backend in backends()}


@cache
def graph() -> Graph:
    return rounded(Spec.parse(dedent(NETWORKS["edges"]), "edges.yaml").network().graph)


@cache
def programs() -> dict[str, Program]:
    model = Spec.parse(dedent(NETWORKS["edges"]), "edges.yaml").network()
    return {name: backend.generate(model) for name, backend in BACKENDS.items()}


def chosen(made: Graph) -> edges.Edges:
    _, truth = data.leveled(made, data.parameters(made), data.inputs(made))
    return edges.choose(made, made.nodes, truth, 0)


def test_the_edges_of_each_reader_are_there() -> None:
    found = chosen(graph())
    assert [node.path for node in found.nodes if node.path not in found.far] == [
        "body.0", "block.act", "pool", "pool2", "soft", "logs", "embed",
    ]  # fmt: skip
    assert {6.0, 0.0, 1e5, -1e5, 88.0, 0.5} <= set(found.given["conv"].flat)
    assert {0, 7, 6} == set(found.given["token"].flat)
    assert found.given["block.act"].min() >= 0, "code may rely on what a rectifier gives"
    assert (found.given["conv2"] == -1e5).all((2, 3)).any(), "a whole channel"
    assert found.far == {"conv", "body.1", "conv2", "flat", "words", "concat"}


def test_what_only_linear_steps_read_is_large() -> None:
    made = rounded(Spec.parse(dedent(NETWORKS["far"]), "far.yaml").network().graph)
    _, truth = data.leveled(made, data.parameters(made), data.inputs(made))
    found = edges.choose(made, made.nodes, truth, 0)
    assert found.far == {node.path for node in made.nodes} - {"act"}
    assert (found.given["image"] == truth["image"] * 2.0**100).all()
    assert abs(found.given["first.bn"]).max() == FAR, "a rectifier reads it"
    assert {1e5, 0.5} <= set(found.given["first.bn"].flat)


def test_a_mean_of_what_has_none_is_no_matter_of_rounding() -> None:
    spec = """
        archspec: 1
        name: Centered
        inputs: {x: [64]}
        layers: [{op: layer_norm, affine: false}, {op: mean, name: mean, axis: features}]
    """
    made = rounded(Spec.parse(dedent(spec), "centered.yaml").network().graph)
    _, truth = data.leveled(made, {}, data.inputs(made))
    found = edges.choose(made, made.nodes, truth, 0)
    read = found.given["layer_norm"]
    for off, wrong in ((0.0, False), (1e-12, False), (1e-6, True)):
        program = {"edge mean": read[:, ::-1].mean(1) + off * read.max()}
        shows = Interface(weights=(), inputs={"x": ()}, outputs={}, probes={
            name: (Observed(name),) for name in ("layer_norm", "mean")
        })  # fmt: skip
        ((_, finding),) = found.findings(made, {}, {"it": (shows, program)})
        assert (finding.tensor, finding.wrong) == ("mean", wrong)


def test_a_steep_operation_sees_its_own_edges_alone() -> None:
    spec = """
        archspec: 1
        name: Steep
        inputs: {x: [6, 8]}
        layers:
          - {op: layer_norm, name: norm, from: x}
          - {op: relu6, name: act, from: x}
          - {op: add, from: [norm, act]}
    """
    found = chosen(rounded(Spec.parse(dedent(spec), "steep.yaml").network().graph))
    assert [node.path for node in found.nodes] == ["norm", "act", "add"]
    assert abs(found.given["x"]).max() <= 32


def test_every_operation_that_is_not_linear_has_edges() -> None:
    for case in CASES:
        made = ops.get(case.op)(**case.attributes)
        declared = made.edges(*case.whole(3))
        assert len(declared) == len(case.shapes), case
        assert all(numbers for sets in declared for numbers in sets), case
        assert not case.shapes or any(declared) != made.linear, case


def test_what_is_linear_is() -> None:
    """Of operations of one input that call themselves linear: f(a x + b y) + (a + b - 1) f(0) = a f(x) + b f(y)."""
    tried = {"topk", "sort"}  # which move elements, but not the same ones of both
    for case in CASES:
        made = ops.get(case.op)(**case.attributes)
        if not made.linear or set(case.dtypes) != {"float"} or len(case.shapes) != 1 or case.op in tried:
            continue
        tried.add(case.op)
        (node,) = rounded(alone(case).graph).nodes
        random = np.random.default_rng(0)
        weights = {name: random.random(p.shape) + 0.5 for name, p in node.op.parameters(node.inputs[0].shape).items()}
        x, y = random.standard_normal((2, *node.inputs[0].shape))
        values = [node.op.reference(each, **weights) for each in (2 * x - 3 * y, x, y, 0 * x)]
        both, first, second, origin = (each if isinstance(each, tuple) else (each,) for each in values)
        for a, b, c, zero in zip(both, first, second, origin, strict=True):
            np.testing.assert_allclose(a, 2 * b - 3 * c + 2 * zero, rtol=1e-9, atol=1e-9)
    assert len(tried) > 60


FLOATS = """
archspec: 1
name: Floats
inputs: {image: [4, 9, 7]}
layers:
  - {op: hard_shrink, threshold: 0.3}
  - {op: leaky_relu, negative_slope: 0.1}
  - {op: layer_norm}
  - {op: celu, alpha: 0.3, name: celu}
  - {op: greater, value: 0.1, name: above}
  - {op: where, from: [above, celu, image]}
"""


@pytest.mark.frameworks
def test_a_float_that_frameworks_round_is_no_false_alarm(pool: Pool) -> None:
    (report,) = reports(Spec.parse(FLOATS).network(), tuple(BACKENDS.values()), pool)
    for outcome in report.outcomes.values():
        assert outcome.message == ""
        assert outcome.rungs["edges"].compared == 6
        assert not outcome.rungs["edges"].unseen


@pytest.mark.frameworks
def test_all_agree_at_the_edges(pool: Pool) -> None:
    report = examine(graph(), generated(programs()), pool)
    assert {name: each.message for name, each in report.outcomes.items()} == dict.fromkeys(BACKENDS, "")
    for outcome in report.outcomes.values():
        assert outcome.rungs["edges"].compared == 13
        assert not outcome.rungs["edges"].unseen
