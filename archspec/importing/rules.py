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


def of_program(places: Sequence[Weight], program: Sequence[Weight], *, counted: bool) -> tuple[Rules, list[str]]:
    """The same, for a framework whose layouts are none of the spec's: what layers are called in generated code, where
    their weights lie alike. In files of Keras the weights of a layer are `counted`."""
    ours = {weight.parameter: weight for weight in program}
    nameless = [place.target for place in places if _plain(place.layout) != _plain(ours[place.parameter].layout)]
    if nameless:
        return {}, nameless
    pairs = {place.target: ours[place.parameter].target for place in places}
    if not counted:
        return _ordered(_by_layer(pairs, "."), "."), []
    theirs, there = numbered(pairs), numbered(weight.target for weight in program)
    return _ordered(_by_layer({theirs[old]: there[new] for old, new in pairs.items()}, "/"), "/"), []


def _plain(layout: Moves) -> list[tuple[str, list[int]]]:
    """Without what only shapes, if that is all."""
    moves = [(kind, list(map(int, numbers))) for kind, numbers in layout]
    return moves if any(kind != "reshape" for kind, _ in moves) else []


def _by_layer(pairs: Mapping[str, str], sign: str) -> dict[str, str]:
    """One rule for a layer, where that says it for all its weights. The sign stands between both names."""
    layers: dict[str, list[tuple[str, str]]] = {}
    for theirs, ours in pairs.items():
        layers.setdefault(theirs.rpartition(sign)[0], []).append((theirs, ours))
    found: dict[str, str] = {}
    for layer, each in layers.items():
        targets = {ours.rpartition(sign)[0] for _, ours in each}
        alike = all(theirs.rpartition(sign)[2] == ours.rpartition(sign)[2] for theirs, ours in each)
        inner = any(other.startswith(f"{layer}{sign}") for other in layers)
        found.update({layer: targets.pop()} if len(targets) == 1 and alike and not inner else each)
    return {theirs: ours for theirs, ours in found.items() if theirs != ours}


def _ordered(rules: Mapping[str, str], sign: str) -> Rules:
    """Rules are applied one after the other: none must find what another has named."""
    left, found = dict(rules), {}
    while left:
        free = [theirs for theirs, ours in left.items() if not _begins(ours, left.keys() - {theirs}, sign)]
        for theirs in free:
            found[theirs] = left.pop(theirs)
        if not free:  # they change places
            theirs = next(iter(left))
            found[theirs] = f"{theirs}_old"
            left[f"{theirs}_old"] = left.pop(theirs)
    return dict(found)


def _begins(name: str, others: Iterable[str], sign: str) -> bool:
    """Whether a rule for one of these would find the name."""
    return any(name == other or name.startswith(f"{other}{sign}") for other in others)
