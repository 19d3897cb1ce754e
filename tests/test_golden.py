"""Generated code, byte for byte: one ordinary file for every family and backend. `make golden` writes them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from archspec.verification.probes import left_out, same_code, same_program

from .programs import BACKENDS, MORE, NETWORKS, generated, program
from .reviewed import remarks

GOLDEN: Final = Path(__file__).parent / "golden"


def _together(names: Iterable[str]) -> list[Any]:
    """What concerns one network runs in one process, which generates its code once."""
    return [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names]


@pytest.mark.golden
@pytest.mark.parametrize("name", _together(NETWORKS))
@pytest.mark.parametrize("backend", BACKENDS)
def test_generated_code(name: str, backend: str, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / backend / f"{name}.py", generated(name, backend).text())


@pytest.mark.golden
def test_there_is_no_file_too_many(request: pytest.FixtureRequest) -> None:
    known = {GOLDEN / backend / f"{name}.py" for name in NETWORKS for backend in BACKENDS}
    extra = {path for path in GOLDEN.rglob("*.py") if path not in known}
    if request.config.getoption("--update-golden"):
        for path in extra:
            path.unlink()
    else:
        assert not extra, "make golden removes them"


WRITE: Final = """
import hashlib, pathlib, sys
from archspec.backend import backends
from archspec.loading import open_spec
from archspec.spec.catalogue import variants_in
folder, *paths = map(pathlib.Path, sys.argv[1:])
for path in paths:
    spec, _ = open_spec(path)
    for number, variant in enumerate(variants_in(path) or (None,)):
        model = spec.network(variant)
        for backend in backends():
            if number == 0:
                program = backend.generate(model)
                print(variant or path.stem, backend.name, hashlib.sha256(repr(program).encode()).hexdigest())
            text = backend.write(model) if number else program.source
            (folder / backend.name / f"{variant or path.stem}.py").write_text(text, encoding="utf-8", newline="\\n")
