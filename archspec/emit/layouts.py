"""How a backend that puts channels last holds the tensors of a spec, which puts them first."""

from __future__ import annotations

from dataclasses import dataclass

from archspec.backend import Layout as Moves
from archspec.expressions import expr_of
from archspec.ops.base import Shape


@dataclass(frozen=True, slots=True)
class Layout:
    """The order of a tensor's axes in the framework: its axis i is the spec's axis `axes[i]`.

    `flattened` is set for features that were flattened from an image in the framework's own order, height, width,
    channels: the channels, height and width that they come from. Only a linear layer can read them, whose weights
    are laid out to match.
    """

    axes: tuple[int, ...]
    flattened: tuple[int, ...] = ()
    nonnegative: bool = False
    """Whether no element is below zero, so that zeros may pad a maximum."""

    def position(self, axis: int) -> int:
        """Where the framework has an axis of the spec."""
        return self.axes.index(axis)

    def moves(self) -> Moves:
        """What brings a canonical array into this layout."""
        if self.flattened:
            count = len(self.flattened)
            last = (0, *range(2, count + 1), 1)
            return (("reshape", (-1, *map(int, self.flattened))), ("transpose", last),
                    ("reshape", (-1, _product(self.flattened))))  # fmt: skip
        return () if self.axes == tuple(range(len(self.axes))) else (("transpose", self.axes),)

    def plain(self) -> Layout:
        """The same order of axes, with nothing said of the values."""
        return Layout(self.axes, self.flattened)


def _product(sizes: tuple[int, ...]) -> int:
    total = 1
    for size in sizes:
        total *= int(size)
    return total


def canonical(rank: int) -> Layout:
    return Layout(tuple(range(rank)))


def channels_last(rank: int) -> Layout:
    return Layout((0, *range(2, rank), 1)) if rank > 2 else canonical(rank)


def physical_shape(layout: Layout | None, shape: Shape) -> str:
    """The shape as the framework has it: `[batch, 112, 112, 64]`."""
    axes = range(len(shape)) if layout is None else layout.axes
    return f"[{', '.join(str(expr_of(shape[axis])) for axis in axes)}]"
