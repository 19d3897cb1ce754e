"""The expressions of a spec: a small tree of our own, parsed, evaluated within bounds, simplified, and printed as Python.

The same tree describes sizes: a `Dim` is an integer that remembers the expression it came from, so that shape rules
written in plain arithmetic also tell how an inner size follows from a block's arguments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
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


@dataclass(frozen=True, slots=True)
class Apply(Expr):
    """An operator or a function applied to operands: `+ - * / // % ** == != < <= > >= in and or not neg if [] list`
    or the name of a function."""

    head: str
    args: tuple[Expr, ...]

    def __str__(self) -> str:
        return render(self)


# Parsing ------------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<string>'[^'\\]*'|\"[^\"\\]*\")|(?P<symbol>\*\*|//|==|!=|<=|>=|[-+*/%<>()\[\],.=]))",
    re.ASCII,
)
_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=", "in")
_BINARY: Final = {"+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6}
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
        hint = "write == to compare" if text == "=" else ""
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
        while self.peek() in _COMPARISONS or (self.peek() == "not" and self.tokens[self.at + 1][1] == "in"):
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
                index = self.expression()
                self.expect("]")
                value = Apply("[]", (value, index), offset=value.offset)
            elif self.take("."):
                kind, text, offset = self.tokens[self.at]
                if kind != "name" or not isinstance(value, Name):
                    raise self.error("expected the name of an axis of an input, as in x.channels")
                self.at += 1
                value = Attribute(value.id, text, offset=value.offset)
            else:
                return value

    def atom(self) -> Expr:
        kind, text, offset = self.tokens[self.at]
        if kind == "number":
            self.at += 1
            number = float(text) if re.search(r"[.eE]", text) else int(text)
            _bounded(number, offset)
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


def parse(text: str) -> Expr:
    """The tree of an expression.

    Raises ExpressionError if it is not one, is longer than `MAX_LENGTH` or nested deeper than `MAX_DEPTH`.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression is {len(text)} characters long; the limit is {MAX_LENGTH}")
    tokens: list[tuple[str, str, int]] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise ExpressionError(f"unexpected character {text[at]!r}", at)
        tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    tokens.append(("end", "", end))
    if not tokens[0][1]:
        raise ExpressionError("the expression is empty")
    parser = _Parser(text, tokens)
    value = parser.expression()
    if parser.tokens[parser.at][0] != "end":
        raise parser.error("expected the end of the expression")
    if _height(value) > MAX_HEIGHT:
        raise ExpressionError(f"the expression has more than {MAX_HEIGHT} operators on top of one another")
    return value


def _height(expr: Expr) -> int:
    """How many operators there are above the deepest name or number, found without recursion."""
    height, level = 0, [expr]
    while level := [arg for node in level if isinstance(node, Apply) for arg in node.args]:
        height += 1
    return height


# Evaluation ---------------------------------------------------------------------------------------------------------


def make_divisible(value: float, divisor: int = 8, minimum: int | None = None) -> int:
    """`value` rounded to a multiple of `divisor`, never below 90 % of it: the rule of the MobileNet papers' code."""
    rounded = max(divisor if minimum is None else minimum, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _round(value: float, digits: int = 0) -> float:
    if not isinstance(digits, int) or not 0 <= digits <= 15:
        raise ValueError("round takes a number of digits from 0 to 15")
    return round(value, digits) if digits else round(value)


def _sqrt(value: float) -> float:
    if value < 0:
        raise ValueError("sqrt takes a number from 0")
    return math.sqrt(value)


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "min": min,
    "max": max,
    "round": _round,
    "ceil": math.ceil,
    "floor": math.floor,
    "len": len,
    "sum": sum,
    "int": int,
    "abs": abs,
    "sqrt": _sqrt,
    "make_divisible": make_divisible,
}
_MOST_ARGUMENTS: Final = {"round": 2, "make_divisible": 3, "min": MAX_ITEMS, "max": MAX_ITEMS}


def _call(name: str, args: list[Any]) -> Any:
    """A function's value. Functions take numbers; `len`, `sum`, `min` and `max` take a list of them."""
    single = len(args) == 1 and isinstance(args[0], (list, tuple))
    most = _MOST_ARGUMENTS.get(name, 1)
    if not 1 <= len(args) <= most:
        due = "one argument" if most == 1 else f"one to {most} arguments" if most < MAX_ITEMS else "arguments"
        raise TypeError(f"{name} takes {due}, not {len(args)}")
    if name in ("len", "sum") and not single:
        raise TypeError(f"{name} takes a list, not {_kind(args[0])}")
    if name in ("sum", "min", "max") and single:
        if not args[0] and name != "sum":
            raise ValueError(f"{name} of an empty list")
        args_to_check = args[0]
    else:
        args_to_check = [] if name == "len" else args
    for value in args_to_check:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise TypeError(f"{name} takes numbers, not {_kind(value)}")
    return FUNCTIONS[name](*args)


