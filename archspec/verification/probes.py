"""What is verified is what is shipped: generated code with probes, held against the code that the user gets."""

from __future__ import annotations

import ast
from functools import lru_cache

from archspec.backend import Program
from archspec.expressions import float32


def same_program(program: Program) -> bool:
    """Whether the builds of a program that are run for verification are the code that is shipped."""
    return (
        same_code(program.source, program.probed)
        and same_code(program.source, program.written, defaults=True)
        and same_code(program.written, program.rounded, rounded=True)
    )


def same_code(source: str, probed: str, *, defaults: bool = False, rounded: bool = False) -> bool:
    """Whether `probed` is `source` with calls of `probe`, which return their last argument, around some values.

    With `defaults`, `probed` may have keyword arguments that `source` leaves out because they are the framework's
    defaults, if they are floats. With `rounded`, floats count as the nearest float32, and `probed` may have calls of
    `nearest` around formulas.
    """
    shipped, verified = _Probes().visit(ast.parse(source)), _Probes().visit(ast.parse(probed))
    if defaults:
        _take_defaults(shipped, verified)
    if rounded:
        verified = _Nearest().visit(verified)
        shipped, verified = _Rounding().visit(shipped), _Rounding().visit(verified)
    return ast.dump(_Plain().visit(shipped)) == ast.dump(_Plain().visit(verified))


def without_probes(probed: str) -> str:
    """Code without its probes, as Python prints it."""
    return ast.unparse(_Plain().visit(_Probes().visit(ast.parse(probed))))


def left_out(program: Program) -> list[tuple[str, str, float]]:
    """What a file leaves out because it is the default: what is called, the argument, and the number that is meant."""
    return [] if program.written == program.probed else _left_out(program.source, program.written)


@lru_cache(maxsize=8)
def _left_out(source: str, written: str) -> list[tuple[str, str, float]]:
    trees = (_Plain().visit(_Probes().visit(ast.parse(text))) for text in (source, written))
    return sorted(set(_take_defaults(*trees)))


class _Probes(ast.NodeTransformer):
    """Takes probes away. Whatever else is called `probe` stays, and differs from the source."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        is_probe = isinstance(node.func, ast.Name) and node.func.id == "probe" and not node.keywords
        return node.args[-1] if is_probe and len(node.args) in (2, 3) else node


class _Nearest(ast.NodeTransformer):
    """Takes away what rounds the results of formulas."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        rounds = isinstance(node.func, ast.Name) and node.func.id == "nearest" and not node.keywords
        return node.args[0] if rounds and len(node.args) == 1 else node


class _Plain(ast.NodeTransformer):
    """Takes assignments away that do nothing, `x = x`: what a probe of a step leaves that costs no code."""

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        target = node.targets[0]
        idle = len(node.targets) == 1 and isinstance(target, ast.Name) and isinstance(node.value, ast.Name)
        return None if idle and target.id == node.value.id else node  # type: ignore[attr-defined]


class _Rounding(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(float32(node.value)) if isinstance(node.value, float) else node


def _take_defaults(shipped: ast.AST, verified: ast.AST) -> list[tuple[str, str, float]]:
    """Takes keyword arguments away that only the code for verification has, and that are floats; tells which."""
    found = []
    for given, call in zip(_calls(shipped), _calls(verified), strict=False):
        named = {keyword.arg for keyword in given.keywords}
        kept = []
        for keyword in call.keywords:
            number = None if keyword.arg in named else _float(keyword.value)
            if number is None or keyword.arg is None:
                kept.append(keyword)
            else:
                found.append((ast.unparse(call.func), keyword.arg, number))
        call.keywords = kept
    return found


def _calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _float(node: ast.AST) -> float | None:
    """The number, if it is a float."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node, sign = node.operand, -1
    return sign * node.value if isinstance(node, ast.Constant) and isinstance(node.value, float) else None
