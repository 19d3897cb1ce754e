"""What is verified is what is shipped: generated code with probes, held against the code that the user gets."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from archspec.backend import Program
from archspec.expressions import float32


def same_program(program: Program) -> bool:
    """Whether the builds of a program that are run for verification are the code that is shipped."""
    return (
        same_code(program.source, program.probed)
        and (program.written == program.probed or same_code(program.source, program.written, defaults=True))
        and (program.rounded == program.written or same_code(program.written, program.rounded, rounded=True))
    )


def same_code(source: str, probed: str, *, defaults: bool = False, rounded: bool = False) -> bool:
    """Whether `probed` is `source` with calls of `probe`, which return their last argument, around some values.

    With `defaults`, `probed` may have keyword arguments that `source` leaves out because they are the framework's
    defaults, if they are floats. With `rounded`, floats count as the nearest float32, and `probed` may have calls of
    `nearest` around formulas.
    """
    return _Comparison(defaults=defaults, rounded=rounded).same(_parsed(source), _parsed(probed))


@lru_cache(maxsize=8)
def _parsed(text: str) -> ast.Module:
    """The tree of a text, which nobody may change."""
    return ast.parse(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """Two trees side by side, in one walk: a network's code has tens of thousands of nodes."""

    defaults: bool
    rounded: bool

    def same(self, shipped: Any, verified: Any) -> bool:
        """Whether two nodes, lists of nodes, or values are the same, but for what may differ."""
        shipped, verified = _bare(shipped), self._bare(verified)
        if type(shipped) is not type(verified):
            return False
        match shipped:
            case ast.Constant(float(value)) if self.rounded:
                return float32(value) == float32(verified.value) if isinstance(verified.value, float) else False
            case ast.Call() if self.defaults:
                named = {keyword.arg for keyword in shipped.keywords}
                kept = [each for each in verified.keywords if each.arg in named or not self._is_default(each)]
                pairs = ((shipped.func, verified.func), (shipped.args, verified.args), (shipped.keywords, kept))
                return all(self.same(mine, other) for mine, other in pairs)
            case ast.AST():
                names = shipped._fields
                return all(self.same(getattr(shipped, n, None), getattr(verified, n, None)) for n in names)
            case list():
                mine = [each for each in shipped if not _is_idle(each, _bare)]
                others = [each for each in verified if not _is_idle(each, self._bare)]
                return len(mine) == len(others) and all(map(self.same, mine, others))
        return bool(shipped == verified)

    def _bare(self, node: Any) -> Any:
        """A node without what rounds the results of formulas, too."""
        node = _bare(node)
        while self.rounded and _is_call(node, "nearest") and len(node.args) == 1:
            node = _bare(node.args[0])
        return node

    def _is_default(self, keyword: ast.keyword) -> bool:
        return keyword.arg is not None and _float(_bare(keyword.value)) is not None


def _is_call(node: Any, name: str) -> bool:
    """Whether it is a call of a function of this name, with nothing by name."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name and not node.keywords


def _bare(node: Any) -> Any:
    """A node without probes around it. Whatever else is called `probe` stays, and differs from the source."""
    while _is_call(node, "probe") and len(node.args) in (2, 3):
        node = node.args[-1]
    return node


def _is_idle(node: Any, bare: Callable[[Any], Any] = _bare) -> bool:
    """Whether it is an assignment that does nothing, `x = x`: what a probe of a step leaves that costs no code."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return False
    target, value = node.targets[0], bare(node.value)
    return isinstance(target, ast.Name) and isinstance(value, ast.Name) and target.id == value.id


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
    """Takes probes away."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        bare: ast.AST = _bare(node)
        return bare


class _Plain(ast.NodeTransformer):
    """Takes assignments away that do nothing."""

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        return None if _is_idle(node) else node


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