def _bounded(value: Any, offset: int) -> Any:
    if isinstance(value, (int, float)) and not abs(value) <= MAX_NUMBER:
        raise ExpressionError(f"a number is larger than {MAX_NUMBER} (2**53), the limit of expressions", offset)
    if isinstance(value, complex):
        raise ExpressionError("a negative number has no such power", offset)
    if isinstance(value, list) and _items(value) > MAX_ITEMS:
        raise ExpressionError(f"a list has more than {MAX_ITEMS:,} items, the limit of expressions", offset)
    return value


def _items(value: Any) -> int:
    return 1 + sum(map(_items, value)) if isinstance(value, (list, tuple)) else 1


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and exponent > 53:
        raise OverflowError
    return base**exponent


def _plus(a: Any, b: Any) -> Any:
    return [*a, *b] if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) else _numbers(a, b, "+") and a + b


def _numbers(a: Any, b: Any, operator: str) -> bool:
    for value in (a, b):
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise TypeError(f"'{operator}' needs numbers, not {_kind(value)}")
    return True


def _contains(a: Any, b: Any) -> bool:
    if not isinstance(b, (list, tuple)):
        raise TypeError(f"'in' needs a list on its right, not {_kind(b)}")
    return a in b


_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": _plus,
    "-": lambda a, b: _numbers(a, b, "-") and a - b,
    "*": lambda a, b: _numbers(a, b, "*") and a * b,
    "/": lambda a, b: _numbers(a, b, "/") and a / b,
    "//": lambda a, b: _numbers(a, b, "//") and a // b,
    "%": lambda a, b: _numbers(a, b, "%") and a % b,
    "**": lambda a, b: _numbers(a, b, "**") and _power(a, b),
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: _numbers(a, b, "<") and a < b,
    "<=": lambda a, b: _numbers(a, b, "<=") and a <= b,
    ">": lambda a, b: _numbers(a, b, ">") and a > b,
    ">=": lambda a, b: _numbers(a, b, ">=") and a >= b,
    "in": _contains,
}


def _kind(value: Any) -> str:
    names = {bool: "a truth value", str: "a text", list: "a list", tuple: "a list", type(None): "null", dict: "a mapping"}
    return names.get(type(value), "a number")


def evaluate(expr: Expr, names: Mapping[str, Any]) -> Any:
    """The value of an expression; `names` holds the values of names, and of `x.channels` under that whole text.

    Raises ExpressionError for an unknown name, a wrong type, or a number beyond `MAX_NUMBER`.
    """
    match expr:
        case Const(value):
            return value
        case Name(id):
            if id in names:
                return names[id]
            raise ExpressionError(f"'{id}' is not defined here", expr.offset, nearest(id, names))
        case Attribute(base, name):
            key = f"{base}.{name}"
            if key in names:
                return names[key]
            raise ExpressionError(f"'{key}' is not defined here", expr.offset, nearest(key, names))
        case Apply("if", (test, then, otherwise)):
            return evaluate(then if _truth(test, names) else otherwise, names)
        case Apply("and" | "or" as head, (left, right)):
            return _truth(right, names) if _truth(left, names) == (head == "and") else head == "or"
        case Apply("not", (operand,)):
            return not _truth(operand, names)
        case Apply(head, args):
            values = [evaluate(arg, names) for arg in args]
            try:
                return _bounded(_apply(head, values), expr.offset)
            except OverflowError:
                return _bounded(math.inf, expr.offset)
            except ZeroDivisionError:
                raise ExpressionError("division by zero", expr.offset) from None
            except (TypeError, ValueError) as error:
                raise ExpressionError(str(error), expr.offset) from None
            except IndexError:
                size, index = len(values[0]), values[1]
                message = f"index {index} is out of range: the list has {size} item{'s' * (size != 1)}"
                raise ExpressionError(message, expr.offset) from None
    raise AssertionError(expr)


