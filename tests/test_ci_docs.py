"""The commands of docs/ci.md are commands that there are."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from archspec.cli import app

from .commands import CliRunner
from .results import proof, report

TEXT = (Path(__file__).parent.parent / "docs" / "ci.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^(?:\$|- run:) (.*)$", TEXT, re.MULTILINE)
SPEC = "archspec: 1\nname: Net\ninputs: {x: [3]}\nlayers: [relu]\n"


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 9


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("archspec")])
def test_commands_run_and_write_what_they_say(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("archspec.proof.verify", lambda *_, **__: proof(report("net", keras="passed")))
    words = [word.replace("$GITHUB_STEP_SUMMARY", "summary.md") for word in shlex.split(command)[1:]]
    if "--baseline" in words:
        CliRunner().invoke(app, ["verify", "net.yaml", "--update-baseline", "parity.json"])
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    named = re.findall(r"[\w-]+\.(?:json|xml|md)\b", " ".join(words))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(set(named))


@pytest.mark.slow
def test_commands_of_pytest_collect(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "resnet18.yaml").write_text(SPEC)
    (settings,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    commands = [shlex.split(command)[1:] for command in COMMANDS if command.startswith("pytest")]
    assert len(commands) == 3
    for number, arguments in enumerate([*commands, []]):
        if number == len(commands):
            (tmp_path / "pyproject.toml").write_text(settings)
        command = [sys.executable, "-m", "pytest", "-p", "archspec.pytest_plugin", *arguments, "--collect-only", "-q"]
        environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "specs/resnet18.yaml::resnet18[evaluation-keras]" in done.stdout
