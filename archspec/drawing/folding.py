"""Which parts of a network a drawing shows from inside: enough to see how it is built, no more than fits the eye."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from archspec.drawing.parts import Network, Part
from archspec.errors import UsageError
from archspec.graph.graph import Tensor
from archspec.spec.hints import one_of

MOST: Final = 40
"""How many boxes are seen at first sight."""

SMALL: Final = 24
"""Up to how many boxes a network has nothing to hide."""


def first_sight(network: Network, most: int = MOST) -> frozenset[Part]:
    """The parts that are open unless somebody says otherwise: all of a small network; else, level by level, all that
    are no blocks, as long as few enough boxes show, and of blocks the first of each kind."""
    everything = [part for part in network.root.walk() if part.parts and part is not network.root]
    if len(network.root.parts) + sum(len(part.parts) for part in everything) <= SMALL:
        return frozenset(everything)
    opened: set[Part] = set()
    room = most - len(network.root.parts)
    shown: set[object] = set()
    level = [part for part in network.root.parts if part.parts]
    while level:
        lists = [part for part in level if not part.block]
        fits = sum(len(part.parts) for part in lists) <= room
        for part in level:
            wanted = (fits and not part.block) or _kind(part) not in shown
            if wanted and len(part.parts) <= room:
                opened.add(part)
                room -= len(part.parts)
                shown.add(_kind(part))
        level = [inner for part in level if part in opened for inner in part.parts if inner.parts]
    return frozenset(opened)


def _kind(part: Part) -> object:
    """What makes parts examples of the same: their block, and what is inside."""
    return part.block, tuple((inner.name, inner.block, *(row.op.key for row in inner.rows)) for inner in part.parts)


def chosen(network: Network, unfold: Collection[str] = (), fold: Collection[str] = ()) -> frozenset[Part]:
    """The parts that are open if these are to be unfolded, with all around them, and those folded: paths, or `all`.

    Raises UsageError for a path of none.
    """
    everything = [part for part in network.root.walk() if part.parts and part is not network.root]
    known = {part.path: part for part in everything}
    for path in (*unfold, *fold):
        if path != "all" and path not in known:
            raise UsageError(
                f"{network.name} has no part '{path}' that can be folded; {one_of(path, known) or 'it has none'}"
            )
    opened = set(everything) if "all" in unfold else set() if "all" in fold else set(first_sight(network))
    for path in unfold:
        opened |= {part for part in everything if path == part.path or path.startswith(part.path + ".")}
    opened -= {known[path] for path in fold if path != "all"}
    return frozenset(opened)


def seen(parts: Iterable[Part], opened: Collection[Part]) -> list[Part]:
    """The parts that show if these are open, from outside to inside."""
    found = []
    for part in parts:
        found.append(part)
        if part in opened:
            found += seen(part.parts, opened)
    return found


def joined(parts: Iterable[Part], opened: Collection[Part]) -> list[tuple[Part, Part, Tensor]]:
    """The lines between the boxes that show no inside: which one reads what another one gives."""
    closed = [part for part in seen(parts, opened) if part not in opened]
    giver = {tensor: part for part in closed for tensor in part.gives}
    return [(giver[tensor], part, tensor) for part in closed for tensor in part.reads if tensor in giver]


def inside(network: Network, part: Part) -> Network:
    """What is inside of a part as a drawing of its own, with what it reads and gives as inputs and outputs."""
    known = Counter[str]()

    def named(word: str, number: int) -> str:
        known[word] += 1
        return word if number == 1 else f"{word} {known[word]}"

    inputs = [Part(f"{part.path}#{t.name}", named("input", len(part.reads)), tensor=t, gives=(t,)) for t in part.reads]
    outputs = [
        Part(f"{part.path}#{t.name}", named("output", len(part.gives)), tensor=t, reads=(t,)) for t in part.gives
    ]
    root = Part(part.path, part.name, part.block, parts=[*inputs, *part.parts, *outputs], nodes=part.nodes)
    return replace(network, root=root, name=part.path)
