"""Generated code, byte for byte: one ordinary file for every family and backend. `make golden` writes them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from archspec.verification.probes import same_code, same_program

from .programs import BACKENDS, MORE, NETWORKS, program

GOLDEN: Final = Path(__file__).parent / "golden"


@pytest.mark.golden
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_generated_code(name: str, backend: str, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / backend / f"{name}.py", program(name, backend).source)


@pytest.mark.golden
def test_there_is_no_file_too_many(request: pytest.FixtureRequest) -> None:
    known = {GOLDEN / backend / f"{name}.py" for name in NETWORKS for backend in BACKENDS}
    extra = {path for path in GOLDEN.rglob("*.py") if path not in known}
    if request.config.getoption("--update-golden"):
        for path in extra:
            path.unlink()
    else:
        assert not extra, "make golden removes them"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All generated code, also that of networks which have no golden files."""
    made = tmp_path_factory.mktemp("generated")
    for name in (*NETWORKS, *MORE):
        for backend in BACKENDS:
            for build in ("source", "probed", "rounded"):
                path = made / build / backend / f"{name}.py"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(getattr(program(name, backend), build), encoding="utf-8", newline="\n")
    return made


# Older versions of ruff have other defaults.
@pytest.mark.parametrize("command", ["check --extend-select E4,E7,E9,F,I,UP", "format --check --diff"])
def test_linter_and_formatter_have_nothing_to_say(command: str, folder: Path) -> None:
    ruff = [sys.executable, "-m", "ruff", *command.split(), "--isolated", "--no-cache", "--quiet"]
    # Code for verification calls `probe`, which its runner defines; it need not be pretty.
    run = subprocess.run([*ruff, folder / "source"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-10_000:] + run.stderr


@pytest.mark.parametrize("name", [*NETWORKS, *MORE])
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_verified_is_what_is_shipped(name: str, backend: str) -> None:
    assert same_program(program(name, backend))


SHIPPED: Final = """
x = layer(x, 0.1, size=3)
y = other(image)
"""

VERIFIED: Final = [
    ("layer(x, 0.1, size=3)", "probe('a', layer(x, 0.1, size=3))", True, True),
    ("layer(x, 0.1, size=3)", "probe(self, 'a', layer(probe(self, 'b', x), 0.1, size=3))", True, True),
    ("y =", "x = probe('c', x)\ny =", True, True),
    ("0.1", "0.10000000149011612", False, True),
    ("size=3", "size=3, eps=9.999999747378752e-6", False, True),
    ("size=3", "size=3, eps=-9.999999747378752e-6", False, True),
    ("size=3", "size=3, eps=1e-5", False, False),
    ("size=3", "size=3, mode='x'", False, False),
    ("0.1", "0.11", False, False),
    ("size=3", "size=4", False, False),
    ("size=3", "", False, False),
    ("size=3", "size=3.0", False, False),
    ("layer(x, 0.1, size=3)", "probe('a', other(x, 0.1, size=3))", False, False),
    ("layer(x, 0.1, size=3)", "probe('a', layer(y, 0.1, size=3))", False, False),
    ("other(image)", "probe(image)", False, False),
    ("other(image)", "probe('a', key=other(image))", False, False),
    ("y =", "y = image\ny =", False, False),
    ("y = other(image)", "", False, False),
]


@pytest.mark.parametrize(
    ("old", "new", "probed", "rounded"), VERIFIED, ids=[new or "nothing" for _, new, _, _ in VERIFIED]
)
def test_a_difference_from_what_is_shipped_is_seen(old: str, new: str, probed: bool, rounded: bool) -> None:
    assert SHIPPED.count(old) == 1
    changed = SHIPPED.replace(old, new)
    assert same_code(SHIPPED, changed) is probed
    assert same_code(SHIPPED, changed, rounded=True) is rounded


DIGESTS: Final = """
import hashlib, sys
from archspec.backend import backends
from archspec.loading import open_spec, variants
for path in sys.argv[1:]:
    spec, named = open_spec(path)
    for variant in variants(spec, named):
        for backend in backends():
            made = backend.generate(spec.network(variant))
            print(hashlib.sha256(repr(made).encode()).hexdigest())
"""


def _digests(seed: int) -> Iterator[str]:
    paths = [*NETWORKS, *MORE.values()]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    run = subprocess.run(
        [sys.executable, "-c", DIGESTS, *map(str, paths)], env=environment, capture_output=True, text=True, check=True
    )
    return iter(run.stdout.split())


def test_the_same_spec_gives_the_same_bytes() -> None:
    with ThreadPoolExecutor() as threads:
        first, second = threads.map(lambda seed: list(_digests(seed)), (1, 2))
    assert first == second
    assert len(first) >= len(BACKENDS) * (len(NETWORKS) + len(MORE))
    own = {hashlib.sha256(repr(program(name, b)).encode()).hexdigest() for name in (*NETWORKS, *MORE) for b in BACKENDS}
    assert own <= set(first)
