"""Expressions that a constructor or a function says several times get a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from archspec.emit.code import Raw, Symbol, walk
from archspec.emit.printing import Style
from archspec.emit.reads import codes
from archspec.emit.statements import Assign, Statement, print_statements
from archspec.expressions import Apply, Const, Expr, Name, free_names, render

TIMES: Final = 3
LENGTH: Final = 20
"""How often an expression is said, and how long it is, before a name is better."""


def print_shortened(
    statements: Sequence[Statement], style: Style, indent: int, spell: Callable[[Expr], str]
) -> list[str]:
    """The lines of statements, behind those that give what is repeated the names of `spell`."""
    shown = {expr: spell(expr) for expr in repeated(statements, style.names)}
    if not shown:
        return print_statements(statements, style, indent)
    made = [Assign((Raw(name),), Symbol(expr)) for expr, name in shown.items()]
    shorter = replace(style, names=lambda expr: renamed(style.names(expr), shown))
    return [
        *print_statements(made, replace(style, names=lambda expr: expr), indent),
        *print_statements(statements, shorter, indent),
    ]


def repeated(statements: Sequence[Statement], names: Callable[[Expr], Expr]) -> list[Expr]:
    """The expressions that deserve a name, as they are printed with `names`: the longest first, and others where they
    are repeated outside of it, too."""
    said = [
        names(part.expr) for code in codes(statements) for part in walk(code)
        if isinstance(part, Symbol) and not any(name.startswith("#") for name in free_names(part.expr))
    ]  # fmt: skip
    found: list[Expr] = []
    while True:
        counts = Counter(inner for expr in said for inner in _within(expr) if _is_safe(inner))
        often = [expr for expr, count in counts.items() if count >= TIMES and len(render(expr)) >= LENGTH]
        if not often:
            return found
        found.append(max(often, key=lambda expr: len(render(expr))))
        said = [renamed(expr, {found[-1]: ""}) for expr in said]


def renamed(expr: Expr, names: Mapping[Expr, str]) -> Expr:
    """An expression with names for some of those within it."""
    if expr in names:
        return Name(names[expr])
    if not isinstance(expr, Apply):
        return expr
    return Apply(expr.head, tuple(renamed(arg, names) for arg in expr.args))


def _within(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, Apply):
        yield expr
        for arg in expr.args:
            yield from _within(arg)


def _is_safe(expr: Expr) -> bool:
    """Whether it has a value even where it is not needed: nothing is divided by what may be zero."""
    if isinstance(expr, Apply):
        divides = expr.head in ("/", "//", "%", "[]", "**")
        return (not divides or isinstance(expr.args[1], Const)) and all(map(_is_safe, expr.args))
    return True
