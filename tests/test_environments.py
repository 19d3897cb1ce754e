"""Environments with other versions: what is asked for, how they are made and kept, and what an upgrade changes."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

import archspec
from archspec import environments
from archspec.cli import app
from archspec.environments import Environment, make
from archspec.errors import UsageError
from archspec.results.markdown import markdown
from archspec.results.options import Options
from archspec.results.result import Proof
from archspec.results.upgrades import table, upgrades

from .commands import CliRunner
from .results import outcome, report, rung

UV = """#!{python}
# Makes environments that run this Python; versions of 0 are none, and those of 1 compute something else.
import pathlib, sys
if sys.argv[1] == "venv":
    folder = pathlib.Path(sys.argv[-1])
    (folder / "bin").mkdir(parents=True)
    (folder / "fault").mkdir()
    script = folder / "bin" / "python"
    script.write_text('#!/bin/sh\\nhere=$(dirname "$(dirname "$(readlink -f "$0")")")\\n'
                      'PYTHONPATH=$here/fault exec {python} "$@"\\n')
    script.chmod(0o755)
elif "torch==0" in sys.argv:
    sys.exit("error:   \\x1b[31m×\\x1b[0m No solution\\n  ╰─▶ there is no version of torch==0")
elif "torch==1" in sys.argv:
    folder = pathlib.Path(sys.argv[sys.argv.index("--python") + 1]).parent.parent
    (folder / "fault" / "sitecustomize.py").write_text(
        "import torch\\nlinear = torch.nn.Linear.forward\\n"
        "torch.nn.Linear.forward = lambda self, x: linear(self, x) + 1e-3\\n")
