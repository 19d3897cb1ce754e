"""Questions about statements."""

from __future__ import annotations

from archspec.emit.code import Assign, For, If, Return, Statement
from archspec.emit.context import symbols


def names_read(statement: Statement) -> dict[str, None]:
    """The names of params and sizes that a statement reads, in order."""
    match statement:
        case Assign(_, value, _) | Return(value):
            return symbols(value)
        case If(condition, body):
            found = symbols(condition)
        case For(variable, iterable, body):
            found = symbols(iterable)
            inner: dict[str, None] = {}
            for item in body:
                inner |= names_read(item)
            inner.pop(variable, None)
            return found | inner
        case _:
            return {}
    for item in body:
        found |= names_read(item)
    return found
