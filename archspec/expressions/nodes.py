"""The tree that an expression is, and how it prints."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal

MAX_LENGTH: Final = 1000  # characters of one expression
MAX_DEPTH: Final = 50  # brackets and calls inside one another
MAX_HEIGHT: Final = 100  # operators on top of one another, as in a sum of a hundred terms
MAX_ITEMS: Final = 10_000  # items of a list, those of lists in it included
MAX_NUMBER: Final = 2**53  # the largest magnitude of a result: above it float64 is not exact


class ExpressionError(ValueError):
    """An expression cannot be parsed or evaluated; `offset` counts characters from its start."""

    def __init__(self, message: str, offset: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Expr:
    """A node of the tree. Equality is structural and ignores where in the text a node stood."""

    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return render(self)


@dataclass(frozen=True, slots=True, eq=False)
class Const(Expr):
    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Const) and _written(self.value) == _written(other.value)

    def __hash__(self) -> int:
        return hash(_written(self.value))

    def __str__(self) -> str:
        return render(self)


def _written(value: Any) -> Any:
    """What tells constants apart: 1, 1.0 and true are three, while lists are equal to tuples."""
    return tuple(map(_written, value)) if isinstance(value, (list, tuple)) else (type(value), value)


@dataclass(frozen=True, slots=True)
class Name(Expr):
    id: str
    kind: Literal["whole", "list", "other"] = field(default="whole", compare=False, kw_only=True)
    """What it stands for: a whole number, so that sums may be rearranged, a list of whole numbers, or anything else."""

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class Attribute(Expr):
    """`x.channels`: the size of an axis of a block's input."""

    base: str
    name: str

    def __str__(self) -> str:
        return f"{self.base}.{self.name}"


class _Tree(Expr):
    """Keeps its hash, which takes time."""

    __slots__ = ("_hash",)
    _hash: int


@dataclass(frozen=True, slots=True)
class Apply(_Tree):
    """An operator or a function applied to operands: `+ - * / // % ** == != < <= > >= in and or not neg if [] [:] list`
    or the name of a function."""

    head: str
    args: tuple[Expr, ...]

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            found = hash((self.head, self.args))
            object.__setattr__(self, "_hash", found)
            return found

    def __str__(self) -> str:
        return render(self)


def suggestion(word: str, words: Iterable[str]) -> str:
    """A hint that names the closest of `words`, or the empty string."""
    found = closest(word, words)
    return f"did you mean '{found}'?" if found else ""


def closest(word: str, words: Iterable[str]) -> str:
    """The one of `words` that somebody may have meant, or the empty string."""
    from difflib import get_close_matches

    if len(word) > 64:
        return ""
    found = get_close_matches(word, [w for w in islice(words, 1000) if len(w) <= 64], 1, 0.6)
    return found[0] if found else ""


def references(expr: Expr) -> Iterator[Name | Attribute]:
    """The names in an expression, and each `x.channels`, in order."""
    match expr:
        case Name() | Attribute():
            yield expr
        case Apply(_, args):
            for arg in args:
                yield from references(arg)


def free_names(expr: Expr) -> set[str]:
    """The names that an expression reads; `x.channels` counts as `x`."""
    return {node.id if isinstance(node, Name) else node.base for node in references(expr)}


COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=", "in")
_RANK: Final = {"if": 1, "or": 2, "and": 3, "not": 4, **dict.fromkeys(COMPARISONS, 5), "+": 6, "-": 6,
                "*": 7, "/": 7, "//": 7, "%": 7, "neg": 8, "**": 9}  # fmt: skip


def operands(expr: Expr) -> list[tuple[str, Expr, int]]:
    """What stands between the infix operators that bind least, if any: the sign before it, the operand, and how tightly
    it must bind to need no brackets."""
    match expr:
        case Apply("if", (test, then, otherwise)):
            nested = operands(otherwise) if isinstance(otherwise, Apply) and otherwise.head == "if" else []
            (_, last, rank), *others = nested or [("", otherwise, 1)]
            return [("", then, 2), ("if", test, 2), ("else", last, rank), *others]
        case Apply("**", (base, exponent)):
            return [("", base, 10), ("**", exponent, 8)]
        case Apply("not", (Apply("in", (item, items)),)):
            return [("", item, 6), ("not in", items, 6)]
        case Apply(head, (left, right)) if head in _RANK:
            own = _RANK[head]
            if head in COMPARISONS:
                return [("", left, own + 1), (head, right, own + 1)]
            before = operands(left) if _chained(own, left) else [("", left, own)]
            # `and` binds tighter than `or`, but formatters break lines at both.
            after = operands(right) if head == "or" and _chained(3, right) else [("", right, own + 1)]
            (_, first, rank), *others = after
            return [*before, (head, first, rank), *others]
    return []


def _chained(rank: int, expr: Expr) -> bool:
    return isinstance(expr, Apply) and (_RANK.get(expr.head) == rank or (rank == 2 and expr.head == "and"))


def render(expr: Expr, rank: int = 0) -> str:
    """The expression as Python source, with no more brackets than its meaning needs."""
    match expr:
        case Const(value):
            text = _literal(value)
            return f"({text})" if text.startswith("-") and rank > 8 else text
        case Name() | Attribute():
            return str(expr)
        case Apply("[]", (base, index)):
            return f"{render(base, 10)}[{render(index)}]"
        case Apply("[:]", (base, start, stop)):
            bounds = ":".join("" if bound == Const(None) else render(bound) for bound in (start, stop))
            return f"{render(base, 10)}[{bounds}]"
        case Apply("list", args):
            return f"[{', '.join(map(render, args))}]"
        case Apply(head, args) if head in _RANK:
            own = 5 if head == "not" and operands(expr) else _RANK[head]
            text = _operators(head, expr)
            return f"({text})" if own < rank else text
        case Apply(head, args):
            return f"{head}({', '.join(map(render, args))})"
    raise AssertionError(expr)


def _literal(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, str) and '"' not in value:
        return f'"{repr(value)[1:-1]}"'
    return repr(value)


def _operators(head: str, expr: Apply) -> str:
    parts = [(sign, render(part, rank)) for sign, part, rank in operands(expr)]
    if not parts:
        (operand,) = expr.args
        power = isinstance(operand, Apply) and operand.head == "**"  # -(a**2), as formatters have it
        return f"{'-' if head == 'neg' else 'not '}{render(operand, 10 if power else _RANK[head])}"
    if head == "**" and all(_SIMPLE.fullmatch(text) for _, text in parts):
        return "**".join(text for _, text in parts)  # as formatters have it
    return " ".join(f"{sign} {text}" if sign else text for sign, text in parts)


_SIMPLE: Final = re.compile(r"-?[\w.]+")


def float32(value: float) -> float:
    """The nearest float32."""
    return float(struct.unpack("f", struct.pack("f", value))[0]) if abs(value) < 3e38 else value