def _apply(head: str, values: list[Any]) -> Any:
    if head == "neg":
        return _numbers(values[0], 0, "-") and -values[0]
    if head == "list":
        return values
    if head == "[]":
        if not isinstance(values[0], (list, tuple)):
            raise TypeError(f"only a list can be indexed, not {_kind(values[0])}")
        if not isinstance(values[1], int) or isinstance(values[1], bool):
            raise TypeError("an index must be a whole number")
        return values[0][values[1]]
    if head in FUNCTIONS:
        return _call(head, values)
    return _OPERATORS[head](*values)


def _truth(expr: Expr, names: Mapping[str, Any]) -> bool:
    value = evaluate(expr, names)
    if not isinstance(value, bool):
        raise ExpressionError(f"a condition must be true or false, not {_kind(value)}", expr.offset)
    return value


def nearest(word: str, words: Any) -> str:
    """A hint that names the closest of `words`, or the empty string."""
    from difflib import get_close_matches

    if len(word) > 64:
        return ""
    found = get_close_matches(word, [w for w in islice(words, 1000) if len(w) <= 64], 1, 0.6)
    return f"did you mean '{found[0]}'?" if found else ""


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


# Simplification -----------------------------------------------------------------------------------------------------


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
        case Apply("list", args):
            return all(map(_whole, args))
    return False


_Factors = tuple[Expr, ...]
_Terms = dict[_Factors, tuple[_Factors, int]]
"""A sum: the factors of each term in a fixed order, with the factors in order of appearance and their coefficient."""


def _polynomial(head: str, args: tuple[Expr, ...]) -> Expr:
    terms = [_terms(arg) for arg in args]
    if head in ("+", "-", "neg"):
        return _sum(_total(head, terms))
    if head == "*":
        product = _product_of(*terms)
        return Apply(head, args) if product is None else _sum(product)
    if set(terms[1]) == {()} and (divisor := terms[1][()][1]) > 0:
        if all(c % divisor == 0 for _, c in terms[0].values()):
            return _sum({key: (f, c // divisor) for key, (f, c) in terms[0].items()}) if head == "//" else Const(0)
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


# Printing -----------------------------------------------------------------------------------------------------------

_RANK: Final = {"if": 1, "or": 2, "and": 3, "not": 4, **dict.fromkeys(_COMPARISONS, 5), "+": 6, "-": 6,
                "*": 7, "/": 7, "//": 7, "%": 7, "neg": 8, "**": 9}  # fmt: skip


def render(expr: Expr, rank: int = 0) -> str:
    """The expression as Python source, with no more brackets than its meaning needs."""
    match expr:
        case Const(value):
            text = f"[{', '.join(render(Const(v)) for v in value)}]" if isinstance(value, (list, tuple)) else repr(value)
            if isinstance(value, str):
                text = '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
            return f"({text})" if text.startswith("-") and rank > 8 else text
        case Name() | Attribute():
            return str(expr)
        case Apply("[]", (base, index)):
            return f"{render(base, 10)}[{render(index)}]"
        case Apply("list", args):
            return f"[{', '.join(map(render, args))}]"
        case Apply(head, args) if head in _RANK:
            own = _RANK[head]
            text = _infix(head, args, own)
            return f"({text})" if own < rank else text
        case Apply(head, args):
            return f"{head}({', '.join(map(render, args))})"
    raise AssertionError(expr)


def _infix(head: str, args: tuple[Expr, ...], own: int) -> str:
    if head == "if":
        return f"{render(args[1], own + 1)} if {render(args[0], own + 1)} else {render(args[2], own)}"
    if head == "neg":
        return f"-{render(args[0], own)}"
    if head == "not":
        if isinstance(args[0], Apply) and args[0].head == "in":
            return f"{render(args[0].args[0], 6)} not in {render(args[0].args[1], 6)}"
        return f"not {render(args[0], own)}"
    if head == "**":
        return f"{render(args[0], own + 1)}**{render(args[1], own - 1)}"
    left_rank = own + 1 if head in _COMPARISONS else own
    return f"{render(args[0], left_rank)} {head} {render(args[1], own + 1)}"


# Sizes --------------------------------------------------------------------------------------------------------------


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


def _traced(head: str, function: Callable[[int, int], int]) -> tuple[Any, Any]:
    def forward(self: Dim, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        return dim(function(int(self), int(other)), build(head, (self.expr, expr_of(other)), whole=True))

    def backward(self: Dim, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        return dim(function(int(other), int(self)), build(head, (expr_of(other), self.expr), whole=True))

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
Dim.__neg__ = lambda self: dim(-int(self), build("neg", (self.expr,), whole=True))  # type: ignore[method-assign]
