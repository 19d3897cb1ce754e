"""Names in a spec, and values that may have several forms, with what is said of those that have none of them."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from archspec.expressions import FUNCTIONS
from archspec.ops.base import describe
from archspec.spec.initial import FANS

MAX_NAME: Final = 64
MAX_PARAMS: Final = 500
RESERVED: Final = frozenset(keyword.kwlist) | {"self", "x", "index", "training", "name", "forward", "batch", "super"}
"""What no step may be called, because the word has a meaning in expressions, references or generated code."""

NOT_INPUTS: Final = RESERVED - {"x", "name", "forward"}
_STEP_KEYS: Final = {
    "name", "from", "when", "repeat", "each", "init", "frozen",
    "op", "weights_of", "block", "over", "reverse", "branches", "join", "layers",
}  # fmt: skip
_NOT_PARAMS: Final = (
    RESERVED | _STEP_KEYS | set(FUNCTIONS) | set(FANS) | {"true", "false", "null", "summary", "source", "expect"}
)


def problem(message: str, hint: str = "") -> PydanticCustomError:
    """A finding about the value that is being validated; unlike ValueError it may carry a hint."""
    return PydanticCustomError("spec", "{message}", {"message": message, "hint": hint})


# Names, and values that may have several forms. Each has one check of its own that says what is due, where Pydantic
# would list the complaints of every member of a union.


def named(reserved: frozenset[str] | set[str], what: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not value.isascii() or not value.isidentifier() or value.startswith("_"):
            shown = describe(value) if not isinstance(value, str) else f"'{value[:MAX_NAME]}'"
            raise problem(f"a name has letters, digits and underscores, and begins with a letter, unlike {shown}")
        if len(value) > MAX_NAME:
            raise problem(f"a name has at most {MAX_NAME} characters, this one has {len(value)}")
        if keyword.iskeyword(value):
            raise problem(f"'{value}' is a word of Python and cannot be a name in generated code")
        if value in reserved:
            raise problem(f"'{value}' has a meaning of its own and cannot be the name of {what}")
        return value

    return check


def one_of(types: tuple[type, ...], due: str, hint: str = "") -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise problem(f"must be {due}, not {describe(value)}", hint)
        return value

    return check


def _references(value: Any) -> Any:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(v, str) for v in values) or not values:
        raise problem(f"must be the name of a step, input or branch, or a list of such names, not {describe(value)}")
    return value


def join_form(value: Any) -> Any:
    if isinstance(value, dict):
        if not isinstance(value.get("op"), str):
            raise problem("join needs op, the name of an operation", "as in join: {op: concat, axis: 1}")
        for key in ("name", "from", "when", "repeat", "each", "init", "frozen", "weights_of"):
            if key in value:
                raise problem(f"join cannot have '{key}', only an operation and its attributes")
        return value
    return one_of((str,), "the name of an operation, or a mapping with op")(value)


def _init(value: Any) -> Any:
    hint = "as in init: {weight: normal(0.02), bias: zeros}"
    if not isinstance(value, (str, dict)) or not value:
        raise problem(
            f"must be the name of an initializer, or a mapping of weights to such, not {describe(value)}", hint
        )
    for key, text in value.items() if isinstance(value, dict) else ():
        if not isinstance(key, str):
            raise problem(f"a key of init is the name of an operation or a kind of weights, not {describe(key)}", hint)
        if not isinstance(text, str):
            meant = f"write constant({text})" if isinstance(text, (int, float)) else hint
            raise problem(f"{key[:MAX_NAME]} must be the name of an initializer, not {describe(text)}", meant)
    return value


def _each(value: Any) -> Any:
    rows = value if isinstance(value, list) else []
    if not isinstance(value, (list, str)) or not all(isinstance(row, dict) for row in rows):
        hint = "as in each: [{channels: 64}, {channels: 128}]"
        raise problem(f"must be a list of mappings, one for each instance, not {describe(value)}", hint)
    check = named(_NOT_PARAMS, "a value in a row")
    for row in rows:
        for key in row:
            check(key)
    return value


def _over(value: Any) -> Any:
    hint = "as in over: time, or over: {x: time, gate: time}"
    for axis in value.values() if isinstance(value, dict) and value else [value]:
        one_of((int, str), "the name or number of an axis, or a mapping of inputs of the block to such", hint)(axis)
    return value


Identifier = Annotated[str, BeforeValidator(named(frozenset(), ""))]
StepName = Annotated[str, BeforeValidator(named(RESERVED, "a step"))]
Label = Annotated[str, BeforeValidator(named(RESERVED, "a branch"))]
InputName = Annotated[str, BeforeValidator(named(NOT_INPUTS, "an input"))]
ParamName = Annotated[str, BeforeValidator(named(_NOT_PARAMS, "a param"))]
Text = Annotated[str, Field(max_length=2000)]
References = Annotated[str | list[str], BeforeValidator(_references)]
StepReference = Annotated[str, BeforeValidator(one_of((str,), "the name of a step"))]
Condition = Annotated[bool | str, BeforeValidator(one_of((bool, str), "true, false, or an expression"))]
Count = Annotated[int | str, BeforeValidator(one_of((int, str), "a whole number or an expression"))]
Over = Annotated[int | str | dict[str, int | str], BeforeValidator(_over)]
Size = Annotated[int | str, BeforeValidator(one_of((int, str), "a whole number, an expression, or a name",
                                              "a name leaves a size open, as in [3, height, width]"))]  # fmt: skip
_CALL: Final = {"type": "string", "pattern": r"^\s*[a-z_]+\s*(\(.*\))?\s*$", "maxLength": 1000}
Initials = Annotated[
    Any,
    BeforeValidator(_init),
    WithJsonSchema({"anyOf": [_CALL, {
        "type": "object", "minProperties": 1, "additionalProperties": False,
        "patternProperties": {r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)?$": _CALL},
    }]}),
]  # fmt: skip
Rows = Annotated[list[dict[str, Any]] | str, BeforeValidator(_each)]
