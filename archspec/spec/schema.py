"""The JSON Schema of the language, by which editors complete and check specs.

It is made from the document's models and from the operations, so it says what they say. What a schema cannot know is
left to `check`: whether a text is a valid expression, and, in a spec that has a param of type operation, whether an
operation that has no such name is that param.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from typing import Any, Final

from archspec import ops
from archspec.expressions import MAX_LENGTH
from archspec.ops.base import Operation
from archspec.spec.document import Document
from archspec.spec.values import MAX_NAME
from archspec.training import rules
from archspec.training.base import Rule

Schema = dict[str, Any]

_EXPRESSION: Final[Schema] = {
    "type": "string",
    "pattern": r"^[\w\s.,:+\-*/%<>=!()\[\]'\"]+$",
    "maxLength": MAX_LENGTH,
    "description": "An expression over params, the sizes of inputs (x.channels) and index: 4 * channels.",
}
_IDENTIFIER: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]*$", "maxLength": MAX_NAME}
_PARAM_VALUE: Final[Schema] = {
    "description": "The default, or the name of a type where there is none.",
    "type": ["integer", "number", "boolean", "string", "array"],
}
_SIZES: Final[Schema] = {"type": "array", "items": {"type": ["integer", "string"]}}
_OPERATION_PARAM: Final[Schema] = {
    "anyOf": [
        {"const": "operation"},
        {"type": "object", "properties": {"type": {"const": "operation"}}, "required": ["type"]},
    ]
}
FILE: Final = "archspec.schema.json"  # beside the specs that come along, whose first line names it


def schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a spec."""
    document = _tidied(Document.model_json_schema())
    definitions: dict[str, Schema] = document.pop("$defs")
    common = definitions.pop("OperationStep")["properties"]
    common.pop("op")
    common["name"]["anyOf"] = [{"$ref": "#/$defs/identifier"}, {"type": "null"}]
    document["properties"]["name"] = {"$ref": "#/$defs/identifier", "description": "What the network is called."}
    use = document["properties"]["use"]
    document["properties"]["use"] = {
        "description": use["description"],
        "anyOf": [use["items"], {"type": "array", "items": use["items"]}],
    }
    several = [key for key in ops.names() if ops.get(key).arity != (1, 1)]

    for name, short in {
        "Param": _PARAM_VALUE,
        "Input": _SIZES,
        "Output": {"type": "string"},
        "Use": {"type": "string"},
    }.items():
        definitions[name] = {"anyOf": [short, definitions[name]]}
    long = definitions["Param"]["anyOf"][1]
    long["anyOf"] = [{"required": [key]} for key in (*long.pop("required"), "default")]  # a default tells the type
    for step in ("BlockStep", "BranchesStep", "SequenceStep"):
        definitions[step]["properties"]["name"] = common["name"]
    definitions["BranchesStep"]["properties"]["join"] = _applied(several, "join.", "An operation of several inputs.")
    definitions |= {f"step.{key}": value for key, value in common.items()}
    common = {key: {"$ref": f"#/$defs/step.{key}"} for key in common}
    definitions |= {key: _operation(ops.get(key), common) for key in ops.names()}
    definitions |= {f"join.{key}": _operation(ops.get(key), {}) for key in several}
    for kind, form in {"loss": "LossForm", "optimizer": "OptimizerForm", "schedule": "ScheduleForm"}.items():
        definitions[form] = _chosen(kind)
        definitions |= {f"{kind}.{key}": _rule(kind, rule) for key, rule in rules(kind).items()}
    definitions |= {"Step": _step(), "known": _known(), "expression": _EXPRESSION, "identifier": _IDENTIFIER}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:archspec:language:1",
        "title": "archspec",
        **document,
        **_only_known(),
        "$defs": definitions,
    }


def text() -> str:
    """The schema as a file, with a line for each definition."""
    made = schema()
    definitions = made.pop("$defs")
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(definitions.items())]
    return json.dumps(made)[:-1] + ', "$defs": {\n' + ",\n".join(lines) + "\n}}\n"


def _only_known() -> Schema:
    """Where no param is of type operation, steps are of those that there are."""
    none = {"properties": {"params": {"additionalProperties": {"not": _OPERATION_PARAM}}}}
    layers = {"properties": {"layers": {"$ref": "#/$defs/known"}}}
    return {
        "if": {**none, "properties": {**none["properties"], "blocks": {"additionalProperties": none}}},
        "then": {**layers, "properties": {**layers["properties"], "blocks": {"additionalProperties": layers}}},
    }


def _known() -> Schema:
    """Steps, of which each operation is a known one."""
    known, steps = {"enum": list(ops.names())}, {"$ref": "#/$defs/known"}
    inside = {"properties": {"layers": steps, "branches": {"additionalProperties": steps}}}
    step = {"if": {"type": "object", "required": ["op"]}, "then": {"properties": {"op": known}}, "else": inside}
    return {"items": {"if": {"type": "string"}, "then": known, "else": step}}


