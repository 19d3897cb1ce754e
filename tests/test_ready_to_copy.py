"""The action, the job and the hooks: their own commands are run, in a folder with specs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import archspec
from archspec.cli import app

from .commands import CliRunner

ROOT: Final = Path(__file__).parent.parent
ACTION: Final[dict[str, Any]] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: Final = {step["name"]: step for step in ACTION["runs"]["steps"]}
JOB: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docs/ci/gitlab-ci.yml").read_text())["archspec"]
HOOKS: Final[list[dict[str, Any]]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
GOOD: Final = "archspec: 1\nname: Net\ninputs: {image: [4]}\nlayers: [{op: linear, out_features: 3}, relu]\n"
BAD: Final = GOOD.replace("relu", "rellu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/net.yaml").write_text(GOOD)
    return tmp_path


def bash(folder: Path, text: str, **given: str) -> subprocess.CompletedProcess[str]:
    """As runners do it: the first command that fails ends the script."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    there = {
        **os.environ,
        "PATH": path,
        "RUNNER_TEMP": str(folder),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        **given,
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    return subprocess.run(command, cwd=folder, env=there, capture_output=True, text=True)


def test_the_action_has_what_github_needs() -> None:
    assert ACTION.keys() == {"name", "description", "inputs", "runs"}
    assert ACTION["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in STEPS.values())
    used = {
        part.split("}}")[0].split("inputs.")[1].split()[0] for part in str(STEPS).split("${{")[1:] if "inputs." in part
    }
    assert used == set(ACTION["inputs"])
    assert "${{" not in "".join(step["run"] for step in STEPS.values())  # what is given cannot become a command


@pytest.mark.slow
def test_the_action_checks(folder: Path) -> None:
    assert bash(folder, STEPS["Check"]["run"], SPECS="specs/*.yaml").returncode == 0
    (folder / "specs/bad.yaml").write_text(BAD)
    done = bash(folder, STEPS["Check"]["run"], SPECS="specs/*.yaml")
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert line.startswith("::error file=specs/bad.yaml,line=4,col=41::there is no operation 'rellu'%0Ahint: ")


def test_what_stands_in_a_spec_is_no_command_of_github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a,b:c.yaml").write_text(BAD.replace("rellu", '"x%0A::set-env::y\\n::warning::z"'))
    found = CliRunner().invoke(app, ["check", "--github", "./a,b:c.yaml", "missing.yaml"])
    lines = [line for line in found.stdout.splitlines() if line.startswith("::")]
    assert [line.split("::")[1] for line in lines] == [
        "error file=./a%2Cb%3Ac.yaml,line=4,col=41",
        "error file=missing.yaml",
    ]
    assert "%250A" in lines[0]
    assert CliRunner().invoke(app, ["check", "--github", "--json", "x.yaml"]).exit_code == 2


@pytest.mark.frameworks
def test_the_action_and_the_job_verify(folder: Path) -> None:
    done = bash(folder, STEPS["Verify"]["run"], SPECS="specs/*.yaml", OPTIONS="--to pytorch --no-cache")
    assert done.returncode == 0, done.stderr
    assert "✅ passed" in (folder / "summary.md").read_text(encoding="utf-8")
    script = "\n".join(JOB["script"])
    done = bash(folder, script, SPECS=JOB["variables"]["SPECS"], OPTIONS="--to pytorch --no-cache")
    assert done.returncode == 0, done.stderr
    made = [JOB["artifacts"]["reports"]["junit"], *JOB["artifacts"]["paths"]]
    assert all((folder / name).is_file() for name in made)


@pytest.mark.slow
def test_a_job_whose_spec_is_wrong_fails(folder: Path) -> None:
    (folder / "specs/bad.yaml").write_text(BAD)
    done = bash(folder, "\n".join(JOB["script"]), **JOB["variables"])
    assert done.returncode == 1
    assert not (folder / "archspec.xml").exists()


@pytest.mark.slow
def test_hooks(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    config = yaml.safe_load((ROOT / "docs/ci/pre-commit-config.yaml").read_text())
    assert [hook["id"] for hook in config["repos"][0]["hooks"]] == [hook["id"] for hook in HOOKS]
    assert config["repos"][0]["rev"] == f"v{archspec.__version__}"
    (folder / "specs/wide.yaml").write_text(GOOD.replace("[4]", "[ 4 ]"))
    for hook in HOOKS:
        assert bash(folder, f"{hook['entry']} specs/net.yaml specs/wide.yaml").returncode == 0
    assert (folder / "specs/wide.yaml").read_text() == GOOD


def test_the_workflow_uses_the_action() -> None:
    workflow = yaml.safe_load((ROOT / "docs/ci/github.yml").read_text())
    (*_, last) = workflow["jobs"]["archspec"]["steps"]
    assert last["uses"].endswith(f"archspec@v{archspec.__version__}")
    assert last["with"].keys() <= ACTION["inputs"].keys()
    assert {name for name, each in ACTION["inputs"].items() if each.get("required")} <= last["with"].keys()


def test_the_workflow_makes_what_there_is() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/checks.yml").read_text())
    (phony,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:")]
    job = workflow["jobs"]["make"]
    assert "make ${{ matrix.target }}" in [step.get("run") for step in job["steps"]]
    assert {"test", "site"} <= set(job["strategy"]["matrix"]["target"]) <= set(phony.split())
