"""Running a network with a fault."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import cache
from textwrap import dedent
from typing import Any, Final

from archspec.backend import Program, backends
from archspec.graph.graph import Graph, rounded
from archspec.graph.mode import Mode
from archspec.model import Model, Spec
from archspec.verification.report import Report
from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.workers import Pool

from . import FAULTS, NETWORKS, Fault, Shared

BACKENDS: Final = {backend.name: backend for backend in backends()}
MODES: Final[dict[str, dict[str, Any]]] = {
    "evaluation": {"gradients": False, "mode": Mode.EVALUATION},
    "gradients": {"gradients": True, "mode": Mode.EVALUATION},
    "training": {"gradients": True, "mode": Mode.TRAINING},
}


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


def alone(backend: str, network: str, fault: Fault, pool: Pool, mode: str = "evaluation") -> Report:
    """What is said of a fault in one framework, beside another one that has none; or all others, of each network's
    first fault."""
    given = programs(network)
    if fault is not FAULTS[backend][network][0]:
        # One more framework will do, after the first time; without Keras, which takes ten times as long as the others.
        given = {name: given[name] for name in (backend, "paddle" if backend == "pytorch" else "pytorch")}
    changed = fault.edit(given[backend])
    assert changed != given[backend]
    return examine(graph(network), generated({**given, backend: changed}), pool, **MODES[mode])


def together(fault: Shared, pool: Pool, mode: str = "evaluation") -> Report:
    """What is said of a fault that several frameworks have alike."""
    given = programs(fault.network)
    changed = {name: edit(given[name]) for name, edit in fault.edits.items()}
    assert all(changed[name] != given[name] for name in changed)
    return examine(graph(fault.network), generated({**given, **changed}), pool, **MODES[mode])
