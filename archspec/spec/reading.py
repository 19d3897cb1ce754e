"""From a source to a document, and to everything that is wrong with its form.

Pydantic finds all mistakes of form. So that mistakes of meaning can be told at the same time, steps of a wrong form are
then taken out, and what remains is a document as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archspec._collector import paused_collector
from archspec.errors import Diagnostic
from archspec.expressions import suggestion
from archspec.ops.base import describe
from archspec.spec.document import (
    Block,
    BranchesStep,
    BrokenStep,
    Clip,
    Document,
    Expect,
    Group,
    Input,
    NoLosses,
    Output,
    Param,
    ParameterCounts,
    SequenceStep,
    Training,
    Use,
)
from archspec.spec.source import MOST_FINDINGS, Path, Source

_TAGS: Final = {"<op>", "<block>", "<branches>", "<layers>", "<str>", "<int>", "<dict>"}
_TYPES: Final = {
    "string_type": "must be a text", "int_type": "must be a whole number", "float_type": "must be a number",
    "bool_type": "must be true or false", "list_type": "must be a list", "dict_type": "must be a mapping",
    "model_type": "must be a mapping", "model_attributes_type": "must be a mapping",
}  # fmt: skip
_MISSING: Final = {
    "archspec": "a spec begins with 'archspec: 1'",
    "inputs": "as in inputs: {image: [3, 224, 224]}",
    "join": "as in join: add, or join: concat",
    "branches": "as in branches: {main: [...], shortcut: []}",
    "layers": "as in layers: [relu, {op: linear, out_features: 10}]",
    "shape": "as in shape: [3, 224, 224]",
    "from": "the name of the step whose output it is",
    "losses": "as in losses: {logits: cross_entropy}",
    "groups": "as in groups: [{of: bias, decay_factor: 0}]",
    "of": "as in of: bias, or of: [stem, batch_norm]",
    "clip": "as in clip: {norm: 1.0}",
    "optimizer": "as in optimizer: {optimizer: sgd, learning_rate: 0.01}",
    "type": "one of int, float, bool, str, list, block, operation",
}
_STAND_INS: Final[dict[Any, Any]] = {
    "archspec": 1,
    "name": "Network",
    "summary": "",
    "source": "",
    "expect": {},
    "training": None,
}
"""What can stand for parts of a spec whose form is wrong, or that are missing, since no step depends on them."""
_OPTIMIZER: Final = {"optimizer": "sgd", "learning_rate": 1}
"""The same in the section on training."""


def read(source: Source) -> tuple[Document | None, list[Diagnostic]]:
    """The document in a source, and what is wrong with its form. If anything is, the document is what remains without
    that, or None if what remains makes no sense."""
    if not isinstance(source.data, dict):
        message = f"a spec is a mapping, not {describe(source.data)}"
        return None, [source.diagnostic((), message, hint=_MISSING["archspec"])]
    try:
        with paused_collector():
            return Document.model_validate(source.data), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        return _remaining(source, details), [_finding(source, detail) for detail in islice(details, MOST_FINDINGS)]


def _finding(source: Source, error: ErrorDetails) -> Diagnostic:
    path = _path(error)
    key = error["loc"][-1:] == ("[key]",)
    where = str(path[-1]) if path else ""
    given = error.get("input")
    match error["type"]:
        case "extra_forbidden":
            allowed = _keys_beside(path, source)
            hint = suggestion(where, allowed) or f"there are: {', '.join(allowed)}"
            return source.diagnostic(path, f"unknown key '{where}'", key=True, hint=hint)
        case "missing":
            return source.diagnostic(path[:-1], f"missing key '{where}'", hint=_MISSING.get(where, ""))
        case "spec":
            context = error["ctx"]
            message, hint = str(context["message"]), str(context["hint"])
        case "literal_error":
            message, hint = f"must be {error['ctx']['expected']}, not {describe(given)}", ""
            if path == ("archspec",):
                hint = "it is the version of the language, not of the network"
        case "too_short":
            message, hint = "must not be empty", ""
        case "too_long":
            message, hint = f"must have at most {error['ctx']['max_length']} entries", ""
        case "string_too_long":
            message, hint = f"has more than {error['ctx']['max_length']} characters", ""
        case kind if kind in _TYPES:
            message, hint = f"{_TYPES[kind]}, not {describe(given)}", _MISSING.get(where, "")
            if path[-2:-1] == ("blocks",):
                hint = "as in {layers: [conv2d, relu]}"
        case _:
            message, hint = error["msg"][:1].lower() + error["msg"][1:], ""
    if message.startswith(("must ", "has ")):
        shown = f"an item of {path[-2]}" if path and isinstance(path[-1], int) and len(path) > 1 else where
        message = f"{shown} {message}"
    return source.diagnostic(path, message, hint=hint, key=key)


def _path(error: ErrorDetails) -> Path:
    """Where in the document an error is: Pydantic's place without its own marks."""
    parts = [part for part in error["loc"] if part not in _TAGS and part != "[key]"]
    if error["type"] == "extra_forbidden" and error["loc"][-1] in _TAGS:
        parts.append(error["loc"][-1])
    return tuple(parts)


