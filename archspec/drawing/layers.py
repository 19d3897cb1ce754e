"""Where boxes stand that are joined by lines, all of which run in one direction: in layers, with few crossings.

The method is that of Sugiyama, Tagawa and Toda (1981): layers by the longest path, an order in each by medians,
and then places by least squares. `along` is the direction of the lines, `across` the other.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

_SPINE: Final = 1000.0
_LANE: Final = 4.0
_SWEEPS: Final = 12
_GAP: Final = 22.0


@dataclass(eq=False, slots=True)
class Cell:
    """A box, or the place where a line passes a layer."""

    before: float
    """How far it reaches from its middle, across."""
    after: float
    first: bool = False
    """Whether it must stand in the first layer."""
    last: bool = False
    late: bool = False
    """Whether it stands as close as can be to what reads it."""
    real: bool = True
    layer: int = 0
    position: float = 0.0
    """Of its middle, across."""
    ups: list[Joint] = field(default_factory=list)
    downs: list[Joint] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Joint:
    """A piece of a line between two layers, with the places of its ends as distances from the middles."""

    upper: Cell
    lower: Cell
    leaves: float
    enters: float
    weight: float = 1.0

    @property
    def bend(self) -> float:
        """How far it goes across."""
        return self.lower.position + self.enters - self.upper.position - self.leaves


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between two boxes. Those of one `wire` from one box run together as far as they can."""

    source: Cell
    target: Cell
    wire: Hashable
    leaves: float = 0.0
    enters: float = 0.0


def arrange(cells: Sequence[Cell], edges: Sequence[Edge]) -> tuple[list[list[Cell]], dict[Edge, list[Cell]]]:
    """The layers, in order, with every cell's position, and the cells through which each line runs, ends included.

    `cells` stand in an order in which lines run from earlier to later ones.
    """
    _rank(cells, edges)
    lanes: list[Cell] = []
    routes = _joints(edges, lanes)
    layers: list[list[Cell]] = [[] for _ in range(1 + max((cell.layer for cell in cells), default=0))]
    for cell in (*cells, *lanes):
        layers[cell.layer].append(cell)
    layers = _ordered(layers)
    _weigh(layers)
    _place(layers)
    return layers, routes


def _rank(cells: Sequence[Cell], edges: Sequence[Edge]) -> None:
    for cell in cells:
        cell.layer = 0
    into: dict[Cell, list[Cell]] = {cell: [] for cell in cells}
    outof: dict[Cell, list[Cell]] = {cell: [] for cell in cells}
    for edge in edges:
        into[edge.target].append(edge.source)
        outof[edge.source].append(edge.target)
    start = 1 if any(cell.first for cell in cells) else 0
    for cell in cells:
        above = max((source.layer + 1 for source in into[cell]), default=0)
        cell.layer = 0 if cell.first else max(start, above)
    for cell in reversed(cells):
        if cell.late and outof[cell]:
            cell.layer = max(cell.layer, min(target.layer for target in outof[cell]) - 1)
    bottom = max((cell.layer for cell in cells if not cell.last), default=0) + 1
    for cell in cells:
        cell.layer = bottom if cell.last else cell.layer


def _joints(edges: Sequence[Edge], lanes: list[Cell]) -> dict[Edge, list[Cell]]:
    shared: dict[Hashable, Cell] = {}
    joined: set[tuple[Cell, Cell, float, float]] = set()
    routes = {}
    for edge in edges:
        route = [edge.source]
        for layer in range(edge.source.layer + 1, edge.target.layer):
            key = (edge.source, edge.wire, edge.leaves, layer)
            if key not in shared:
                shared[key] = Cell(4.0, 4.0, real=False, layer=layer)
                lanes.append(shared[key])
            route.append(shared[key])
        route.append(edge.target)
        for upper, lower in pairwise(route):
            leaves = edge.leaves if upper is edge.source else 0.0
            enters = edge.enters if lower is edge.target else 0.0
            if (upper, lower, leaves, enters) not in joined:
                joined.add((upper, lower, leaves, enters))
                joint = Joint(upper, lower, leaves, enters)
                upper.downs.append(joint)
                lower.ups.append(joint)
        routes[edge] = route
    return routes


# Order --------------------------------------------------------------------------------------------------------------


def _ordered(layers: list[list[Cell]]) -> list[list[Cell]]:
    best, fewest = layers, _crossings(layers)
    current = [list(layer) for layer in layers]
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for index in range(1, len(current)) if down else range(len(current) - 2, -1, -1):
            beside = {cell: place for place, cell in enumerate(current[index - 1 if down else index + 1])}
            current[index] = _sorted(current[index], beside, down)
        found = _crossings(current)
        if found < fewest:
            best, fewest = [list(layer) for layer in current], found
    return best


