"""Other sizes for the images and sequences that a network takes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from archspec.expressions import expr_of, free_names
from archspec.graph.tree import Value
from archspec.spec.document import Document

LARGER: Final = (64, 131, 521, 2053, 8209, 32, 224, 56, 21, 188, 572)
"""What is tried for open dimensions where a network does not take the usual small numbers: windows do not fit, or a
size must be a multiple of something."""


def larger_sizes(document: Document, params: Collection[str]) -> Iterator[dict[str, int]]:
    """Numbers for open dimensions: each 32 more than the one before, or all alike."""
    names = dict.fromkeys(
        size for declared in document.inputs.values() for size in declared.shape
        if isinstance(size, str) and size.isidentifier() and size not in params
    )  # fmt: skip
    for least in LARGER if names else ():
        for more in (32, 0)[: len(names)]:
            yield {name: least + more * number for number, name in enumerate(names)}


def other_shapes(inputs: Mapping[str, Value]) -> list[dict[str, tuple[int, ...]]]:
    """Shapes, without the batch axis, in which all images and sequences among inputs are twice as large, or half; open
    dimensions stay as they are. Of three axes, either may be the one with the places."""
    found: list[dict[str, tuple[int, ...]]] = []
    for factor in (2.0, 0.5):
        for place in (1, 2):
            sizes = {name: [int(size) for size in value.shape] for name, value in inputs.items()}
            other = {name: [_scaled(size, factor) if axis in _places(inputs[name], place) else size
                            for axis, size in enumerate(sizes[name])] for name in sizes}  # fmt: skip
            shapes = {name: tuple(shape[1:]) for name, shape in other.items() if shape != sizes[name]}
            if shapes and shapes not in found:
                found.append(shapes)
    return found


def _places(value: Value, place: int) -> set[int]:
    """The axes of places: of pixels, or the time of tokens. Numbers in a row are features."""
    rank = len(value.shape)
    fixed = {axis for axis, size in enumerate(value.shape) if axis and not free_names(expr_of(size))}
    if rank == 3 and len(fixed) < 2:  # the other axis is the open one
        return set()
    return fixed & set({2: [] if value.dtype == "float" else [1], 3: [place]}.get(rank, range(2, rank)))


def _scaled(size: int, factor: float) -> int:
    return max(1, int(size * factor))
