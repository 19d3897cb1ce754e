"""Environments in which other versions of a framework live: made by uv, kept, and used again.

One is described as pip takes it, `keras==3.11`, or several separated by spaces, `tensorflow==2.19 numpy<2.2`; what is
called `python` is the interpreter, `python==3.12`. The backend is the one that names one of these distributions as what
it needs from some version on, and what it needs besides comes along, in any version that the backend is made for.
`archspec` itself is not installed there: a worker needs NumPy and its framework only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from archspec._plugged import plugged
from archspec.errors import UsageError
from archspec.results.cache import folder
from archspec.verification.failure import Failure

_REQUIREMENT: Final = re.compile(
    r"(?P<name>(?=[\w.-]*[A-Za-z])[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(?:\[[\w.,-]*\])?(?P<versions>(?:,?(?:===?|~=|!=|<=?|>=?)[\w.*+!-]+)*)"
)
_EXTRA: Final = re.compile(r"""extra\s*==\s*["']([\w.-]+)["']""")


@dataclass(frozen=True, slots=True)
class Environment:
    """What shall be installed, and for which backend, or format."""

    name: str
    """As it was asked for."""
    backend: str
    requirements: tuple[str, ...]
    python: str
    """The version of Python, or an interpreter."""

    @classmethod
    def parse(cls, text: str) -> Environment:
        """The meaning of `keras==3.11 python==3.12`. Raises UsageError."""
        asked = dict(_parsed(text, part) for part in text.split())
        python = asked.pop("python", "").lstrip("=")
        if not asked:
            raise UsageError(f"--env {text}: name what is installed there, as NAME==VERSION")
        needed = _needed()
        frameworks = {name: _frameworks(needs) for name, needs in needed.items()}
        found = [name for name, each in frameworks.items() if not asked.keys().isdisjoint(each)]
        if len(found) != 1:
            known = ", ".join(sorted(set[str]().union(*frameworks.values())))
            which = "several backends need these" if found else "no backend needs any of these"
            raise UsageError(f"--env {text}: {which}; frameworks are installed as {known}")
        every = {"numpy": "numpy", **needed[found[0]], **asked}
        return cls(" ".join(text.split()), found[0], tuple(sorted(every.values())), python or sys.executable)

    @property
    def folder(self) -> Path:
        """Where it is kept, whether it is there or not."""
        version = self.python if self.python != sys.executable else sys.version
        key = sha256("\0".join((version, sys.platform, *self.requirements)).encode()).hexdigest()
        return folder() / "environments" / key[:24]

    @property
    def interpreter(self) -> Path:
        """Its Python, if it is there."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _parsed(text: str, part: str) -> tuple[str, str]:
    match = _REQUIREMENT.fullmatch(part)
    if match is None:
        raise UsageError(f"--env {text}: {part} is no distribution with versions, as NAME==VERSION")
    return _normal(match["name"]), part.removeprefix("python") if _normal(match["name"]) == "python" else part


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _needed() -> dict[str, dict[str, str]]:
    """By backend or format what it needs, by names of distributions: what an extra of its name has in its own one."""
    points = (point for group in ("backends", "formats") for point in plugged(group).values())
    return {point.name: dict(_extra(point)) for point in points}


def _frameworks(needs: Mapping[str, str]) -> set[str]:
    """Those by which a backend is told: what it needs in versions, unless it needs everything in any."""
    return {name for name, requirement in needs.items() if re.search("[<>=~!]", requirement)} or set(needs)


def _extra(point: EntryPoint) -> Iterator[tuple[str, str]]:
    for line in (point.dist.requires or ()) if point.dist is not None else ():
        requirement, _, condition = line.partition(";")
        named = _EXTRA.search(condition)
        match = _REQUIREMENT.fullmatch(requirement.replace(" ", "").replace("(", "").replace(")", ""))
        if match is not None and named is not None and _normal(named[1]) == _normal(point.name):
            yield _normal(match["name"]), match[0]


def groups(texts: Sequence[str]) -> dict[str, list[str]]:
    """By backend the names under which it runs, in order: its own, if it runs here, too, and those of environments."""
    found: dict[str, list[str]] = {}
    for environment in map(Environment.parse, texts):
        found.setdefault(environment.backend, [environment.backend]).append(environment.name)
    return found


@dataclass(frozen=True, slots=True)
class Made:
    """The environments that were asked for: their interpreters, and why some are not there."""

    pythons: Mapping[str, str]
    """By the name of the environment."""
    failures: Mapping[str, Failure]


def make(environments: Sequence[Environment], watch: Callable[[str], None] = lambda stage: None) -> Made:
    """Makes the environments that are not there yet, one after the other; one that cannot be made stops no other."""
    pythons: dict[str, str] = {}
    failures: dict[str, Failure] = {}
    for environment in environments:
        if not environment.interpreter.exists():
            watch(f"installing {environment.name}")
            problem = _install(environment)
            if problem:
                failures[environment.name] = Failure("missing", f"the environment cannot be made: {problem}")
                continue
        pythons[environment.name] = str(environment.interpreter)
    return Made(pythons, failures)


def _install(environment: Environment) -> str:
    """Makes an environment, whole or not at all; the reason, if that is not possible."""
    uv = _uv()
    if uv is None:
        return "there is no uv here: pip install 'archspec-nn[env]'"
    try:
        environment.folder.parent.mkdir(parents=True, exist_ok=True)
        with _beside(environment.folder) as new:
            python = new / environment.interpreter.relative_to(environment.folder)
            # Run where nobody else's uv.toml is; what the user has set for all projects holds.
            for command in (
                ["venv", "--quiet", "--relocatable", "--python", environment.python, str(new)],
                ["pip", "install", "--quiet", "--python", str(python), *environment.requirements],
            ):
                done = subprocess.run([*uv, *command], cwd=new.parent, capture_output=True, text=True, errors="replace")
                if done.returncode:
                    return _said(done.stderr)
            if not environment.folder.exists():  # another process may have been faster
                os.replace(new, environment.folder)
    except OSError as error:
        return f"{error.strerror}: {error.filename}" if error.filename else str(error)
    return ""


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A folder beside another, which is gone in the end."""
    new = Path(mkdtemp(dir=path.parent, prefix=".new-"))
    try:
        yield new / "environment"
    finally:
        shutil.rmtree(new, ignore_errors=True)


@cache
def _uv() -> tuple[str, ...] | None:
    """How uv is run: by its own name, or as a module of this Python."""
    found = shutil.which("uv")
    if found is not None and os.path.isabs(found):
        return (found,)
    return (sys.executable, "-P", "-m", "uv") if find_spec("uv") is not None else None


def _said(text: str) -> str:
    """What uv says, in one line: its errors are drawn as trees."""
    words = re.sub(r"[\s×╰─▶│├]+", " ", re.sub(r"\x1b\[[0-9;]*m", "", text)).strip().removeprefix("error: ")
    return words[:400] if words else "uv does not say why"
