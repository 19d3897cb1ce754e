"""What a reviewer would strike out of a file: names for what has one, results that are nothing but an argument, classes
told apart by a number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import zip_longest


def remarks(text: str) -> list[str]:
    """What there is to say about a file, each with its line."""
    tree = ast.parse(text)
    return [*_names(tree), *(remark for node in ast.walk(tree) for remark in (*_blocks(node), *_results(node)))]


def _names(tree: ast.Module) -> Iterator[str]:
    """`Bottleneck2` beside `Bottleneck`."""
    names = {node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    for name in sorted(names):
        if (plain := re.sub(r"_?\d+$", "", name)) != name and plain in names:
            yield f"{name} beside {plain}"


def _blocks(node: ast.AST) -> Iterator[str]:
    """`x = f(x); return x`, and `y = x` that is no value for a condition or a loop to begin or go on with."""
    for field in ("body", "orelse"):
        body = getattr(node, field, None)
        for statement, following in zip_longest(body, body[1:]) if isinstance(body, list) else ():
            if not isinstance(statement, ast.Assign) or not isinstance(target := statement.targets[0], ast.Name):
                continue
            if isinstance(following, ast.Return) and ast.unparse(following.value or target) == target.id:
                yield f"{statement.lineno}: {ast.unparse(statement)}; return {target.id}"
            handed_on = following is None and isinstance(node, ast.For)  # to the next turn
            if isinstance(statement.value, ast.Name) and not (handed_on or _replaces(following, target.id)):
                yield f"{statement.lineno}: {ast.unparse(statement)}"


def _replaces(statement: ast.stmt | None, name: str) -> bool:
    """Whether it is a condition or a loop that sets a variable."""
    inside = ast.walk(statement) if isinstance(statement, (ast.If, ast.For)) else ()
    return any(isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store) for node in inside)


def _results(node: ast.AST) -> Iterator[str]:
    """`return state, mask` of a function whose argument `mask` is."""
    if not isinstance(node, ast.FunctionDef):
        return
    kept = {argument.arg for argument in node.args.args}
    kept -= {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    for each in ast.walk(node):
        if isinstance(each, ast.Return) and isinstance(each.value, ast.Tuple):
            given = [part.id for part in each.value.elts if isinstance(part, ast.Name) and part.id in kept]
            yield from (f"{each.lineno}: {node.name} returns its argument {name}" for name in given)
