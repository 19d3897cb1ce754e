"""`archspec diff`: what differs between two networks, variants and revisions; exit codes as those of diff."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

import archspec
from archspec.cli import app
from archspec.differences import difference
from archspec.model import Spec

from .commands import CliRunner

NET: Final = """\
archspec: 1
name: Net
params: {width: 8}
variants: {small: {width: 4}, large: {width: 16}}
inputs: {image: [3, 8, 8]}
layers:
  - {op: conv2d, name: conv, out_channels: width, kernel_size: 3}
  - {op: batch_norm, name: bn}
  - relu
  - {op: conv2d, name: last, out_channels: 2, kernel_size: 1}
"""
CHANGES: Final = {
    "attribute": ("kernel_size: 3", "kernel_size: 3, padding: 1", "padding"),
    "operation": ("- relu", "- {op: gelu, name: relu}", "operation"),
    "shape": ("kernel_size: 1", "kernel_size: 2", "output"),
    "init": ("kernel_size: 1", "kernel_size: 1, init: zeros", "weight begins as"),
}


def network(text: str, variant: str | None = None) -> Any:
    return Spec.parse(text).network(variant)


def test_the_same() -> None:
    found = difference(network(NET), network(NET.replace("archspec: 1", "archspec: 1\n# a comment")))
    assert found.same
    assert str(found) == "net: the same, 4 steps"
    assert (found.weights.fit, found.weights.only_first, found.weights.other_shape) == (8, [], {})


@pytest.mark.parametrize("case", CHANGES)
def test_what_is_different_is_told(case: str) -> None:
    old, new, aspect = CHANGES[case]
    assert NET.count(old) == 1
    found = difference(network(NET), network(NET.replace(old, new)))
    assert not found.same
    assert aspect in {name for each in found.changed for name in each.changes}
    assert aspect in str(found)


@pytest.mark.parametrize(
    ("old", "new", "aspect"),
    [
        ("[3, 8, 8]}", "[3, 8, 8]}\noutputs: {logits: last}", "outputs"),
        (
            "inputs:",
            "training: {losses: {output: mse}, optimizer: sgd}\ninputs:",
            "training",
        ),
    ],
)
def test_what_stands_beside_the_steps(old: str, new: str, aspect: str) -> None:
    found = difference(network(NET), network(NET.replace(old, new)))
    assert (found.changed, list(found.others)) == ([], [aspect])


def test_two_that_come_along() -> None:
    first, second = archspec.load("resnet18"), archspec.load("resnet34")
    found = difference(first, second)
    shapes = [{name: tuple(p.shape) for name, p in each.graph.parameters().items()} for each in (first, second)]
    assert found.weights.fit == len(shapes[0].items() & shapes[1].items()) == len(shapes[0])
    assert found.totals["parameters"] == (11_689_512, 21_797_672)
    assert found.totals["multiply-adds"] == (1_814_073_344, 3_663_761_408)
    assert found.only_first == {}
    assert found.only_second["layer1.2.conv1"] == "conv2d [batch, 64, 56, 56]"
    assert {each.step: each.changes for each in found.changed}["layer2.0.conv1"] == {
        "from": (["layer1.1.relu2"], ["layer1.2.relu2"])
    }


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["diff", *arguments])


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec whose conv got a padding, and a third variant, after the last commit."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.yaml"
    path.write_text(NET)
    (tmp_path / "broken.yaml").write_text("a: [\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], check=True)
    path.write_text(
        NET.replace("kernel_size: 3", "kernel_size: 3, padding: 1").replace("large", "huge: {width: 9}, large")
    )
    return path


def test_revisions_and_variants(repository: Path) -> None:
    found = run("HEAD:net.yaml", "net.yaml", "--json")
    assert found.exit_code == 1
    result = json.loads(found.stdout)
    assert [each["first"] for each in result["networks"]] == ["small", "large", "net"]
    assert result["only_second"] == ["huge"]
    assert {each["changed"][0]["step"] for each in result["networks"]} == {"conv"}
    for arguments in (["HEAD:net.yaml:small", "net.yaml:small"], ["HEAD:net.yaml", "net.yaml", "--variant", "small"]):
        found = run(*arguments)
        assert found.exit_code == 1
        assert "~  conv  padding [[0, 0], [0, 0]] -> [[1, 1], [1, 1]], output" in found.stdout
    found = run("net.yaml:small", "net.yaml:small")
    assert (found.exit_code, found.stdout) == (0, "small: the same, 4 steps\n")
    assert run("net.yaml:small", "net.yaml:large", "--set", "width=3").exit_code == 0


def test_mistakes(repository: Path) -> None:
    for first, message in [
        ("nothing", "there is no spec 'nothing'"),
        ("HEAD:nothing.yaml", "nor does git have such a file"),
        ("--output=x:net.yaml", "No such option"),
        ("-x:net.yaml", "No such option"),
        ("net.yaml:medium", "medium"),
        ("resnet50:small", "resnet50 names a variant already"),
        ("HEAD:broken.yaml", "HEAD:broken.yaml:2:1: error: not valid YAML"),
        ("lenet5", "lenet5"),
    ]:
        found = run(first, "net.yaml:small" if first != "lenet5" else "lenet5:small")
        assert found.exit_code == 2, first
        assert message in found.stderr
    assert sorted(path.name for path in repository.parent.iterdir()) == [".git", "broken.yaml", "net.yaml"]
