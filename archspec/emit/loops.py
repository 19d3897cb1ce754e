"""Repeats stay repeats: equal neighbours become a loop, and rows that grow evenly one expression in `index`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from archspec.emit.code import INDEX, Call, Code, Implied, Items, Loop, Raw, Symbol, call, fraction, literal
from archspec.expressions import Apply, Const, Expr, Name, build, substitute

LISTED = 4
"""How many different elements are written out one by one before a loop over `index` is tried."""


def runs(codes: Sequence[Code]) -> list[tuple[int, int]]:
    """Where equal neighbours begin, and how many there are."""
    found, at = [], 0
    for _, group in groupby(codes):
        count = len(list(group))
        found.append((at, count))
        at += count
    return found


def fold(codes: Sequence[Code]) -> list[Code]:
    """Elements of a container, with equal neighbours as `*(element for _ in range(n))`."""
    found = runs(codes)
    if len(found) > LISTED:
        loop = generalize(codes)
        if loop is not None:
            return [Loop(loop[0], loop[1], call("range", literal(len(codes))))]
    result: list[Code] = []
    for at, count in found:
        if count > 1:
            result.append(Loop(codes[at], "_", call("range", literal(count))))
        else:
            result.append(codes[at])
    return result


def generalize(codes: Sequence[Code]) -> tuple[Code, str] | None:
    """One expression that gives all of these for `index` = 0, 1, ..., and the name of its variable.

    What grows evenly becomes `a + index * b`; what differs in the first element only, a conditional.
    """
    if not codes:
        return None
    if all(code == codes[0] for code in codes):
        return codes[0], "_"
    general = _general(list(codes))
    return (general, INDEX) if general is not None else None


def _general(codes: list[Code]) -> Code | None:
    first = codes[0]
    if all(code == first for code in codes):
        return first
    codes = [code.value if isinstance(code, Implied) else code for code in codes]
    first = codes[0]
    exprs = [_expr(code) for code in codes]
    if all(expr is not None for expr in exprs):
        general = _even([expr for expr in exprs if expr is not None]) or _first_differs(codes)
        return fraction(general) if general and any(isinstance(c, Symbol) and c.fraction for c in codes) else general
    if all(isinstance(code, Call) for code in codes):
        return _calls([code for code in codes if isinstance(code, Call)])
    rows = [code for code in codes if isinstance(code, Items)]
    if len(rows) == len(codes) and len({(len(row.items), row.brackets) for row in rows}) == 1:
        parts = [_general(list(column)) for column in zip(*(row.items for row in rows), strict=True)]
        if all(part is not None for part in parts):
            return Items(tuple(part for part in parts if part is not None), rows[0].brackets)
    return None


def _calls(codes: list[Call]) -> Code | None:
    first = codes[0]
    if any(code.target != first.target or len(code.args) != len(first.args) for code in codes):
        return None
    keys: dict[str, None] = {}
    for code in codes:
        keys |= dict.fromkeys(key for key, _ in code.kwargs)
    if any({key for key, _ in code.kwargs} != set(keys) for code in codes):
        return None
    args = [_general([code.args[i] for code in codes]) for i in range(len(first.args))]
    kwargs = [(key, _general([dict(code.kwargs)[key] for code in codes])) for key in keys]
    if any(arg is None for arg in args) or any(value is None for _, value in kwargs):
        return None
    return Call(first.target, tuple(a for a in args if a is not None),
                tuple((k, v) for k, v in kwargs if v is not None))  # fmt: skip


def _expr(code: Code) -> Expr | None:
    if isinstance(code, Symbol):
        return code.expr
    if isinstance(code, Raw) and code.text in ("True", "False"):
        return Const(code.text == "True")
    if isinstance(code, Raw) and code.text.lstrip("-").isdigit():
        return Const(int(code.text))
    return None


def _even(exprs: list[Expr]) -> Code | None:
    start, step = exprs[0], build("-", (exprs[1], exprs[0]))
    if not isinstance(start, (Const, Name, Apply)):
        return None
    general = build("+", (start, build("*", (Name(INDEX), step))))
    for index, expr in enumerate(exprs):
        if substitute(general, {INDEX: Const(index)}) != expr:
            return None
    return Symbol(general)


def _first_differs(codes: list[Code]) -> Code | None:
    rest = codes[1:]
    first, then = _expr(codes[0]), _expr(rest[0])
    if any(code != rest[0] for code in rest) or first is None or then is None:
        return None
    truths = [expr.value for expr in (first, then) if isinstance(expr, Const) and isinstance(expr.value, bool)]
    if len(truths) == 2:
        return Symbol(Apply("==" if truths[0] else "!=", (Name(INDEX), Const(0))))
    return Symbol(Apply("if", (Apply("==", (Name(INDEX), Const(0))), first, then)))
