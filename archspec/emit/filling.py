"""Statements that fill weights, as data, and their printing: conditions on the kind of a layer, loops over layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from archspec.emit.code import Call, Code, Global
from archspec.emit.printing import INDENT, Style, broken


@dataclass(slots=True)
class Branch:
    """`if condition:` or `for variable in layers:` and what is done then; or one statement."""

    head: Code
    body: list[Branch] = field(default_factory=list)
    word: str = "if"
    """What it begins with: `if`, `for`, or of a statement `fan_in =` or nothing."""


def codes(branches: Iterable[Branch]) -> Iterator[Code]:
    """All expressions, for what the file has to import."""
    for branch in branches:
        yield branch.head
        yield from codes(branch.body)


def print_starts(branches: Sequence[Branch], style: Style, indent: int) -> list[str]:
    """The lines of a constructor."""
    lines: list[str] = []
    pad, before = " " * indent, ""
    for branch in branches:
        if branch.word not in ("if", "for"):
            word = f"{branch.word} " if branch.word else ""
            lines.append(pad + word + broken(branch.head, style, indent, len(word), 0))
            before = ""
            continue
        word = "elif" if branch.word == "if" and before == "isinstance" and _asks(branch) else branch.word
        lines.append(f"{pad}{word} {broken(branch.head, style, indent, len(word) + 1, 1)}:")
        lines += print_starts(branch.body, style, indent + len(INDENT))
        before = "isinstance" if _asks(branch) else ""
    return lines


def _asks(branch: Branch) -> bool:
    head = branch.head
    return isinstance(head, Call) and head.target == Global("isinstance")
