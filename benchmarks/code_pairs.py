"""Generated files beside those of the frameworks' own libraries, for one network each; writes docs/code.md.

Run as `python -m benchmarks.code_pairs`. What the libraries say is read from their files, without importing them, and
not shown: definitions and counts are.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

from archspec.backend import backends
from archspec.emit.docs import class_name
from archspec.loading import load

from .lines import ROOTS, python_lines

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "code.md"
LIBRARIES: Final = {"torchvision": "pytorch", "keras": "keras", "paddle": "paddle"}
TITLES: Final = {"torchvision": "torchvision", "keras": "Keras Applications", "paddle": "paddle.vision"}
PAIRS: Final = (
    ("torchvision", "resnet18", "resnet"),
    ("torchvision", "densenet121", "densenet"),
    ("torchvision", "mobilenet_v2", "mobilenetv2"),
    ("torchvision", "convnext_tiny", "convnext"),
    ("torchvision", "swin_t", "swin_transformer"),
    ("keras", "resnet50", "resnet"),
    ("keras", "mobilenet_v2", "mobilenet_v2"),
    ("keras", "xception", "xception"),
    ("paddle", "mobilenet_v3_large", "mobilenetv3"),
    ("paddle", "googlenet", "googlenet"),
)
"""Library, network and the module that has it."""


@dataclass(frozen=True)
class Definition:
    """A class, with what its constructor takes, or a function."""

    name: str
    arguments: tuple[str, ...]
    is_class: bool

    def __str__(self) -> str:
        return f"`{self.name}({', '.join(self.arguments)})`"


@dataclass(frozen=True)
class File:
    """What a reader meets in a file."""

    lines: int
    definitions: tuple[Definition, ...]
    longest: int
    """Lines of the longest function or method."""

    @property
    def classes(self) -> int:
        return sum(each.is_class for each in self.definitions)

    @property
    def arguments(self) -> int:
        return sum(len(each.arguments) for each in self.definitions)

    def counts(self) -> tuple[int, ...]:
        return self.lines, self.classes, len(self.definitions) - self.classes, self.arguments, self.longest


COUNTS: Final = ("lines", "classes", "functions", "arguments", "lines of the longest function")


def read(source: str) -> File:
    """Counts, and the definitions at the top of a file, but for those that only tell where weights are."""
    tree = ast.parse(source)
    found = tuple(filter(None, map(_definition, tree.body)))
    longest = max(python_lines(ast.unparse(node)) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return File(python_lines(source), found, longest)


def _definition(node: ast.stmt) -> Definition | None:
    match node:
        case ast.FunctionDef(name, arguments):
            return Definition(name, tuple(_names(arguments)), False)
        case ast.ClassDef(name, _, _, body) if not name.endswith("_Weights"):
            made = next((n for n in body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
            return Definition(name, tuple(_names(made.args))[1:] if made else (), True)
    return None


def _names(arguments: ast.arguments) -> Iterator[str]:
    yield from (each.arg for each in (*arguments.posonlyargs, *arguments.args))
    yield from (f"*{each.arg}" for each in [arguments.vararg] if each)
    yield from (each.arg for each in arguments.kwonlyargs)
    yield from (f"**{each.arg}" for each in [arguments.kwarg] if each)


def library(name: str, module: str) -> str:
    """The text of a library's file."""
    package = importlib.util.find_spec(name)
    assert package is not None
    assert package.origin is not None
    return (Path(package.origin).parent.parent / ROOTS[name] / f"{module}.py").read_text(encoding="utf-8")


def section(name: str, network: str, module: str) -> tuple[str, File, File]:
    """A pair as text, and both files."""
    backend = next(iter(backends(LIBRARIES[name])))
    model = load(network)
    ours, theirs = read(backend.write(model)), read(library(name, module))
    golden = Path("tests") / "golden" / backend.name / f"{network}.py"
    shown = f"[{network}](../{golden.as_posix()})" if (ROOT / golden).exists() else network
    origin = re.sub("/src/", "/", f"{ROOTS[name]}/{module}.py")
    counted = zip(COUNTS, ours.counts(), theirs.counts(), strict=True)
    defined = zip_longest(map(str, ours.definitions), map(str, theirs.definitions), fillvalue="")
    lines = [
        f"## {class_name(model)} in {backend.title}",
        "",
        f"Ours: {shown}. {TITLES[name]}: `{origin}`.",
        "",
        f"| | ours | {TITLES[name]} |",
        "| --- | ---: | ---: |",
        *(f"| {what} | {a} | {b} |" for what, a, b in counted),
        "",
        f"| ours defines | {TITLES[name]} defines |",
        "| --- | --- |",
        *(f"| {a} | {b} |" for a, b in defined),
    ]
    return "\n".join(lines), ours, theirs


def main() -> None:
    found = [section(*pair) for pair in PAIRS]
    ratios = [ours.lines / theirs.lines for _, ours, theirs in found]
    arguments = [ours.arguments / theirs.arguments for _, ours, theirs in found]
    text = f"""# Generated code beside the libraries' own

Ten generated files beside those of torchvision, Keras Applications and paddle.vision: what a reader meets in each.
Lines are those with code on them, without comments, docstrings and empty lines; arguments are those of functions and
constructors at the top of a file. A generated file is one network, and has nothing else in it; a library's file also
has the other variants of its family, a function for each, and loads weights. So a smaller count says that there is less
to read for one who wants this network, not that the other is worse. In the median, generated files have
{statistics.median(ratios):.2f} times the lines and {statistics.median(arguments):.2f} times the arguments.
Made by `python -m benchmarks.code_pairs`.

{(chr(10) * 2).join(text for text, _, _ in found)}
"""
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