"""


@dataclass(frozen=True)
class Zoo:
    """All variants of all families, and the networks of tests, as another process writes them."""

    folder: Path
    digests: dict[tuple[str, str], str]
    """By name and backend: those of whole programs, for the first variant of each family."""


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    folder = tmp_path_factory.mktemp("generated")
    for backend in BACKENDS:
        (folder / backend).mkdir()
    command = [sys.executable, "-c", WRITE, *map(str, (folder, *NETWORKS.values(), *MORE.values()))]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return Zoo(folder, {(name, backend): digest for name, backend, digest in map(str.split, run.stdout.splitlines())})


# Older versions of ruff have other defaults.
@pytest.mark.parametrize("command", ["check --extend-select E4,E7,E9,F,I,UP", "format --check --diff"])
@pytest.mark.slow
@pytest.mark.xdist_group("every variant")  # they are written once for all such tests
def test_linter_and_formatter_have_nothing_to_say(command: str, zoo: Zoo) -> None:
    ruff = [sys.executable, "-m", "ruff", *command.split(), "--isolated", "--no-cache", "--quiet"]
    run = subprocess.run([*ruff, zoo.folder], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-10_000:] + run.stderr
    assert len(list(zoo.folder.rglob("*.py"))) > 3 * len(NETWORKS) * len(BACKENDS)


@pytest.mark.slow
@pytest.mark.xdist_group("every variant")
def test_mypy_has_nothing_to_say_of_code_for_pytorch(zoo: Zoo, tmp_path: Path) -> None:
    mypy = [sys.executable, "-m", "mypy", "--config-file=", f"--cache-dir={tmp_path}"]
    run = subprocess.run([*mypy, *sorted((zoo.folder / "pytorch").glob("*.py"))], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-10_000:] + run.stderr


REMARKS: Final = {
    "class A: pass\nclass A2: pass": ["A2 beside A"],
    "def a_2(): pass\ndef a(): pass": ["a_2 beside a"],
    "def f(x):\n    x = g(x)\n    return x": ["2: x = g(x); return x"],
    "def f(x):\n    y = x\n    return h(y, x)": ["2: y = x"],
    "def f(x, mask):\n    x = g(x)\n    return x, mask": ["3: f returns its argument mask"],
    "def f(x):\n    y = x\n    if a:\n        y = g(x)\n    return h(y, x)": [],
    "def f(x):\n    for _ in a:\n        y = g(x)\n        x = y\n    return h(x)": [],
}


SAID: Final = {"keras/pvt_v2_b2_li": ["stage2 beside stage", "stage3 beside stage"]}
"""What is left to say of the zoo: Keras has no adaptive pool, and windows that follow from sizes tell stages apart."""


@pytest.mark.parametrize("text", REMARKS)
def test_what_a_reviewer_would_say(text: str) -> None:
    assert remarks(text) == REMARKS[text]


@pytest.mark.slow
def test_a_reviewer_has_nothing_to_say_to_golden_files() -> None:
    said = {path.name: remarks(path.read_text(encoding="utf-8")) for path in GOLDEN.rglob("*.py")}
    assert not {name: each for name, each in said.items() if each}


@pytest.mark.slow
@pytest.mark.xdist_group("every variant")
def test_a_reviewer_has_nothing_to_say_to_the_zoo(zoo: Zoo) -> None:
    files = (path for path in zoo.folder.rglob("*.py") if path.stem not in MORE)
    said = {f"{path.parent.name}/{path.stem}": remarks(path.read_text(encoding="utf-8")) for path in files}
    assert {name: each for name, each in said.items() if each} == SAID


@pytest.mark.slow
@pytest.mark.parametrize("name", _together([*NETWORKS, *MORE]))
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_verified_is_what_is_shipped(name: str, backend: str) -> None:
    assert same_program(program(name, backend))


Forms = tuple[str, ...]
"""The forms of a program in which a difference may be."""
ALL: Final = ("probed", "written", "rounded")
SHIPPED: Final = """
x = layer(x, 0.1, size=3)
y = other(image)
"""

VERIFIED: Final[list[tuple[str, str, Forms]]] = [
    ("layer(x, 0.1, size=3)", "probe('a', layer(x, 0.1, size=3))", ALL),
    ("layer(x, 0.1, size=3)", "probe(self, 'a', layer(probe(self, 'b', x), 0.1, size=3))", ALL),
    ("y =", "x = probe('c', x)\ny =", ALL),
    ("0.1", "0.10000000149011612", ("rounded",)),
    ("size=3", "size=3, eps=9.999999747378752e-6", ("written",)),
    ("size=3", "size=3, eps=-9.999999747378752e-6", ("written",)),
    ("size=3", "size=3, eps=1e-5", ("written",)),
    ("size=3", "size=3, mode='x'", ()),
    ("size=3", "size=nearest(3)", ("rounded",)),
    ("size=3", "size=nearest(4)", ()),
    ("size=3", "size=nearest(3, 1)", ()),
    ("0.1", "0.11", ()),
    ("size=3", "size=4", ()),
    ("size=3", "", ()),
    ("size=3", "size=3.0", ()),
    ("layer(x, 0.1, size=3)", "probe('a', other(x, 0.1, size=3))", ()),
    ("layer(x, 0.1, size=3)", "probe('a', layer(y, 0.1, size=3))", ()),
    ("other(image)", "probe(image)", ()),
    ("other(image)", "probe('a', key=other(image))", ()),
    ("y =", "y = image\ny =", ()),
    ("y = other(image)", "", ()),
]


@pytest.mark.parametrize(("old", "new", "forms"), VERIFIED, ids=[new or "nothing" for _, new, _ in VERIFIED])
def test_a_difference_from_what_is_shipped_is_seen(old: str, new: str, forms: Forms) -> None:
    assert SHIPPED.count(old) == 1
    changed = SHIPPED.replace(old, new)
    found = {
        "probed": same_code(SHIPPED, changed),
        "written": same_code(SHIPPED, changed, defaults=True),
        "rounded": same_code(SHIPPED, changed, rounded=True),
    }
    assert {form for form, same in found.items() if same} == set(forms)


def test_what_is_left_out_as_a_default() -> None:
    used = program("resnet18", "pytorch")
    assert left_out(used) == [("nn.BatchNorm2d", "eps", 1e-5), ("nn.BatchNorm2d", "momentum", 0.1)]
    assert left_out(program("lenet5", "keras")) == []


@pytest.mark.slow
@pytest.mark.xdist_group("every variant")  # they are written once for all such tests
def test_the_same_spec_gives_the_same_bytes(zoo: Zoo) -> None:
    for name in NETWORKS:
        for backend in BACKENDS:
            own = hashlib.sha256(repr(program(name, backend)).encode()).hexdigest()
            assert own == zoo.digests[name, backend], (name, backend)
