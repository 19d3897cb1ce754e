"""Imports go one way, and no framework is imported by archspec."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FRAMEWORKS = {"torch", "tensorflow", "keras", "paddle"}
LAYERS = [
    {
        "archspec._collector",
        "archspec._columns",
        "archspec._lazy",
        "archspec._other",
        "archspec._plugged",
        "archspec._version",
        "archspec.errors",
        "archspec.expressions",
        "archspec.live",
    },
    {"archspec.ops"},
    {"archspec.training"},
    {"archspec.spec"},
    {"archspec.graph", "archspec.training.groups", "archspec.training.plan"},
    {"archspec.summary", "archspec.backend", "archspec.expectations", "archspec.formats", "archspec.reference"},
    {"archspec.drawing"},
    {"archspec.model", "archspec.loading", "archspec.listing"},
    {
        "archspec.differences",
        "archspec.emit",
        "archspec.training.chosen",
        "archspec.training.script",
        "archspec.training.replay",
        "archspec.training.suspects",
        "archspec.verification",
        "archspec.pictures",
    },
    {"archspec.results"},
    {
        "archspec.budget",
        "archspec.environments",
        "archspec.excerpt",
        "archspec.executor",
        "archspec.jobs",
        "archspec.proof",
        "archspec.proving",
        "archspec.reproduction",
        "archspec.weights",
        "archspec.against",
        "archspec.bench",
        "archspec.importing",
    },
    {"archspec.report"},
    {"archspec.cli", "archspec.__main__", "archspec.testing", "archspec.pytest_plugin"},
]
"""From the bottom to the top: a module may import at its own level and below when it is loaded."""

APART = {"runner.py", "recorder.py", "live.py", "timer.py", "tracer.py"}
"""Modules of a backend in which its framework is there."""
MODULES = sorted(path for folder in ("archspec", "backends") for path in (ROOT / folder).rglob("*.py"))


def _level(name: str) -> int | None:
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        for level, names in enumerate(LAYERS):
            if ".".join(parts[:end]) in names:
                return level
    return None


def _name(path: Path) -> str:
    """A module by its name: what is in `backends` is installed as `archspec.backends`."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return f"archspec.{name}" if name.startswith("backends") else name


def _imports(path: Path, *, later: bool = False) -> list[str]:
    """What a module imports when it is loaded; if `later`, also inside functions, and for type checkers only."""
    found: list[str] = []
    package = _name(path).split(".") if path.name == "__init__.py" else _name(path).split(".")[:-1]
    todo: list[ast.AST] = [_tree(path)]
    while todo:
        node = todo.pop()
        match node:
            case ast.Import(names):
                found += [alias.name for alias in names]
            case ast.ImportFrom(module, names, dots):
                base = [*(package[: len(package) - dots + 1] if dots else ()), *([module] if module else ())]
                found += [".".join([*base, alias.name]) for alias in names]
            case ast.FunctionDef() | ast.AsyncFunctionDef() if not later:
                continue
            case ast.If(ast.Name("TYPE_CHECKING"), _, otherwise) if not later:
                todo += otherwise
            case _:
                todo += (child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))
    return found


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_imports_go_one_way() -> None:
    assert [problem for path in MODULES for problem in _problems(path)] == []


def _problems(path: Path) -> Iterator[str]:
    """What a module imports and should not."""
    name, own = _name(path), _level(_name(path))
    apart = path.parent.name == "support" or path.name in APART
    frameworks = {imported for imported in _imports(path) if imported.partition(".")[0] in FRAMEWORKS}
    if name.startswith("archspec.backends"):
        yield from (f"{name} imports {imported}" for imported in frameworks if not apart)
        return
    if name in ("archspec", "archspec.specs"):
        return
    if own is None:
        yield f"{name} has no place in LAYERS"
        return
    yield from (f"{name} imports {imported}" for imported in frameworks)
    for imported in _imports(path):
        other = _level(imported) if imported.startswith("archspec.") else None
        if imported.startswith("archspec.backends"):
            yield f"{name} imports {imported}"
        elif other is not None and other > own:
            yield f"{name} imports {imported}, which is above it"


def test_what_should_not_be_imported_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "archspec" / "graph"
    wrong.mkdir(parents=True)
    (wrong / "x.py").write_text("import torch\nimport archspec.cli\nfrom archspec.backends import keras\nimport re\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert len(list(_problems(wrong / "x.py"))) == 3


@pytest.mark.slow
def test_no_circle_of_modules() -> None:
    """Whatever imports whatever, inside of functions and for type checkers, too."""
    modules = {_name(path): path for path in MODULES}
    uses: dict[str, set[str]] = {}
    for name, path in modules.items():
        imported = (_known(each, modules) for each in _imports(path, later=True))
        uses[name] = {other for other in imported if other not in (None, name)}
    assert not {other for name in uses if name.startswith("archspec.spec.") for other in uses[name]
                if other.startswith("archspec.graph")}, "a spec is read without knowing what is made of it"  # fmt: skip
    assert "archspec.emit.table" in uses["archspec.backends.keras"], "an import inside of a function is not seen"
    TopologicalSorter(uses).prepare()  # raises CycleError, which names the circle


def _known(name: str, modules: Collection[str]) -> str | None:
    """The module that an import is of: a package, where it is of something that the package itself defines."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


@pytest.mark.slow
def test_no_framework_is_loaded() -> None:
    code = (
        "import sys, archspec; m = archspec.load('resnet18'); m.check(); m.summary();"
        "[m.compile(b) for b in ('pytorch', 'keras', 'paddle')];"
        "print(sorted({'torch', 'tensorflow', 'keras', 'paddle'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


WORDS = re.compile(
    r"torch|keras|paddle|tensorflow|jax|flax|\bnnx?\.|\bforward\b|transpose\(|super\(\)|self\.training", re.I
)
"""What only a backend may know."""
EMIT = ROOT / "archspec" / "emit"
GENERAL = sorted([*(ROOT / "archspec").glob("*.py"), *EMIT.rglob("*.py"), *EMIT.glob("*.jinja")])


def _said(tree: ast.Module) -> Iterator[str]:
    """All names and texts of a module, but for its docstrings."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(str(text)) if id(node) not in docs:
                yield text
            case ast.Name(name) | ast.Attribute(_, name) | ast.FunctionDef(name) | ast.ClassDef(name) | ast.arg(name):
                yield name


def test_what_a_framework_is_like_is_known_to_its_backend_alone() -> None:
    found: dict[str, set[str]] = {}
    for path in GENERAL:
        said = _said(_tree(path)) if path.suffix == ".py" else [path.read_text(encoding="utf-8")]
        if words := {word for word in said if WORDS.search(word)}:
            found[str(path.relative_to(ROOT))] = words
    assert found == {"archspec/backend.py": {"pytorch", "keras", "paddle"}}, "the order in which they are shown"