def _step() -> Schema:
    """The forms of a step, told apart by their keys, so that an error is about the form that was meant."""
    forms = {"block": "BlockStep", "branches": "BranchesStep", "layers": "SequenceStep"}
    step: Schema = {"type": "object", "anyOf": [{"required": [key]} for key in ("op", *forms)]}
    for key, name in forms.items():
        step = {"if": {"type": "object", "required": [key]}, "then": {"$ref": f"#/$defs/{name}"}, "else": step}
    operation = _applied(ops.names(), "", "An operation's name, or the name of a param of type operation.")
    applied = {"anyOf": [{"type": "string"}, {"type": "object", "required": ["op"]}]}
    return {"if": applied, "then": operation, "else": step, "description": "An operation, a block, branches or layers."}


def _applied(keys: Iterable[str], prefix: str, doc: str) -> Schema:
    """An operation by its name alone, or with attributes: those of the operation that `op` names."""
    known = list(keys)
    alone = [key for key in known if not any(field.is_required() for field in ops.get(key).model_fields.values())]
    attributes = [
        {
            "if": {"type": "object", "properties": {"op": {"const": key}}, "required": ["op"]},
            "then": {"$ref": f"#/$defs/{prefix}{key}"},
        }
        for key in known
    ]
    with_attributes = {"type": "object", "properties": {"op": _name(known, doc)}, "required": ["op"]}
    return {"if": {"type": "string"}, "then": _name(alone, doc), "else": {**with_attributes, "allOf": attributes}}


def _name(known: list[str], doc: str) -> Schema:
    """One of these operations, or the name of a param: any name that is not another operation's."""
    others = [key for key in ops.names() if key not in known]
    return {"anyOf": [{"enum": known}, {"$ref": "#/$defs/identifier", "not": {"enum": others}}], "description": doc}


def _operation(operation: type[Operation], common: dict[str, Schema]) -> Schema:
    """An operation with its attributes, and with the keys that every step may have."""
    own = _tidied(operation.model_json_schema())
    attributes = {name: _or_expression(attribute) for name, attribute in own["properties"].items()}
    if operation.parameters is Operation.parameters:
        common = {key: value for key, value in common.items() if key not in ("weights_of", "init", "frozen")}
    return {
        "description": inspect.cleandoc(operation.__doc__ or ""),
        "type": "object",
        "properties": {"op": {"const": operation.key}, **common, **attributes},
        "required": ["op", *own.get("required", [])],
        "additionalProperties": False,
    }


def _chosen(kind: str) -> Schema:
    """A rule of training: its name alone, or with attributes."""
    known = rules(kind)
    alone = [key for key, rule in known.items() if not any(field.is_required() for field in rule.model_fields.values())]
    attributes = [
        {
            "if": {"type": "object", "properties": {kind: {"const": key}}, "required": [kind]},
            "then": {"$ref": f"#/$defs/{kind}.{key}"},
        }
        for key in known
    ]
    named = {"type": "object", "properties": {kind: {"enum": list(known)}}, "required": [kind], "allOf": attributes}
    return {"if": {"type": "string"}, "then": {"enum": alone}, "else": named}


def _rule(kind: str, rule: type[Rule]) -> Schema:
    own = _tidied(rule.model_json_schema())
    attributes = {name: _or_expression(attribute) for name, attribute in own["properties"].items()}
    return {
        "description": inspect.cleandoc(rule.__doc__ or ""),
        "type": "object",
        "properties": {kind: {"const": rule.key}, **attributes},
        "required": [kind, *own.get("required", [])],
        "additionalProperties": False,
    }


def _or_expression(attribute: Schema) -> Schema:
    """What an attribute takes, with expressions in place of each value and of each item of a list."""
    notes: Schema = {key: attribute[key] for key in ("description", "default") if key in attribute}
    plain = {key: value for key, value in attribute.items() if key not in notes}
    choices = plain["anyOf"] if set(plain) == {"anyOf"} else [plain]
    return {**notes, "anyOf": [*map(_items, choices), {"$ref": "#/$defs/expression"}]}


def _items(choice: Schema) -> Schema:
    return {**choice, "items": _or_expression(choice["items"])} if "items" in choice else choice


def _tidied(node: Any) -> Any:
    """A schema as Pydantic makes it, without titles, with our steps, and with the rule for names of mappings' keys."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    if {"$ref": "#/$defs/OperationStep"} in node.get("oneOf", ()):
        return {"$ref": "#/$defs/Step"}
    made = {key: _tidied(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if made.get("default", ...) is None:
        del made["default"]
    if isinstance(made.get("additionalProperties"), dict):
        made["propertyNames"] = {"$ref": "#/$defs/identifier"}
    return made
