"""Weights that another library's model has, by the names that the spec gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from archspec.errors import UsageError
from archspec.expressions import ExpressionError, evaluate, parse
from archspec.spec import catalogue
from archspec.spec.hints import one_of
from archspec.verification.worker import Array
from archspec.weights.canonical import are_one

Rules = Mapping[str, str | list[str] | None]
"""What the beginning of a name becomes. `{i}` stands for a number or a word; for a number if the new name calculates,
as in `features.{i}.conv: blocks.{i - 1}.expand`. Several names share the rows of an array equally; None drops it. A
name that ends in `^T` gets the matrix transposed, as does each of several, which then share what were its columns."""

LAYOUTS: Final = {"keras": "keras", "paddle": "paddle"}
"""Libraries whose names become those of the model that a backend makes, and in whose layouts their weights are; the
names of others become the spec's."""


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


def read_rules(path: Path) -> Rules:
    """The rules of a YAML file. Raises UsageError."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path}: no mapping of the beginnings of names to others")
    return found


def renamed(arrays: Mapping[str, Array], rules: Rules) -> dict[str, Array]:
    """Arrays by other names; each rule in turn is applied to all names that are there by then.

    Raises UsageError for a rule that is none, and if two arrays get the same name, unless they are the same, as a table
    is that two layers share.
    """
    found = {name: (name, array) for name, array in arrays.items()}
    for pattern, target in rules.items():
        begins = _beginning(pattern, target)
        made: dict[str, tuple[str, Array]] = {}
        for old, (first, item) in found.items():
            for name, array in _applied(begins, target, old, item):
                if name in made and not are_one(made[name][1], array):
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
    reckoned = {word for text in targets for place in re.findall(r"\{(.+?)\}", text) if not place.isidentifier()
                for word in re.findall(r"[A-Za-z_]\w*", place)}  # fmt: skip
    kinds = {place: r"\d+" if place in reckoned else r"[^./]+?" for place in places[1::2]}
    try:
        return re.compile("".join(f"(?P<{p}>{kinds[p]})" if i % 2 else re.escape(p) for i, p in enumerate(places))
                          + r"(?=[./]|$)")  # fmt: skip
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
        if all(text.endswith("^T") for text in targets):
            array, targets = array.T, [text.removesuffix("^T") for text in targets]
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


def rules_text(names: Mapping[str, str | list[str]], about: str) -> str:
    """A file of rules that rename all at once."""
    return f"# {about}\n" + yaml.safe_dump(at_once(names), sort_keys=False, width=120)


def at_once(names: Mapping[str, str | list[str]]) -> dict[str, str | list[str]]:
    """Rules that rename all at once, though they are applied one after the other: where a new name is also an old one,
    by way of names that nobody has."""
    given = {each.removesuffix("^T") for old, new in names.items() if new != old
             for each in ([new] if isinstance(new, str) else new)}  # fmt: skip
    if not names.keys() & given:
        return dict(names)
    between: dict[str, str | list[str]] = {old: f"@{number}" for number, old in enumerate(names)}
    return between | {f"@{number}": new for number, new in enumerate(names.values())}
