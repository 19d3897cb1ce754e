"""From text to tree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from archspec.expressions.evaluation import FUNCTIONS, bounded
from archspec.expressions.nodes import (
    COMPARISONS,
    MAX_DEPTH,
    MAX_HEIGHT,
    MAX_LENGTH,
    Apply,
    Attribute,
    Const,
    Expr,
    ExpressionError,
    Name,
)

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<string>'[^'\\]*'|\"[^\"\\]*\")|(?P<symbol>\*\*|//|==|!=|<=|>=|[-+*/%<>()\[\],.:=]))",
    re.ASCII,
)
_BINARY: Final = {"+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6}
_FOREIGN: Final = {
    "=": "write == to compare", ",": "a list stands in square brackets", "&": "write and", "|": "write or",
    "!": "write not", "?": "write a if condition else b",
}  # fmt: skip
"""Hints for what is there where it cannot be."""
_WORDS: Final = {"and", "or", "not", "if", "else", "in", "true", "false", "True", "False", "null", "None"}


@dataclass(slots=True)
class _Parser:
    text: str
    tokens: list[tuple[str, str, int]]
    at: int = 0
    depth: int = 0

    def peek(self) -> str:
        return self.tokens[self.at][1]

    def take(self, *texts: str) -> bool:
        kind, text, _ = self.tokens[self.at]
        if kind in ("symbol", "name") and text in texts:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise self.error(f"expected '{text}'")

    def error(self, message: str) -> ExpressionError:
        kind, text, offset = self.tokens[self.at]
        found = "the end" if kind == "end" else f"'{text}'"
        hint = _FOREIGN.get(text, "")
        return ExpressionError(f"{message}, found {found}", offset, hint)

    def expression(self) -> Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(
                f"the expression is nested too deeply (more than {MAX_DEPTH} levels)", self.tokens[self.at][2]
            )
        value = self.disjunction()
        if self.take("if"):
            test = self.disjunction()
            self.expect("else")
            value = Apply("if", (test, value, self.expression()), offset=value.offset)
        self.depth -= 1
        return value

    def disjunction(self) -> Expr:
        left = self.conjunction()
        while self.take("or"):
            left = Apply("or", (left, self.conjunction()), offset=left.offset)
        return left

    def conjunction(self) -> Expr:
        left = self.negation()
        while self.take("and"):
            left = Apply("and", (left, self.negation()), offset=left.offset)
        return left

    def negation(self) -> Expr:
        offset, count = self.tokens[self.at][2], 0
        while self.take("not"):
            count += 1
        value = self.comparison()
        for _ in range(min(count, 2 - count % 2)):
            value = Apply("not", (value,), offset=offset)
        return value

    def comparison(self) -> Expr:
        left = self.binary(5)
        tests: list[Expr] = []
        while self.peek() in COMPARISONS or (self.peek() == "not" and self.tokens[self.at + 1][1] == "in"):
            negated = self.take("not")
            operator = self.peek()
            self.at += 1
            right = self.binary(5)
            test: Expr = Apply(operator, (left, right), offset=left.offset)
            tests.append(Apply("not", (test,), offset=left.offset) if negated else test)
            left = right
        if not tests:
            return left
        value = tests[0]
        for test in tests[1:]:
            value = Apply("and", (value, test), offset=value.offset)
        return value

    def binary(self, rank: int) -> Expr:
        left = self.binary(rank + 1) if rank < 6 else self.unary()
        while self.tokens[self.at][0] == "symbol" and _BINARY.get(self.peek()) == rank:
            operator = self.peek()
            self.at += 1
            right = self.binary(rank + 1) if rank < 6 else self.unary()
            left = Apply(operator, (left, right), offset=left.offset)
        return left

    def unary(self) -> Expr:
        offset, negative = self.tokens[self.at][2], False
        while self.tokens[self.at][0] == "symbol" and self.peek() in "+-":
            negative ^= self.peek() == "-"
            self.at += 1
        value = self.power()
        if negative:
            if isinstance(value, Const) and type(value.value) in (int, float):
                return Const(-value.value, offset=offset)
            return Apply("neg", (value,), offset=offset)
        return value

    def power(self) -> Expr:
        base = self.postfix()
        if self.take("**"):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise ExpressionError(
                    f"the expression is nested too deeply (more than {MAX_DEPTH} levels)", self.tokens[self.at][2]
                )
            exponent = self.unary()
            self.depth -= 1
            return Apply("**", (base, exponent), offset=base.offset)
        return base

    def postfix(self) -> Expr:
        value = self.atom()
        while True:
            if self.take("["):
                value = self.subscript(value)
            elif self.take("."):
                kind, text, _ = self.tokens[self.at]
                if kind != "name" or not isinstance(value, Name):
                    raise self.error("expected the name of an axis of an input, as in x.channels")
                self.at += 1
                value = Attribute(value.id, text, offset=value.offset)
            else:
                return value

    def subscript(self, value: Expr) -> Expr:
        """What follows `depths[`: an index, or the bounds of a slice."""
        start = Const(None) if self.peek() == ":" else self.expression()
        if not self.take(":"):
            self.expect("]")
            return Apply("[]", (value, start), offset=value.offset)
        stop = Const(None) if self.peek() == "]" else self.expression()
        self.expect("]")
        return Apply("[:]", (value, start, stop), offset=value.offset)

    def atom(self) -> Expr:
        kind, text, offset = self.tokens[self.at]
        if kind == "number":
            self.at += 1
            number = float(text) if re.search(r"[.eE]", text) else int(text)
            bounded(number, offset)
            return Const(number, offset=offset)
        if kind == "string":
            self.at += 1
            return Const(text[1:-1], offset=offset)
        if kind == "name" and text in ("true", "True", "false", "False"):
            self.at += 1
            return Const(text in ("true", "True"), offset=offset)
        if kind == "name" and text in ("null", "None"):
            self.at += 1
            return Const(None, offset=offset)
        if kind == "name" and text not in _WORDS:
            self.at += 1
            if not self.take("("):
                return Name(text, offset=offset)
            if text not in FUNCTIONS:
                raise ExpressionError(
                    f"there is no function '{text}' in expressions", offset, f"there are: {', '.join(FUNCTIONS)}"
                )
            return Apply(text, self.items(")"), offset=offset)
        if self.take("("):
            value = self.expression()
            self.expect(")")
            return value
        if self.take("["):
            return Apply("list", self.items("]"), offset=offset)
        raise self.error("expected a number, a name or a bracket")

    def items(self, end: str) -> tuple[Expr, ...]:
        values: list[Expr] = []
        while not self.take(end):
            if values:
                self.expect(",")
                if self.take(end):
                    break
            values.append(self.expression())
        return tuple(values)


@lru_cache(4096)
def parse(text: str) -> Expr:
    """The tree of an expression.

    Raises ExpressionError if it is not one, is longer than `MAX_LENGTH` or nested deeper than `MAX_DEPTH`.
    """
    parser = _begun(text)
    value = parser.expression()
    _ended(parser, value)
    return value


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call: its value, the name that it is given by (or none), and where that stands."""

    value: Expr
    name: str
    offset: int


