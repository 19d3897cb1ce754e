"""The verifier is shown to fail: with each fault of `faults.py`, and at the right step."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import cache
from textwrap import dedent
from typing import Final

import pytest

from archspec.backend import Program, backends
from archspec.graph.graph import Graph, rounded
from archspec.model import Model, Spec
from archspec.verification.run import verify
from archspec.verification.workers import Pool

from .faults import FAULTS, NETWORKS, Fault, text

BACKENDS: Final = {backend.name: backend for backend in backends()}
TABLE: Final = [
    pytest.param(backend, network, fault, id=f"{backend}: {fault.about}")
    for backend, by_network in FAULTS.items()
    for network, faults in by_network.items()
    for fault in faults
]

pytestmark = pytest.mark.frameworks


@cache
def model(name: str) -> Model:
    made = Spec.parse(dedent(NETWORKS[name]), f"{name}.yaml").network()
    assert made.check() == []
    return made


@cache
def graph(name: str) -> Graph:
    return rounded(model(name).graph)


@cache
def programs(name: str) -> dict[str, Program]:
    """What the backends make of a network, written as the edits of faults expect it."""
    made = {key: backend.generate(model(name)) for key, backend in BACKENDS.items()}
    return {
        key: replace(p, probed=plain(p.probed), written=plain(p.written), rounded=plain(p.rounded))
        for key, p in made.items()
    }


def plain(code: str) -> str:
    return ast.unparse(ast.parse(code))


@pytest.mark.parametrize("network", NETWORKS)
def test_without_a_fault_all_pass(network: str, pool: Pool) -> None:
    report = verify(graph(network), programs(network), pool)
    assert {name: outcome.message for name, outcome in report.outcomes.items()} == dict.fromkeys(BACKENDS, "")
    assert report.exit_code == 0


@pytest.mark.parametrize(("backend", "network", "fault"), TABLE)
def test_a_fault_is_found_and_its_step_is_named(backend: str, network: str, fault: Fault, pool: Pool) -> None:
    given = programs(network)
    if fault is not FAULTS[backend][network][0]:
        # One more framework will do, after the first time; without Keras, which takes ten times as long as the others.
        given = {name: given[name] for name in (backend, "paddle" if backend == "pytorch" else "pytorch")}
    changed = fault.edit(given[backend])
    assert (changed.probed, changed.rounded) != (given[backend].probed, given[backend].rounded) or (
        changed.weights != given[backend].weights
    )
    report = verify(graph(network), {**given, backend: changed}, pool)
    assert report.exit_code == 1
    assert {name: each.status for name, each in report.outcomes.items()} == {
        name: "failed" if name == backend else "passed" for name in given
    }
    outcome = report.outcomes[backend]
    assert outcome.culprit is not None, outcome.message
    assert outcome.culprit.step == fault.step, outcome.message
    assert f"'{fault.step}'" in outcome.message
    for rung in fault.rungs:
        assert outcome.rungs[rung].wrong


def test_the_step_in_which_a_process_dies_is_named(pool: Pool) -> None:
    given = programs("shapes")
    changed = text("part * gate", "__import__('os').abort()")(given["pytorch"])
    outcome = verify(graph("shapes"), {"pytorch": changed}, pool).outcomes["pytorch"]
    assert outcome.status == "error"
    assert outcome.culprit is not None
    assert outcome.culprit.step == "gated"
    assert "SIGABRT" in outcome.message
    assert verify(graph("shapes"), {"pytorch": given["pytorch"]}, pool).exit_code == 0, "it was started again"


def test_faults_are_of_many_kinds() -> None:
    for by_network in FAULTS.values():
        assert by_network.keys() == NETWORKS.keys()
        names = [fault.about for faults in by_network.values() for fault in faults]
        assert len(names) == len(set(names)) >= 12
