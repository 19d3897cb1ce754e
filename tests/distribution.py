"""Both distributions, as users get them: `make dist` builds them twice into dist/, where they are equal byte by byte,
installs each into an environment of its own, and runs the command and a sample of the tests from there.

What they depend on comes from a registry, in the versions of constraints.txt.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
COMMANDS: Final = ["--version", "list", "check resnet18", "compile resnet18 -o made", "schema"]
SAMPLE: Final = ["test_expressions.py", "test_language.py", "test_limits.py", "test_summary.py", "test_yaml.py"]
"""Tests that need nothing but pytest and Hypothesis."""
OTHER: Final = "archspec==0.2.5"
"""The other distribution that has a package called `archspec`."""
LEFT_OUT: Final = shutil.ignore_patterns(
    ".git", ".venv", ".lowest", "dist", "build", "*.egg-info", ".*_cache", "__pycache__"
)
_BUILD: Final = "import sys, build_backend; print(build_backend.build_{}(sys.argv[1]))"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        first, second = built(home / "first"), built(home / "second")
        for one, other in zip(first, second, strict=True):
            assert one.read_bytes() == other.read_bytes(), f"{one.name} is another each time it is built"
        print("equal byte by byte:", *(path.name for path in first), flush=True)
        source, wheel = first
        for number, archive in enumerate((wheel, source)):
            tried(home / f"environment{number}", archive, source)
        (ROOT / "dist").mkdir(exist_ok=True)
        for path in first:
            print(shutil.copy(path, ROOT / "dist"))


def built(home: Path) -> tuple[Path, Path]:
    """A source archive of a copy of the repository, and a wheel of what is in that archive."""
    shutil.copytree(ROOT, home / "copy", ignore=LEFT_OUT)
    made = home / "made"
    made.mkdir(parents=True)
    source = made / _run([sys.executable, "-c", _BUILD.format("sdist"), made], home / "copy").split()[-1]
    wheel = made / _run([sys.executable, "-c", _BUILD.format("wheel"), made], unpacked(source, home)).split()[-1]
    return source, wheel


def unpacked(source: Path, home: Path) -> Path:
    with tarfile.open(source) as archive:
        archive.extractall(home, filter="data")
    return home / source.name.removesuffix(".tar.gz")


def tried(home: Path, archive: Path, source: Path) -> None:
    """Installs an archive into an empty environment, and runs it there."""
    _run([sys.executable, "-m", "venv", home])
    python, command, empty = home / "bin/python", home / "bin/archspec", home / "empty"
    empty.mkdir()
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt"]
    _run([*install, archive])
    _run([python, "-m", "pip", "check"])
    for line in COMMANDS:
        _run([command, *line.split()], empty)
    print(archive.name, "installed into an empty environment:", ", ".join(COMMANDS), flush=True)
    if archive == source:
        _run([*install, "pytest", "pytest-xdist", "hypothesis"])
        tests = [f"tests/{name}" for name in SAMPLE]
        print(_run([home / "bin/pytest", "-q", *tests], unpacked(source, home)).splitlines()[-1], flush=True)
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", OTHER])
    done = subprocess.run([command, "check", "resnet18"], cwd=empty, capture_output=True, text=True)
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1, done.stderr
    print(done.stderr, end="", flush=True)


def _run(command: list[object], folder: Path | None = None) -> str:
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


if __name__ == "__main__":
    main()
