"""Reproductions: files that show a difference without archspec, as small as it goes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

import archspec
from archspec.backend import Backend, Network, Program, backends
from archspec.graph.mode import Mode
from archspec.model import Spec
from archspec.reproduction import _alone, reproduce
from archspec.verification import data
from archspec.verification.workers import Pool

from .cases import CASES, Case
from .cases import alone as alone_in_a_network
from .faults import FAULTS
from .faults.trial import BACKENDS, alone, model, programs

TANH = """
    archspec: 1
    name: Net
    inputs: {image: [3, 8, 9]}
    layers:
      - {op: conv2d, name: conv1, out_channels: 4, kernel_size: 3}
      - {op: tanh, name: act}
      - {op: conv2d, name: conv2, out_channels: 2, kernel_size: 3}
"""
WRONG = {
    "pytorch": (r"torch\.tanh\(", "torch.sin("),
    "keras": (r'Activation\("tanh"', 'Activation("sigmoid"'),
    "paddle": (r"F\.tanh\(", "F.sigmoid("),
}


@dataclass(frozen=True)
class _Mistaken:
    """What a backend generates that spells an operation wrong."""

    right: Any
    wrong: Callable[[str], str]

    def text(self) -> str:
        return self.wrong(self.right.text())

    def program(self) -> Program:
        made: Program = self.right.program()
        source, probed, written, rounded = map(self.wrong, (made.source, made.probed, made.written, made.rounded))
        return replace(made, source=source, probed=probed, written=written, rounded=rounded)


def _mistaken(backend: Backend) -> Backend:
    old, new = WRONG[backend.name]

    def wrong(text: str) -> str:
        return re.sub(old, new, text)

    def generator(network: Network) -> _Mistaken:
        return _Mistaken(backend.generator(network), wrong)

    return replace(backend, generator=generator)


def _run(folder: Path, backend: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"run_{backend}.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.frameworks
@pytest.mark.parametrize("name", ["pytorch", pytest.param("keras", marks=pytest.mark.long), "paddle"])
def test_a_step_that_is_spelled_wrong_is_shown_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (backend,) = backends(name)
    monkeypatch.setattr("archspec.proving.backends", lambda names: [_mistaken(backend)])
    network = Spec.parse(dedent(TANH)).network()
    (report,) = archspec.verify(network, to=name, repro=tmp_path).reports
    folder = tmp_path / f"net_{name}"
    assert f"{name}: reproduced by {folder / f'run_{name}.py'}" in report.remarks
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["spec.yaml", f"model_{name}.py", f"data_{name}.npz", f"run_{name}.py"]
    )
    small = Spec.read(folder / "spec.yaml").network()
    assert [node.op.key for node in small.graph.nodes] == ["tanh"]
    script = (folder / f"run_{name}.py").read_text()
    assert "tanh 'act' alone." in script
    assert "import archspec" not in script
    assert len(script.splitlines()) <= 45
    done = _run(folder, name)
    assert done.returncode == 1
    assert re.match(r"output: error \d\.\de[-+]\d\d$", done.stdout.strip()), done.stderr
    right = folder / f"model_{name}.py"
    right.write_text(backend.generate(small).source)
    assert _run(folder, name).returncode == 0


@pytest.mark.frameworks
def test_what_shows_in_the_whole_alone_is_shown_so(tmp_path: Path, pool: Pool) -> None:
    """Seeded faults of three kinds, which new code for a step does not have: a number, a place, and a layout."""
    picked = [(network, fault) for network, faults in FAULTS["pytorch"].items() for fault in faults if
              fault.mode == "evaluation" and fault.rungs == ("float64",)][::9][:3]  # fmt: skip
    assert len(picked) == 3
    for number, (network, fault) in enumerate(picked):
        report = alone("pytorch", network, fault, pool)
        edited = {"pytorch": fault.edit(programs(network)["pytorch"])}
        chosen = [BACKENDS["pytorch"]]
        folder = tmp_path / str(number)
        written = reproduce(model(network), model(network).graph, edited, report, chosen, folder)
        assert written == {"pytorch": folder / f"{model(network).graph.name}_pytorch"}, fault.about
        done = _run(written["pytorch"], "pytorch")
        assert done.returncode == 1, (fault.about, done.stdout, done.stderr)


@pytest.mark.frameworks
def test_what_is_right_is_not_reproduced(tmp_path: Path, pool: Pool) -> None:
    network = next(iter(FAULTS["pytorch"]))
    fault = FAULTS["pytorch"][network][1]
    report = alone("pytorch", network, fault, pool)
    right = {"pytorch": programs(network)["pytorch"]}
    written = reproduce(model(network), model(network).graph, right, report, [BACKENDS["pytorch"]], tmp_path / "r")
    assert written == {}
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("case", CASES[::7], ids=str)
def test_every_step_can_stand_alone(case: Case) -> None:
    """The spec of one step, on what it is given in a network, means the same step."""
    graph = alone_in_a_network(case).graph
    weights, truth = data.leveled(graph, data.parameters(graph), data.inputs(graph), mode=Mode.EVALUATION)
    node = graph.nodes[0]
    made = _alone(node, weights, truth, [])
    if not node.inputs or case.attributes.get("p") == "inf":  # which a number does not say
        assert made is None
        return
    assert made is not None
    due = [truth[tensor.name] for tensor in graph.results(Mode.EVALUATION).values()]
    for output, expected in zip(made.outputs.values(), due, strict=True):
        np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)
