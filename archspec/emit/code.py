"""Python source as data: expressions, statements, and a printer that leaves nothing for `ruff format` to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from archspec.expressions import FUNCTIONS, Apply, Const, Expr, Name, evaluate, float32, free_names, operands, render
from archspec.graph.tree import INDEX

if TYPE_CHECKING:
    from archspec.emit.merge import Wire

WIDTH: Final = 88
INDENT: Final = "    "


@dataclass(frozen=True, slots=True)
class Code:
    """An expression of generated code."""

    def parts(self) -> tuple[Code, ...]:
        """The expressions that it consists of, in the order in which they are printed."""
        return ()


@dataclass(frozen=True, slots=True)
class Raw(Code):
    """Source text as it stands: a literal, an attribute of the base class. It mentions no name of the file.

    `rank` tells how tightly it binds, as in `archspec.expressions`: 10 for an atom, 6 for a sum, 0 for a conditional.
    """

    text: str
    rank: int = 10


@dataclass(frozen=True, slots=True)
class Global(Code):
    """Something of the file or of Python, by its dotted name: `nn.Linear` of an import, a class, `range`.

    What the printer meets of these is what the file has to import and to define."""

    name: str


@dataclass(frozen=True, slots=True)
class Local(Code):
    """A local variable, and the value that is meant by it, which it must hold wherever it is read."""

    name: str
    wire: Wire


@dataclass(frozen=True, slots=True)
class LayerName(Code):
    """The name that a framework shows for the layer of a step, or for the one of this suffix; with `index`, that of a
    block in a loop over numbers, which follow the path."""

    path: str
    suffix: str = ""
    index: bool = False


@dataclass(frozen=True, slots=True)
class Number(Code):
    """A float that the spec gives. A build for verification rounds it to the nearest float32."""

    value: float


@dataclass(frozen=True, slots=True)
class Symbol(Code):
    """An expression over names of a block, printed with the names that generated code has for them."""

    expr: Expr
    fraction: bool = False
    """Whether it is a float of an operation. A build for verification rounds what comes out, by `nearest(...)`."""


@dataclass(frozen=True, slots=True)
class Call(Code):
    """`target(args, key=value)`."""

    target: Code
    args: tuple[Code, ...] = ()
    kwargs: tuple[tuple[str, Code], ...] = ()

    def parts(self) -> tuple[Code, ...]:
        return (self.target, *self.args, *(value for _, value in self.kwargs))


@dataclass(frozen=True, slots=True)
class Items(Code):
    """A tuple or a list; with no brackets, a tuple as it stands after `return`."""

    items: tuple[Code, ...]
    brackets: str = "()"

    def parts(self) -> tuple[Code, ...]:
        return self.items


@dataclass(frozen=True, slots=True)
class Infix(Code):
    """Operands with one operator between them: `a + b + c`."""

    operator: str
    operands: tuple[Code, ...]

    def parts(self) -> tuple[Code, ...]:
        return self.operands


@dataclass(frozen=True, slots=True)
class Template(Code):
    """Text with `{0}`, `{1}`, ... for operands: `{0}.mean((2, 3))`. Operands stand where an atom may stand."""

    text: str
    operands: tuple[Code, ...]

    def parts(self) -> tuple[Code, ...]:
        return self.operands


@dataclass(frozen=True, slots=True)
class Slice(Code):
    """`start:stop:step`, for use between square brackets; None is left out."""

    start: Code | None
    stop: Code | None
    step: Code | None

    def parts(self) -> tuple[Code, ...]:
        return tuple(bound for bound in (self.start, self.stop, self.step) if bound is not None)


@dataclass(frozen=True, slots=True)
class Loop(Code):
    """`*(element for variable in range(...))`: equal elements of a container."""

    element: Code
    variable: str
    iterable: Code

    def parts(self) -> tuple[Code, ...]:
        return (self.element, self.iterable)


@dataclass(frozen=True, slots=True)
class Implied(Code):
    """An argument that equals its default, and so is not written, but for a float where defaults are."""

    value: Code

    def parts(self) -> tuple[Code, ...]:
        return (self.value,)


@dataclass(frozen=True, slots=True)
class Repeated(Code):
    """An argument in one iteration of a repeat, and the expression in `INDEX` that gives it in all of them."""

    value: Code
    expr: Expr = field(compare=False)

    def parts(self) -> tuple[Code, ...]:
        return (self.value,)


@dataclass(frozen=True, slots=True)
class Own(Code):
    """A layer that the model holds: `self.conv1`; `name` may end in an index: `blocks[0]`."""

    name: str


@dataclass(frozen=True, slots=True)
class Probe(Code):
    """A step's value. Printed as the value alone, or with `probe(...)` around it."""

    owner: str
    """What `probe` gets first: `self`, or nothing."""
    key: Code
    value: Code

    def parts(self) -> tuple[Code, ...]:
        return (self.key, self.value)


