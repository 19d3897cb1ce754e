"""The expressions of a spec: a small tree of our own, parsed, evaluated within bounds, simplified, printed as Python.

The same tree describes sizes: a `Dim` is an integer that remembers the expression it came from, so that shape rules
written in plain arithmetic also tell how an inner size follows from a block's arguments.
"""

from archspec.expressions.evaluation import FUNCTIONS, evaluate, make_divisible
from archspec.expressions.nodes import (
    MAX_DEPTH,
    MAX_HEIGHT,
    MAX_ITEMS,
    MAX_LENGTH,
    MAX_NUMBER,
    Apply,
    Attribute,
    Const,
    Expr,
    ExpressionError,
    Name,
    closest,
    float32,
    free_names,
    operands,
    references,
    render,
    suggestion,
)
from archspec.expressions.parsing import Argument, parse, parse_call
from archspec.expressions.simplification import build, rename, substitute
from archspec.expressions.sizes import Dim, dim, expr_of

__all__ = [
    "FUNCTIONS",
    "MAX_DEPTH",
    "MAX_HEIGHT",
    "MAX_ITEMS",
    "MAX_LENGTH",
    "MAX_NUMBER",
    "Apply",
    "Argument",
    "Attribute",
    "Const",
    "Dim",
    "Expr",
    "ExpressionError",
    "Name",
    "build",
    "closest",
    "dim",
    "evaluate",
    "expr_of",
    "float32",
    "free_names",
    "make_divisible",
    "operands",
    "parse",
    "parse_call",
    "references",
    "rename",
    "render",
    "substitute",
    "suggestion",
]
