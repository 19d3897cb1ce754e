"""Statements of generated code as data, and their printing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archspec.emit.code import Code, Symbol
from archspec.emit.printing import INDENT, WIDTH, Style, bracketless, broken, flat
from archspec.expressions import Expr, Name

if TYPE_CHECKING:
    from archspec.emit.aligned import Wire


@dataclass(slots=True)
class Assign:
    """`targets = value  # [sizes]`, with the type of an only target where readers want one."""

    targets: tuple[Code, ...]
    value: Code
    sizes: tuple[Expr, ...] = ()
    kind: Code | None = None


@dataclass(slots=True)
class Return:
    value: Code


@dataclass(slots=True)
class Raise:
    value: Code


@dataclass(slots=True)
class Do:
    """A call for what it does: `outputs.append(output)`."""

    value: Code


@dataclass(frozen=True, slots=True)
class Carried:
    """A variable that a loop or a condition goes on with: the value that it holds before, at the end of the body, and
    the value that it stands for afterwards."""

    name: str
    before: Wire
    within: Wire
    after: Wire


@dataclass(slots=True)
class If:
    condition: Code
    body: list[Statement]
    carried: tuple[Carried, ...] = ()


@dataclass(slots=True)
class For:
    variables: tuple[str, ...]
    iterable: Code
    body: list[Statement]
    carried: tuple[Carried, ...] = ()


Statement = Assign | Return | Raise | Do | If | For


def print_statements(statements: Sequence[Statement], style: Style, indent: int) -> list[str]:
    """The lines of statements at an indentation."""
    pad = " " * indent
    lines: list[str] = []
    for statement in statements:
        match statement:
            case Assign():
                lines += _assign(statement, style, indent)
            case Return(value):
                lines.append(f"{pad}return {_value(value, style, indent, 7, 0)}")
            case Raise(value):
                lines.append(f"{pad}raise {_value(value, style, indent, 6, 0)}")
            case If(condition, body):
                lines.append(f"{pad}if {_value(condition, style, indent, 3, 1)}:")
                lines += print_statements(body, style, indent + len(INDENT))
            case Do(value):
                lines.append(f"{pad}{_value(value, style, indent, 0, 0)}")
            case For(keys, iterable, body):
                variables = ", ".join(flat(Symbol(Name(key)), style) for key in keys)
                lines.append(f"{pad}for {variables} in {broken(iterable, style, indent, len(variables) + 8, 1)}:")
                lines += print_statements(body, style, indent + len(INDENT))
    return lines


def _assign(statement: Assign, style: Style, indent: int) -> list[str]:
    value = statement.value
    pad, left, text = " " * indent, ", ".join(flat(target, style) for target in statement.targets), flat(value, style)
    if not style.probes and text == left:
        return []
    left += f": {flat(statement.kind, style)}" if statement.kind is not None else ""
    note = f"  # {shown(map(style.told, statement.sizes))}" if statement.sizes else ""
    if indent + len(left) + 3 + len(text) + len(note) <= WIDTH:
        return [f"{pad}{left} = {text}{note}"]
    right = _value(value, style, indent, len(left) + 3, 0)
    if len(statement.targets) == 1 or indent + len(left) + 3 + len(right.partition("\n")[0]) <= WIDTH:
        return [f"{pad}{left} = {right}"]
    if indent + len(left) + 4 <= WIDTH:
        inner = indent + len(INDENT)
        return [f"{pad}{left} = (", f"{' ' * inner}{broken(value, style, inner, 0, 0)}", f"{pad})"]
    names = [f"{pad}{INDENT}{flat(target, style)}," for target in statement.targets]
    return [f"{pad}(", *names, f"{pad}) = {_value(value, style, indent, 4, 0)}"]


def _value(code: Code, style: Style, indent: int, before: int, after: int) -> str:
    """A right-hand side or a condition; what has no brackets of its own to open gets some."""
    text = flat(code, style)
    if indent + before + len(text) + after <= WIDTH:
        return text
    if bracketless(code, style):
        inner = indent + len(INDENT)
        return f"(\n{' ' * inner}{broken(code, style, inner, 0, 0)}\n{' ' * indent})"
    return broken(code, style, indent, before, after)


def shown(sizes: Iterable[Expr]) -> str:
    """A shape: `[batch, 112, 112, 64]`."""
    return f"[{', '.join(map(str, sizes))}]"


def signature_lines(name: str, parameters: Sequence[str], returns: str, indent: int = 4) -> list[str]:
    """`def name(parameters) -> returns:`, broken over lines where it must be."""
    pad = " " * indent
    tail = f" -> {returns}:" if returns else ":"
    line = f"{pad}def {name}({', '.join(parameters)}){tail}"
    if len(line) <= WIDTH:
        return [line]
    last = [f"{pad}){tail}"]
    if len(last[0]) > WIDTH and (kinds := re.fullmatch(r"tuple\[([^][]*)\]", returns)):
        last = [f"{pad}) -> tuple[", *(f"{pad}    {kind}," for kind in kinds[1].split(", ")), f"{pad}]:"]
    inner = f"{pad}    {', '.join(parameters)}"
    if len(inner) <= WIDTH:
        return [f"{pad}def {name}(", inner, *last]
    return [f"{pad}def {name}(", *(f"{pad}    {parameter}," for parameter in parameters), *last]
