"""What `--against` names: a function that makes a person's own model, in a file or in what is installed."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspec.backend import Backend
from archspec.errors import UsageError

_SAVED = {".keras": "keras", ".pt": "pytorch", ".pth": "pytorch", ".ts": "pytorch"}
"""The backends whose frameworks save whole models in such files: Keras, and PyTorch as TorchScript."""
_EXAMPLE = "FILE.py:NAME or MODULE:NAME, as in my_model.py:build or keras.applications:ResNet50(weights=None)"


@dataclass(frozen=True, slots=True)
class Target:
    """A person's own model."""

    text: str
    """As it was named."""
    backend: Backend
    """Whose framework it is written in."""
    file: str
    """The absolute path of a file; or else, empty, and what makes it is in a `module` that is installed."""
    module: str
    name: str
    """Of what makes it; empty for a file that is a saved model."""
    arguments: dict[str, Any]


def targets(texts: Sequence[str], chosen: Sequence[Backend], option: str = "--against ") -> list[Target]:
    """The models that are named, each of them of a framework: `keras=FILE.py:NAME`, or that of the only backend that
    is chosen. `option` is how errors begin. Raises UsageError."""
    found = [_target(text, chosen, option) for text in texts]
    for place, target in enumerate(found):
        if target in found[:place]:
            raise UsageError(f"{option}{target.text} is given twice")
    return found


def _target(text: str, chosen: Sequence[Backend], option: str) -> Target:
    names = {backend.name: backend for backend in chosen}
    first, sign, rest = text.partition("=")
    named = first.isidentifier() and bool(sign)
    saved = _SAVED.get(Path(text).suffix.lower(), "")
    if saved and not named:
        return _target(f"{saved}={text}", chosen, option) if len(chosen) > 1 else _saved(text, text, chosen[0], option)
    if named and first not in names:
        raise UsageError(f"{option}{text}: '{first}' is none of the frameworks here: {', '.join(names)}")
    if not named and len(chosen) != 1:
        raise UsageError(
            f"{option}{text}: in which framework is it written? Say --to with one, or {chosen[0].name}={text}"
        )
    backend = names[first] if named else chosen[0]
    if backend.recorder is None:
        raise UsageError(f"{option}{text}: {backend.title} has no recorder, which sees what a person's model calls")
    if saved:
        return _saved(text, rest, backend, option)
    where, name, arguments = _parts(rest if named else text, f"{option}{text}")
    file = ""
    if where.endswith(".py") or "/" in where or "\\" in where:
        path = Path(where).expanduser()
        if not path.is_file():
            raise UsageError(f"{option}{text}: there is no file {where}")
        file, where = str(path.resolve()), ""
    elif not all(part.isidentifier() for part in where.split(".")):
        raise UsageError(f"{option}{text}: give {_EXAMPLE}")
    return Target(text, backend, file, where, name, arguments)


def _saved(text: str, file: str, backend: Backend, option: str) -> Target:
    """A file that holds a whole model."""
    due = _SAVED[Path(file).suffix.lower()]
    if backend.name != due:
        raise UsageError(f"{option}{text}: a model in such a file is one of {due}, not of {backend.name}: --to {due}")
    path = Path(file).expanduser()
    if not path.is_file():
        raise UsageError(f"{option}{text}: there is no file {file}")
    return Target(text, backend, str(path.resolve()), "", "", {})


def _parts(text: str, whole: str) -> tuple[str, str, dict[str, Any]]:
    """The place, the name in it, and the arguments. Nothing is run."""
    problem = UsageError(f"{whole}: give {_EXAMPLE}")
    head = text.partition("(")[0]
    where, sign, _ = head.rpartition(":")
    if not sign or not where:
        raise problem
    said = text[len(where) + 1 :]
    try:
        node = ast.parse(said, mode="eval").body
    except (SyntaxError, ValueError):
        raise problem from None
    arguments: dict[str, Any] = {}
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            try:
                value = ast.literal_eval(keyword.value)
            except ValueError:
                value = problem
            if keyword.arg is None or not _plain(value):
                raise UsageError(f"{whole}: arguments are numbers, texts, truth values, null, or lists")
            arguments[keyword.arg] = value
        if node.args:
            raise UsageError(f"{whole}: arguments have names, as in {ast.unparse(node.func)}(classes=10)")
        node = node.func
    name = ast.unparse(node)
    if not all(part.isidentifier() for part in name.split(".")):
        raise problem
    return where, name, arguments


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
