"""Processes of workers: how they start, are ended, and what they may say, without a real framework."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from textwrap import dedent
from time import monotonic, sleep
from typing import Any

import pytest

from archspec.verification.failure import Failure
from archspec.verification.workers import Greeting, Pool

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent

FAKE = """
import numpy
versions = {"fake": "1"}
"""


def greet(tmp_path: Path, runner: str, **options: Any) -> Greeting | Failure:
    (tmp_path / "runner.py").write_text(dedent(runner))
    with Pool({"fake": tmp_path / "runner.py"}, **options) as pool:
        return pool.greet("fake").result()


def test_greeting(tmp_path: Path) -> None:
    found = greet(tmp_path, FAKE)
    assert isinstance(found, Greeting)
    assert found.versions == {"python": sys.version.split()[0], "fake": "1"}


GREETINGS = {
    "missing": ("import no_such_framework", "missing", "ModuleNotFoundError: No module named 'no_such_framework'"),
    "broken": ("import broken", "import", "ModuleNotFoundError: No module named 'what_it_needs'"),
    "raises": ("raise OSError('libfake.so')", "import", "OSError: libfake.so"),
    "exits": ("import os; os._exit(5)", "crashed", "the process ended with exit code 5"),
    "hangs": ("import time; time.sleep(100)", "timeout", "no answer within 2 seconds"),
}


@pytest.mark.parametrize(("runner", "kind", "text"), GREETINGS.values(), ids=GREETINGS)
def test_frameworks_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: str, kind: str, text: str
) -> None:
    (tmp_path / "broken.py").write_text("import what_it_needs")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = greet(tmp_path, runner, patience=2)
    assert isinstance(found, Failure)
    assert (found.kind, found.message) == (kind, text)


def test_an_interpreter_that_does_not_exist(tmp_path: Path) -> None:
    found = greet(tmp_path, FAKE, python={"fake": "/no/such/python"})
    assert found == Failure("start", "cannot start /no/such/python: No such file or directory")


def test_closing_ends_what_is_running(tmp_path: Path) -> None:
    (tmp_path / "runner.py").write_text("import time; time.sleep(100)")
    started = monotonic()
    with Pool({"fake": tmp_path / "runner.py"}) as pool:
        waiting: list[Future[Any]] = [pool.greet("fake"), pool.greet("fake")]
        sleep(0.5)
    assert monotonic() - started < 5
    assert waiting[0].result().kind == "crashed"
    assert waiting[1].cancelled()
    assert not any(folder.exists() for folder in pool.scratch.folders)


@pytest.mark.parametrize("last", ["", "pool._workers['fake'].stop(); "])
def test_nothing_is_left_when_the_host_is_killed(tmp_path: Path, last: str) -> None:
    (tmp_path / "runner.py").write_text(FAKE)
    host = f"""
    import os, time
    from pathlib import Path
    from archspec.verification.workers import Pool
    with Pool({{"fake": Path({str(tmp_path / "runner.py")!r})}}) as pool:
        pool.greet("fake").result()
        {last}print(*pool.scratch.folders, flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", dedent(host)], capture_output=True, text=True, cwd=ROOT, timeout=60)
    folders = [Path(folder) for folder in done.stdout.split()]
    assert folders
    deadline = monotonic() + 10
    while any(folder.exists() for folder in folders):
        assert monotonic() < deadline
        sleep(0.05)


# Interpreters that are scripts, or no Python at all.


def wrapped(tmp_path: Path, script: str, **options: Any) -> tuple[Greeting | Failure, float]:
    """What comes of an interpreter that is a shell script, and the seconds that it took."""
    (tmp_path / "python.sh").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "python.sh").chmod(0o755)
    started = monotonic()
    found = greet(tmp_path, options.pop("runner", FAKE), python={"fake": str(tmp_path / "python.sh")}, **options)
    return found, monotonic() - started


def alive(folder: Path) -> list[str]:
    """The processes that name a folder in their command line, and do not end within seconds: what is killed may take a
    moment to die."""
    late = monotonic() + 5
    while (found := _named(folder)) and monotonic() < late:
        sleep(0.05)
    return found


def _named(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [command] if str(folder) in command else []
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="the system has no /proc")


