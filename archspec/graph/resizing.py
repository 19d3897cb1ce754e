"""Other sizes for the images and sequences that a network takes."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.expressions import expr_of, free_names
from archspec.graph.tree import Value


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
