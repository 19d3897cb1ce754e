"""A script for a process of its own: holds signatures as rows have them against those of the installed framework.

Reads a list of signatures as JSON from standard input, and prints a list of problems. Needs the framework only.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import sys
import warnings
from typing import Any

NAMES = {
    "pytorch": {"torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional"},
    "keras": {"keras": "keras", "layers": "keras.layers", "ops": "keras.ops"},
    "paddle": {"paddle": "paddle", "nn": "paddle.nn", "F": "paddle.nn.functional"},
}
"""What the names at the top of generated files stand for."""

EMPTY = inspect.Parameter.empty


def parameters(function: Any, name: str) -> dict[str, Any]:
    """Names and defaults. Those of functions in C, and of those that choose another function, are in their docs."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except ValueError:
        found = []
    plain = [p for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if plain:
        return {p.name: p.default for p in plain}
    text = re.search(rf"\b(?:{name}|__init__)\((.*?)\)\s*(?:->|\n)", inspect.getdoc(function) or "", re.DOTALL)
    if text is None:
        return {p.name: p.default for p in plain}
    arguments = ast.parse(f"def f({text[1]}): pass").body[0].args  # type: ignore[attr-defined]
    names = [a.arg for a in (*arguments.args, *arguments.kwonlyargs)]
    defaults = [ast.literal_eval(node) for node in (*arguments.defaults, *arguments.kw_defaults)]
    return dict(zip(names, [EMPTY] * (len(names) - len(defaults)) + defaults, strict=True))


def problems(backend: str, row: dict[str, Any]) -> list[str]:
    module, _, name = row["target"].partition(".")
    function = getattr(importlib.import_module(NAMES[backend][module]), name, None)
    if function is None:
        return ["there is no such thing"]
    there = parameters(function, name)
    if not inspect.isclass(function):
        _drop_inputs(there, row)
    found = []
    if list(there)[: len(row["positional"])] != row["positional"]:
        found.append(f"it begins with {', '.join(there)}")
    for argument in row["keyword"]:
        if argument not in there:
            found.append(f"it has no {argument}: {', '.join(there)}")
    for argument, default in row["defaults"].items():
        if argument in there and not same(there[argument], default):
            found.append(f"the default of {argument} is {there[argument]!r}")
    for argument, default in there.items():
        if default is EMPTY and argument not in (*row["positional"], *row["keyword"]):
            found.append(f"it needs {argument}")
    return found


def _drop_inputs(there: dict[str, Any], row: dict[str, Any]) -> None:
    """The first parameter, and as many more as there are inputs, unless the row gives them; a list of inputs is one."""
    for name in list(there)[: max(row["inputs"], 1)]:
        if name in (*row["positional"], *row["keyword"], *row["defaults"]):
            return
        del there[name]


def same(there: Any, here: Any) -> bool:
    """Whether defaults are equal; one number stands for the same on every axis."""
    if isinstance(there, (tuple, list)) and not isinstance(here, (tuple, list)):
        return bool(there) and all(same(item, here) for item in there)
    return bool(there == here) and isinstance(there, bool) == isinstance(here, bool)


def main(backend: str) -> None:
    warnings.simplefilter("ignore")
    rows = json.load(sys.stdin)
    found = [f"{row['text']}: {problem}" for row in rows for problem in problems(backend, row)]
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