def literal(value: Any) -> Code:
    """A plain Python value; code is what it is."""
    if isinstance(value, Code):
        return value
    if isinstance(value, (list, tuple)):
        return Items(tuple(literal(v) for v in value), "()" if isinstance(value, tuple) else "[]")
    if isinstance(value, str):
        return Raw(quote(value))
    if isinstance(value, float):
        return Number(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Raw(str(int(value)), 10 if value >= 0 else 8)
    return Raw(repr(value))


def quote(text: str) -> str:
    """A text as a literal in double quotes."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain) + '"'


def _imported(expr: Expr) -> Expr:
    """An expression with functions as Python has them: `math.sqrt`."""
    if not isinstance(expr, Apply):
        return expr
    args = tuple(map(_imported, expr.args))
    head = _MATH.get(expr.head, expr.head)
    return Apply(head, args) if head != expr.head or args != expr.args else expr


_MATH: Final = {"ceil": "math.ceil", "floor": "math.floor", "sqrt": "math.sqrt"}


def _heads(expr: Expr) -> Iterator[str]:
    """The operators and functions of an expression, as Python has them."""
    if isinstance(expr, Apply):
        yield _MATH.get(expr.head, expr.head)
        for arg in expr.args:
            yield from _heads(arg)


def walk(code: Code) -> Iterator[Code]:
    """An expression and all within it, in the order in which they are printed."""
    todo = [code]
    while todo:
        code = todo.pop()
        yield code
        if within := code.parts():
            todo += within[::-1]


def mentioned(code: Code) -> Iterator[str]:
    """What an expression needs of the file and of Python: `nn.Linear`, `math.sqrt`, `range`; and the operators on its
    values: `+`, `[]`."""
    for part in walk(code):
        match part:
            case Global(name):
                yield name
            case Symbol(expr):
                yield from _heads(expr)
            case Infix(operator, _):
                yield operator
            case Template(text, _):
                yield from (sign for sign, mark in (("[]", "["), ("-x", "-{")) if mark in text)


def number(value: float) -> str:
    """A float as people write it: `1e-5`, not `1e-05`; `0.075`, where a product gave `0.07500000000000001`."""
    if value in (float("inf"), float("-inf")) or value != value:
        return f'float("{value}")'
    text, short = repr(value), repr(float(f"{value:.15g}"))
    text = short if len(short) + 4 < len(text) else text
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else text


def expression(expr: Expr) -> Code:
    """An expression over variables, or the number that it is, if that is no longer."""
    if not free_names(expr):
        value = float(evaluate(expr, {}))
        if isinstance(expr, Const) or len(number(value)) <= len(render(expr)):
            return Raw(number(value), 10 if value >= 0 else 8)
    return Symbol(expr)


def exact(code: Code) -> Code:
    """The code with its floats as they are even in builds for verification: what formulas may be given."""
    match code:
        case Number(value):
            return Raw(number(value), 10 if value >= 0 else 8)
        case Items(items, brackets):
            return Items(tuple(map(exact, items)), brackets)
    return code


def fraction(code: Code) -> Code:
    """The code, if it is a formula, as one for a float of an operation."""
    match code:
        case Symbol(expr):
            return Symbol(expr, fraction=True)
        case Items(items, brackets):
            return Items(tuple(map(fraction, items)), brackets)
    return code


def call(target: str | Code, *args: Code, **kwargs: Code) -> Call:
    """A call, with a dotted name or an expression as its target."""
    return Call(Global(target) if isinstance(target, str) else target, args, tuple(kwargs.items()))


def method(owner: Code, name: str, *args: Code, **kwargs: Code) -> Call:
    """A call of a method: `x.reshape(-1, 3)`."""
    return Call(Template(f"{{0}}.{name}", (owner,)), args, tuple(kwargs.items()))


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
    named = [(f"{key}=", value) for key, value in code.kwargs if _written(value, style)]
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
    return call(_MATH.get(expr.head, expr.head), *map(Symbol, expr.args))


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
    if inner + len(one_line) <= WIDTH and not (tail in "])" and head in "[("):
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
