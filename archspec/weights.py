"""Weights that another library's model has, by the names and in the layouts of a generated model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from archspec.errors import UsageError
from archspec.expressions import evaluate, parse
from archspec.spec import catalogue
from archspec.spec.hints import one_of
from archspec.verification.worker import Array, arrange

if TYPE_CHECKING:
    from archspec.model import Model
    from archspec.ops.base import Parameter

Rules = Mapping[str, str | list[str] | None]
"""What the beginning of a name becomes. `{i}` stands for a number or a word, of which the new name may calculate:
`features.{i}.conv: blocks.{i - 1}.expand`. Several names share the rows of an array equally; None drops it."""


def converted(model: Model, arrays: Mapping[str, Array], names: Rules | str, backend: str) -> dict[str, Array]:
    """A library's weights by the names and in the layouts of the model that a backend generates; see `canonical`."""
    found: dict[str, Array] = {}
    weights = canonical(model, arrays, names)
    for weight in model.program(backend).weights:
        if weight.parameter in weights:
            array = np.ascontiguousarray(arrange(weights[weight.parameter], weight.layout))  # files keep no strides
            found[weight.target] = found[weight.target] + array if weight.target in found else array
    return found


def canonical(model: Model, arrays: Mapping[str, Array], names: Rules | str = "") -> dict[str, Array]:
    """A library's weights by the names and in the shapes that the spec gives them.

    `names` is a library whose names come along (`torchvision`), or rules for others.

    Integers, which count batches or are tables of indices, are no weights. The heads that only training needs may be
    missing. Raises UsageError with everything else that is missing, left over, or has another shape; axes of size one
    may come and go.
    """
    floats = {name: array for name, array in arrays.items() if array.dtype.kind == "f"}
    found = renamed(floats, rules(model, names) if isinstance(names, str) else names)
    due = model.graph.parameters()
    needed = model.graph.parameters(training=False)
    problems = [f"nothing gives '{name}'" for name in needed if name not in found]
    problems += [f"'{name}' is none of its weights" for name in found if name not in due]
    problems += [
        f"'{name}' has shape {list(array.shape)}, not {list(map(int, due[name].shape))}"
        for name, array in found.items() if name in due and not _alike(array, due[name])
    ]  # fmt: skip
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise UsageError(f"these are not the weights of {model.name}: {'; '.join(problems[:5])}{more}")
    return {name: found[name].reshape(due[name].shape) for name in due if name in found}


def _alike(array: Array, parameter: Parameter) -> bool:
    return [size for size in array.shape if size != 1] == [int(size) for size in parameter.shape if size != 1]


def rules(model: Model, library: str) -> Rules:
    """The library's names for the variant, or for its family, that come along; nothing if they are the spec's own.

    Raises UsageError for a library of which there are no names.
    """
    known = sorted(path.name for path in catalogue.folder().iterdir() if path.is_dir())
    if library and library not in known:
        raise UsageError(f"there are no names of a library '{library}'; {one_of(library, known)}")
    family = Path(model.spec.source.file).stem
    for name in (model.name, family):
        path = catalogue.folder() / library / f"{name}.yaml"
        if path.is_file():
            found: Rules = yaml.safe_load(path.read_text(encoding="utf-8"))
            return found
    return {}


def renamed(arrays: Mapping[str, Array], rules: Rules) -> dict[str, Array]:
    """Arrays by other names; each rule in turn is applied to all names that are there by then."""
    found = dict(arrays)
    for pattern, target in rules.items():
        places = re.split(r"\{(\w+)\}", pattern)
        expression = "".join(f"(?P<{text}>[^.]+?)" if i % 2 else re.escape(text) for i, text in enumerate(places))
        begins = re.compile(rf"{expression}(?=\.|$)")
        found = {name: array for old, item in found.items() for name, array in _applied(begins, target, old, item)}
    return found


def _applied(
    begins: re.Pattern[str], target: str | list[str] | None, name: str, array: Array
) -> Iterator[tuple[str, Array]]:
    match = begins.match(name)
    if match is None:
        yield name, array
    elif target is not None:
        targets = [target] if isinstance(target, str) else target
        words = {key: int(text) if text.isdigit() else text for key, text in match.groupdict().items()}
        for index, text in enumerate(targets):
            rows = len(array) // len(targets)
            new = re.sub(r"\{(.+?)\}", lambda place: str(evaluate(parse(place[1]), words)), text)
            yield new + name[match.end() :], array[index * rows : (index + 1) * rows] if len(targets) > 1 else array
