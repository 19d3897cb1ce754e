"""Models that are code as specs: what is written, that it is proven, and what is refused with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import archspec
from archspec.against.target import targets
from archspec.backend import backends
from archspec.cli import app
from archspec.errors import UsageError
from archspec.graph.mode import Mode
from archspec.importing.given import given
from archspec.importing.model import Imported, import_model
from archspec.importing.names import fitting, unique
from archspec.importing.trace import ImportRefused, Size, merge
from archspec.spec.formatting import formatted
from archspec.verification.cases import smaller
from archspec.verification.workers import Pool
from archspec.weights.exchange import canonical, load
from archspec.weights.layouts import arranged
from archspec.weights.names import rules_text

from .commands import CliRunner

HERE = Path(__file__).parent
MODELS = HERE / "own_models" / "imported.py"
GOLDEN = HERE / "golden" / "imported"

IMPORTS = {
    "Net": ["image=1,3,32,32"], "ViT": ["image=1,3,16,16"], "Tagger": ["tokens=1,time:int64:50"],
    "Mobile": ["x=1,3,32,32"], "MHA": ["x=1,time,8"], "DenseNet": ["x=1,3,16,16"], "Twice": ["x=1,6"],
    "Tied": ["tokens=1,time:int64:20"], "Siamese": ["left=1,3,8,8", "right=1,3,8,8"],
    "Several": ["x=1,5,4"], "Drops": ["x=1,6"],
}  # fmt: skip


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool({each.name: each.runner for each in backends(["pytorch"])}) as pool:
        yield pool


def imported(name: str, pool: Pool, inputs: list[str], file: Path = MODELS) -> Imported:
    (target,) = targets([f"{file}:{name}"], backends(["pytorch"]), option="")
    return import_model(target, given(inputs), pool)


@pytest.mark.frameworks
@pytest.mark.golden
@pytest.mark.xdist_group("importing")
@pytest.mark.parametrize("name", IMPORTS)
def test_a_model_becomes_a_spec(name: str, pool: Pool, golden: Callable[[Path, str], None]) -> None:
    found = imported(name, pool, IMPORTS[name])
    assert found.ok, {what: report.to_json() for what, report in found.reports.items()}
    assert len(found.reports) == 3, found.notes  # in evaluation, in training, and the generated code
    assert max(len(line) for line in found.text.splitlines()) <= 120
    assert formatted(found.text) == found.text
    rules = yaml.safe_load(rules_text(found.names, "names")) or {}
    ours = canonical(found.model, arranged(found.weights, found.places), rules, "canonical")
    assert all(np.array_equal(ours[name].reshape(array.shape), array) for name, array in found.weights.items())
    golden(GOLDEN / f"{name}.yaml", found.text)


REFUSED = {
    "Branch": (["x=1,4"], ["__bool__ reads numbers of a tensor", "if x[0, 0] > 0:"]),
    "Aside": (["x=1,4"], ["numpy reads numbers of a tensor", "computed aside", "x.numpy() * 2"]),
    "Unknown": (["x=1,4"], ["no operation for linalg_matrix_exp", "no operation for fft_fft", "fft.fft(self.b(x))"]),
    "Batch": (["x=1,4"], ["mean over the samples of a batch", "x - x.mean(0)"]),
    "Written": (["x=1,4"], ["no operation for __setitem__", "y[:, 0] = 0"]),
    "Unused": (["x=1,4", "y=1,4"], ["the input 'y' has no part"]),
    "Constant": (["x=1,4"], ["does not depend on any input"]),
    "Scripted": (["x=1,4"], ["comes from no call that was seen"]),
    "Half": (["x=1,4"], ["uses weights that another step has, in another way", "self.two(torch.relu(self.one(x)))"]),
}  # fmt: skip


@pytest.mark.frameworks
@pytest.mark.xdist_group("importing")
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_place_in_a_spec_is_refused(name: str, pool: Pool) -> None:
    inputs, reasons = REFUSED[name]
    with pytest.raises(ImportRefused) as refused:
        imported(name, pool, inputs)
    for reason in reasons:
        assert reason in str(refused.value)
    assert "imported.py:" in str(refused.value) or name in ("Unused", "Constant", "Scripted")


@pytest.mark.frameworks
@pytest.mark.xdist_group("importing")
@pytest.mark.parametrize(
    "name",
    [
        "lenet",
        "squeezenet",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("resnet18", "mobilenet_v2", "googlenet")),
    ],
)
def test_generated_code_comes_back_as_the_same_graph(name: str, pool: Pool, tmp_path: Path) -> None:
    """The same operations and shapes, whatever the order of branches, and all weights."""
    model = smaller(archspec.load(name)) or archspec.load(name)
    program = backends(["pytorch"])[0].generate(model)
    file = tmp_path / f"{name}.py"
    file.write_text(program.source, encoding="utf-8")
    ((given_name, tensor),) = model.graph.inputs.items()
    found = imported(program.entry, pool, [f"{given_name}=1,{','.join(map(str, tensor.shape[1:]))}"], file)
    assert found.ok
    ours = [
        (node.op.key, node.outputs[0].shape) for node in model.graph.steps(Mode.EVALUATION) if node.op.key != "dropout"
    ]
    theirs = [(node.op.key, node.outputs[0].shape) for node in found.model.graph.nodes if node.op.key != "dropout"]
    assert sorted(map(str, ours)) == sorted(map(str, theirs))


@pytest.mark.frameworks
@pytest.mark.xdist_group("importing")
def test_the_command_writes_a_spec_its_weights_and_their_names(tmp_path: Path) -> None:
    runner = CliRunner()
    arguments = ["import", f"{MODELS}:Mobile", "--input", "x=1,3,32,32", "-o", str(tmp_path / "mobile"), "--json"]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["ok"]
    assert [Path(file).name for file in said["files"]] == ["mobile.yaml", "mobile.safetensors", "mobile.names.yaml"]
    model = archspec.load(tmp_path / "mobile.yaml")
    assert runner.invoke(app, ["check", str(tmp_path / "mobile.yaml")]).exit_code == 0
    weights = load(model, tmp_path / "mobile.safetensors")
    assert set(weights) == set(model.graph.parameters())
    again = runner.invoke(app, arguments)
    assert again.exit_code == 2
    assert "is there already; --force writes over it" in again.output


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("image", "NAME=SIZES"), ("image=3", "NAME=SIZES"), ("image=1,a-b", "NAME=SIZES"), ("1=1,2", "NAME=SIZES"),
        ("x=1,0", "NAME=SIZES"), ("tokens=1,time:int64", "what they stay below"),
        ("x=1,3:half", "what they stay below"),
        ("index=1,3", "NAME=SIZES"),
    ],
)  # fmt: skip
def test_inputs_that_are_none(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        given([text])


def test_inputs_are_given_once_and_said() -> None:
    with pytest.raises(UsageError, match="is given twice"):
        given(["x=1,2", "x=1,3"])
    with pytest.raises(UsageError, match="say what goes in"):
        given([])
    (tokens,) = given(["tokens=1,time:int64:50"])
    assert tokens.said() == {"shape": ["time"], "dtype": "int64", "below": 50}
    assert tokens.shapes(["time"]) == [[2, 17], [3, 23]]


def test_names_are_such_that_a_spec_can_have() -> None:
    assert [fitting(name) for name in ("conv1", "0", "a.b", "x", "class", "_norm", "größe", "")] == [
        "conv1", "step0", "a_b", "x_", "class_", "norm", "gr_e", "step",
    ]  # fmt: skip
    taken = {"a"}
    assert [unique("a", taken), unique("a", taken), unique("b", taken)] == ["a2", "a3", "b"]


def run_of(**changes: Any) -> dict[str, Any]:
    call = {
        "event": "call",
        "func": "relu",
        "args": [{"value": 0}, 2],
        "kwargs": {},
        "line": "a.py:1: relu(x)",
        **changes,
    }
    return {"events": [call], "shapes": [[2, 4]], "kinds": ["float64"], "inputs": {"x": 0},
            "idle": [], "result": {"value": 0}}  # fmt: skip


def test_two_runs_are_one_trace_or_are_refused() -> None:
    trace = merge([run_of(), run_of(args=[{"value": 0}, 3])], {})
    assert trace.events[0]["args"] == [{"value": 0}, Size((2, 3))]
    with pytest.raises(ImportRefused, match="other calls"):
        merge([run_of(), run_of(func="tanh")], {})
    with pytest.raises(ImportRefused, match="more calls"):
        merge([run_of(), {**run_of(), "events": run_of()["events"] * 2}], {})
