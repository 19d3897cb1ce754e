"""What inexact steps add up to: no number of them is too many, and no error passes that they do not explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from textwrap import dedent
from typing import Final

import pytest

from archspec import reference
from archspec.backend import backends
from archspec.graph.graph import Graph, rounded
from archspec.graph.mode import Mode
from archspec.model import Model, Spec
from archspec.verification import compare, data, inexact, rounding
from archspec.verification.report import Outcome
from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.worker import Array
from archspec.verification.workers import Pool

DECLARED: Final = 1e-8
MIXED: Final = """
    archspec: 1
    name: Mixed
    inputs: {x: [50]}
    layers:
      - {name: deep, repeat: 8, layers: [gelu, {op: linear, out_features: 50}]}
"""
DEEP: Final = """
    archspec: 1
    name: Deep
    inputs: {x: [6]}
    blocks:
      Act:
        layers: [{op: flip, axis: features}, {op: flip, name: again, axis: features}]
    layers:
      - {block: Act, name: deep, repeat: 20}
"""
"""Steps that round nothing, so that what they are off is added up as it is."""


@cache
def model(text: str) -> Model:
    return Spec.parse(dedent(text)).network()


def declared(graph: Graph, op: str) -> dict[str, float]:
    return {node.outputs[0].name: DECLARED for node in graph.nodes if node.op.key == op}


def test_what_is_declared_is_added_up_once() -> None:
    spec = "archspec: 1\nname: Two\ninputs: {x: [4]}\nlayers:\n  - {op: gelu, name: a}\n  - {op: gelu, name: b}\n"
    spec += "  - {op: relu, name: c, from: x}\n  - {op: add, name: d, from: [a, b, c]}\n"
    added = compare.added(model(spec).graph, {"a": 1e-8, "b": 3e-8})
    assert added == pytest.approx({"x": 0, "a": 1e-8, "b": 4e-8, "c": 0, "d": 4e-8}, abs=0)


def test_bounds_follow_from_what_is_declared() -> None:
    graph = model(MIXED).graph
    parameters, inputs = data.parameters(graph), data.inputs(graph)
    truth = reference.run(graph, parameters, inputs)
    scales = dict(rounding.magnitudes(graph, parameters, inputs, truth, rounding.UNITS["float64"][0]))

    def bounds(scales: Mapping[str, Array], times: float = 1.0) -> dict[str, float]:
        given = {name: times * bound for name, bound in declared(graph, "gelu").items()}
        return inexact.bounds(graph, parameters, inputs, truth, scales, given, mode=Mode.EVALUATION)

    once, first, last = bounds(scales), graph.nodes[0].outputs[0].name, graph.nodes[-1].outputs[0].name
    assert once[first] == pytest.approx(2 * DECLARED, rel=1e-6)
    assert DECLARED < once[last] < 100 * DECLARED
    assert bounds(scales, 2)[last] == pytest.approx(2 * once[last], rel=1e-3)
    assert max(bounds(scales, 1e4).values()) == inexact.CEILING == compare.FLOAT32_BOUND
    scales[last][0, 0] *= 2.0**-13  # a value that hardly moved by chance when it was measured
    assert bounds(scales)[last] > 50 * once[last]


def outcome(factor: str, pool: Pool) -> Outcome:
    """What is said of PyTorch if all steps are off by this factor."""
    (backend,), graph = backends(["pytorch"]), rounded(model(DEEP).graph)
    given, old = backend.generate(model(DEEP)), "x.flip(1)"
    forms = {form: getattr(given, form) for form in ("source", "probed", "written", "rounded")}
    assert all(text.count(old) == 2 for text in forms.values()), given.source
    forms = {form: text.replace(old, f"({old} * {factor})") for form, text in forms.items()}
    changed = replace(given, **forms, inexact=declared(graph, "flip"))
    return examine(graph, generated({"pytorch": changed}), pool).outcomes["pytorch"]


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("factor", "status", "rungs"),
    [
        ("(1 + 0.9e-8)", "passed", set()),
        ("(1 + 3e-8)", "failed", {"alone", "edges"}),
        ("(1 + 5e-8)", "failed", {"float64", "alone", "edges"}),
    ],
)
def test_a_deep_stack(factor: str, status: str, rungs: set[str], pool: Pool) -> None:
    found = outcome(factor, pool)
    assert found.status == status, found.message
    worst = found.rungs["float64"].worst
    assert worst is not None
    assert status == "failed" or worst.error > 16 * DECLARED
    assert {name for name, rung in found.rungs.items() if rung.wrong} == rungs
