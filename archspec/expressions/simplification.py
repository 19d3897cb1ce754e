"""Trees with names replaced, as short as they can be said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from archspec.expressions.evaluation import evaluate
from archspec.expressions.nodes import Apply, Attribute, Const, Expr, ExpressionError, Name

_SUMS: Final = ("+", "-", "*", "neg", "//", "%")


def substitute(expr: Expr, names: Mapping[str, Expr], *, whole: bool = False) -> Expr:
    """`expr` with names (and `x.channels`, under that whole text) replaced, simplified on the way.

    `whole` says that its value is known to be a whole number, so that all terms of its sums are.
    """
    match expr:
        case Name(id):
            return names.get(id, expr)
        case Attribute(base, name):
            return names.get(f"{base}.{name}", expr)
        case Apply("if", (test, then, otherwise)):
            branches = (substitute(then, names, whole=whole), substitute(otherwise, names, whole=whole))
            return build("if", (substitute(test, names), *branches), whole=whole)
        case Apply(head, args):
            inner = whole and head in _SUMS
            return build(head, tuple(substitute(arg, names, whole=inner) for arg in args), whole=whole)
    return expr


def rename(expr: Expr, names: Callable[[str], Expr]) -> Expr:
    """`expr` with other names, and nothing else changed."""
    match expr:
        case Name(id):
            return names(id)
        case Apply(head, args):
            return Apply(head, tuple(rename(arg, names) for arg in args))
    return expr


def build(head: str, args: tuple[Expr, ...], *, whole: bool = False) -> Expr:
    """`Apply(head, args)`, simplified: constants are folded, like terms of sums of whole numbers are joined.

    Where the expression has a value, the simplified one has the same. Sums are left alone unless all terms are known to
    be whole, because floats do not add up the same in another order; `whole` says that the value is a whole number.
    """
    if head == "if":
        test, then, otherwise = args
        if isinstance(test, Const):
            return then if test.value else otherwise
        return then if then == otherwise else Apply(head, args)
    if head in ("and", "or"):
        left, right = args
        if isinstance(left, Const):
            return right if left.value == (head == "and") else left
        if isinstance(right, Const):
            return left if right.value == (head == "and") else right
        return left if left == right else Apply(head, args)
    if all(isinstance(arg, Const) for arg in args):
        try:
            value = evaluate(Apply(head, args), {})
        except ExpressionError:
            return Apply(head, args)
        return Const(tuple(value) if isinstance(value, list) else value)
    if head in ("==", "!=") and args[0] == args[1]:
        return Const(head == "==")
    if head == "[]" and isinstance(args[0], Apply) and args[0].head == "list" and isinstance(args[1], Const):
        items = args[0].args
        return items[args[1].value] if -len(items) <= args[1].value < len(items) else Apply(head, args)
    if head in _SUMS and (whole or all(map(_whole, args))):
        return _polynomial(head, args)
    return Apply(head, args)


def _whole(expr: Expr) -> bool:
    """Whether the value of an expression is a whole number for certain."""
    match expr:
        case Const(value):
            return type(value) is int
        case Name():
            return expr.kind == "whole"
        case Attribute() | Apply("int" | "len" | "ceil" | "floor" | "make_divisible"):
            return True
        case Apply("if", (_, then, otherwise)):
            return _whole(then) and _whole(otherwise)
        case Apply("[]", (base, _)):
            return _whole_list(base)
        case Apply("round", args):
            return len(args) == 1
        case Apply("sum" | "min" | "max", (items,)):
            return _whole_list(items)
        case Apply("+" | "-" | "*" | "//" | "%" | "neg" | "min" | "max" | "abs", args):
            return all(map(_whole, args))
    return False


def _whole_list(expr: Expr) -> bool:
    match expr:
        case Const(list() | tuple() as values):
            return all(type(value) is int for value in values)
        case Name():
            return expr.kind == "list"
        case Apply("[:]", (base, *_)):
            return _whole_list(base)
        case Apply("list", args):
            return all(map(_whole, args))
    return False


_Factors = tuple[Expr, ...]
_Terms = dict[_Factors, tuple[_Factors, int]]
"""A sum: the factors of each term in a fixed order, with the factors in order of appearance and their coefficient."""


def _shifted(head: str, expr: Expr, by: int) -> Expr | None:
    """`expr + by` or `expr - by` where that is easily said: by far the most frequent of all simplifications."""
    by = by if head == "+" else -by
    match expr:
        case Apply("+" | "-" as sign, (base, Const(int(before)))):
            by += before if sign == "+" else -before
        case Name() | Attribute() | Apply("//" | "%"):
            base = expr
        case _:
            return None
    return base if by == 0 else Apply("+" if by > 0 else "-", (base, Const(abs(by))))


def _polynomial(head: str, args: tuple[Expr, ...]) -> Expr:
    if head in ("+", "-") and isinstance(args[1], Const):
        shifted = _shifted(head, args[0], args[1].value)
        if shifted is not None:
            return shifted
    terms = [_terms(arg) for arg in args]
    if head in ("+", "-", "neg"):
        return _sum(_total(head, terms))
    if head == "*":
        product = _product_of(*terms)
        return Apply(head, args) if product is None else _sum(product)
    quotient = _quotient(*terms)
    if quotient is not None:
        return _sum(quotient) if head == "//" else Const(0)
    return Const(1 if head == "//" else 0) if args[0] == args[1] else Apply(head, args)


def _terms(expr: Expr) -> _Terms:
    match expr:
        case Const(int(value)):
            return {(): ((), int(value))} if value else {}
        case Apply("+" | "-" | "neg" as head, args):
            return _total(head, [_terms(arg) for arg in args])
        case Apply("*", (left, right)):
            product = _product_of(_terms(left), _terms(right))
            if product is not None:
                return product
    return {(expr,): ((expr,), 1)}


def _total(head: str, terms: list[_Terms]) -> _Terms:
    """The sum or difference of two sums, or the negation of one."""
    first, *others = terms
    total = {key: (f, -c) for key, (f, c) in first.items()} if head == "neg" else dict(first)
    for other in others:
        for key, (factors, c) in other.items():
            before = total.get(key, (factors, 0))
            total[key] = (before[0], before[1] + (-c if head == "-" else c))
    return total


def _product_of(one: _Terms, other: _Terms) -> _Terms | None:
    """The product of two sums, unless both have several terms."""
    if len(one) > 1 and len(other) > 1:
        return None
    result: _Terms = {}
    for f, c in one.values():
        for g, d in other.values():
            if len(one) == len(other) == 1 or not f or not g:
                factors = (*f, *g)
                result[tuple(sorted(factors, key=str)) if len(factors) > 1 else factors] = (factors, c * d)
            else:
                return None
    return result


def _quotient(one: _Terms, other: _Terms) -> _Terms | None:
    """A sum divided by a product that stands in all of its terms; None for another divisor."""
    if len(other) != 1:
        return None
    ((divisor, by),) = other.values()
    result: _Terms = {}
    for factors, c in one.values():
        left = [*factors]
        for factor in divisor:
            if factor not in left:
                return None
            left.remove(factor)
        if by == 0 or c % by:
            return None
        result[tuple(sorted(left, key=str))] = (tuple(left), c // by)
    return result


def _sum(terms: _Terms) -> Expr:
    """The sum as an expression, what is subtracted and the constant last."""
    total: Expr | None = None
    for factors, c in sorted(terms.values(), key=lambda term: term[1] < 0 or not term[0]):
        if c:
            term = _product(factors, abs(c) if total is not None else c)
            total = term if total is None else Apply("-" if c < 0 else "+", (total, term))
    return Const(0) if total is None else total


def _product(factors: _Factors, c: int) -> Expr:
    parts = [*factors] if c in (1, -1) and factors else [Const(c), *factors]
    value = parts[0]
    for part in parts[1:]:
        value = Apply("*", (value, part))
    return Apply("neg", (value,)) if c == -1 and factors else value
