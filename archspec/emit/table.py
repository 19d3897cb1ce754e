"""Where a backend keeps its rows, and the code that some of them need: by family of operations."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

from archspec import ops
from archspec.emit.context import Lowered, Lowering, Site
from archspec.errors import BackendError


class Table(Mapping[str, Lowering]):
    """Every operation's row, from the `ROWS` of the modules `package.family`, each loaded when it is needed; a family
    that has no module has no rows. `instead` are rows that stand in place of them."""

    def __init__(self, package: str, instead: Mapping[str, Lowering] | None = None) -> None:
        self._package = package
        self._instead = instead or {}

    def __getitem__(self, key: str) -> Lowering:
        return self._instead.get(key) or self._rows(ops.family(key))[key]

    def __iter__(self) -> Iterator[str]:
        for family in ops.FAMILIES:
            yield from self._rows(family)

    def _rows(self, family: str) -> Mapping[str, Lowering]:
        name = f"{self._package}.{family}"
        try:
            rows: Mapping[str, Lowering] = import_module(name).ROWS
        except ModuleNotFoundError as error:
            if error.name != name:  # it is the module itself that misses another
                raise
            return {}
        return rows

    def __len__(self) -> int:
        return sum(1 for _ in self)


def refused(reason: str) -> Lowering:
    """A row for what the framework cannot express, and why."""

    def lower(site: Site) -> Lowered:
        raise BackendError(reason)

    return lower


def uniform(attribute: str, row: Lowering) -> Lowering:
    """A row whose code is another one for each value of an attribute, which must be the same in all uses of a block."""

    def lower(site: Site) -> Lowered:
        if not site.every(lambda step: getattr(step.op, attribute) == getattr(site.op, attribute)):
            raise BackendError(f"{attribute} is not the same wherever the block is used")
        return row(site)

    return lower


class Support(Mapping[str, str]):
    """The definitions in a folder of Python files, by name: code that generated files get where a row mentions it.

    `words` stand for others there, which differ from file to file."""

    def __init__(self, folder: Path, words: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._words = words or {}

    def __getitem__(self, name: str) -> str:
        text = definitions(self._folder)[name]
        for word, meant in self._words.items():
            text = text.replace(word, meant)
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(definitions(self._folder))

    def __len__(self) -> int:
        return len(definitions(self._folder))


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or class of the support code, and what it needs of its file and of Python (see `code.mentioned`)."""

    text: str
    mentions: frozenset[str]


@cache
def definitions(folder: Path) -> dict[str, str]:
    """What stands at the top level of the files, two empty lines apart."""
    found = {}
    for file in sorted(folder.glob("*.py")):
        for code in file.read_text(encoding="utf-8").split("\n\n\n"):
            name = re.search(r"^(?:def|class) (\w+)", code, re.MULTILINE)
            if name is not None:
                found[name[1]] = code.strip()
    return found


def needed(support: Mapping[str, str], mentioned: Collection[str]) -> dict[str, Definition]:
    """The definitions that code mentions, and those that they mention in turn, in the order of `support`."""
    found: dict[str, Definition] = {}
    todo = [name for name in support if name in mentioned]
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = parsed(support[name])
            todo += [other for other in found[name].mentions if other in support]
    return {name: found[name] for name in support if name in found}


@cache
def parsed(text: str) -> Definition:
    """A definition, with all names that it mentions, and the operators between its values."""
    mentions: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(name):
                mentions.add(name)
            case ast.Attribute(ast.Name(owner), name):
                mentions.add(f"{owner}.{name}")
            case ast.BinOp(_, operator):
                mentions.add(_OPERATORS.get(type(operator), ""))
            case ast.Subscript():
                mentions.add("[]")
            case ast.UnaryOp(ast.USub()):
                mentions.add("-x")
    return Definition(text, frozenset(mentions))


_OPERATORS: Final[dict[type[ast.operator], str]] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.Mod: "%", ast.MatMult: "@",
    ast.FloorDiv: "//",
}  # fmt: skip