with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
"""


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Something that is called uv, the first on the path, and what it was told."""
    program, log = tmp_path / "path" / "uv", tmp_path / "log"
    program.parent.mkdir()
    program.write_text(UV.format(python=sys.executable, log=str(log)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    log.touch()
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("ARCHSPEC_CACHE_DIR", str(tmp_path / "cache"))
    environments._uv.cache_clear()
    return log


@pytest.mark.parametrize(
    ("text", "backend", "requirements", "python"),
    [
        ("keras==3.11", "keras", {"keras==3.11", "numpy", "tensorflow>=2.18"}, sys.executable),
        (
            "  tensorflow==2.19   numpy<2.2 ",
            "keras",
            {"keras<4,>=3.11", "numpy<2.2", "tensorflow==2.19"},
            sys.executable,
        ),
        ("paddlepaddle==3.1 python==3.12", "paddle", {"numpy", "paddlepaddle==3.1", "setuptools"}, "3.12"),
        ("onnxruntime==1.20", "onnx", {"numpy", "onnx>=1.17", "onnxruntime==1.20"}, sys.executable),
        ("torch==2.6 setuptools<80", "pytorch", {"numpy", "setuptools<80", "torch==2.6"}, sys.executable),
        ("Torch[opt]>=2.6,!=2.7.*", "pytorch", {"Torch[opt]>=2.6,!=2.7.*", "numpy"}, sys.executable),
    ],
)
def test_what_is_asked_for(text: str, backend: str, requirements: set[str], python: str) -> None:
    found = Environment.parse(text)
    assert (found.backend, set(found.requirements), found.python) == (backend, requirements, python)
    assert found.name == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "name what is installed there, as NAME==VERSION"),
        ("python==3.12", "name what is installed there"),
        (
            "numpy==2.0",
            "no backend needs any of these; frameworks are installed as keras, onnx, onnxruntime, paddlepaddle",
        ),
        ("keras==3.11 torch", "several backends need these"),
        ("--index-url=http://x keras", "--index-url=http://x is no distribution with versions"),
        ("keras@file:///tmp/x", "keras@file:///tmp/x is no distribution with versions"),
        ("keras==3;os", "keras==3;os is no distribution"),
        ("../keras", "../keras is no distribution"),
        ("keras 3", "3 is no distribution"),
    ],
)
def test_what_is_no_environment(text: str, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        Environment.parse(text)
    assert str(raised.value).startswith(f"--env {text}: ")
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_each_is_named_once() -> None:
    with pytest.raises(UsageError, match="named once"):
        archspec.verify("lenet5", env=["keras==3.11", " keras==3.11"])


def test_environments_are_made_once_whole_or_not_at_all(uv: Path) -> None:
    asked = [Environment.parse(text) for text in ("torch==2", "torch==0", "torch==2.1 python==3.12")]
    said: list[str] = []
    made = make(asked, said.append)
    assert list(made.pythons) == ["torch==2", "torch==2.1 python==3.12"]
    failure = made.failures["torch==0"]
    assert failure.kind == "missing"
    assert failure.message == "the environment cannot be made: No solution there is no version of torch==0"
    assert said == [f"installing {each.name}" for each in asked]
    told = uv.read_text()
    assert "--python 3.12" in told
    assert make([asked[0]], said.append).pythons == {"torch==2": made.pythons["torch==2"]}
    assert uv.read_text() == told, "what is there is not made again"
    assert sorted(path.name for path in asked[0].folder.parent.iterdir()) == sorted(
        {asked[0].folder.name, asked[2].folder.name}
    )


def test_without_uv_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHSPEC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(environments, "_uv", lambda: None)
    (failure,) = make([Environment.parse("keras==3.11")]).failures.values()
    assert failure.message == "the environment cannot be made: there is no uv here: pip install 'archspec-nn[env]'"
    done = CliRunner().invoke(app, ["verify", "lenet5", "--env", "keras==3.11", "--junit", str(tmp_path / "x.xml")])
    assert done.exit_code == 3
    assert f"keras==3.11: {failure.message}" in done.stdout, "if none can be made, that is the report"
    assert 'tests="1"' in (tmp_path / "x.xml").read_text()


def test_a_folder_that_cannot_be_written(uv: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    (failure,) = make([Environment.parse("torch==2")]).failures.values()
    assert failure.message.startswith("the environment cannot be made: ")
    assert "\n" not in failure.message


def test_what_an_upgrade_changes() -> None:
    made = report("net", keras="passed", **{"keras==3": "passed", "keras==4": "failed", "paddle==1": "missing"})
    for name, bits in (("keras", "abc"), ("keras==3", "abd"), ("keras==4", "a")):
        tensors = {f"layer{number}": digest for number, digest in enumerate(bits)}
        made.outcomes[name].bits = {"float64": tensors}
    made.outcomes["keras==3"].rungs["float32"] = rung("float32", 3e-6, bound=1e-5)
    first, second = upgrades([made], {"keras": ["keras", "keras==3", "keras==4"], "paddle": ["paddle", "paddle==1"]})
    assert (first.before, first.now, first.same, first.tensors) == ("keras", "keras==3", 2, 3)
    assert first.bits == "2/3, not float64: layer2"
    assert first.worse == ("float32: the error was 1e-07 and is 5e-06",)
    assert (second.bits, second.worse[0]) == ("1/1", "passed before, failed now")
    text = table([first, second])
    assert "net, keras to keras==3: worse: float32: the error was 1e-07 and is 5e-06" in text
    assert "3 worse" in text.splitlines()[3]


def test_views_show_upgrades() -> None:
    made = report("net", **{"keras==3": "passed", "keras==4": "failed"})
    proof = Proof((made,), frozenset(), options=Options(env=("keras==3", "keras==4")))
    (found,) = proof.to_json()["upgrades"]
    assert (found["before"], found["now"]) == ("keras==3", "keras==4")
    assert "### Environments" in markdown(proof)
    assert "passed before, failed now" in markdown(proof)
    assert "Environments" not in markdown(Proof((made,), frozenset()))
    assert outcome("keras==3", "passed").bits == {}


@pytest.mark.frameworks
def test_the_same_code_in_each(uv: Path, tmp_path: Path) -> None:
    """Also: what cannot be made takes nothing else down, and it is cached like all else."""
    names = ["torch==2", "torch==1", "torch==0"]
    command = ["verify", "lenet5", "--json", *(word for name in names for word in ("--env", name))]
    done = CliRunner().invoke(app, command)
    found = json.loads(done.stdout)
    (made,) = found["reports"]
    assert done.exit_code == 1
    assert {name: each["status"] for name, each in made["outcomes"].items()} == dict(
        zip(names, ("passed", "failed", "missing"), strict=True)
    )
    assert made["outcomes"]["torch==1"]["culprit"]["op"] == "linear"
    assert found["required"] == sorted(names)
    (upgrade,) = found["upgrades"]
    assert upgrade["worse"][0] == "passed before, failed now"
    assert 0 < upgrade["same"] < upgrade["tensors"]
    assert upgrade["first"] == f"float64: {made['outcomes']['torch==1']['culprit']['step']}"

    alone = ["verify", "lenet5", "--json", "--env", "torch==2"]
    again = [json.loads(CliRunner().invoke(app, alone, env={"ARCHSPEC_NO_CACHE": ""}).stdout) for _ in range(2)]
    assert [bool(each["reports"][0]["cached"]) for each in again] == [False, True]
    assert again[1]["reports"][0]["outcomes"] == again[0]["reports"][0]["outcomes"]
