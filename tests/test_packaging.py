"""What is installed is what is there: packages, data, dependencies; and archspec imports no framework."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]
NO_PACKAGES = {"__pycache__", "support"}  # support holds parts of generated files, which are data
HOMES = {"archspec": ROOT / "archspec", "archspec.backends": ROOT / "backends", "archspec.specs": ROOT / "specs"}


def _packages() -> dict[str, Path]:
    found = {}
    for name, home in HOMES.items():
        for folder in [home, *(path for path in home.rglob("*") if path.is_dir() and path.name not in NO_PACKAGES)]:
            if any(path.is_file() for path in folder.iterdir()):
                found[".".join([name, *folder.relative_to(home).parts])] = folder
    return found


def test_every_package_is_listed() -> None:
    assert SETUPTOOLS["packages"] == sorted(_packages())


def test_package_dir_is_the_top_level_of_the_repository() -> None:
    assert {name: ROOT / folder for name, folder in SETUPTOOLS["package-dir"].items()} == HOMES


def test_every_file_is_installed() -> None:
    for name, folder in _packages().items():
        patterns = ["*.py", *SETUPTOOLS["package-data"].get(name, ())]
        for path in folder.iterdir():
            if path.is_file() and not path.name.startswith("."):
                assert any(path.match(pattern) for pattern in patterns), f"{path} would not be installed"


def test_types_are_for_users_too() -> None:
    assert (ROOT / "archspec/py.typed").is_file()


def test_backends_are_entry_points() -> None:
    folders = {path.name for path in (ROOT / "backends").iterdir() if (path / "__init__.py").is_file()}
    formats = {"onnx"}
    for group, names, value in (("backends", folders - formats, "BACKEND"), ("formats", formats, "FORMAT")):
        declared = PROJECT["project"]["entry-points"][f"archspec.{group}"]
        assert declared == {name: f"archspec.backends.{name}:{value}" for name in names}
        assert names <= {point.name for point in entry_points(group=f"archspec.{group}")}


def _required() -> dict[str, str]:
    extras = PROJECT["project"]["optional-dependencies"]
    lines = [*PROJECT["project"]["dependencies"], *(line for extra in extras.values() for line in extra)]
    names = (re.match(r"[\w-]+", line) for line in lines if not line.startswith(PROJECT["project"]["name"]))
    return {_canonical(match[0]): match.string[match.end() :] for match in names if match}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_constraints_pin_every_dependency_within_its_range() -> None:
    from packaging.specifiers import SpecifierSet

    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line), f"{line}: a name, ==, and a public version"
    pins = {_canonical(name): version for name, version in (line.split("==") for line in lines)}
    for name, versions in _required().items():
        assert name in pins, name
        assert pins[name] in SpecifierSet(versions), name


def test_all_is_every_extra_but_those_for_development() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    (everything,) = extras["all"]
    assert everything == f"archspec-nn[{','.join(sorted(extras.keys() - {'all', 'browser', 'demo', 'dev', 'docs'}))}]"


def _is_elsewhere(node: ast.ImportFrom, path: Path) -> bool:
    """Whether a module of the worker imports something that is installed wherever a framework is."""
    return path.parent.name == "worker" and not node.level and not str(node.module).startswith("archspec")


FRAMEWORKS = {"torch", "torchvision", "tensorflow", "keras", "paddle"}


def _nodes(folder: Path) -> Iterator[tuple[Path, ast.AST]]:
    """All that is imported in a folder, with its file."""
    for path in sorted(folder.rglob("*.py")):
        found = (
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
        )
        yield from ((path, node) for node in found)


def test_archspec_imports_no_framework_and_nothing_of_backends() -> None:
    for path, node in _nodes(ROOT / "archspec"):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            # What runs in a framework's process has another name there, and nothing but itself.
            level = 1 if path.parent.name == "worker" else 0
            assert node.level == level or _is_elsewhere(node, path), f"{path}:{node.lineno}: relative imports"
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        line = f"{path}:{getattr(node, 'lineno', 0)}"
        for name in names:
            assert name.partition(".")[0] not in FRAMEWORKS, line
            assert not name.startswith(("archspec.backends", "backends")), line


def test_backends_import_each_other_never() -> None:
    for path, node in _nodes(ROOT / "backends"):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1, f"{path}:{node.lineno}: a backend imports its own modules only"
        if isinstance(node, ast.ImportFrom | ast.Import):
            assert "archspec.backends" not in ast.unparse(node), f"{path}:{node.lineno}: relative, please"


def test_the_makefile_has_what_the_readme_promises() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test", "quick", "lint", "golden"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert "make test" in (ROOT / ".ci/run").read_text()
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
