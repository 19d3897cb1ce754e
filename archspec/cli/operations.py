"""What `archspec op` prints: an operation as the page of operations has it, or the names of all."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

from archspec import ops
from archspec.errors import UsageError
from archspec.spec import hints


def described(name: str) -> dict[str, Any]:
    """An operation, as data: its formula and shapes, and its attributes. Raises UsageError if there is none."""
    if name not in ops.names():
        hint = hints.operation(name)
        raise UsageError(f"there is no operation '{name}'" + (f"; {hint}" if hint else ""))
    cls = ops.get(name)
    attributes = [
        {"name": attribute, "required": field.is_required(), "meaning": field.description or ""}
        | ({} if field.is_required() else {"default": field.default})
        for attribute, field in cls.model_fields.items()
    ]
    formula = inspect.cleandoc(cls.__doc__ or "")
    return {"name": name, "family": ops.family(name), "formula": formula, "attributes": attributes}


def text(name: str) -> Iterator[str]:
    """An operation, in lines."""
    found = described(name)
    yield f"{name} ({found['family']})"
    yield ""
    yield found["formula"]
    if found["attributes"]:
        yield ""
    width = max((len(each["name"]) for each in found["attributes"]), default=0)
    for each in found["attributes"]:
        default = "required" if each["required"] else f"default {json.dumps(each['default'])}"
        yield f"  {each['name']:<{width}}  {each['meaning']} ({default})"


def names() -> Iterator[str]:
    """All operations, a line for each family."""
    for family, keys in ops.FAMILIES.items():
        yield f"{family}: {' '.join(keys)}"
