"""The printer of expressions, which leaves nothing for `ruff format` to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from archspec.emit.code import (
    MATH,
    Call,
    Code,
    Global,
    Implied,
    Infix,
    Items,
    LayerName,
    Local,
    Loop,
    Number,
    Own,
    Probe,
    Raw,
    Repeated,
    Slice,
    Symbol,
    Template,
    call,
    formula,
    number,
    quote,
)
from archspec.expressions import FUNCTIONS, Apply, Expr, Name, float32, operands, render
from archspec.graph.tree import INDEX

WIDTH: Final = 88
INDENT: Final = "    "


@dataclass(frozen=True, slots=True)
class Style:
    """How a piece of code is printed: with or without probes, with floats that are defaults left out or written, as
    they are or rounded to float32, and what names stand for symbols and layers."""

    probes: bool = False
    defaults: bool = False
    rounded: bool = False
    told: Callable[[Expr], Expr] = lambda expr: expr
    """An expression in what the code is told."""
    names: Callable[[Expr], Expr] = lambda expr: expr
    layers: Callable[[LayerName], str] = lambda name: quote(name.path)


_RANKS: Final = {"or": 3, "*": 7, "/": 7, "@": 7, "%": 7, "+": 6, "-": 6}
"""How tightly operators bind; others are comparisons, which need brackets around one another."""


def flat(code: Code, style: Style, rank: int = 0) -> str:
    """The expression on one line."""
    match code:
        case Raw(text, own):
            return f"({text})" if own < rank else text
        case Global(name):
            return name
        case Local(name, _):
            return name
        case LayerName():
            return style.layers(code)
        case Number(value) if (found := formula(value)) is not None:
            return flat(Symbol(found, fraction=True), style, rank)
        case Number(value):
            text = number(float32(value) if style.rounded else value)
            return f"({text})" if value < 0 and rank > 8 else text
        case Implied(value) | Repeated(value):
            return flat(value, style, rank)
        case Symbol(expr, fraction):
            rounded = style.rounded and fraction
            text = render(_imported(style.names(style.told(expr))), 0 if rounded else rank)
            return f"nearest({text})" if rounded else text
        case Own(name):
            return f"self.{name}"
        case Call(target, _, _):
            return f"{flat(target, style, 10)}({', '.join(_arguments(code, style))})"
        case Items((Loop() as loop,), "[]"):
            return _comprehension(flat(loop, style))
        case Items(items, brackets):
            inner = ", ".join(flat(item, style) for item in items)
            if not brackets:
                return inner
            comma = "," if len(items) == 1 and brackets == "()" else ""
            return f"{brackets[0]}{inner}{comma}{brackets[1]}"
        case Infix(operator, parts):
            own = _RANKS.get(operator, 5)
            texts = [flat(part, style, own + (index > 0 or own == 5)) for index, part in enumerate(parts)]
            text = f" {operator} ".join(texts)
            return f"({text})" if own < rank else text
        case Template(text, parts):
            return text.format(*(flat(part, style, 10) for part in parts))
        case Slice(start, stop, step):
            return _slice([start, stop, *([] if step is None else [step])], style)
        case Loop(element, variable, iterable):
            return f"*({flat(element, style)} for {_loop_variable(variable, style)} in {flat(iterable, style)})"
        case Probe(owner, key, value):
            if not style.probes:
                return flat(value, style, rank)
            return f"probe({f'{owner}, ' if owner else ''}{flat(key, style)}, {flat(value, style)})"
    raise AssertionError(code)


def _slice(parts: Sequence[Code | None], style: Style) -> str:
    texts = ["" if part is None else flat(part, style) for part in parts]
    if all(re.fullmatch(r"-?\w*", text) for text in texts):
        return ":".join(texts)
    return " ".join(":".join(f" {text} " if text else "" for text in texts).split())


def _arguments(code: Call, style: Style) -> list[str]:
    return [key + flat(value, style) for key, value in _parts(code, style)]


def _parts(code: Call, style: Style) -> list[tuple[str, Code]]:
    """The arguments of a call, each with what stands before it."""
    named = [(key if key == "**" else f"{key}=", value) for key, value in code.kwargs if _written(value, style)]
    return [*(("", arg) for arg in code.args), *named]


def _written(code: Code, style: Style) -> bool:
    return not isinstance(code, Implied) or (style.defaults and isinstance(code.value, Number))


def broken(code: Code, style: Style, indent: int, before: int, after: int) -> str:
    """The expression, broken over lines where it must be.

    `indent` is that of its statement, `before` and `after` how many columns its first and last line give to others.
    """
    text = flat(code, style)
    if indent + before + len(text) + after <= WIDTH:
        return text
    if isinstance(code, (Implied, Repeated)) or (isinstance(code, Probe) and not style.probes):
        return broken(code.value, style, indent, before, after)
    if isinstance(code, Probe):
        code = call("probe", *([Raw(code.owner)] if code.owner else []), code.key, code.value)
    if isinstance(code, Call) and isinstance(code.target, Call):
        return _chained(code, style, indent, before, after)
    owner = _called_owner(code.target) if isinstance(code, Call) else None
    if owner is not None:
        tail = flat(code, style)[len(flat(owner, style, 10)) :]
        if indent + before + len(text) - len(tail) + tail.index("(") + 1 > WIDTH:
            return broken(owner, style, indent, before, len(tail) + after) + tail
    if isinstance(code, Call):
        head = flat(code.target, style, 10)
        parts = _parts(code, style)
        return _bracketed(f"{head}(", parts, ")", style, indent)
    if isinstance(code, Items):
        if not code.brackets:
            return broken(Items(code.items), style, indent, before, after)
        if code.brackets == "[]" and len(code.items) == 1 and isinstance(loop := code.items[0], Loop):
            return _comprehension(_generator(loop, style, indent))
        return _bracketed(code.brackets[0], [("", item) for item in code.items], code.brackets[1], style, indent)
    if isinstance(code, Loop):
        return _generator(code, style, indent)
    if isinstance(code, Template) and code.text.startswith("{0}[") and isinstance(code.operands[0], Call):
        tail = flat(Template(code.text[3:], code.operands), style)
        head = text[: len(text) - len(tail)]
        if indent + before + len(head) + 1 <= WIDTH:
            return f"{head}[\n{' ' * (indent + len(INDENT))}{tail[1:-1]}\n{' ' * indent}]"
        return broken(code.operands[0], style, indent, before, len(tail) + after) + tail
    if isinstance(code, Template) and code.text == "-{0}":
        (value,) = code.operands
        if flat(value, style) == flat(value, style, 10):
            return "-" + broken(value, style, indent, before + 1, after)
        inner = indent + len(INDENT)
        return f"-(\n{' ' * inner}{broken(value, style, inner, 0, 0)}\n{' ' * indent})"
    operators = bracketless(code, style)
    if not operators and isinstance(code, Symbol) and (called := _called(code, style)) is not None:
        return broken(called, style, indent, before, after)
    return _lined_up(operators, style, indent, after) if operators else text


def _called(code: Symbol, style: Style) -> Call | None:
    """A formula as a call, if a function is what it is: `math.sqrt(2 / fan_in)`."""
    expr = code.expr
    if not isinstance(expr, Apply) or expr.head not in FUNCTIONS or (style.rounded and code.fraction):
        return None
    return call(MATH.get(expr.head, expr.head), *map(Symbol, expr.args))


def bracketless(code: Code, style: Style) -> list[tuple[str, Code, int]]:
    """What stands between the operators that bind least, as in `archspec.expressions.operands`."""
    match code:
        case Infix(operator, parts):
            own = _RANKS.get(operator, 5)
            signed = [(operator if i else "", part, own + (i > 0 or own == 5)) for i, part in enumerate(parts)]
            first = parts[0]
            while isinstance(first, Probe) and not style.probes:
                first = first.value
            if isinstance(first, Infix) and own != 5 and _RANKS.get(first.operator) == own:
                return [*bracketless(first, style), *signed[1:]]  # a + b - c
            return signed
        case Symbol(expr, fraction) if not (style.rounded and fraction):
            return [(sign, Symbol(part), rank) for sign, part, rank in operands(expr)]
        case Probe(_, _, value) if not style.probes:
            return bracketless(value, style)
    return []


def _lined_up(parts: Sequence[tuple[str, Code, int]], style: Style, indent: int, after: int) -> str:
    """Operands on lines of their own, each after its operator."""
    lines = []
    for sign, part, rank in parts:
        head = f"{sign} " if sign else ""
        text = flat(part, style, rank)
        inner = indent + len(INDENT)
        if indent + len(head) + len(text) + after <= WIDTH:
            pass
        elif text != flat(part, style):
            text = f"(\n{' ' * inner}{broken(part, style, inner, 0, 0)}\n{' ' * indent})"
        else:
            text = broken(part, style, indent, len(head), after)
        lines.append(head + text)
    return f"\n{' ' * indent}".join(lines)


def _called_owner(target: Code) -> Call | None:
    """What a method is called on, if that is a call: `f(x)` of `f(x).mean`."""
    if isinstance(target, Template) and target.text.startswith("{0}.") and isinstance(target.operands[0], Call):
        return target.operands[0]
    return None


def _bracketed(head: str, parts: Sequence[tuple[str, Code]], tail: str, style: Style, indent: int) -> str:
    inner = indent + len(INDENT)
    one_line = ", ".join(key + flat(value, style) for key, value in parts)
    pad = " " * inner
    if not parts:
        return head + tail
    if inner + len(one_line) <= WIDTH and not (tail in "])}" and head in "[({"):
        return f"{head}\n{pad}{one_line}\n{' ' * indent}{tail}"
    lines = [pad + key + broken(value, style, inner, len(key), 1) for key, value in parts]
    if len(lines) == 1 and isinstance(parts[0][1], Loop):
        return f"{head}\n{lines[0]}\n{' ' * indent}{tail}"
    return f"{head}\n" + ",\n".join(lines) + f",\n{' ' * indent}{tail}"


def _chained(code: Call, style: Style, indent: int, before: int, after: int) -> str:
    """`layers.Conv2D(...)(x)`: the last brackets are opened if all before them fits, else the first ones; or both."""
    head = flat(code.target, style, 10)
    parts = _parts(code, style)
    if indent + before + len(head) + 1 <= WIDTH:
        return _bracketed(f"{head}(", parts, ")", style, indent)
    inner = ", ".join(_arguments(code, style))
    first = broken(code.target, style, indent, WIDTH, len(inner) + 2 + after)
    if indent + len(inner) + 3 + after > WIDTH:
        return _bracketed(f"{first}(", parts, ")", style, indent)
    return f"{first}({inner})"


def _comprehension(loop: str) -> str:
    """A list that consists of one loop."""
    return f"[{loop.removeprefix('*(').removesuffix(')')}]"


def _generator(code: Loop, style: Style, indent: int) -> str:
    pad = " " * (indent + len(INDENT))
    element = broken(code.element, style, indent + len(INDENT), 0, 0)
    variable = _loop_variable(code.variable, style)
    return f"*(\n{pad}{element}\n{pad}for {variable} in {flat(code.iterable, style)}\n{' ' * indent})"


def _loop_variable(variable: str, style: Style) -> str:
    return flat(Symbol(Name(variable)), style) if variable == INDEX else variable


def _imported(expr: Expr) -> Expr:
    """An expression with functions as Python has them: `math.sqrt`."""
    if not isinstance(expr, Apply):
        return expr
    args = tuple(map(_imported, expr.args))
    head = MATH.get(expr.head, expr.head)
    return Apply(head, args) if head != expr.head or args != expr.args else expr
