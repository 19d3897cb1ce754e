"""Single changes in a generated file, each of which should be seen: the proof that the stand-ins see anything."""

from __future__ import annotations

import ast
import random as stdlib
from collections.abc import Callable, Iterator
from typing import Any, Final

Change = Callable[[], None]
"""Changes a tree in one place."""
Function = ast.FunctionDef

WIRING: Final = ("variable", "target", "deleted", "attribute", "negated", "items")
ARGUMENTS: Final = ("arguments", "integer", "float", "truth", "keyword", "string", "minus")


def mutant(text: str, kind: str, random: stdlib.Random) -> tuple[str, str]:
    """The text with one change of a kind, and what was changed; nothing, if there is no place for one."""
    tree = ast.parse(text)
    places = list(KINDS[kind](tree, random))
    if not places:
        return "", ""
    random.choice(places)()
    changed, before = ast.unparse(tree).splitlines(), ast.unparse(ast.parse(text)).splitlines()
    lines = [f"{old.strip()} -> {new.strip()}" for old, new in zip(before, changed, strict=False) if old != new]
    return "\n".join(changed), lines[0] if lines else ""


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but imports, docstrings, annotations, refusals, what `probe` is told besides the value, and how weights
    begin: stand-ins have no numbers, and fresh weights are compared by verification."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "ctx"):
                continue
            inner = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, ast.AST)]
            if name == "body":
                inner = [each for each in inner if not (isinstance(each, ast.Expr) and _is_text(each.value))]
            if name == "args" and _is_probe(node):
                inner = inner[-1:]
            todo += [each for each in inner if not isinstance(each, (ast.Import, ast.ImportFrom, ast.Raise))
                     and not _begins(each)]  # fmt: skip


def _begins(node: ast.AST) -> bool:
    """Whether a statement gives weights their first numbers: a call of `nn.init`, or the loop around those."""
    if isinstance(node, ast.For):
        return ast.unparse(node.iter) in ("self.modules()", "self.sublayers()")
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith("nn.init.")


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_probe(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "probe"


def _set(node: Any, name: str, value: Any) -> Change:
    return lambda: setattr(node, name, value)


def _functions(tree: ast.AST) -> Iterator[tuple[Function, list[str]]]:
    """The functions, with their variables."""
    for node in _code(tree):
        if isinstance(node, Function):
            arguments = [each.arg for each in (*node.args.args, *node.args.kwonlyargs)]
            stored = [each.id for each in _code(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
            yield node, list(dict.fromkeys(name for name in [*arguments, *stored] if name not in ("self", "_")))


def _names(context: type[ast.expr_context]) -> Callable[[ast.AST, stdlib.Random], Iterator[Change]]:
    def changes(tree: ast.AST, random: stdlib.Random) -> Iterator[Change]:
        for function, variables in _functions(tree):
            for node in _code(function):
                if isinstance(node, ast.Name) and isinstance(node.ctx, context) and node.id in variables:
                    others = [name for name in variables if name != node.id]
                    if others:
                        yield _set(node, "id", random.choice(others))

    return changes


def _deleted(tree: ast.AST, random: stdlib.Random) -> Iterator[Change]:
    for node in _code(tree):
        body = getattr(node, "body", None)
        for place, statement in enumerate(body if isinstance(body, list) else []):
            if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                yield lambda body=body, place=place: body.__setitem__(place, ast.Pass())  # type: ignore[misc]


def _attribute(tree: ast.AST, random: stdlib.Random) -> Iterator[Change]:
    for kind in (node for node in _code(tree) if isinstance(node, ast.ClassDef)):
        own = [node for node in _code(kind) if isinstance(node, ast.Attribute)
               and isinstance(node.value, ast.Name) and node.value.id == "self"]  # fmt: skip
        names = list(dict.fromkeys(node.attr for node in own if isinstance(node.ctx, ast.Store)))
        for node in own:
            others = [name for name in names if name != node.attr]
            if isinstance(node.ctx, ast.Load) and others and node.attr in names:
                yield _set(node, "attr", random.choice(others))


def _negated(tree: ast.AST, random: stdlib.Random) -> Iterator[Change]:
    for node in _code(tree):
        if isinstance(node, (ast.If, ast.IfExp)):
            yield _set(node, "test", ast.UnaryOp(ast.Not(), node.test))


def _swaps(nodes: list[ast.expr]) -> Iterator[Change]:
    for place in range(len(nodes) - 1):
        if ast.dump(nodes[place]) != ast.dump(nodes[place + 1]):
            yield lambda place=place: nodes.__setitem__(slice(place, place + 2), nodes[place : place + 2][::-1])  # type: ignore[misc]


def _items(tree: ast.AST, random: stdlib.Random) -> Iterator[Change]:
    for node in _code(tree):
        if isinstance(node, (ast.List, ast.Tuple)) and isinstance(node.ctx, ast.Load):
            yield from _swaps(node.elts)


def _arguments(tree: ast.AST, random: stdlib.Random) -> Iterator[Change]:
    for node in _code(tree):
        if isinstance(node, ast.Call) and not _is_probe(node):
            yield from _swaps(node.args)


def _keyword(tree: ast.AST, random: stdlib.Random) -> Iterator[Change]:
    for node in _code(tree):
        for place in range(len(node.keywords)) if isinstance(node, ast.Call) else ():
            yield lambda node=node, place=place: node.keywords.pop(place)  # type: ignore[misc]


def _constants(kind: type, change: Callable[[Any], Any]) -> Callable[[ast.AST, stdlib.Random], Iterator[Change]]:
    def changes(tree: ast.AST, random: stdlib.Random) -> Iterator[Change]:
        for node in _code(tree):
            if isinstance(node, ast.Constant) and type(node.value) is kind:
                yield _set(node, "value", change(node.value))

    return changes


def _minus(tree: ast.AST, random: stdlib.Random) -> Iterator[Change]:
    for node in _code(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            yield _set(node, "op", ast.Sub())


KINDS: Final[dict[str, Callable[[ast.AST, stdlib.Random], Iterator[Change]]]] = {
    "variable": _names(ast.Load),
    "target": _names(ast.Store),
    "deleted": _deleted,
    "attribute": _attribute,
    "negated": _negated,
    "items": _items,
    "arguments": _arguments,
    "integer": _constants(int, lambda value: value + 1),
    "float": _constants(float, lambda value: value * 2 or 1.0),
    "truth": _constants(bool, lambda value: not value),
    "keyword": _keyword,
    "string": _constants(str, lambda value: f"{value}x"),
    "minus": _minus,
}
