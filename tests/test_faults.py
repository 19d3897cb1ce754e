"""The verifier is shown to fail: with each fault of `faults`, and at the right step."""

from __future__ import annotations

from typing import Final

import pytest

from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.workers import Pool

from .faults import FAULTS, NETWORKS, SHARED, Fault, Shared, text
from .faults.trial import BACKENDS, alone, graph, programs, together

TABLE: Final = [
    pytest.param(backend, network, fault, id=f"{backend}: {fault.about}")
    for backend, by_network in FAULTS.items()
    for network, faults in by_network.items()
    for fault in faults
]

pytestmark = pytest.mark.frameworks


@pytest.mark.parametrize("network", NETWORKS)
def test_without_a_fault_all_pass(network: str, pool: Pool) -> None:
    report = examine(graph(network), generated(programs(network)), pool)
    assert {name: outcome.message for name, outcome in report.outcomes.items()} == dict.fromkeys(BACKENDS, "")
    assert report.exit_code == 0


@pytest.mark.parametrize(("backend", "network", "fault"), TABLE)
def test_a_fault_is_found_and_its_step_is_named(backend: str, network: str, fault: Fault, pool: Pool) -> None:
    report = alone(backend, network, fault, pool, fault.mode)
    assert report.exit_code == 1
    assert {name: each.status for name, each in report.outcomes.items()} == {
        name: "failed" if name == backend else "passed" for name in report.outcomes
    }
    outcome = report.outcomes[backend]
    assert outcome.culprit is not None, outcome.message
    assert outcome.culprit.step == fault.step, outcome.message
    assert f"'{fault.step}'" in outcome.message
    for rung in fault.rungs:
        assert outcome.rungs[rung].wrong


@pytest.mark.parametrize("fault", SHARED, ids=lambda fault: fault.about)
def test_a_fault_that_several_have_alike_is_found_in_each(fault: Shared, pool: Pool) -> None:
    report = together(fault, pool, fault.mode)
    for name, outcome in report.outcomes.items():
        assert outcome.status == ("failed" if name in fault.edits else "passed"), (name, outcome.message)
        if name in fault.edits:
            assert outcome.culprit is not None, outcome.message
            assert outcome.culprit.step == fault.step, outcome.message
            assert all(outcome.rungs[rung].wrong for rung in fault.rungs)


def test_the_step_in_which_a_process_dies_is_named(pool: Pool) -> None:
    given = programs("shapes")
    changed = text("part * gate", "__import__('os').abort()")(given["pytorch"])
    outcome = examine(graph("shapes"), generated({"pytorch": changed}), pool).outcomes["pytorch"]
    assert outcome.status == "error"
    assert outcome.culprit is not None
    assert outcome.culprit.step == "gated"
    assert "SIGABRT" in outcome.message
    again = examine(graph("shapes"), generated({"pytorch": given["pytorch"]}), pool)
    assert again.exit_code == 0, "it was started again"


def test_faults_are_of_many_kinds() -> None:
    for by_network in FAULTS.values():
        assert by_network.keys() == NETWORKS.keys()
        names = [fault.about for faults in by_network.values() for fault in faults]
        assert len(names) == len(set(names)) >= 12
