"""A generated model in a framework's process: made from its text, filled, and asked for its outputs by name."""

from __future__ import annotations

import ast
import contextlib
import linecache
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .arrays import Array, arrange, cast


class RunError(Exception):
    """The program does not keep its promises; `parameters` are those that have no proper place in it, and why, and
    `tensors` those that are not as they should be."""

    def __init__(
        self, message: str, parameters: Mapping[str, str] | None = None, tensors: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.parameters, self.tensors = dict(parameters or {}), dict(tensors or {})


def nearest(value: Any) -> Any:
    """The float32 number next to a float, as programs for verification call it: frameworks keep many floats so. For
    each item of a tuple or list; what is no float stays."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(nearest, value))
    return float(np.float32(value)) if isinstance(value, float) else value


@contextlib.contextmanager
def module(source: str) -> Iterator[types.ModuleType]:
    """An empty module that Python, `inspect` and tracebacks take for the one with this source."""
    made = types.ModuleType(f"archspec_program_{time.monotonic_ns()}")
    made.__file__ = filename = f"<{made.__name__}>"
    sys.modules[made.__name__] = made
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    try:
        yield made
    finally:
        del sys.modules[made.__name__], linecache.cache[filename]


def made(
    request: Mapping[str, Any], session: Any, program: types.ModuleType, source: str, probe: Callable[..., Any] | None
) -> None:
    """Runs a generated file in a module that is empty, and builds its model in a session. Without `probe` the file is
    one that has no probes."""
    if probe is not None:
        program.__dict__.update(probe=probe, nearest=nearest)
    exec(compile(source, str(program.__file__), "exec"), program.__dict__)
    entry = getattr(program, request["entry"])
    hooks = request["hooks"] if probe is not None else {}
    session.build(partial(entry, **request["arguments"]), hooks, request["mode"])


def fill(session: Any, bindings: Sequence[Any], data: Mapping[str, Array], dtype: str) -> None:
    """Gives every weight of the model its value, exactly once; RunError names all that is missing or left over."""
    variables = session.variables()
    bound: dict[int, Array | None] = {}
    problems: dict[str, str] = {}
    for parameter, target, layout, optional, shared in bindings:
        array = cast(arrange(data[parameter], layout), dtype)
        variable = variables.get(target)
        if variable is None:
            if not optional:
                problems[parameter] = f"the model has no weight '{target}' (for {parameter})"
        elif id(variable) in bound and not (shared and bound[id(variable)] is not None):
            problems[parameter] = f"'{target}' is filled twice (again by {parameter})"
        elif tuple(variable.shape) != array.shape:
            problems[parameter] = f"'{target}' has shape {tuple(variable.shape)}, and {parameter} gives {array.shape}"
        elif not str(variable.dtype).endswith(array.dtype.name):
            problems[parameter] = f"'{target}' is {variable.dtype}, not {array.dtype.name}"
        else:
            part = bound.get(id(variable))
            array = array if part is None else part + array
            session.assign(variable, array)
        bound[id(variable)] = array if shared else None
    names: dict[int, str] = {}
    for name, variable in variables.items():
        names.setdefault(id(variable), name)
    unused = getattr(session, "unused", ())  # of a person's own model, of which only evaluation is known
    unfilled = [f"nothing fills '{name}'" for key, name in names.items() if key not in bound and name not in unused]
    if problems or unfilled:
        raise RunError("; ".join([*problems.values(), *unfilled]), problems)


def untouched(request: Mapping[str, Any], given: Mapping[str, Array], inputs: Sequence[Array]) -> None:
    """Raises RunError if a model has written into one of its `inputs`, which were `given` in canonical layout."""
    for (name, layout), found in zip(request["inputs"].items(), inputs, strict=True):
        if not np.array_equal(cast(arrange(given[name], layout), request["dtype"]), found, equal_nan=True):
            raise RunError(f"the model overwrites its input '{name}' where that is large, or at an edge of a step")


def several(session: Any) -> type:
    """In what the framework's models return more than one output."""
    found: type = getattr(session, "several", tuple)
    return found


def named(value: Any, names: Sequence[str], several: type | None = None) -> dict[str, Any]:
    """A model's result, by the names of its outputs: one is returned as it is, more in what is due for `several`; or in
    anything, without it."""
    mapping = isinstance(value, Mapping)
    if mapping and several is None:
        if sorted(value) != sorted(names):
            raise RunError(f"the model returns {', '.join(value)}, not {', '.join(names)}")
        return {name: value[name] for name in names}
    many = isinstance(value, (tuple, list))
    values = value if many else [value]
    if len(values) != len(names):
        raise RunError(f"the model returns {len(values)} outputs, not {len(names)} ({', '.join(names)})")
    if several is not None and (mapping or many or len(names) > 1) and not (len(names) > 1 and type(value) is several):
        due = "value" if len(names) == 1 else several.__name__
        raise RunError(f"the model returns a {type(value).__name__}, not a {due} ({', '.join(names)})")
    return dict(zip(names, values, strict=True))


def passed(error: BaseException, file: str, source: str) -> list[str]:
    """The statements of a program that an error passed through, outermost first; of each the first line."""
    numbers = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not numbers:
        return []
    lines = source.splitlines()
    starts = sorted(node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt))
    return [lines[max(start for start in starts if start <= (number or 0)) - 1].strip() for number in numbers]
