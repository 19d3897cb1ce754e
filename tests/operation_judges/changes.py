"""What may stand in the place of a part of the code: another operator, number, comparison, argument or order."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any, Final

OPERATORS: Final[dict[type[ast.AST], type[ast.AST]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES: Final = {
    "maximum": "minimum", "minimum": "maximum", "max": "min", "min": "max", "sin": "cos", "cos": "sin", "mean": "sum",
    "sum": "mean", "zeros": "ones", "exp": "expm1", "expm1": "exp", "sqrt": "square", "var": "std", "log": "log1p",
    "abs": "negative", "tril": "triu", "floor": "ceil", "ceil": "floor", "sign": "abs", "stack": "concatenate",
    "inner_axis": "resolve_axis",
}  # fmt: skip


HOW: Final = ("strict", "optimize", "out", "stable")
"""Arguments that say how something is computed, or that it is checked, not what comes out."""
SYMMETRIC: Final = ("maximum", "minimum", "max", "min", "logaddexp", "swapaxes", "result_type")
"""Functions to whose last two arguments the order is all the same."""
ORDERED: Final = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult)


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a part of the code."""
    yield from _operators(node)
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            yield ast.Constant(1 - value)
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield operand
        case ast.IfExp(body=body, orelse=orelse):
            yield _with(node, body=orelse, orelse=body)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * (1 + 1e-6) if value else 1e-6)
        case ast.Attribute(attr="T", value=matrix):
            yield matrix
        case ast.Attribute(attr=name) if name in NAMES:
            yield _with(node, attr=NAMES[name])
        case ast.Tuple(elts=[*rest, first, second], ctx=ast.Load()):
            yield _with(node, elts=[*rest, second, first])
        case ast.AugAssign() | ast.Expr():
            yield ast.Pass()
        case ast.If():
            yield from (_with(node, test=ast.Constant(truth)) for truth in (False, True))
        case ast.Call(args=arguments, keywords=keywords):
            for index, keyword in enumerate(keywords):
                if keyword.arg not in HOW:
                    yield _with(node, keywords=keywords[:index] + keywords[index + 1 :])
            symmetric = _name(node.func) in SYMMETRIC
            if len(arguments) > 1 and not symmetric and not any(isinstance(each, ast.Starred) for each in arguments):
                yield _with(node, args=[*arguments[:-2], arguments[-1], arguments[-2]])


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _operators(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in OPERATORS:
            yield _with(node, op=OPERATORS[type(op)]())
        case ast.BoolOp(op=op):
            yield _with(node, op=OPERATORS[type(op)]())
        case ast.Compare(ops=[op]) if type(op) in OPERATORS:
            yield _with(node, ops=[OPERATORS[type(op)]()])
    match node:
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, ORDERED):
            yield _with(node, left=right, right=left)


def _with(node: ast.AST, **changed: Any) -> ast.AST:
    other = copy.copy(node)
    for name, value in changed.items():
        setattr(other, name, value)
    return other


def _refuses(node: ast.AST) -> bool:
    """Whether it is a check, which says that something is no input: no judge has an opinion on that."""
    match node:
        case ast.Raise() | ast.Assert() | ast.If(body=[*_, ast.Raise()]):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))):
            return name.lstrip("_").startswith(("check", "inner_ax"))
    return False


def _closed(node: ast.AST) -> bool:
    """Whether its parts are not changed: a negative number is one number; kinds and lists of words have no order."""
    match node:
        case ast.UnaryOp(operand=ast.Constant()) | ast.Compare(ops=[ast.In()]):
            return True
        case ast.Call(func=ast.Name(id="isinstance")):
            return True
    return isinstance(node, ast.keyword) and node.arg in HOW


def places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Each part of the code, as a field of what it is in; annotations, docstrings and checks aside."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "args") and not isinstance(node, ast.Call):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and not _refuses(child) and not docstring:
                yield node, name, index
                if not _closed(child):
                    yield from places(child)
