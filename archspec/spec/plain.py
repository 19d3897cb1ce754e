"""Plain Python data as the text of a spec."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from archspec.errors import UsageError
from archspec.ops.base import describe
from archspec.spec.nodes import MAX_DEPTH, TOO_DEEP


def as_json(data: Mapping[str, Any]) -> str:
    """Indented JSON. Raises UsageError for what JSON does not have, and says where in the data it stands."""
    if not isinstance(data, Mapping):
        raise UsageError(f"a spec is a mapping, not {describe(data)}")
    return json.dumps(_plain(data, ()), indent=2, ensure_ascii=False)


def _plain(value: Any, path: tuple[str, ...]) -> Any:
    if len(path) > MAX_DEPTH:
        raise UsageError(TOO_DEEP.replace("the file", "the spec"))
    match value:
        case None | bool() | str() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise UsageError(f"{_at(path)}: a key is a text, not {describe(key)}")
            return {key: _plain(item, (*path, f".{key}")) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, (*path, f"[{index}]")) for index, item in enumerate(value)]
    raise UsageError(f"{_at(path)}: a spec is plain data, and {describe(value)} is none")


def _at(path: tuple[str, ...]) -> str:
    return "".join(path).lstrip(".") or "the spec"
