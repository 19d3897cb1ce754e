"""Where a backend keeps its rows, and the code that some of them need: by family of operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from archspec import ops
from archspec.emit.context import Lowered, Lowering, Site
from archspec.errors import BackendError


class Table(Mapping[str, Lowering]):
    """Every operation's row, from the `ROWS` of the modules `package.family`, each loaded when it is needed."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __getitem__(self, key: str) -> Lowering:
        rows: dict[str, Lowering] = import_module(f"{self._package}.{ops.family(key)}").ROWS
        return rows[key]

    def __iter__(self) -> Iterator[str]:
        for family in ops.FAMILIES:
            yield from import_module(f"{self._package}.{family}").ROWS

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
    """The definitions in a folder of Python files, by name: code that generated files get where a row mentions it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> str:
        return definitions(self._folder)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(definitions(self._folder))

    def __len__(self) -> int:
        return len(definitions(self._folder))


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


def mentioned(support: Mapping[str, str], code: str) -> Iterable[str]:
    """The definitions that a piece of code mentions, and those that they mention in turn, in the order of `support`."""
    # A function is called; a class may also be handed on, or be the base of another.
    forms = "|".join(name if name[0].isupper() else rf"{name}(?=\()" for name in support)
    known = re.compile(rf"(?<![\w.])(?:{forms})\b") if support else None
    names: set[str] = set()
    todo = [code]
    while todo and known is not None:
        new = set(known.findall(todo.pop())) - names
        names |= new
        todo += [support[name] for name in new]
    return [definition for name, definition in support.items() if name in names]
