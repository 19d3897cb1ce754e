"""How a backend that puts channels last holds the tensors of a spec, which puts them first: in what order of axes."""

from __future__ import annotations

from dataclasses import dataclass

from archspec.backend import Moves
from archspec.emit.aligned import MCall, Merged, MStep, MWhen, Wire
from archspec.emit.code import Code, call, literal
from archspec.expressions import Expr, expr_of
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


def physical_shape(layout: Layout | None, shape: Shape) -> tuple[Expr, ...]:
    """The shape as the framework has it: batch, 112, 112, 64."""
    return tuple(expr_of(shape[axis]) for axis in (range(len(shape)) if layout is None else layout.axes))


def held(wire: Wire) -> Layout:
    """How a value is laid out."""
    return wire.layout if wire.layout is not None else canonical(wire.rank)


def moves(wire: Wire) -> Moves:
    """What brings a canonical array into a value's layout."""
    return wire.layout.moves() if wire.layout is not None else ()


def arranged(code: Code, have: Layout, wanted: Layout, transpose: str) -> Code:
    """A value in another order of axes, in which the function `transpose` puts them."""
    if have.axes == wanted.axes and have.flattened == wanted.flattened:
        return code
    return call(transpose, code, literal(tuple(have.position(axis) for axis in wanted.axes)))


def common(layouts: list[Layout]) -> Layout:
    """The order of axes in which values of several orders meet: what most have, or else the usual one."""
    found = [layout.axes for layout in layouts]
    usual = channels_last(len(found[0])).axes if len(found[0]) > 3 else canonical(len(found[0])).axes
    best = max(dict.fromkeys(found), key=lambda axes: (found.count(axes), axes == usual))
    return Layout(best, layouts[0].flattened)


def usual(wire: Wire) -> Layout:
    """Channels last for images, and for sequences that convolutions read; else the order of the spec."""
    demand = asked(wire) if wire.rank > 2 else None
    last = demand != "spec" if wire.rank > 3 else demand == "image"
    return channels_last(wire.rank) if last else canonical(wire.rank)


def wanted_by(item: MCall, wire: Wire) -> Layout:
    """The order of axes in which a block gets an input: the usual one, or as it is if the block does not mind."""
    demand = _demand([item], wire) if wire.rank > 2 else None
    if wire.rank < 3 or demand == "spec":
        return canonical(wire.rank)
    if wire.rank > 3 or demand == "image":
        return channels_last(wire.rank)
    return canonical(wire.rank) if demand == "features" else held(wire)


def _demand(readers: list[Merged], wire: Wire) -> str | None:
    """What the first reader with a wish asks for; see `Operation.wish`."""
    found = (_wish(reader, wire) for reader in readers)
    return next((wish for wish in found if wish is not None), None)


def _wish(item: Merged, wire: Wire) -> str | None:
    if isinstance(item, MCall):
        return asked(item.inside[item.inputs.index(wire)])
    if isinstance(item, MWhen):
        return _wish(item.item, wire)
    if not isinstance(item, MStep):
        return None
    wish = item.op.wish[item.inputs.index(wire)] if isinstance(item.op.wish, tuple) else item.op.wish
    if wish is not None and wish != "readers":
        return wish
    wishes = map(asked, item.outputs if _passes(item) else ())
    return next((wish for wish in wishes if wish is not None), None)


def _passes(item: Merged) -> bool:
    """Whether an item has no wish of its own but that of those who read what it gives."""
    return isinstance(item, MStep) and (item.op.elementwise or item.op.wish == "readers")


def asked(wire: Wire) -> str | None:
    """What those who read a wire wish, asked once, and those far behind first: without recursion."""
    waiting = [wire]
    while waiting:
        last = waiting[-1]
        behind = [out for reader in last.consumers if _passes(reader) for out in reader.outputs if out.demand == ""]
        if last.demand == "" and behind:
            waiting += behind
            continue
        if last.demand == "":
            last.demand = _demand(last.consumers, last)
        waiting.pop()
    return wire.demand
