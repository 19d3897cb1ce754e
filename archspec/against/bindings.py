"""Which weights of a person's model may be those of a step, and in which layouts: what is tried, the likely first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import islice, permutations
from math import prod

from archspec.against.records import Recorded
from archspec.backend import Moves, Weight
from archspec.ops.base import Shape
from archspec.weights.layouts import physical_shape

_MOST = 60
"""How many ways are tried to make a step's weights of some of the model's."""
_LIKELY: dict[int, list[tuple[int, ...]]] = {
    3: [(2, 1, 0), (2, 0, 1)], 4: [(2, 3, 1, 0), (2, 3, 0, 1), (1, 0, 2, 3)], 5: [(2, 3, 4, 1, 0)],
}  # fmt: skip
"""The orders of axes that kernels have."""
_REACH, _NEAR = 40, 14
"""How many calls after one are looked at for weights, and how many of them one after another."""


def pools(
    recorded: Recorded, homes: Sequence[int], count: int, taken: Set[str], since: int
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The weights that may be a step's of `count`, by the call that begins with what the step reads: those of one call
    first, then those of the calls that follow. Where what the step reads was not seen, whatever comes `since` then."""
    known = set(taken)
    if homes:
        starts = recorded.readers(homes)
    else:
        starts = [r.number for r in recorded.records[since:] if r.weights and not known.issuperset(r.weights)][:12]
    seen = set()
    for start in starts:
        names = recorded.records[start].weights
        if names and names not in seen:
            seen.add(names)
            yield start, names
    for start in starts:
        names = _following(recorded, start, max(count, 4))
        if names and names not in seen:
            seen.add(names)
            yield start, names


def _following(recorded: Recorded, start: int, count: int) -> tuple[str, ...]:
    """The weights of a call and of those that read what it gave, in the order of the calls."""
    reached, waiting = {start}, [start]
    for _ in range(_NEAR):
        waiting = [n for n in recorded.readers(waiting) if n not in reached]
        reached.update(waiting)
        if len(reached) > _REACH:
            break
    names: list[str] = []
    for number in sorted(reached)[:_REACH]:
        names += [name for name in recorded.records[number].weights if name not in names]
        if len(names) >= 2 * count:
            break
    return tuple(names)


def bindings(
    native: Sequence[Weight], due: Mapping[str, Shape], pool: Sequence[str], shapes: Mapping[str, Shape], rich: Shape
) -> Iterator[tuple[Weight, ...]]:
    """The ways in which weights of a pool may be those that are `due`: as the framework's own layers have them
    (`native`), then in all layouts that their shapes allow. `rich` is the shape of the step's input before its last
    axes were merged, whose order may be another one there."""
    yield from islice(_native(native, due, pool, shapes), _MOST)
    yield from islice(_general(due, pool, shapes, rich), _MOST)


def _native(
    native: Sequence[Weight], due: Mapping[str, Shape], pool: Sequence[str], shapes: Mapping[str, Shape]
) -> Iterator[tuple[Weight, ...]]:
    targets: dict[str, Shape] = {}
    for weight in native:
        if weight.parameter in due:
            try:
                targets.setdefault(weight.target, physical_shape(weight, due[weight.parameter]))
            except (IndexError, ValueError):  # of an alternative, whose weights have other shapes
                return
    if not targets or not due.keys() <= {weight.parameter for weight in native}:
        return
    choices = []
    for target, shape in targets.items():
        fitting = [name for name in pool if shapes[name] == shape]
        choices.append(sorted(fitting, key=lambda name: _last(name) != _last(target)))
    places = [[Weight("", name, (), False) for name in names] for names in choices]
    for chosen in _distinct(places):
        names = dict(zip(targets, (weight.target for weight in chosen), strict=True))
        yield tuple(Weight(w.parameter, names[w.target], w.layout, w.shared) for w in native if w.parameter in due)


def _last(name: str) -> str:
    return name.replace("/", ".").split("#")[0].rpartition(".")[2].lstrip("_")


def _general(
    due: Mapping[str, Shape], pool: Sequence[str], shapes: Mapping[str, Shape], rich: Shape
) -> Iterator[tuple[Weight, ...]]:
    choices = []
    for parameter, shape in due.items():
        fitting = [
            Weight(parameter, name, moves, shared)
            for name in pool for moves, shared in _layouts(tuple(map(int, shape)), shapes[name], rich)
        ]  # fmt: skip
        choices.append(fitting)
    yield from _distinct(choices)


def _distinct(choices: Sequence[Sequence[Weight]], taken: frozenset[str] = frozenset()) -> Iterator[tuple[Weight, ...]]:
    """One of each of the choices, no two of them the same weight of the model, unless they share it. What cannot be
    completed is not begun: of sixteen weights of one shape there are too many ways."""
    if not choices:
        yield ()
        return
    if not all(choices):
        return
    first, *others = choices
    for weight in first:
        if weight.target not in taken:
            mine = taken if weight.shared else taken | {weight.target}
            yield from ((weight, *rest) for rest in _distinct(others, mine))


def _layouts(shape: Shape, there: Shape, rich: Shape) -> Iterator[tuple[Moves, bool]]:
    """How an array of a shape may be one of another: its axes in some order, merged or split, or a part of it."""
    yield from ((moves, False) for moves in _whole(shape, there))
    if len(shape) == 2 and prod(there) == prod(shape) and len(rich) > 2 and prod(rich[1:]) == shape[1]:
        split = (shape[0], *rich[1:])
        for order in permutations(range(1, len(split))):
            if order != tuple(range(1, len(split))):
                mixed: Moves = (("reshape", split), ("transpose", (0, *order)), ("reshape", shape))
                yield from ((mixed + tuple(moves), False) for moves in _whole(shape, there))
    times, left = divmod(prod(there), prod(shape) or 1)
    if shape and not left and 1 < times <= 4 and len(shape) < 3:
        for part in range(times):
            pad = ("pad", (part * shape[0], (times - part - 1) * shape[0]))
            yield from (((pad, *moves), True) for moves in _whole((times * shape[0], *shape[1:]), there))


def _whole(shape: Shape, there: Shape) -> Iterator[Moves]:
    if prod(shape) != prod(there):
        return
    rank = len(shape)
    orders: list[tuple[int, ...]] = [tuple(range(rank)), *_LIKELY.get(rank, [])]
    if rank < 5:
        orders += permutations(range(rank))
    seen = set()
    for axes in orders:
        sizes = tuple(shape[axis] for axis in axes)
        key = tuple(axis for axis in axes if shape[axis] != 1)
        if key in seen or not _goes_with(sizes, there):
            continue
        seen.add(key)
        moves: Moves = () if axes == tuple(range(rank)) else (("transpose", axes),)
        yield moves if sizes == there else (*moves, ("reshape", there))


def _goes_with(sizes: Shape, there: Shape) -> bool:
    """Whether axes of one shape are merged, or split, to those of the other."""
    ours, theirs = (set(_ends(each)) for each in (sizes, there))
    return ours <= theirs or theirs <= ours


def _ends(shape: Shape) -> Iterator[int]:
    total = 1
    for size in shape:
        total *= size
        yield total
