"""`archspec convert`: a model with its weights in another framework, in one command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import archspec
from archspec.cli import app
from archspec.importing.converting import Converted, page
from archspec.importing.model import Imported
from archspec.importing.rules import Rules
from archspec.model import one_backend
from archspec.verification.failure import Failure
from archspec.verification.report import Outcome, Report, Rung
from archspec.weights.exchange import load, save

from .commands import CliRunner

MODELS = Path(__file__).parent / "own_models" / "imported.py"


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["convert", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.mark.frameworks
@pytest.mark.xdist_group("importing")
def test_a_file_becomes_code_with_its_weights_and_a_page(tmp_path: Path) -> None:
    archspec.load("lenet").export(tmp_path / "trained.onnx")
    code, said = run(tmp_path / "trained.onnx", "--from", "onnx", "--to", "pytorch", "-o", tmp_path / "net", "--json")
    assert code == 0, said
    found = json.loads(said[said.index("{") : said.rindex("}") + 1])
    names = ["net.yaml", "net_pytorch.py", "net.pt", "net.md"]
    assert [Path(file).name for file in found["files"]] == names
    assert "class Trained(nn.Module):" in (tmp_path / "net_pytorch.py").read_text(encoding="utf-8")
    model = archspec.load(tmp_path / "net.yaml")
    theirs = {each.name: numpy_helper.to_array(each) for each in onnx.load(tmp_path / "trained.onnx").graph.initializer}
    ours = load(model, tmp_path / "net.pt")
    assert all(np.array_equal(array, theirs[name]) for name, array in ours.items())
    page = (tmp_path / "net.md").read_text(encoding="utf-8")
    assert page == found["page"]
    assert "| the code for PyTorch, with the weights | float64 |" in page
    assert "failed" not in page
    shown = page.partition("```python\n")[2].partition("```")[0]
    used = subprocess.run([sys.executable, "-c", shown], cwd=tmp_path, capture_output=True, text=True)
    assert used.returncode == 0, used.stderr


def test_the_page_says_what_went_wrong_behind_comparisons_that_passed() -> None:
    broken = Outcome("keras", rungs={"float64": Rung.of("float64", [], ())}, failure=Failure("run", "it ran out"))
    imported = Imported("", archspec.load("lenet"), {}, (), {}, (), Rules())
    converted = Converted(imported, one_backend("keras"), "", "", {}, Report("lenet", 0, {"keras": broken}))
    shown = page("lenet", converted, {})
    assert "| the code for Keras, with the weights | float64 | - | passed |" in shown
    assert "| the code for Keras, with the weights | | | error: it ran out |" in shown


@pytest.mark.frameworks
@pytest.mark.xdist_group("importing")
def test_trained_weights_go_into_the_code_by_the_models_own_names(tmp_path: Path) -> None:
    imported = CliRunner().invoke(
        app, ["import", f"{MODELS}:Mobile", "--input", "x=1,3,32,32", "-o", str(tmp_path / "m")]
    )
    assert imported.exit_code == 0, imported.output
    model = archspec.load(tmp_path / "m.yaml")
    weights = {name: array + 1 for name, array in load(model, tmp_path / "m.safetensors").items()}
    save(model, tmp_path / "half.safetensors", dict(list(weights.items())[:-1]))
    code, said = run(
        f"{MODELS}:Mobile", "--input", "x=1,3,32,32", "--to", "pytorch", "-o", tmp_path / "net",
        "--weights", tmp_path / "half.safetensors",
    )  # fmt: skip
    assert code == 2
    assert "of the model's weights it has not" in said
    assert not (tmp_path / "net.yaml").exists()


@pytest.mark.frameworks
@pytest.mark.xdist_group("importing paddle")
def test_the_framework_is_that_which_the_file_imports(tmp_path: Path) -> None:
    source = f"{MODELS.with_name('imported_paddle.py')}:Tagger"
    code, said = run(source, "--input", "tokens=1,5:int64:20", "--to", "pytorch", "-o", tmp_path / "net")
    assert code == 0, said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.md", "net.pt", "net.yaml", "net_pytorch.py"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["{there}/none.onnx", "--to", "pytorch"], "there is no file"),
        (
            ["net.py:build", "--from", "onnx", "--to", "pytorch"],
            "is no file of that kind, whose name would end in .onnx",
        ),
        (["{there}/net.onnx", "--to", "pytorch", "--weights", "{there}/none.pt"], "No such file"),
        (["{there}/net.onnx", "--to", "pytorch", "--argument", "width=3"], "takes no --argument"),
        (["{there}/net.onnx", "--to", "nothing"], "nothing"),
        (["net.py:build", "--to", "pytorch", "--input", "x=1,3"], "there is no file net.py"),
    ],
)
def test_what_cannot_be_converted_is_one_line(arguments: list[str], reason: str, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"")
    code, said = run(*(each.format(there=tmp_path) for each in arguments), "-o", tmp_path / "out")
    assert code == 2, said
    assert reason in said
    assert len(said.strip().splitlines()) == 1, said
    assert not list(tmp_path.glob("out*"))