def _keys_beside(path: Path, source: Source) -> list[str]:
    """The keys that the mapping may have in which the last part of a path stands."""
    model: type[BaseModel]
    match path[:-1]:
        case ():
            model = Document
        case (*_, "parameters"):
            model = ParameterCounts
        case (*_, "expect"):
            model = Expect
        case ("training",):
            model = Training
        case ("training", "clip"):
            model = Clip
        case ("training", "groups", int()):
            model = Group
        case (*_, "params", str()):
            model = Param
        case ("use",) | ("use", int()):
            model = Use
        case ("inputs", str()):
            model = Input
        case ("outputs", str()):
            model = Output
        case ("blocks", str()):
            model = Block
        case parent:
            model = BranchesStep if "branches" in _at(source.data, parent) else SequenceStep
    return [field.alias or name for name, field in model.model_fields.items()]


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


# What remains ---------------------------------------------------------------------------------------------------


def _remaining(source: Source, details: list[ErrorDetails]) -> Document | None:
    """The document without the steps whose form is wrong; None if more is than these."""
    if len(details) > MOST_FINDINGS:
        return None
    data = source.data
    for error in details:
        path = _path(error)
        if error["type"] == "extra_forbidden":
            data = _replaced(data, path, None)
            continue
        if len(path) > 1 and path[0] == "training" and isinstance(data.get("training"), dict):
            data = {**data, "training": _without(data["training"], path[1:])}
            continue
        if path[:1] and path[0] in _STAND_INS:
            data = {**data, path[0]: _STAND_INS[path[0]]}
            continue
        if error["type"] == "missing":
            path = path[:-1]
        ends = [end for end in range(1, len(path) + 1) if _is_step(path[:end])]
        if not ends:
            return None
        step = path[: ends[-1]]
        data = _replaced(data, step, _broken(_at(source.data, step)))
    try:
        return Document.model_validate(data)
    except ValidationError:
        return None


def _without(section: dict[str, Any], path: Path) -> dict[str, Any]:
    """A section on training without what is at a path below it; it always has losses and an optimizer."""
    if path[:1] == ("optimizer",):
        return {**section, "optimizer": _OPTIMIZER}
    if path[:1] != ("losses",):
        return {key: value for key, value in section.items() if key != path[0]}
    left = _replaced(section["losses"], path[1:2], None) if len(path) > 1 else {}
    return {**section, "losses": NoLosses(left)}


def _is_step(path: Path) -> bool:
    return isinstance(path[-1], int) and (path[-2:-1] == ("layers",) or path[-3:-2] == ("branches",))


def _replaced(data: Any, path: Path, value: Any) -> Any:
    """`data` with another value at a path, or without that key if the value is None; it shares what it can."""
    if not path or isinstance(data, BrokenStep):
        return value if not path else data
    first, *rest = path
    if isinstance(data, list):
        return [_replaced(item, tuple(rest), value) if index == first else item for index, item in enumerate(data)]
    if value is None and not rest:
        return {key: item for key, item in data.items() if key != first}
    return {key: _replaced(item, tuple(rest), value) if key == first else item for key, item in data.items()}


def _broken(raw: Any) -> BrokenStep:
    return BrokenStep(names=tuple(_names(raw)), raw=raw)


def _names(raw: Any) -> Iterator[str]:
    """All names that a step and the steps in it may have."""
    if isinstance(raw, list):
        for item in raw:
            yield from _names(item)
    if isinstance(raw, dict):
        if isinstance(raw.get("name"), str):
            yield raw["name"]
        if isinstance(raw.get("branches"), dict):
            yield from raw["branches"]
            for layers in raw["branches"].values():
                yield from _names(layers)
        yield from _names(raw.get("layers"))
