"""Integers that remember the expression they came from."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from archspec.expressions.nodes import Const, Expr
from archspec.expressions.simplification import build


class Dim(int):
    """An integer that remembers the expression it came from, through `+ - * // %`."""

    expr: Expr

    def __new__(cls, value: int, expr: Expr) -> Dim:
        self = super().__new__(cls, value)
        self.expr = expr
        return self

    def __getnewargs__(self) -> tuple[int, Expr]:  # type: ignore[override]
        return int(self), self.expr


def expr_of(value: Any) -> Expr:
    """Where a value came from: the expression of a `Dim`, else the constant itself."""
    return value.expr if isinstance(value, Dim) else Const(value)


def dim(value: int, expr: Expr) -> int:
    """A `Dim`, or a plain integer where the expression is one."""
    return int(value) if isinstance(expr, Const) else Dim(value, expr)


@lru_cache(10_000)
def _built(head: str, *args: Expr) -> Expr:
    """The same few sums of sizes are asked for again and again: at each convolution that a network has."""
    return build(head, args, whole=True)


def _traced(head: str, function: Callable[[int, int], int]) -> tuple[Any, Any]:
    neutral = {"+": 0, "-": 0, "*": 1, "//": 1}.get(head)

    def forward(self: Dim, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        if other == neutral and type(other) is int:
            return self
        return dim(function(int(self), int(other)), _built(head, self.expr, expr_of(other)))

    def backward(self: Dim, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        return dim(function(int(other), int(self)), _built(head, expr_of(other), self.expr))

    return forward, backward


for _head, _name, _function in (
    ("+", "add", int.__add__),
    ("-", "sub", int.__sub__),
    ("*", "mul", int.__mul__),
    ("//", "floordiv", int.__floordiv__),
    ("%", "mod", int.__mod__),
):
    _forward, _backward = _traced(_head, _function)
    setattr(Dim, f"__{_name}__", _forward)
    setattr(Dim, f"__r{_name}__", _backward)
Dim.__neg__ = lambda self: dim(-int(self), _built("neg", self.expr))  # type: ignore[attr-defined, method-assign]
