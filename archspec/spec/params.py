"""The values of a spec's params: its defaults, those of a variant, and those that were given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.errors import Diagnostic, UsageError
from archspec.spec.document import Document
from archspec.spec.hints import one_of
from archspec.spec.source import Source


def merged(params: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """Params that are given as a mapping and by name. Raises UsageError for no mapping, and what is given twice."""
    if params is not None and not isinstance(params, Mapping):
        raise UsageError("params is a mapping of names to values: give a param of this name as params={'params': ...}")
    twice = sorted({*(params or {})} & more.keys())
    if twice:
        raise UsageError(f"{twice[0]} is given twice")
    return {**(params or {}), **more}


def decided(
    document: Document, source: Source, variant: str | None, params: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Diagnostic]]:  # fmt: skip
    """A value for each param, and what is wrong with those in the file. Raises UsageError for a variant or param that
    there is not, and for a given value that is none of it."""
    if variant is not None and variant not in document.variants:
        hint = one_of(str(variant), document.variants)
        if "variant" in document.params:
            hint += "; its param of this name is given with params={'variant': ...}, or --set"
        raise UsageError(f"{document.name} has no variant '{variant}'; {hint}")
    values = {name: param.default for name, param in document.params.items()}
    chosen = document.variants[variant].values if variant is not None else {}
    problems: list[Diagnostic] = []
    for name, value in chosen.items():
        if name in values:
            values[name] = value
            problem = document.params[name].problem(value)
            if problem:
                problems.append(source.diagnostic(("variants", str(variant), name), f"{name} {problem}"))
    for name, value in params.items():
        if name not in values:
            raise UsageError(f"{document.name} has no param '{name}'; "
                             f"{one_of(str(name), values, 'it has')}")  # fmt: skip
        problem = document.params[name].problem(value)
        if problem:
            raise UsageError(f"{document.name}: {name} {problem}")
        values[name] = value
    for name, param in document.params.items():
        if values[name] is None:
            variants = f"a variant ({', '.join(list(document.variants)[:8])}), " if document.variants else ""
            hint = f"give {variants}--set {name}=... or a default"
            problems.append(source.diagnostic(("params", name), f"param '{name}' needs a value", key=True,
                                                   hint=hint))  # fmt: skip
        elif param.type == "float" and isinstance(values[name], int):
            values[name] = float(values[name])
        if name not in chosen and name not in params and param.default is not None:
            problem = param.problem(param.default)
            if problem:
                long = isinstance(source.data["params"][name], dict)
                path = ("params", name, "default") if long else ("params", name)
                problems.append(source.diagnostic(path, f"the default of {name} {problem}"))
    return values, problems
