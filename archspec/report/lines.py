"""Which lines of a generated file a step of the spec became.

The file with probes says it: without them it is the file that users get, so that both trees are walked side by side,
and what was inside of a probe is what the step became. With it come the statements that make the layers it calls.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from archspec.backend import Program

Span = tuple[int, int]
"""The first and the last line."""


@dataclass(slots=True)
class _Definition:
    """A class or function of a file."""

    span: Span
    probes: list[tuple[str, ast.AST]] = field(default_factory=list)
    """The pattern of each probe's key, and what was inside of it."""
    layers: dict[str, ast.expr] = field(default_factory=dict)
    """`conv1`: what the constructor puts into `self.conv1`."""
    spans: dict[str, Span] = field(default_factory=dict)
    """The lines of those statements."""
    calls: list[tuple[str, ast.Call]] = field(default_factory=list)
    """The name that a layer is given where it, or what makes it, is called."""


def lines(program: Program) -> dict[str, tuple[Span, ...]]:
    """By path, the lines of each step, and of the class or function of each use of a block. What has none is left out:
    steps that cost no code, as one that only renames axes."""
    definitions = _definitions(program)
    found: dict[str, tuple[Span, ...]] = {}
    steps = {seen.tensor: key for key, each in program.probes.items() for seen in each}
    for path, home in program.homes.items():
        definition = definitions.get(home)
        if definition is None:
            continue
        key = steps.get(path) or steps.get(f"{path}.0")
        if key is None:
            found[path] = (definition.span,)
        elif spans := _joined(_of_step(definition, key, key in program.hooks)):
            found[path] = spans
    return found


def _definitions(program: Program) -> dict[str, _Definition]:
    shipped, probed = ast.parse(program.source), _Idle().visit(_Unprobed().visit(ast.parse(program.probed)))
    found = {}
    for top, other in zip(shipped.body, probed.body, strict=True):
        if isinstance(top, ast.ClassDef | ast.FunctionDef):
            definition = _Definition((top.lineno, top.end_lineno or top.lineno))
            definition.probes = list(_pairs(_Idle().visit(top), other))
            for node in ast.walk(top):
                _note(node, definition)
            found[top.name] = definition
    return found


def _note(node: ast.AST, definition: _Definition) -> None:
    match node:
        case ast.Assign([ast.Attribute(ast.Name("self"), name)], value) | ast.AnnAssign(
            ast.Attribute(ast.Name("self"), name), value=ast.expr() as value
        ):
            known = definition.spans.get(name, (node.lineno, 0))
            definition.layers[name] = value
            definition.spans[name] = known[0], node.end_lineno or node.lineno
        case ast.Call(keywords=keywords):
            names = [_pattern(keyword.value) for keyword in keywords if (keyword.arg or "").endswith("name")]
            definition.calls += [(name, node) for name in names if name]


class _Unprobed(ast.NodeTransformer):
    """Takes probes away, and notes their keys on what was inside."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "probe" and len(node.args) in (2, 3):
            inner = node.args[-1]
            inner.probes = [*getattr(inner, "probes", ()), _pattern(node.args[-2])]  # type: ignore[attr-defined]
            return inner
        return node


class _Idle(ast.NodeTransformer):
    """Takes assignments away that a probe leaves of a step without code: `x = x`."""

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        match node:
            case ast.Assign([ast.Name(one)], ast.Name(other)) if one == other:
                return None
        return node


def _pairs(shipped: ast.AST, probed: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for pattern in getattr(probed, "probes", ()):
        if not isinstance(shipped, ast.Name):  # a variable as it is: the step costs no code
            yield pattern, shipped
    for mine, other in zip(ast.iter_child_nodes(shipped), ast.iter_child_nodes(probed), strict=True):
        yield from _pairs(mine, other)


def _pattern(key: ast.expr) -> str:
    """A regular expression for the keys that an expression can give."""
    match key:
        case ast.Constant(str(text)):
            return re.escape(text)
        case ast.JoinedStr(parts):
            return "".join(_pattern(part) if isinstance(part, ast.Constant) else r".+" for part in parts)
    return ""


def _of_step(definition: _Definition, key: str, hooked: bool) -> Iterator[Span]:
    if hooked:
        yield from _element(definition, key.split("."))
        return
    fitting = [(pattern, node) for pattern, node in definition.probes if re.fullmatch(rf"(.*\.)?{pattern}", key)]
    if not fitting:  # it is inside of a function that several places call for layers of theirs
        ways = [(len(name), call) for name, call in definition.calls if re.fullmatch(rf"(.*\.)?{name}", key)]
        longest = max((length for length, _ in ways), default=0)
        yield from (_span(call) for length, call in ways if length == longest)
    most = max((len(pattern.replace(".+", "")) for pattern, _ in fitting), default=0)
    patterns = {pattern for pattern, _ in fitting if len(pattern.replace(".+", "")) == most}
    for pattern, node in fitting:
        if pattern not in patterns:
            continue
        yield _span(node)
        below = {id(each) for each in ast.walk(node)}
        others = [each for _, each in definition.probes if id(each) in below and each is not node]
        inner = {id(each) for other in others for each in ast.walk(other)}
        for each in ast.walk(node):
            match each:
                case ast.Attribute(ast.Name("self"), name) if name in definition.spans and id(each) not in inner:
                    yield definition.spans[name]
    for pattern in patterns:
        for name, call in definition.calls:
            if name.startswith(f"{pattern}_"):  # what is added before or behind the layer: a padding
                yield _span(call)


def _element(definition: _Definition, parts: list[str]) -> Iterator[Span]:
    """The lines of what is in a container: of the element, where it can be told, else of the whole."""
    for start in range(len(parts) - 1, -1, -1):
        made = definition.layers.get(parts[start])
        if made is None:
            continue
        node: ast.AST = made
        for number in parts[start + 1 :]:
            inner = _member(node, number)
            if inner is None:
                yield definition.spans[parts[start]]
                return
            node = inner
        yield _span(node)
        return


def _member(node: ast.AST, name: str) -> ast.AST | None:
    match node:
        case ast.Call(args=[ast.Call(args=[ast.List(items)])] | [ast.List(items)]):
            for item in items:
                match item:
                    case ast.Tuple([ast.Constant(known), made]) if known == name:
                        return made
        case ast.Call(args=args) if name.isdigit() and int(name) < len(args):
            if not any(isinstance(each, ast.Starred) for each in args[: int(name) + 1]):
                return args[int(name)]
    return None


def _span(node: ast.AST) -> Span:
    first: int = node.lineno  # type: ignore[attr-defined]
    return first, getattr(node, "end_lineno", None) or first


def _joined(spans: Iterator[Span]) -> tuple[Span, ...]:
    """In order, those that touch together."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)
