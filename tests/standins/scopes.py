"""What Python itself says of a generated file: whether it compiles, and whether every name in it is one of the file."""

from __future__ import annotations

import builtins
import symtable
from collections.abc import Iterator


def problems(source: str) -> list[str]:
    """Arguments that are there twice, names that nothing defines, names of the file that a function hides and uses."""
    try:
        compile(source, "<generated>", "exec")
        table = symtable.symtable(source, "<generated>", "exec")
    except SyntaxError as error:
        return [f"line {error.lineno}: {error.msg}"]
    return list(_undefined(table, {symbol.get_name() for symbol in table.get_symbols()}))


def _undefined(table: symtable.SymbolTable, top: set[str]) -> Iterator[str]:
    for inner in table.get_children():
        for symbol in inner.get_symbols():
            name = symbol.get_name()
            if symbol.is_global() and name not in top and not hasattr(builtins, name):
                yield f"{inner.get_name()} reads '{name}', which nothing defines"
        yield from _undefined(inner, top)
