"""Where a system is not Linux: no /proc, no /dev/shm, no sysconf, no groups of processes, no resource."""

from __future__ import annotations

import builtins
import json
import os
import subprocess
import sys
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from archspec.verification import scratch, worker

pytestmark = pytest.mark.slow  # as it starts processes

ABSENT: Final = ("/proc", "/sys", "/dev/shm", "/var/tmp")
BARE: Final = f"""
import builtins, json, os, sys
for name in ("sysconf", "killpg", "getpgid", "setsid", "fork", "sched_getaffinity"):
    if hasattr(os, name):
        delattr(os, name)
sys.modules["resource"] = sys.modules["fcntl"] = None
opened, accessible = builtins.open, os.access
def open_(file, *rest, **named):
    if str(file).startswith({ABSENT}):
        raise FileNotFoundError(2, "No such file or directory", file)
    return opened(file, *rest, **named)
builtins.open = open_
os.access = lambda path, mode: not str(path).startswith({ABSENT}) and accessible(path, mode)
"""
HOST: Final = """
import pathlib
import numpy
from archspec.verification import worker
from archspec.verification.scratch import physical_memory
from archspec.verification.workers import Pool

with Pool({"fake": pathlib.Path(sys.argv[1])}) as pool:
    greeting = pool.greet("fake").result()
    saved = pool.scratch.save({"x": numpy.arange(6.0)})
    total = float(sum(worker.load(**saved)["x"]))
    folders = pool.scratch.folders
print(json.dumps([greeting.versions["fake"], len(folders), total, any(folder.exists() for folder in folders)]))
"""


def test_a_host_that_has_none_of_it(tmp_path: Path) -> None:
    runner = tmp_path / "runner.py"
    runner.write_text("import numpy\nversions = {'fake': '1'}\n")
    done = subprocess.run([sys.executable, "-c", BARE + HOST, runner], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["1", 1, 15.0, False]


def test_commands_on_such_a_host(tmp_path: Path) -> None:
    run = BARE + "from archspec.__main__ import main\nsys.argv[0] = 'archspec'\nmain()\n"
    command = [sys.executable, "-c", run, "compile", "lenet5", "-o", "made"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_left_running_is_ended_without_groups(tmp_path: Path) -> None:
    """The process that clears up ends the others, and removes the folders."""
    folder = tmp_path / "arrays"
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"]) as sleeper:
        janitor = "import os\ndel os.killpg\n" + scratch._JANITOR
        command = [sys.executable, "-c", janitor, str(folder)]
        subprocess.run(command, input=f"+1\n-1\n+{sleeper.pid}\n", text=True, check=True)
        assert sleeper.wait(timeout=10) != 0
    assert not folder.exists()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A system that tells nothing."""
    opened = builtins.open

    def open_(file: Any, *rest: Any, **named: Any) -> Any:
        if str(file).startswith(ABSENT):
            raise FileNotFoundError(2, "No such file or directory", file)
        return opened(file, *rest, **named)

    monkeypatch.setattr(builtins, "open", open_)
    monkeypatch.delattr(os, "sysconf", raising=False)
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setitem(sys.modules, "psutil", None)
    return monkeypatch


def test_memory_that_nothing_tells(bare: pytest.MonkeyPatch) -> None:
    assert scratch.physical_memory() == inf
    assert worker.peak_memory() == 0
    worker.reset_peak_memory()


def test_memory_that_psutil_tells(bare: pytest.MonkeyPatch) -> None:
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=3 << 20))
    there = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(total=7 << 30), Process=lambda: process)
    bare.setitem(sys.modules, "psutil", there)
    assert scratch.physical_memory() == 7 << 30
    assert worker.peak_memory() == 3 << 20


def test_a_shell_completes_commands() -> None:
    asked = {**os.environ, "_ARCHSPEC_COMPLETE": "complete_bash", "COMP_WORDS": "archspec che", "COMP_CWORD": "1"}
    done = subprocess.run([Path(sys.executable).with_name("archspec")], env=asked, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["check"], "")
