"""Random specs over all operations: each is valid, compiles for all backends, and is the same function in all of them.

`make fuzz N=500` tries more. What was found in this way stays as a spec in tests/fuzz_found.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

from archspec import ops
from archspec.model import Spec
from archspec.verification.workers import Pool

from .fuzz import draw
from .fuzz.builder import Drawing
from .fuzz.scopes import Network
from .fuzz.verify import BACKENDS, compiled, problems, reduced, text
from .standins.check import written

FOUND: Final = sorted((Path(__file__).parent / "fuzz_found").glob("*.yaml"))
QUICK: Final = 100
SEEDS: Final = [pytest.param(n, marks=[pytest.mark.long] if n >= 5012 else []) for n in range(5000, 5040)]


@cache
def spec(seed: int) -> str:
    """The spec of a seed, drawn once for all tests."""
    return text(draw.document(seed))


@pytest.mark.slow
def test_specs_are_valid_and_compile_for_all_backends(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    steps = []
    for seed in range(QUICK):
        model = Spec.parse(spec(seed)).network()
        model.check()
        seen.update(node.op.key for node in model.graph.nodes)
        steps.append(len(model.graph.nodes))
        for name, source in compiled(model).items():
            if seed % 10 == 0:
                (tmp_path / f"{name}_{seed}.py").write_text(source, encoding="utf-8")
    assert len(seen) > 0.9 * len(ops.names())
    assert max(steps) >= 30
    # What no step reads, of which `check` warns, still gets a variable.
    for command in (["check", "--ignore", "F841,RUF059"], ["format", "--check", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--quiet", str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_every_operation_and_form_occurs() -> None:
    seen: set[str] = set()
    forms: set[str] = set()
    for seed in range(1000):
        drawn = yaml.safe_load(spec(seed))
        for step in _steps([drawn["layers"], *(block["layers"] for block in drawn.get("blocks", {}).values())]):
            seen.add(str(step.get("op")))
            forms |= step.keys()
            join = step.get("join")
            seen.add(str(join["op"] if isinstance(join, dict) else join))
        if set(ops.names()) <= seen:
            break
    assert set(ops.names()) <= seen
    assert {"block", "branches", "layers", "repeat", "each", "when", "from", "name"} <= forms


def _steps(layers: list[object]) -> list[dict[str, object]]:
    """All steps, those inside others included."""
    found = []
    for step in layers:
        if isinstance(step, list):
            found += _steps(step)
        elif isinstance(step, str):
            found.append({"op": step})
        elif isinstance(step, dict):
            found.append(step)
            found += _steps([step.get("layers", []), *step.get("branches", {}).values()])
    return found


@pytest.mark.slow
def test_blocks_along_an_axis_are_drawn_and_run_on_stand_ins() -> None:
    """Values in frameworks: `python -m tests.fuzz N --along`."""
    found = 0
    for seed in range(8):
        drawn = text(draw.document(seed, along=True))
        found += drawn.count("over: ")
        model = Spec.parse(drawn).network()
        model.check()
        for backend in BACKENDS:
            assert written(backend, model).problem() == "", f"{backend.title}, seed {seed}"
    assert found > 4


@pytest.mark.slow
def test_the_same_seed_gives_the_same_spec() -> None:
    first = [text(draw.document(seed)) for seed in (7, 8)]
    program = (
        "from tests.fuzz.draw import document; from tests.fuzz.verify import text; print(text(document(8)), end='')"
    )
    root = Path(__file__).parent.parent
    apart = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True).stdout
    assert apart == first[1]
    assert [text(draw.document(seed)) for seed in (8, 7)] == first[::-1]


def test_a_smaller_spec_that_fails_is_found() -> None:
    drawn = draw.document(1)
    drawn["layers"].append({"op": "tanh", "name": "culprit", "from": next(iter(drawn["inputs"]))})
    small = reduced(drawn, lambda each: "culprit" in str(each["layers"]))
    assert small["layers"] == [{"op": "tanh", "name": "culprit"}]


def test_what_is_left_out_has_no_parts() -> None:
    network = Network(Drawing(0))
    left, right = network.fresh((7,)), network.fresh((5,))
    network.add({"op": "mod", "from": [left, right], "when": False})
    name = network.name_last()
    assert len(network.names[name]) == 2
    assert not any(reference.startswith(f"{name}.") for reference in network.names)


@pytest.mark.frameworks
@pytest.mark.parametrize("file", FOUND, ids=lambda file: file.stem)
def test_what_was_found(file: Path, pool: Pool) -> None:
    assert problems(file.read_text(encoding="utf-8"), pool, gradients=True) == []


@pytest.mark.frameworks
@pytest.mark.parametrize("seed", SEEDS)
def test_frameworks_agree(seed: int, pool: Pool) -> None:
    assert len(BACKENDS) == 3
    found = problems(spec(seed), pool, gradients=seed % 2 == 0)
    if found:
        pytest.fail("\n".join([f"seed {seed}", *found]), pytrace=False)
