"""Reproductions: files that show a difference without archspec, as small as it goes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

import archspec
from archspec import reference
from archspec.backend import Backend, Network, Program, backends
from archspec.excerpt import excerpt, leading
from archspec.graph.graph import Node
from archspec.graph.mode import Mode
from archspec.model import Spec
from archspec.proving import reports
from archspec.reproduction import Reproducer, _shortest
from archspec.results.options import Options
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
    said = script.split('"""\n')[-1].splitlines()
    assert len([line for line in said if line]) <= 22
    done = _run(folder, name)
    assert done.returncode == 1
    assert re.match(r"output: error \d\.\de[-+]\d\d$", done.stdout.strip()), done.stderr
    right = folder / f"model_{name}.py"
    right.write_text(backend.generate(small).source)
    assert _run(folder, name).returncode == 0


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("mode", "rung"), [pytest.param("evaluation", "float64", marks=pytest.mark.long), ("gradients", "vjp")]
)
def test_faults_in_the_code_of_a_network_are_shown_by_all_of_it(
    mode: str, rung: str, tmp_path: Path, pool: Pool
) -> None:  # fmt: skip
    """New code for a part of it does not have them."""
    network, fault = next(
        (network, fault) for network, faults in FAULTS["pytorch"].items() for fault in faults
        if fault.mode == mode and rung in fault.rungs
    )  # fmt: skip
    report = alone("pytorch", network, fault, pool, mode)
    edited = {"pytorch": fault.edit(programs(network)["pytorch"])}
    made = Reproducer(model(network), model(network).graph, edited, [BACKENDS["pytorch"]], tmp_path)
    (folder,) = made.reproduce(report).values()
    assert f"All of {model(network).graph.name}." in (folder / "run_pytorch.py").read_text()
    done = _run(folder, "pytorch")
    assert done.returncode == 1, (fault.about, done.stdout, done.stderr)
    (folder / "model_pytorch.py").write_text(programs(network)["pytorch"].source)
    assert _run(folder, "pytorch").returncode == 0, "right code is right"


MISTAKES = {
    "edges": ("relu6", r"F\.relu6\(", "(lambda x, inplace=False: F.hardtanh(x, 0.0, 5.5))(", Options()),
    "gradients": (
        "tanh", r"torch\.tanh\(", "(lambda x: 2 * torch.tanh(x) - torch.tanh(x).detach())(", Options(gradients=True)
    ),
    "statistics": (
        "batch_norm", r"nn\.BatchNorm2d\(", "(lambda *a, **k: nn.BatchNorm2d(*a, **k | {'momentum': 0.3}))(",
        Options(training=True)
    ),
    "raises": ("tanh", r"torch\.tanh\(", "(lambda x: x @ x)(", Options()),
    "sizes": (
        "tanh", r"torch\.tanh\(", "(lambda x: torch.tanh(x) if x.shape[0] == 2 else torch.sin(x))(", Options()
    ),
    "two steps": ("tanh", r"torch\.tanh\((.*self\.)", r"torch.sin(\1", Options()),
}  # fmt: skip
"""What a backend has wrong about an operation, and in what that is seen; the last one only behind a convolution."""
SHOWN = {
    "sizes": (["conv2d", "tanh", "conv2d"], "All of net, at other values of what it leaves open."),
    "two steps": (["conv2d", "tanh"], "tanh 'act' and 1 of the steps before it."),
}
"""The steps that remain, and how a script begins, where that is more than the step alone."""


@pytest.mark.frameworks
@pytest.mark.parametrize("kind", MISTAKES)
def test_what_a_backend_has_wrong_is_shown_by_the_least_that_has_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: Pool
) -> None:
    op, right, wrong, options = MISTAKES[kind]
    monkeypatch.setitem(WRONG, "pytorch", (right, wrong))
    network = Spec.parse(dedent(TANH).replace("op: tanh", f"op: {op}")).network()
    found = list(reports(network, [_mistaken(BACKENDS["pytorch"])], pool, options, repro=tmp_path))
    assert any(report.exit_code == 1 for report in found)
    (folder,) = tmp_path.iterdir()
    small = Spec.read(folder / "spec.yaml").network()
    steps, about = SHOWN.get(kind, ([op], f"{op} 'act' alone."))
    assert [node.op.key for node in small.graph.nodes] == steps
    assert about in (folder / "run_pytorch.py").read_text()
    (folder / "model_pytorch.py").write_text(BACKENDS["pytorch"].generate(small).source)
    assert _run(folder, "pytorch").returncode == 0, "right code is right"


