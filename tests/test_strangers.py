"""Folders of strangers: whatever modules lie in the current folder, none of them is run, by any command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.slow  # as it starts processes

NET: Final = "archspec: 1\nname: Net\ninputs: {image: [4]}\nlayers: [{op: linear, out_features: 3}, relu]\n"
OURS: Final = (
    "archspec jinja2 keras markupsafe numpy optree paddle PIL pydantic pydantic_core rich tensorflow threadpoolctl "
    "torch typer typing_extensions usercustomize sitecustomize worker workers yaml"
).split()
COMMANDS: Final = [
    ["check", "net.yaml"],
    ["check", "net.yaml", "--json"],
    ["compile", "net.yaml", "-o", "made"],
    ["summary", "net.yaml"],
    ["list"],
    ["schema"],
    ["--version"],
    pytest.param(["verify", "net.yaml", "--gradients"], marks=pytest.mark.frameworks),
]


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A folder with a module for every name that Python or we may look for; one that runs leaves a mark."""
    for name in {*sys.stdlib_module_names, *OURS}:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r} + ' ')\n")
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path


def ran(folder: Path) -> list[str]:
    mark = folder / "ran"
    return sorted(set(mark.read_text().split())) if mark.exists() else []


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_command_runs_what_lies_in_the_current_folder(stranger: Path, arguments: list[str]) -> None:
    script = Path(sys.executable).with_name("archspec")
    # An empty part of PYTHONPATH is the current folder: that is Python's own, and none of a worker's.
    done = subprocess.run([script, *arguments], cwd=stranger, capture_output=True, text=True)
    assert done.returncode == 0
    assert re.fullmatch(r"(\[ *[0-9.]+ s\] .*\n)*", done.stderr), "nothing but progress"
    assert ran(stranger) == []


def test_nor_does_python_with_a_module(stranger: Path) -> None:
    for name in ("archspec", "pkgutil"):  # which Python imports before anything of ours
        (stranger / f"{name}.py").unlink()
    command = [sys.executable, "-m", "archspec", "check", "net.yaml"]
    done = subprocess.run(command, cwd=stranger, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert ran(stranger) == []


def test_nor_does_the_interpreter_of_a_worker(stranger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also through a script, and where PYTHONPATH has an empty part."""
    from archspec.verification.workers import Greeting, Pool

    wrapped = stranger / "wrapped"
    wrapped.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    wrapped.chmod(0o755)
    runner = stranger / "runner" / "runner.py"
    runner.parent.mkdir()
    runner.write_text("import json, shutil, string, colorsys, numpy.linalg\nversions = {}\n")
    monkeypatch.chdir(stranger)
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}{stranger / 'runner'}")
    with Pool({"fake": runner}, python={"fake": "./wrapped"}) as pool:
        assert isinstance(pool.greet("fake").result(), Greeting)
    assert ran(stranger) == []