@needs_proc
@pytest.mark.parametrize(
    "script", [f'{sys.executable} "$@"', f'exec 3<&0; {sys.executable} "$@" <&3 & wait', "sleep 100 # $0"]
)
def test_the_time_limit_holds_for_scripts(tmp_path: Path, script: str) -> None:
    found, seconds = wrapped(tmp_path, script, runner="import time; time.sleep(100)", patience=1)
    assert found == Failure("timeout", "no answer within 1 seconds", "", "import")
    assert seconds < 6
    assert alive(tmp_path) == []


@needs_proc
def test_what_leaves_the_group_does_not_hold_us_up(tmp_path: Path) -> None:
    found, seconds = wrapped(tmp_path, "setsid sleep 4 & wait", patience=1)
    assert isinstance(found, Failure)
    assert found.kind == "timeout"
    assert seconds < 3.5


def test_scripts_that_run_python_are_interpreters(tmp_path: Path) -> None:
    found, _ = wrapped(tmp_path, f'exec {sys.executable} "$@"')
    assert isinstance(found, Greeting)


@pytest.mark.parametrize(
    ("says", "shown"),
    [("hello", "'hello\\n'"), ("[1]", "'[1]\\n'"), ("null", "'null\\n'"), ('{"a": ', "'{\"a\": \\n'")],
)
def test_interpreters_that_say_something_else(tmp_path: Path, says: str, shown: str) -> None:
    found, seconds = wrapped(tmp_path, f"echo '{says}'; sleep 50")
    assert isinstance(found, Failure)
    told = f"{tmp_path}/python.sh says {shown}, which is not from the worker that it was told to run"
    assert (found.kind, found.message) == ("start", told)
    assert seconds < 5


@pytest.mark.parametrize("says", ["{}", '{"versions": 3}', '{"error": "what"}', '{"error": "import", "message": 3}'])
def test_interpreters_that_give_other_objects(tmp_path: Path, says: str) -> None:
    found, _ = wrapped(tmp_path, f"echo '{says}'; sleep 50")
    assert isinstance(found, Failure)
    assert found.kind == "crashed"
    assert "gives an answer that is none" in found.message


ANSWERS = {
    "nothing": (None, "timeout", "it did not take what it was given within 2 seconds"),
    "no file": ('{"arrays": {"a": [0, [2], "<f8"]}, "seconds": {}, "memory": 0}', "crashed", "cannot be read"),
    "no index": ('{"arrays": 3, "seconds": {}, "memory": 0}', "crashed", "cannot be read"),
    "no object": ("[]", "crashed", "says '[]"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_that_are_none(tmp_path: Path, answer: str) -> None:
    says, kind, text = ANSWERS[answer]
    echo = ":" if says is None else f"echo '{says}'"
    greeting = '{"versions": {}, "seconds": 0.5}'
    script = tmp_path / "python.sh"
    script.write_text(f"#!/bin/sh\necho '{greeting}'\nsleep 0.5\n{echo}\nsleep 50 # without reading\n")
    script.chmod(0o755)
    with Pool({"fake": tmp_path / "runner.py"}, python={"fake": str(script)}) as own:
        # To nobody who reads: more than a pipe takes.
        request = {"into": str(own.scratch.file(0)), "source": "x" * (2**20 if says is None else 1)}
        found = own.submit("fake", request, timeout=2).result()
    assert isinstance(found, Failure)
    assert found.kind == kind
    assert text in found.message


@needs_proc
def test_a_script_that_hangs_ends_with_a_host_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "python.sh"
    script.write_text("#!/bin/sh\nsleep 100\n")
    script.chmod(0o755)
    host = f"""
    import os, time
    from pathlib import Path
    from archspec.verification.workers import Pool
    with Pool({{"fake": Path("runner.py")}}, python={{"fake": {str(script)!r}}}) as pool:
        print(*pool.scratch.folders, flush=True)
        time.sleep(0.5)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", dedent(host)], capture_output=True, text=True, cwd=ROOT, timeout=60)
    folders = [Path(folder) for folder in done.stdout.split()]
    assert folders
    deadline = monotonic() + 10
    while any(folder.exists() for folder in folders) or alive(tmp_path):
        assert monotonic() < deadline
        sleep(0.05)
