"""From tree to value, within bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from archspec.expressions.nodes import (
    MAX_ITEMS,
    MAX_NUMBER,
    Apply,
    Attribute,
    Const,
    Expr,
    ExpressionError,
    Name,
    suggestion,
)


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


def _logarithm(function: Callable[[float], float], name: str) -> Callable[[float], float]:
    def checked(value: float) -> float:
        if value <= 0:
            raise ValueError(f"{name} takes a number above 0")
        return function(value)

    return checked


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
    "exp": math.exp,
    "log": _logarithm(math.log, "log"),
    "log2": _logarithm(math.log2, "log2"),
    "make_divisible": make_divisible,
}
_MOST_ARGUMENTS: Final = {"round": 2, "make_divisible": 3, "min": MAX_ITEMS, "max": MAX_ITEMS}


def _call(name: str, args: list[Any]) -> Any:
    """A function's value. Functions take numbers; `len`, `sum`, `min` and `max` take a list of them."""
    single = len(args) == 1 and isinstance(args[0], (list, tuple))
    most = _MOST_ARGUMENTS.get(name, 1)
    if not 1 <= len(args) <= most:
        due = (
            "one argument" if most == 1 else f"one to {most} arguments" if most < MAX_ITEMS else "one or more arguments"
        )
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


def bounded(value: Any, offset: int) -> Any:
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
    kinds = {bool: "a truth value", str: "a text", list: "a list", tuple: "a list", dict: "a mapping"}
    return "null" if value is None else kinds.get(type(value), "a number")


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
            raise ExpressionError(f"'{id}' is not defined here", expr.offset, suggestion(id, names))
        case Attribute(base, name):
            key = f"{base}.{name}"
            if key in names:
                return names[key]
            raise ExpressionError(f"'{key}' is not defined here", expr.offset, suggestion(key, names))
        case Apply(head, args) if head in _LOGIC:
            return _logic(head, args, names)
        case Apply(head, args):
            values = [evaluate(arg, names) for arg in args]
            try:
                return bounded(_apply(head, values), expr.offset)
            except OverflowError:
                return bounded(math.inf, expr.offset)
            except ZeroDivisionError:
                raise ExpressionError("division by zero", expr.offset) from None
            except (TypeError, ValueError) as error:
                raise ExpressionError(str(error), expr.offset) from None
            except IndexError:
                size, index = len(values[0]), values[1]
                message = f"index {index} is out of range: the list has {size} item{'s' * (size != 1)}"
                raise ExpressionError(message, expr.offset) from None
    raise AssertionError(expr)


_LOGIC: Final = frozenset({"if", "and", "or", "not"})


def _logic(head: str, args: tuple[Expr, ...], names: Mapping[str, Any]) -> Any:
    """The value of what does not need the values of all its operands."""
    truth = _truth(args[0], names)
    if head == "if":
        return evaluate(args[1] if truth else args[2], names)
    if head == "not":
        return not truth
    return _truth(args[1], names) if truth == (head == "and") else truth


def _apply(head: str, values: list[Any]) -> Any:
    if head == "neg":
        return _numbers(values[0], 0, "-") and -values[0]
    if head == "list":
        return values
    if head in ("[]", "[:]"):
        items, *bounds = values
        if not isinstance(items, (list, tuple)):
            raise TypeError(f"only a list can be indexed, not {_kind(items)}")
        for bound in bounds:
            if not isinstance(bound, int if head == "[]" else int | None) or isinstance(bound, bool):
                raise TypeError("an index must be a whole number")
        return items[bounds[0]] if head == "[]" else items[bounds[0] : bounds[1]]
    if head in FUNCTIONS:
        return _call(head, values)
    return _OPERATORS[head](*values)


def _truth(expr: Expr, names: Mapping[str, Any]) -> bool:
    value = evaluate(expr, names)
    if not isinstance(value, bool):
        raise ExpressionError(f"a condition must be true or false, not {_kind(value)}", expr.offset)
    return value
