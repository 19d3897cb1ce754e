"""Repeats stay repeats: equal neighbours become a loop, and rows that grow evenly one expression in `index`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from archspec.emit.code import (
    Call,
    Code,
    Implied,
    Items,
    Loop,
    Raw,
    Repeated,
    Symbol,
    call,
    exact,
    fraction,
    literal,
    walk,
)
from archspec.expressions import Apply, Const, Expr, Name, build, substitute
from archspec.graph.tree import INDEX

LISTED: Final = 4
"""How many different elements are written out one by one before a loop that the spec does not have is tried."""
LONG: Final = 8
"""How long a number may be before the formula that it follows from says it better."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbours in a repeat that one expression gives: `count` of them, from the number `start` on. If they differ, it
    is one in `INDEX`."""

    start: int
    count: int
    code: Code
    indexed: bool = False

    def numbers(self, first: int = 0) -> Call:
        """The range of their numbers, where the repeat begins with `first`."""
        start, stop = self.start + first, self.start + first + self.count
        return call("range", *((literal(stop),) if start == 0 else (literal(start), literal(stop))))


def pieces(codes: Sequence[Code]) -> list[Piece]:
    """The elements of a repeat in as few pieces as read well: equal neighbours; or three and more, but perhaps for the
    first, that an expression in the number of the iteration gives: the spec's own, or, for many, one that is found."""
    alike = list(_runs(codes))
    tries = [_SPEC] if len(alike) > 2 else []
    tries += [_FOUND, _ANY] if len(alike) > LISTED else []
    for ways in tries:
        found = [(start, general) for start in (0, 1) if len(codes) > start + 2
                 and (general := _general(codes[start:], start, ways)) is not None]  # fmt: skip
        if found:
            start, general = min(found, key=lambda each: _choices(each[1]))
            first = [Piece(0, 1, _spelled(code, 0)) for code in codes[:start]]
            return [*first, Piece(start, len(codes) - start, general, general != codes[start])]
    return [Piece(at, count, _spelled(codes[at], at) if count == 1 else codes[at]) for at, count in alike]


def _choices(code: Code) -> int:
    """How many conditions an expression in `INDEX` has."""
    return sum(isinstance(part, Symbol) and "if" in _heads(part.expr) for part in walk(code))


def _heads(expr: Expr) -> set[str]:
    return {expr.head}.union(*map(_heads, expr.args)) if isinstance(expr, Apply) else set()


def _runs(codes: Sequence[Code]) -> Iterator[tuple[int, int]]:
    """Where equal neighbours begin, and how many there are."""
    at = 0
    for _, group in groupby(codes):
        count = len(list(group))
        yield at, count
        at += count


def fold(codes: Sequence[Code]) -> list[Code]:
    """Elements of a container, with those that one expression gives as `*(element for _ in range(n))`."""
    return [
        piece.code if piece.count == 1
        else Loop(piece.code, INDEX, piece.numbers()) if piece.indexed
        else Loop(piece.code, "_", call("range", literal(piece.count)))
        for piece in pieces(codes)
    ]  # fmt: skip


def generalize(codes: Sequence[Code]) -> tuple[Code, str] | None:
    """One expression that gives all of these for `index` = 0, 1, ..., and the name of its variable.

    It is the spec's own; or what grows evenly becomes `a + index * b`, and what differs in the first element only, a
    conditional.
    """
    if not codes:
        return None
    if all(code == codes[0] for code in codes):
        return codes[0], "_"
    general = _general(codes, 0, _ANY)
    return (general, INDEX) if general is not None else None


def repeated(codes: Sequence[Code], count: Expr, least: int) -> list[Code] | None:
    """Elements of a container, `count` of them, and at least so many, as a loop; the first one before it, if that is
    the only other one."""
    loop = generalize(codes)
    if loop is None:
        return None
    if least and loop[1] == INDEX and all(code == codes[1] for code in codes[1:]):
        fewer = build("-", (count, Const(1)))
        return [_bare(codes[0]), Loop(codes[1], "_", call("range", Symbol(fewer)))]
    return [Loop(*loop, call("range", Symbol(count)))]


def numbered(code: Code, first: int) -> Code:
    """An expression in `INDEX`, for numbers that begin with `first`."""
    match code:
        case Call(target, args, kwargs):
            named = tuple((key, numbered(value, first)) for key, value in kwargs)
            return Call(target, tuple(numbered(arg, first) for arg in args), named)
        case Items(items, brackets):
            return Items(tuple(numbered(item, first) for item in items), brackets)
        case Symbol(expr, fraction):
            return Symbol(substitute(expr, {INDEX: build("-", (Name(INDEX), Const(first)))}), fraction)
    return code


def _bare(code: Code) -> Code:
    """What is printed of an argument."""
    while isinstance(code, (Implied, Repeated)):
        code = code.value
    return code


def _is_long(code: Code) -> bool:
    return isinstance(code, Raw) and "." in code.text and len(code.text) > LONG


_Way = Callable[[Sequence[Code], int], "Code | None"]
"""How one expression may be found that gives arguments for numbers from `start` on."""


