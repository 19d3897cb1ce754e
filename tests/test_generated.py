"""Generated code is what users of each framework expect: it is saved, exported, compiled and trained as any other."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from archspec.expressions import expr_of, free_names
from archspec.graph.graph import Graph
from archspec.verification import data, worker

from .programs import BACKENDS, MORE, NETWORKS, model, program

CHECKS: Final = {
    "pytorch": ("canonical_names_are_its_own", "load_onto_meta", "export", "compile_", "other_size", "bfloat16",
                "float16", "autocast", "train"),
    "keras": ("save", "saved_model", "graph", "mixed_float16", "mixed_bfloat16", "train", "fit"),
    "paddle": ("to_static", "jit_save", "other_size", "amp", "train", "train_static"),
}  # fmt: skip
PRECISIONS: Final = ("bfloat16", "float16", "autocast", "mixed_float16", "mixed_bfloat16", "amp")
CASES: Final = {
    "lenet5": ("canonical_names_are_its_own", "export", "save", "saved_model", "graph", "to_static", "jit_save",
               "train", "fit", *PRECISIONS),
    "masks": ("load_onto_meta", "export", "compile_", "save", "saved_model", "graph", "to_static", "jit_save", "train",
              "train_static", "fit", *PRECISIONS),
    "fixed": ("load_onto_meta", "export", "compile_", "save", "saved_model", "graph", "to_static", "jit_save", "train",
              "train_static", "fit", *PRECISIONS),
    "resnet18": ("canonical_names_are_its_own", "compile_", "export", "save", "to_static", "train"),
    "googlenet": ("canonical_names_are_its_own", "save", "to_static", "train"),
    "stages": ("export", "compile_", "save", "graph", "to_static", "train", "train_static", "fit"),
    "towers": ("export", "compile_", "save", "graph", "to_static", "train", "train_static", "fit"),
    "sums": ("graph", "saved_model", "fit"),
    "shared": ("export", "save", "graph", "to_static", "train", "train_static"),
    "vit": ("export", "compile_", "save", "graph", "to_static", "jit_save", "other_size", "train", "train_static"),
    "wave": ("export", "compile_", "save", "graph", "to_static", "jit_save", "train", "train_static"),
}  # fmt: skip
"""Small networks of all kinds, and a few large ones: what is tried with each."""
HERE: Final = Path(__file__).parent / "generated"

Results = dict[tuple[str, str], tuple[str, float]]
"""Network and check: what went wrong, and the seconds."""


def write(folder: Path, backend: str, name: str, checks: Sequence[str]) -> None:
    """What the process of a framework needs to know of a network."""
    made, graph = program(name, backend), model(name).graph
    (folder / f"{name}.py").write_text(made.source, encoding="utf-8", newline="\n")
    given, root = data.inputs(graph), model(name).roots(frozenset())["main"]
    arrays = {key: np.ascontiguousarray(worker.arrange(given[key], layout)) for key, layout in made.inputs.items()}
    np.savez(folder / f"{name}.npz", allow_pickle=False, **arrays)
    about = {
        "entry": made.entry,
        "parameters": {key: list(p.shape) for key, p in graph.parameters().items()},
        "idle": [w.target for w in made.weights if w.parameter not in _needed(graph)],
        "checks": checks,
        "open": [[a for a, size in enumerate(root.inputs[key].shape) if free_names(expr_of(size))] for key in arrays],
        "outputs": len(graph.outputs) - len(graph.training_outputs),
        "training_outputs": len(graph.outputs),
    }
    (folder / f"{name}.json").write_text(json.dumps(about))


def _needed(graph: Graph) -> set[str]:
    """The weights on which outputs depend."""
    tensors, found = set(map(id, graph.outputs.values())), set[str]()
    for node in reversed(graph.nodes):
        if not tensors.isdisjoint(map(id, node.outputs)):
            tensors.update(map(id, node.inputs))
            found.update(node.parameters())
    return found


def command(backend: str, folder: Path) -> list[str]:
    return [sys.executable, str(HERE / f"{backend}_checks.py"), str(folder)]


def _results(backend: str, folder: Path) -> Results:
    run = subprocess.run(command(backend, folder), capture_output=True, text=True, timeout=600)
    found: dict[tuple[str, str], tuple[str, float]] = {}
    for line in run.stdout.splitlines():
        name, check, problem, seconds = json.loads(line)
        found[name, check] = problem, seconds
    assert run.returncode == 0, run.stderr[-6000:]
    return found


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Results]]]:
    """What the checks of each framework found, each in a process of its own."""
    with ThreadPoolExecutor() as threads:
        waiting = {}
        for backend in CHECKS:
            folder = tmp_path_factory.mktemp(backend)
            for name, checks in CASES.items():
                write(folder, backend, name, checks)
            waiting[backend] = threads.submit(_results, backend, folder)
        yield waiting


@pytest.mark.frameworks
@pytest.mark.xdist_group("generated")
@pytest.mark.parametrize(
    ("backend", "check", "name"),
    [(b, check, name) for b in CHECKS for name, wanted in CASES.items() for check in CHECKS[b] if check in wanted],
)
def test_use(backend: str, check: str, name: str, results: dict[str, Future[Results]]) -> None:
    problem, _ = results[backend].result()[name, check]
    assert not problem, problem


CLASSIC = [
    name for name in NETWORKS if re.match("alexnet|densenet|googlenet|lenet|mobilenet|resnet|squeezenet|vgg", name)
]
"""Networks of convolutions, in which nothing needs another order of axes or another name."""


def names_of(backend: str) -> dict[str, str]:
    """Canonical names of weights, and the generated model's own."""
    return {w.parameter: w.target for name in CLASSIC for w in program(name, backend).weights}


@pytest.mark.slow
def test_weights_have_canonical_names() -> None:
    assert all(canonical == own for canonical, own in names_of("pytorch").items())
    statistics = {"running_mean": "_mean", "running_var": "_variance"}
    for canonical, own in names_of("paddle").items():
        path, _, kind = canonical.rpartition(".")
        assert own == f"{path}.{statistics.get(kind, kind)}"


@pytest.mark.parametrize("name", CLASSIC)
def test_keras_has_channels_last_and_moves_no_axes(name: str) -> None:
    source = program(name, "keras").source
    assert not re.search("transpose|permute|moveaxis|swapaxes|channels_first", source, re.IGNORECASE)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NETWORKS, *MORE])
@pytest.mark.parametrize("backend", BACKENDS)
def test_code_stands_alone(name: str, backend: str) -> None:
    source = program(name, backend).source
    tree = ast.parse(source)
    imported = {
        alias.name.partition(".")[0] if isinstance(node, ast.Import) else str(node.module).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert imported <= {"collections", "keras", "math", "numpy", "paddle", "torch"}
    assert (BACKENDS[backend].framework in imported) or backend == "keras"
    code = ast.unparse(_Undocumented().visit(tree))
    assert not re.search(r"archspec|pickle|__import__|eval\(|exec\(|open\(|probe", code)
    assert str(Path(__file__).parents[1]) not in source
    assert not re.search(r"(?<![\w:/])/\w+/\w", source), "an absolute path"


class _Undocumented(ast.NodeTransformer):
    """Takes docstrings away."""

    def visit_Expr(self, node: ast.Expr) -> Any:
        return ast.Pass() if isinstance(node.value, ast.Constant) else node