@pytest.mark.frameworks
def test_what_is_right_is_not_reproduced(tmp_path: Path, pool: Pool) -> None:
    network = next(iter(FAULTS["pytorch"]))
    fault = FAULTS["pytorch"][network][1]
    report = alone("pytorch", network, fault, pool)
    right = {"pytorch": programs(network)["pytorch"]}
    folder = tmp_path / "r"
    made = Reproducer(model(network), model(network).graph, right, [BACKENDS["pytorch"]], folder)
    assert made.reproduce(report) == {}
    assert not folder.exists()


@pytest.mark.parametrize("case", CASES[::7], ids=str)
def test_every_step_can_stand_alone(case: Case) -> None:
    """The spec of one step, on what it is given in a network, means the same step."""
    graph = alone_in_a_network(case).graph
    weights, truth = data.leveled(graph, data.parameters(graph), data.inputs(graph), mode=Mode.EVALUATION)
    node = graph.nodes[-1]
    made = excerpt([node], weights, truth)
    samples = {int(tensor.shape[0]) for tensor in node.inputs}
    if len(samples) != 1 or case.attributes.get("p") == "inf":  # which a spec, or a number, does not say
        assert made is None
        return
    assert made is not None
    values = reference.run(made.graph, made.weights, made.inputs, mode=Mode.EVALUATION)
    for output, expected in zip(made.graph.results(Mode.EVALUATION).values(), graph.outputs.values(), strict=True):
        np.testing.assert_allclose(values[output.name], truth[expected.name], rtol=1e-5, atol=1e-6)


PARTS = """
    archspec: 1
    name: Parts
    inputs: {x: [6, 5], ids: {shape: [4], dtype: int64, below: 7}}
    layers:
      - {op: embedding, name: words, from: ids, num_embeddings: 7, embedding_dim: 6}
      - {op: split, name: parts, from: x, axis: 1, sizes: [2, 4]}
      - {op: permute, name: turned, from: parts.1, axes: [2, 1]}
      - {op: linear, name: head, from: turned, out_features: 6}
      - {op: dropout, name: drop, p: 0.5}
      - {op: concat, name: both, from: [drop, words], axis: 1}
      - {op: linear, name: again, out_features: 7, bias: false, weights_of: words}
"""


@pytest.mark.parametrize("mode", [Mode.EVALUATION, Mode.TRAINING])
def test_the_steps_before_one_stand_alone_with_it(mode: Mode) -> None:
    """However many they are, they give what they give in the network."""
    graph = Spec.parse(dedent(PARTS)).network().graph
    weights, truth = data.leveled(graph, data.parameters(graph), data.inputs(graph), mode=mode)
    nodes = leading(graph.nodes, graph.nodes[-1])
    assert [node.path for node in leading(graph.nodes, graph.nodes[3])] == ["parts", "turned", "head"]
    sizes = []
    for count in range(1, len(nodes) + 1):
        part = leading(nodes[-count:], nodes[-1])
        made = excerpt(part, weights, truth)
        assert made is not None
        values = reference.run(made.graph, made.weights, made.inputs, mode=mode)
        (output,) = made.graph.results(mode).values()
        np.testing.assert_allclose(values[output.name], truth["again"], rtol=1e-5, atol=1e-6)
        sizes.append(len(made.graph.nodes))
    assert sizes == [1, 2, 2, 3, 4, 5, 6], "what is random is left out"


@pytest.mark.parametrize("least", [1, 2, 3, 7, 8, 9])
def test_as_few_steps_as_it_takes_are_found(least: int) -> None:
    graph = Spec.parse(dedent(CHAIN)).network().graph
    tried = []

    def attempt(part: Sequence[Node]) -> dict[str, bytes] | None:
        assert part[-1] is graph.nodes[-1]
        tried.append(len(part))
        return {"spec": bytes(len(part))} if len(part) >= least else None

    found = _shortest(graph.nodes, attempt)
    assert found == ({"spec": bytes(least)} if least < 9 else None)
    assert len(tried) <= 6


CHAIN = """
    archspec: 1
    name: Chain
    inputs: {x: [3]}
    layers: [relu, tanh, relu, tanh, relu, tanh, relu, tanh]
"""