def _general(codes: Sequence[Code], start: int, ways: Sequence[_Way]) -> Code | None:
    if all(code == codes[0] for code in codes):
        return codes[0]
    for way in ways:
        general = way(codes, start)
        if general is not None:
            return general
    codes = [_bare(code) for code in codes]
    if all(isinstance(code, Call) for code in codes):
        return _calls([code for code in codes if isinstance(code, Call)], start, ways)
    rows = [code for code in codes if isinstance(code, Items)]
    if len(rows) == len(codes) and len({(len(row.items), row.brackets) for row in rows}) == 1:
        parts = [_general(column, start, ways) for column in zip(*(row.items for row in rows), strict=True)]
        if all(part is not None for part in parts):
            return Items(tuple(part for part in parts if part is not None), rows[0].brackets)
    return None


def _calls(codes: list[Call], start: int, ways: Sequence[_Way]) -> Code | None:
    first = codes[0]
    if any(code.target != first.target or len(code.args) != len(first.args) for code in codes):
        return None
    keys: dict[str, None] = {}
    for code in codes:
        keys |= dict.fromkeys(key for key, _ in code.kwargs)
    if any({key for key, _ in code.kwargs} != set(keys) for code in codes):
        return None
    args = [_general([code.args[i] for code in codes], start, ways) for i in range(len(first.args))]
    kwargs = [(key, _general([dict(code.kwargs)[key] for code in codes], start, ways)) for key in keys]
    if any(arg is None for arg in args) or any(value is None for _, value in kwargs):
        return None
    return Call(first.target, tuple(a for a in args if a is not None),
                tuple((k, v) for k, v in kwargs if v is not None))  # fmt: skip


def _as_in_spec(codes: Sequence[Code], start: int) -> Code | None:
    """The spec's own expression, if it gives them all."""
    told = [code.value if isinstance(code, Implied) else code for code in codes]
    exprs = {code.expr for code in told if isinstance(code, Repeated)}
    if len(exprs) != 1 or not all(isinstance(code, Repeated) for code in told):
        return None
    expr = exprs.pop()
    given = (substitute(expr, {INDEX: Const(start + number)}) for number in range(len(codes)))
    alike = all(_said(each) == _bare(code) for each, code in zip(given, codes, strict=True))
    return Symbol(expr) if alike else None


def _said(expr: Expr) -> Code:
    return exact(literal(expr.value)) if isinstance(expr, Const) else Symbol(expr)


def _evenly(codes: Sequence[Code], start: int) -> Code | None:
    """What grows by the same from one to the next."""
    exprs = [_expr(_bare(code)) for code in codes]
    first, second = exprs[:2]
    if first is None or second is None:
        return None
    step = build("-", (second, first))
    begin = first if start == 0 else build("-", (first, build("*", (Const(start), step))))
    general = build("+", (begin, build("*", (Name(INDEX), step))))
    for number, expr in enumerate(exprs):
        if expr is None or substitute(general, {INDEX: Const(start + number)}) != expr:
            return None
    return _fraction(Symbol(general), codes)


def _first_differs(codes: Sequence[Code], start: int) -> Code | None:
    bare = [_bare(code) for code in codes]
    first, then = _expr(bare[0]), _expr(bare[1])
    if any(code != bare[1] for code in bare[1:]) or first is None or then is None:
        return None
    here = (Name(INDEX), Const(start))
    truths = [expr.value for expr in (first, then) if isinstance(expr, Const) and isinstance(expr.value, bool)]
    if len(truths) == 2:
        return Symbol(Apply("==" if truths[0] else "!=", here))
    return _fraction(Symbol(Apply("if", (Apply("==", here), first, then))), codes)


_SPEC: Final[tuple[_Way, ...]] = (_as_in_spec,)
_FOUND: Final[tuple[_Way, ...]] = (_as_in_spec, _evenly)
_ANY: Final[tuple[_Way, ...]] = (_as_in_spec, _evenly, _first_differs)


def _fraction(general: Symbol, codes: Sequence[Code]) -> Code:
    return fraction(general) if any(isinstance(code, Symbol) and code.fraction for code in codes) else general


def _expr(code: Code) -> Expr | None:
    if isinstance(code, Symbol):
        return code.expr
    if isinstance(code, Raw) and code.text in ("True", "False"):
        return Const(code.text == "True")
    if isinstance(code, Raw) and code.text.lstrip("-").isdigit():
        return Const(int(code.text))
    return None


def _spelled(code: Code, index: int) -> Code:
    """One element, with the formulas of long numbers."""
    match code:
        case Call(target, args, kwargs):
            named = tuple((key, _spelled(value, index)) for key, value in kwargs)
            return Call(target, tuple(_spelled(arg, index) for arg in args), named)
        case Repeated(value, expr) if _is_long(value) and _said(substitute(expr, {INDEX: Const(index)})) == value:
            return Symbol(_in_numbers(expr, index))
    return code


def _in_numbers(expr: Expr, index: int) -> Expr:
    """An expression for one iteration, in which whole numbers are put together, and fractions are not."""
    if not isinstance(expr, Apply):
        return Const(index) if expr == Name(INDEX) else expr
    args = tuple(_in_numbers(arg, index) for arg in expr.args)
    whole = all(isinstance(arg, Const) and type(arg.value) is int for arg in args)
    return build(expr.head, args) if whole and expr.head != "/" else Apply(expr.head, args)
