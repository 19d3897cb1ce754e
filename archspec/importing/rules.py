"""The file of names: what the weights of the model are called in the spec, or in the code that is generated for its
framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from archspec.backend import Moves, Weight
from archspec.weights.files.keras import numbered

Rules = dict[str, str | list[str]]
_TURNED: Final[Moves] = (("transpose", (1, 0)),)


def of_spec(places: Sequence[Weight]) -> tuple[Rules, list[str]]:
    """Of each weight of the model that has another name in the spec, what it is there, or all its parts are; and, in
    place of that, the weights that lie in the model as no rule can say."""
    moved = [place for place in places if any(kind == "transpose" for kind, _ in place.layout)]
    nameless = [place.target for place in moved if place.layout != _TURNED]
    found: dict[str, list[str]] = {}
    for place in places:
        turned = "^T" if place.layout == _TURNED else ""
        found.setdefault(place.target, []).append(place.parameter + turned)
    rules: Rules = {
        theirs: ours[0] if len(ours) == 1 else ours for theirs, ours in found.items() if ours != [theirs]
    }  # fmt: skip
    return ({} if nameless else rules), nameless


def of_program(places: Sequence[Weight], program: Sequence[Weight]) -> tuple[Rules, list[str]]:
    """The same, for a framework whose layouts are none of the spec's: what layers are called in generated code, where
    their weights lie alike."""
    ours = {weight.parameter: weight for weight in program}
    nameless = [place.target for place in places if _plain(place.layout) != _plain(ours[place.parameter].layout)]
    if nameless:
        return {}, nameless
    theirs = numbered(place.target for place in places)
    there = numbered(weight.target for weight in program)
    pairs = {theirs[place.target]: there[ours[place.parameter].target] for place in places}
    return _ordered(_by_layer(pairs)), []


def _plain(layout: Moves) -> list[tuple[str, list[int]]]:
    return [(kind, list(map(int, numbers))) for kind, numbers in layout]


def _by_layer(pairs: Mapping[str, str]) -> dict[str, str]:
    """One rule for a layer, where that says it for all its weights."""
    layers: dict[str, list[tuple[str, str]]] = {}
    for theirs, ours in pairs.items():
        layers.setdefault(theirs.rpartition("/")[0], []).append((theirs, ours))
    found: dict[str, str] = {}
    for layer, each in layers.items():
        targets = {ours.rpartition("/")[0] for _, ours in each}
        alike = all(theirs.rpartition("/")[2] == ours.rpartition("/")[2] for theirs, ours in each)
        found.update({layer: targets.pop()} if len(targets) == 1 and alike else each)
    return {theirs: ours for theirs, ours in found.items() if theirs != ours}


def _ordered(rules: Mapping[str, str]) -> Rules:
    """Rules are applied one after the other: none must find what another has named."""
    left, found = dict(rules), {}
    while left:
        free = [theirs for theirs, ours in left.items() if not _begins(ours, left.keys() - {theirs})]
        for theirs in free:
            found[theirs] = left.pop(theirs)
        if not free:  # they change places
            theirs = next(iter(left))
            found[theirs] = f"{theirs}_old"
            left[f"{theirs}_old"] = left.pop(theirs)
    return dict(found)


def _begins(name: str, others: Iterable[str]) -> bool:
    """Whether a rule for one of these would find the name."""
    return any(name == other or name.startswith(f"{other}/") for other in others)
