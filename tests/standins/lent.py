"""Models inside of a model, as files of Keras have them of blocks that are called several times with one set of
weights.

A model is made by running its block on what its first call takes, which is what its input got its sizes from. Each
later call runs the same once more, with other tensors in place of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .values import Axes, Layer, Leaf, Value


class Size(int):
    """A size of a tensor, which knows whose it is."""

    leaf: Leaf


class Sizes(tuple[Size, ...]):
    """The sizes of a tensor, or some of them, or none, which know whose they are."""

    leaf: Leaf

    @classmethod
    def of(cls, leaf: Leaf, sizes: Iterable[int]) -> Sizes:
        found = cls(Size(size) for size in sizes)
        found.leaf = leaf
        for size in found:
            size.leaf = leaf
        return found

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return Sizes.of(self.leaf, found) if isinstance(key, slice) else found


class Source(Leaf):
    """A tensor whose sizes know whose they are, and which knows what it was made of: an input of a model inside may be
    one of two that the first call gives the same tensor."""

    origin: Leaf | None = None

    @classmethod
    def of(cls, origin: Leaf, tensor: Any, axes: Axes, flattened: Axes) -> Source:
        found = cls(tensor, axes, flattened)
        found.origin = origin
        return found

    @property
    def shape(self) -> Any:
        return Sizes.of(self, super().shape)

    def transposed(self, order: Iterable[int]) -> Leaf:
        return Source.of(self, self.tensor, tuple(self.axes[axis] for axis in order), self.flattened)


def source(shape: Sequence[int | None]) -> Leaf:
    """What an input of a model inside stands for, by its shape, in which sizes may be open. Raises LookupError for what
    is the shape of nothing."""
    known = (size.leaf for size in shape if isinstance(size, Size))
    leaf = shape.leaf if isinstance(shape, Sizes) else next(known, None)
    if leaf is None or any(size not in (None, due) for size, due in zip(shape, leaf.shape[1:], strict=True)):
        raise LookupError(f"an input inside has the shape {shape}, which is that of nothing")
    return Source.of(leaf, leaf.tensor, leaf.axes, leaf.flattened)


class Inside:
    """A model inside: what its block showed, and what came out of it."""

    def __init__(self, inputs: Any, outputs: Any, log: list[tuple[str, Any, Any]]) -> None:
        self.inputs, self.outputs, self.log = _listed(inputs), outputs, log
        self.called = False

    def call(self, given: Any, see: Callable[[str, Any], Any], used: Callable[[Layer], Any]) -> Any:
        """A call of it. Raises LookupError for a first one on something else than it was made for."""
        values = [_waited(each, used) for each in _listed(given)]
        if [each.axes for each in values] != [each.axes for each in self.inputs]:
            raise LookupError("a model inside is called on something in another order of axes than it was made for")
        if not self.called:
            self.called = True
            if [each.tensor for each in values] != [each.tensor for each in self.inputs]:
                raise LookupError("a model inside is called first on something else than it was made for")
            return self.outputs
        there: dict[int, Leaf] = {}
        for mine, yours in zip(self.inputs, values, strict=True):
            there |= {id(mine): yours, id(mine.tensor): yours}
        for key, value, result in self.log:
            seen = _listed(see(key, _exchanged(value, there)))
            there |= {id(mine.tensor): yours for mine, yours in zip(_listed(result), seen, strict=True)}
        return _exchanged(self.outputs, there)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _waited(value: Any, used: Callable[[Layer], Any]) -> Any:
    """What a layer hands on that waits for something else."""
    match value:
        case Value(head="call", parts=(Layer() as layer, ([Leaf() as first, Leaf()],), _)) if layer.made.parts[
            0
        ].parts == ("After",):
            used(layer)
            return first
    return value


def _exchanged(value: Any, there: Mapping[int, Leaf]) -> Any:
    """An expression with other tensors in it."""
    if isinstance(value, Leaf):
        found = next((there[id(each)] for each in _origins(value) if id(each) in there), value)
        return Source.of(found, found.tensor, value.axes, value.flattened)
    if isinstance(value, Layer):
        return value
    if isinstance(value, Value):
        return Value(value.head, *_each(value.parts, there))
    if isinstance(value, (list, tuple)):
        return type(value)(_each(value, there))
    return {key: _exchanged(each, there) for key, each in value.items()} if isinstance(value, Mapping) else value


def _origins(leaf: Leaf) -> Iterator[Any]:
    """What a tensor was made of, from itself on, and at last what it is in the graph."""
    origin: Leaf | None = leaf
    while origin is not None:
        yield origin
        origin = origin.origin if isinstance(origin, Source) else None
    yield leaf.tensor


def _each(values: Sequence[Any], there: Mapping[int, Any]) -> Iterator[Any]:
    return (_exchanged(each, there) for each in values)
