"""Faults put into the reference, one at a time: `python -m tests.operation_judges.mutants`.

What a reference runs is found by running it. Each mutant is that code with one operator, number, comparison or argument
changed, or an attribute with another default; the judges must object to it.
"""

from __future__ import annotations

import ast
import copy
import inspect
import signal
import sys
import types
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Final, get_args

from archspec import ops

from .equivalents import EQUIVALENT
from .trials import make, objections, trials

SHARED: Final = ("_shapes", "_special", "_windows", "base")
"""Modules of archspec.ops besides those of the families."""
UNTOUCHED: Final = ("infer", "result", "accepts", "parameters", "cost", "__")
"""What begins so says which inputs there may be, not what comes out; refusals have tests of their own."""
PATIENCE: Final = 10
"""Seconds that a mutant may take, all operations together."""


@dataclass(frozen=True)
class Mutant:
    place: str
    """The function or the attribute."""
    change: str
    operations: tuple[str, ...]
    """Those that it is a part of."""
    run: Callable[[], Any] = field(repr=False, compare=False)
    """Gives a context in which the fault is there, and which gives what makes operations."""

    def __str__(self) -> str:
        return f"{self.place}: {self.change}"

    def found(self) -> str:
        """What a judge says against it, or nothing. What breaks down is found, too."""
        with self.run() as making, alarm(PATIENCE), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                for key in self.operations:
                    for objection in objections(key, making):
                        return objection
            except Exception as error:
                return f"{type(error).__name__}: {error}"
        return ""


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise TimeoutError(f"takes more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# What references run ------------------------------------------------------------------------------------------------


@cache
def used() -> dict[types.FunctionType, tuple[str, ...]]:
    """The functions that references and trainings run, and the operations by which they do."""
    by_code = {function.__code__: function for function in _functions()}
    running: dict[types.FunctionType, dict[str, None]] = defaultdict(dict)
    for key in ops.names():
        seen: set[types.CodeType] = set()

        def watch(frame: types.FrameType, event: str, _: Any, seen: set[types.CodeType] = seen) -> None:
            if event == "call":
                seen.add(frame.f_code)

        trials(key)
        sys.setprofile(watch)
        try:
            list(objections(key))
        finally:
            sys.setprofile(None)
        for code in seen & by_code.keys():
            running[by_code[code]][key] = None
    return {
        function: tuple(running[function])
        for function in by_code.values()
        if function in running and not function.__name__.startswith(UNTOUCHED)
    }


def _functions() -> Iterator[types.FunctionType]:
    for name in (*SHARED, *ops.FAMILIES):
        module = import_module(f"archspec.ops.{name}")
        for member in list(vars(module).values()):
            if isinstance(member, types.FunctionType) and member.__module__ == module.__name__:
                yield member
            elif isinstance(member, type) and member.__module__ == module.__name__:
                for method in list(vars(member).values()):
                    inner = getattr(method, "fget", getattr(method, "__func__", method))
                    if isinstance(inner, types.FunctionType):
                        yield inner


# How they are changed -----------------------------------------------------------------------------------------------

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


@cache
def parsed(module: types.ModuleType) -> tuple[ast.Module, dict[tuple[str, int], ast.FunctionDef]]:
    """The tree of a module, and its functions by name and first line, that of a decorator included."""
    tree = ast.parse(inspect.getsource(module))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    lines = [min([node.lineno, *(each.lineno for each in node.decorator_list)]) for node in functions]
    return tree, {(node.name, line): node for node, line in zip(functions, lines, strict=True)}


def code_mutants() -> Iterator[Mutant]:
    """Of several that read alike in one function, the later ones are counted."""
    times: Counter[str] = Counter()
    for function, operations in used().items():
        module = sys.modules[function.__module__]
        tree, definitions = parsed(module)
        definition = definitions[function.__name__, function.__code__.co_firstlineno]
        place = f"{module.__name__.rpartition('.')[2]}.{function.__qualname__}"
        for parent, name, index in list(places(definition)):
            old = getattr(parent, name) if index is None else getattr(parent, name)[index]
            for new in changes(old):
                text = f"{_text(old)} -> {_text(new)}"
                if _text(new) == _text(old):
                    continue
                times[place + text] += 1
                text += f" ({times[place + text]})" * (times[place + text] > 1)
                yield Mutant(place, text, operations, _patched(function, tree, (parent, name, index), new))


def _text(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(node)).partition("\n")[0]


def _patched(
    function: types.FunctionType, tree: ast.Module, where: tuple[Any, str, int | None], new: ast.AST
) -> Callable[[], Any]:
    """A context in which a function has the code that the tree gives with `new` in that place."""
    parent, name, index = where

    def place(node: ast.AST) -> None:
        if index is None:
            setattr(parent, name, node)
        else:
            getattr(parent, name)[index] = node

    @contextmanager
    def run() -> Iterator[Any]:
        old = getattr(parent, name) if index is None else getattr(parent, name)[index]
        place(ast.copy_location(new, old))
        whole = compile(ast.fix_missing_locations(tree), function.__code__.co_filename, "exec")
        place(old)
        before = function.__code__
        function.__code__ = next(code for code in _codes(whole) if _same_place(code, before))
        try:
            yield make
        finally:
            function.__code__ = before

    return run


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _codes(inner)


def _same_place(code: types.CodeType, other: types.CodeType) -> bool:
    return (code.co_qualname, code.co_firstlineno) == (other.co_qualname, other.co_firstlineno)


# Defaults -----------------------------------------------------------------------------------------------------------


def default_mutants() -> Iterator[Mutant]:
    for key in ops.names():
        for name, info in ops.get(key).model_fields.items():
            if info.is_required():
                continue
            for other in others(info.default, info.annotation):
                yield Mutant(f"{key}.{name}", f"{info.default} -> {other}", (key,), _another_default(key, name, other))


def others(default: Any, kind: Any) -> Iterator[Any]:
    """Other defaults of the same kind; what has none (null) stands for a rule that the reference has to follow."""
    match default:
        case bool():
            yield not default
        case str():
            yield from (value for value in get_args(kind) if value != default)
        case int():
            yield default + 1 if default >= 0 else 1
        case float():
            yield default * 1.25 if default else 0.25
        case (axis,) if isinstance(axis, int):
            yield (1,)


def _another_default(key: str, name: str, value: Any) -> Callable[[], Any]:
    @contextmanager
    def run() -> Iterator[Any]:
        yield lambda op, **attributes: make(op, **({name: value} if op == key else {}) | attributes)

    return run


def mutants() -> list[Mutant]:
    return [*default_mutants(), *code_mutants()]


def survivors(tried: Iterable[Mutant]) -> list[str]:
    """Those that no judge objects to, but for those that mean nothing."""
    return [str(mutant) for mutant in tried if str(mutant) not in EQUIVALENT and not mutant.found()]


def main() -> int:
    everything = mutants()
    equal = [mutant for mutant in everything if str(mutant) in EQUIVALENT]
    wrong = [f"survives: {text}" for text in survivors(everything)]
    places = Counter(str(mutant) for mutant in equal)
    noticed = Counter(str(mutant) for mutant in equal if mutant.found())
    wrong += [f"is found, and listed as equivalent: {text}" for text in places if noticed[text] == places[text]]
    print(f"{len(everything)} mutants, {len(equal) - noticed.total()} of them equivalent", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
