"""Faults put into the reference, one at a time: `python -m tests.operation_judges.mutants`.

What a reference runs is found by running it. Each mutant is that code with one operator, number, comparison or argument
changed, or an attribute with another default; the judges must object to it.
"""

from __future__ import annotations

import ast
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

from .changes import changes, places
from .equivalents import EQUIVALENT
from .trials import make, objections, trials

SHARED: Final = ("_shapes", "_special", "_windows", "base")
"""Modules of archspec.ops besides those of the families."""
UNTOUCHED: Final = ("infer", "result", "accepts", "cost", "__")
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


# Constants ----------------------------------------------------------------------------------------------------------


def constant_mutants() -> Iterator[Mutant]:
    """Numbers that a module names, and tables of them, a hundredth off."""
    for name in (*SHARED, *ops.FAMILIES):
        module = import_module(f"archspec.ops.{name}")
        for constant, value in list(vars(module).items()):
            if constant.lstrip("_").isupper() and isinstance(value, (int, float, tuple)):
                readers = [f for f in used() if f.__globals__ is vars(module) and constant in f.__code__.co_names]
                operations = tuple(dict.fromkeys(key for function in readers for key in used()[function]))
                for change, other in _off(value) if operations else ():
                    yield Mutant(f"{name}.{constant}", change, operations, _another_constant(module, constant, other))


def _off(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (int, float)):
        yield f"{value} -> {value * 1.01:.17g}", type(value)(value * 1.01)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            for change, other in _off(item):
                yield f"[{index}] {change}", (*value[:index], other, *value[index + 1 :])


def _another_constant(module: types.ModuleType, name: str, value: Any) -> Callable[[], Any]:
    @contextmanager
    def run() -> Iterator[Any]:
        before = getattr(module, name)
        setattr(module, name, value)
        try:
            yield make
        finally:
            setattr(module, name, before)

    return run


# Defaults -----------------------------------------------------------------------------------------------------------


def default_mutants() -> Iterator[Mutant]:
    for key in ops.names():
        for name, info in ops.get(key).model_fields.items():
            if info.is_required():
                continue
            for other in others(info.default, info.annotation):
                yield Mutant(f"{key}.{name}", f"{info.default} -> {other}", (key,), _another_default(key, name, other))


def others(default: Any, kind: Any) -> Iterator[Any]:
    """Other defaults of the same kind."""
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
        case None:
            yield from (2, True)  # of which those that are no such attribute are refused


def _another_default(key: str, name: str, value: Any) -> Callable[[], Any]:
    @contextmanager
    def run() -> Iterator[Any]:
        yield lambda op, **attributes: make(op, **({name: value} if op == key else {}) | attributes)

    return run


def mutants() -> list[Mutant]:
    return [*default_mutants(), *constant_mutants(), *code_mutants()]


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
