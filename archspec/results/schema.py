"""The JSON Schema of a result, made from the classes that results are made of."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from archspec.errors import Diagnostic
from archspec.results.options import Options
from archspec.results.result import FORMAT
from archspec.results.upgrades import Upgrade
from archspec.verification.report import Report

Schema = dict[str, Any]


def schema() -> Schema:
    """The form of what `archspec verify --json` and `-o` write, and `Proof.to_json` gives."""
    made = TypeAdapter(Report).json_schema(mode="serialization", ref_template="#/$defs/{model}")
    definitions: dict[str, Schema] = made.pop("$defs")
    for name, each in (*definitions.items(), ("Report", made)):
        definitions[name] = _closed(each)
    outcome = definitions["Outcome"]
    statuses = ["passed", "failed", "unproven", "error", "missing"]
    outcome["properties"] |= {"status": {"enum": statuses}, "message": {"type": "string"}}
    outcome["required"] += ["status", "message"]
    texts = {"type": "array", "items": {"type": "string"}}
    definitions |= {"Finding about a spec": _finding(), "Refused": _refused()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "archspec result",
        **_object(
            {
                "format": {"const": FORMAT},
                "archspec": {"type": "string", "description": "The version of archspec."},
                "date": {"type": "string", "description": "When it was found, in UTC: 2026-11-30T17:40:30Z."},
                "options": _object(dict.fromkeys((field.name for field in fields(Options)), True)),
                "environment": _environment(),
                "exit_code": {"enum": [0, 1, 2, 3]},
                "required": {"type": "array", "items": {"type": "string"}},
                "reports": {"type": "array", "items": {"$ref": "#/$defs/Report"}},
                "refused": {"type": "array", "items": {"$ref": "#/$defs/Refused"}},
                "upgrades": {"type": "array", "items": _upgrade()},
                "baseline": {"anyOf": [{"type": "null"}, _object({"worse": texts, "changed": texts})]},
            }
        ),
        "$defs": definitions,
    }


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _closed(each: Schema) -> Schema:
    """A class with all its fields, and no others; numbers that are not finite are written as null."""
    properties = {name: _finite(value) for name, value in each["properties"].items()}
    return {**each, **_object(properties)}


def _finite(value: Any) -> Any:
    match value:
        case {"type": "number", **rest}:
            return {"type": ["number", "null"], **rest}
        case dict():
            return {key: _finite(item) for key, item in value.items() if key not in ("title", "default")}
        case list():
            return [_finite(item) for item in value]
    return value


def _environment() -> Schema:
    text = {"type": "string"}
    versions = {"type": "object", "additionalProperties": text}
    frameworks = {"type": "object", "additionalProperties": versions}
    names = ("python", "numpy", "system", "machine")
    return _object({**dict.fromkeys(names, text), "frameworks": frameworks})


def _upgrade() -> Schema:
    made = TypeAdapter(Upgrade).json_schema(mode="serialization")
    return _object({name: _finite(value) for name, value in made["properties"].items()})


def _finding() -> Schema:
    return _object({
        name: {"type": "integer" if isinstance(value, int) else "string"}
        for name, value in Diagnostic("").as_json().items()
    })  # fmt: skip


def _refused() -> Schema:
    findings = {"type": "array", "items": {"$ref": "#/$defs/Finding about a spec"}}
    return _object({"network": {"type": "string"}, "message": {"type": "string"}, "findings": findings})
