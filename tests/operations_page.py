"""The reference of operations: what each is, what backends make of it, and where frameworks differ."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

from archspec import ops
from archspec.backend import backends
from archspec.errors import BackendError
from archspec.ops.base import Operation

from .cases import CASES, Case, alone
from .operation_judges import JUDGES

DIVERGENCES: Final = (Path(__file__).parent.parent / "docs" / "divergences.md").read_text()
BACKENDS: Final = backends()


def page() -> Iterator[str]:
    yield """# Operations

Made by `make golden` from `archspec/ops` and the backends; a `*` marks an attribute that has no default. Shapes have
the batch axis first. The code is what each backend emits for one row of the table of tests, `x` being the input;
*inexact* is the error in float64 that a framework's own operation is known to have, and is held to. What an operation
*is judged by* did not come from archspec: tests hold the reference in NumPy against it.
"""
    yield f"{len(ops.names())} operations: " + ", ".join(
        f"[{family}](#{family}) ({len(keys)})" for family, keys in ops.FAMILIES.items()
    )
    for family, keys in ops.FAMILIES.items():
        yield f"\n## {family.capitalize()}"
        for key in keys:
            yield from entry(ops.get(key))
    yield ""


def entry(operation: type[Operation]) -> Iterator[str]:
    yield f"\n### {operation.key}\n"
    yield f"```text\n{inspect.cleandoc(operation.__doc__ or '')}\n```"
    if operation.model_fields:
        yield "\n| attribute | default | meaning |\n| --- | --- | --- |"
        for name, field in operation.model_fields.items():
            default = "*" if field.is_required() else f"`{_shown(field.default)}`"
            yield f"| `{name}` | {default} | {field.description} |"
    case = next(case for case in CASES if case.op == operation.key)
    yield f"\n`{_step(case)}`" + (f" on {_shapes(case)}:" if case.shapes else ":")
    yield "\n```python"
    for backend in BACKENDS:
        yield f"# {backend.title}"
        yield from _code(backend.name, case)
    yield "```"
    notes = [*_notes(operation.key), *_inexact(operation.key), *_differences(operation.key), *_judges(operation.key)]
    yield "\n" + "\n".join(f"- {note}" for note in notes)


def _shown(value: Any) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _step(case: Case) -> str:
    attributes = ", ".join(f"{name}: {_yaml(value)}" for name, value in case.attributes.items())
    return "{" + f"op: {case.op}" + (f", {attributes}" if attributes else "") + "}"


def _yaml(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, str) and "," in value:
        return f'"{value}"'  # in braces a comma ends a value
    return _shown(value)


def _shapes(case: Case) -> str:
    batches = {**dict.fromkeys(case.shared, "1"), **{i: f"{count} * batch" for i, count in case.merged.items()}}
    shown = [(batches.get(i, "batch"), *shape) for i, shape in enumerate(case.shapes)]
    return " and ".join(f"[{', '.join(map(str, shape))}]" for shape in shown)


def _code(backend: str, case: Case) -> Iterator[str]:
    """The statements that make the step's layers, and those that call them."""
    try:
        source = next(b for b in BACKENDS if b.name == backend).write(alone(case))
    except BackendError as error:
        yield f"# refused: {error}"
        return
    lines = source.splitlines()
    whole = ast.parse(source).body[-1]
    functions = [whole] if isinstance(whole, ast.FunctionDef) else [
        node for node in ast.walk(whole) if isinstance(node, ast.FunctionDef)
    ]  # fmt: skip
    for function in functions:
        for statement in function.body:
            text = dedent("\n".join(lines[statement.lineno - 1 : statement.end_lineno]))
            skipped = text.startswith(('"""', "super().__init__", "return keras.Model(")) or "keras.Input(" in text
            if not skipped:
                yield re.sub(r"  # .*", "", text)


@cache
def _rows(backend: str, family: str) -> dict[str, Any]:
    rows: dict[str, Any] = importlib.import_module(f"archspec.backends.{backend}.lowering.{family}").ROWS
    return rows


def _notes(key: str) -> Iterator[str]:
    """What rows say that they bridge."""
    for backend in BACKENDS:
        row = _rows(backend.name, ops.family(key))[key]
        if isinstance(row, types.FunctionType) and row.__doc__:
            yield f"{backend.title}: {' '.join(inspect.cleandoc(row.__doc__).split())}"


def _inexact(key: str) -> Iterator[str]:
    for backend in BACKENDS:
        values: set[tuple[float, ...]] = set()
        for case in CASES:
            if case.op == key and backend.name not in case.refused:
                program = backend.generate(alone(case))
                values.add(
                    (max(program.inexact.values(), default=0), max(program.inexact_gradients.values(), default=0))
                )
        value, gradient = (max(column) for column in zip(*values, strict=True))
        if value or gradient:
            parts = [f"{value:.0e}"] if value else []
            parts += [f"{gradient:.0e} in its gradient"] if gradient else []
            yield f"{backend.title}: inexact, {' and '.join(parts)}."


def _judges(key: str) -> Iterator[str]:
    """Who tells what the operation is."""
    judge = JUDGES[key]
    yield f"Judged by {judge.by}" + (", in training, too." if judge.train else ".")


def _differences(key: str) -> Iterator[str]:
    """The entries of the catalogue that name the operation."""
    for section in re.split(r"^(?=##+ )", DIVERGENCES, flags=re.MULTILINE):
        heading = re.match(r"##+ (.*)", section)
        if heading and section.startswith("### ") and f"`{key}`" in section:
            anchor = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
            yield f"See [{heading[1]}](divergences.md#{anchor})."