@lru_cache(1024)
def parse_call(text: str) -> tuple[str, tuple[Argument, ...]]:
    """A name and its arguments, as `normal(0.02)` or `zeros`; the arguments are expressions. Raises as `parse`."""
    parser = _begun(text)
    kind, name, _ = parser.tokens[0]
    if kind != "name" or name in _WORDS:
        raise parser.error("expected a name, as in normal(0.02)")
    parser.at = 1
    arguments: list[Argument] = []
    if parser.take("("):
        while not parser.take(")"):
            if arguments:
                parser.expect(",")
                if parser.take(")"):
                    break
            kind, given, offset = parser.tokens[parser.at]
            named = kind == "name" and parser.tokens[parser.at + 1][1] == "="
            parser.at += 2 * named
            value = parser.expression()
            arguments.append(Argument(value, given if named else "", offset))
    _ended(parser, *(argument.value for argument in arguments))
    return name, tuple(arguments)


def _begun(text: str) -> _Parser:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression is {len(text)} characters long; the limit is {MAX_LENGTH}")
    tokens: list[tuple[str, str, int]] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise ExpressionError(f"unexpected character {text[at]!r}", at, _FOREIGN.get(text[at], ""))
        tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    tokens.append(("end", "", end))
    if not tokens[0][1]:
        raise ExpressionError("the expression is empty")
    return _Parser(text, tokens)


def _ended(parser: _Parser, *values: Expr) -> None:
    if parser.tokens[parser.at][0] != "end":
        raise parser.error("expected the end of the expression")
    if any(_height(value) > MAX_HEIGHT for value in values):
        raise ExpressionError(f"the expression has more than {MAX_HEIGHT} operators on top of one another")


def _height(expr: Expr) -> int:
    """How many operators there are above the deepest name or number, found without recursion."""
    height, level = 0, [expr]
    while level := [arg for node in level if isinstance(node, Apply) for arg in node.args]:
        height += 1
    return height
