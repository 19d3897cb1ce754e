"""Python source as data: expressions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from archspec.expressions import Apply, Const, Expr, evaluate, free_names, render

if TYPE_CHECKING:
    from archspec.emit.aligned import Wire


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
    """A float that the spec gives, or its formula. A build for verification rounds it to the nearest float32."""

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


MATH: Final = {name: f"math.{name}" for name in ("ceil", "floor", "sqrt", "exp", "log", "log2")}


def _heads(expr: Expr) -> Iterator[str]:
    """The operators and functions of an expression, as Python has them."""
    if isinstance(expr, Apply):
        yield MATH.get(expr.head, expr.head)
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
            case Number(value) if (found := formula(value)) is not None:
                yield from _heads(found)
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


def formula(value: float) -> Expr | None:
    """What a float is exactly, if it has no end that people write: `2 / 3`, `512**-0.5`, `1 / math.sqrt(48)`."""
    size = abs(value)
    if not 1e-3 < size < 1e3 or len(number(size)) < _ENDLESS:
        return None
    over, under = map(Const, Fraction(size).limit_denominator(100).as_integer_ratio())
    square, inverse = Const(round(size**2)), Const(round(size**-2))
    roots = [Apply("**", (inverse, Const(-0.5))), Apply("/", (Const(1), Apply("sqrt", (inverse,))))]
    for expr in (Apply("/", (over, under)), *([Apply("**", (square, Const(0.5)))] if size > 1 else roots)):
        if evaluate(expr, {}) == size:
            return expr if value > 0 else Apply("neg", (expr,))
    return None


_ENDLESS: Final = 15
"""How many letters a float has that nobody would write."""


def expression(expr: Expr) -> Code:
    """An expression over variables, or the number that it is, if that is no longer."""
    if not free_names(expr):
        value = float(evaluate(expr, {}))
        if (found := formula(value)) is not None:
            return Symbol(found)
        if isinstance(expr, Const) or len(number(value)) <= len(render(expr)):
            return Raw(number(value), 10 if value >= 0 else 8)
    return Symbol(expr)


def exact(code: Code) -> Code:
    """The code with its floats as they are even in builds for verification: what formulas may be given."""
    match code:
        case Number(value):
            return expression(Const(value))
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