def _sorted(layer: list[Cell], beside: dict[Cell, int], down: bool) -> list[Cell]:
    def middle(cell: Cell) -> float | None:
        joints = cell.ups if down else cell.downs
        places = [
            beside[joint.upper if down else joint.lower] + (joint.leaves if down else joint.enters) / 1e5
            for joint in joints
        ]
        return sum(places) / len(places) if places else None

    keys = [(middle(cell), cell) for cell in layer]
    moving = iter(sorted((key for key in keys if key[0] is not None), key=lambda key: key[0] or 0.0))
    return [cell if key is None else next(moving)[1] for key, cell in keys]


def _crossings(layers: list[list[Cell]]) -> int:
    total = 0
    for upper, lower in pairwise(layers):
        place = {cell: index for index, cell in enumerate(lower)}
        seen: list[tuple[int, float]] = []
        for cell in upper:
            ends = [(joint.leaves, (place[joint.lower], joint.enters)) for joint in cell.downs if joint.lower in place]
            for _, end in sorted(ends):
                total += len(seen) - bisect_right(seen, end)
                insort(seen, end)
    return total


# Places -------------------------------------------------------------------------------------------------------------


def _weigh(layers: list[list[Cell]]) -> None:
    """Gives the longest chain of boxes a weight that keeps it straight, but where three or more lines meet or part."""
    length: dict[Cell, int] = {}
    for layer in reversed(layers):
        for cell in layer:
            length[cell] = cell.real + max((length[joint.lower] for joint in cell.downs), default=0)
            for joint in cell.downs:
                joint.weight = 1.0 if joint.upper.real or joint.lower.real else _LANE
    starts = [cell for cell in length if not cell.ups]
    here = max(starts, key=lambda each: (length[each], -each.layer), default=None)
    while here is not None and here.downs:
        joint = max(here.downs, key=lambda each: length[each.lower])
        if len(here.downs) <= 2 and len(joint.lower.ups) <= 2:
            joint.weight = _SPINE
        here = joint.lower


def _place(layers: list[list[Cell]]) -> None:
    for layer in layers:
        edge = 0.0
        for cell in layer:
            cell.position = edge + cell.before
            edge = cell.position + cell.after + _GAP
    for sweep in range(8):
        for layer in layers[1:]:
            _settle(layer, up=True, down=sweep < 2)
        if sweep < 7:
            for layer in reversed(layers[:-1]):
                _settle(layer, up=sweep < 2, down=True)
    _straighten(layers)
    start = min((cell.position - cell.before for layer in layers for cell in layer), default=0.0)
    for layer in layers:
        for cell in layer:
            cell.position = round(cell.position - start, 1)


def _straighten(layers: list[list[Cell]]) -> None:
    """Puts all cells of a lane to one place, where there is one that is free in all layers."""
    index = {cell: number for layer in layers for number, cell in enumerate(layer)}

    def free(cell: Cell) -> tuple[float, float]:
        layer, number = layers[cell.layer], index[cell]
        least, most = float("-inf"), float("inf")
        if number:
            before = layer[number - 1]
            least = before.position + before.after + cell.before + _between(before, cell)
        if number + 1 < len(layer):
            after = layer[number + 1]
            most = after.position - after.before - cell.after - _between(cell, after)
        return least, most

    for lane in _lanes(layers):
        places = [free(cell) for cell in lane]
        least, most = max(place[0] for place in places), min(place[1] for place in places)
        if least <= most:
            wish = sum(cell.position for cell in lane) / len(lane)
            for cell in lane:
                cell.position = min(max(wish, least), most)


def _lanes(layers: list[list[Cell]]) -> Iterator[list[Cell]]:
    for layer in layers:
        for cell in layer:
            if not cell.real and all(joint.upper.real for joint in cell.ups):
                lane = [cell]
                while below := [joint.lower for joint in lane[-1].downs if not joint.lower.real]:
                    lane.append(below[0])
                yield lane


def _between(cell: Cell, other: Cell) -> float:
    return _GAP if cell.real or other.real else 8.0


def _settle(layer: list[Cell], *, up: bool, down: bool) -> None:
    """Moves the cells of a layer as near as can be to their neighbours' middle, in their order (pool adjacent
    violators)."""
    pools: list[tuple[float, float, int]] = []  # place of the first, weight, number of cells
    offsets = [0.0]
    for cell, other in pairwise(layer):
        offsets.append(offsets[-1] + cell.after + other.before + _between(cell, other))
    for cell, offset in zip(layer, offsets, strict=True):
        wishes = [(j.upper.position + j.leaves - j.enters, j.weight) for j in cell.ups if up]
        wishes += [(j.lower.position + j.enters - j.leaves, j.weight) for j in cell.downs if down]
        weight = sum(each for _, each in wishes) or 0.01
        wish = sum(place * each for place, each in wishes) / weight if wishes else cell.position
        pools.append((wish - offset, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            second, first = pools.pop(), pools.pop()
            total = first[1] + second[1]
            pools.append(((first[0] * first[1] + second[0] * second[1]) / total, total, first[2] + second[2]))
    starts = [place for place, _, number in pools for _ in range(number)]
    for cell, place, offset in zip(layer, starts, offsets, strict=True):
        cell.position = place + offset
