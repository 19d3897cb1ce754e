"""Weights that another library's model has, by the names and in the layouts of a generated model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import yaml

from archspec.errors import UsageError
from archspec.expressions import ExpressionError, evaluate, parse
from archspec.graph.mode import Mode
from archspec.spec import catalogue
from archspec.spec.hints import one_of
from archspec.verification.worker import Array, arrange

if TYPE_CHECKING:
    from archspec.backend import Weight
    from archspec.graph.graph import Graph
    from archspec.ops.base import Parameter

Rules = Mapping[str, str | list[str] | None]
"""What the beginning of a name becomes. `{i}` stands for a number or a word, of which the new name may calculate:
`features.{i}.conv: blocks.{i - 1}.expand`. Several names share the rows of an array equally; None drops it."""


def converted(arrays: Mapping[str, Array], weights: Iterable[Weight]) -> dict[str, Array]:
    """Weights, by the names that the spec gives them, by those and in the layouts of a generated model."""
    found: dict[str, Array] = {}
    for weight in weights:
        if weight.parameter in arrays:
            array = np.ascontiguousarray(arrange(arrays[weight.parameter], weight.layout))  # files keep no strides
            found[weight.target] = found[weight.target] + array if weight.target in found else array
    return found


def canonical(graph: Graph, arrays: Mapping[str, Array], rules: Rules) -> dict[str, Array]:
    """A library's weights by the names and in the shapes that the spec gives them; see `Model.renamed`."""
    if not isinstance(arrays, Mapping) or not all(isinstance(name, str) for name in arrays):
        raise UsageError("weights are given as a mapping of names to NumPy arrays")
    for name, array in arrays.items():
        if not isinstance(array, (np.ndarray, np.generic)):
            raise UsageError(f"'{name}' is no NumPy array but {type(array).__name__}; tensor.numpy() gives one")
    floats = {name: np.asarray(array) for name, array in arrays.items() if array.dtype.kind == "f"}
    found = renamed(floats, rules)
    due, needed = graph.parameters(), graph.parameters(Mode.EVALUATION)
    problems = [f"nothing gives '{name}'" for name in needed if name not in found]
    problems += [f"'{name}' is none of its weights" for name in found if name not in due]
    problems += [
        f"'{name}' has shape {list(array.shape)}, not {list(map(int, due[name].shape))}"
        for name, array in found.items() if name in due and not _alike(array, due[name])
    ]  # fmt: skip
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise UsageError(f"these are not the weights of {graph.name}: {'; '.join(problems[:5])}{more}")
    return {name: found[name].reshape(due[name].shape) for name in due if name in found}


def _alike(array: Array, parameter: Parameter) -> bool:
    return [size for size in array.shape if size != 1] == [int(size) for size in parameter.shape if size != 1]


def rules(library: str, *networks: str) -> Rules:
    """The library's names that come along for the first of these that it has any for, a variant or a family; nothing if
    they are the spec's own.

    Raises UsageError for a library of which there are no names.
    """
    if not library:
        return {}
    known = sorted(path.name for path in catalogue.folder().iterdir() if path.is_dir())
    if library not in known:
        raise UsageError(f"there are no names of a library '{library}'; {one_of(library, known)}")
    for name in networks:
        path = catalogue.folder() / library / f"{name}.yaml"
        if path.is_file():
            found: Rules = yaml.safe_load(path.read_text(encoding="utf-8"))
            return found
    return {}


def renamed(arrays: Mapping[str, Array], rules: Rules) -> dict[str, Array]:
    """Arrays by other names; each rule in turn is applied to all names that are there by then.

    Raises UsageError for a rule that is none, and if two arrays get the same name.
    """
    found = {name: (name, array) for name, array in arrays.items()}
    for pattern, target in rules.items():
        begins = _beginning(pattern, target)
        made: dict[str, tuple[str, Array]] = {}
        for old, (first, item) in found.items():
            for name, array in _applied(begins, target, old, item):
                if name in made:
                    raise UsageError(f"two arrays are called '{name}': '{made[name][0]}' and '{first}'")
                made[name] = first, array
        found = made
    return {name: array for name, (_, array) in found.items()}


def _beginning(pattern: str, target: str | list[str] | None) -> re.Pattern[str]:
    """What the names begin with that a rule is about. Raises UsageError for a rule that is none."""
    targets = target if isinstance(target, list) else [target or ""]
    if not isinstance(pattern, str) or not targets or not all(isinstance(text, str) for text in targets):
        raise UsageError(f"'{pattern}: {target}' is no rule: it gives the beginning of a name another name, or several")
    places = re.split(r"\{(\w+)\}", pattern)
    try:
        return re.compile("".join(f"(?P<{p}>[^.]+?)" if i % 2 else re.escape(p) for i, p in enumerate(places))
                          + r"(?=\.|$)")  # fmt: skip
    except re.error as error:
        raise UsageError(f"'{pattern}' is not the beginning of names: {error}") from None


def _applied(
    begins: re.Pattern[str], target: str | list[str] | None, name: str, array: Array
) -> Iterator[tuple[str, Array]]:
    match = begins.match(name)
    if match is None:
        yield name, array
    elif target is not None:
        targets = [target] if isinstance(target, str) else target
        words = {key: int(text) if text.isdecimal() else text for key, text in match.groupdict().items()}
        rows, left = divmod(array.shape[0] if array.ndim else 1, len(targets))
        if left:
            raise UsageError(
                f"'{name}' has rows that {len(targets)} cannot share equally: {len(targets) * rows + left}"
            )
        for index, text in enumerate(targets):
            new = re.sub(r"\{(.+?)\}", lambda place: _computed(place[1], words, text), text)  # noqa: B023
            yield new + name[match.end() :], array[index * rows : (index + 1) * rows] if len(targets) > 1 else array


def _computed(expression: str, words: Mapping[str, int | str], target: str) -> str:
    try:
        return str(evaluate(parse(expression), words))
    except ExpressionError as error:
        raise UsageError(f"'{target}': {error}") from None
