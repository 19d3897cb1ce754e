"""Models inside of a model, as files of Keras have them of blocks that are called several times with one set of
weights.

A model is made by running its block on what its first call takes, which is what its input got its sizes from. Each
later call runs the same once more, with other tensors in place of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .values import Layer, Leaf, Value


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
    """A tensor whose sizes know whose they are."""

    @property
    def shape(self) -> Any:
        return Sizes.of(self, super().shape)

    def transposed(self, order: Iterable[int]) -> Leaf:
        return Source(self.tensor, tuple(self.axes[axis] for axis in order), self.flattened)


def source(shape: Sequence[int | None]) -> Leaf:
    """What an input of a model inside stands for, by its shape, in which sizes may be open. Raises LookupError for what
    is the shape of nothing."""
    known = (size.leaf for size in shape if isinstance(size, Size))
    leaf = shape.leaf if isinstance(shape, Sizes) else next(known, None)
    if leaf is None or any(size not in (None, due) for size, due in zip(shape, leaf.shape[1:], strict=True)):
        raise LookupError(f"an input inside has the shape {shape}, which is that of nothing")
    return leaf


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
        there = _pairs(self.inputs, values)
        for key, value, result in self.log:
            there |= _pairs(_listed(result), _listed(see(key, _exchanged(value, there))))
        return _exchanged(self.outputs, there)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _pairs(old: Iterable[Leaf], new: Iterable[Leaf]) -> dict[int, Any]:
    return {id(mine.tensor): yours.tensor for mine, yours in zip(old, new, strict=True)}


def _waited(value: Any, used: Callable[[Layer], Any]) -> Any:
    """What a layer hands on that waits for something else."""
    match value:
        case Value(head="call", parts=(Layer() as layer, ([Leaf() as first, Leaf()],), _)) if layer.made.parts[
            0
        ].parts == ("After",):
            used(layer)
            return first
    return value


def _exchanged(value: Any, there: Mapping[int, Any]) -> Any:
    """An expression with other tensors in it."""
    if isinstance(value, Leaf):
        tensor = there.get(id(value.tensor), value.tensor)
        return type(value)(tensor, value.axes, value.flattened, value.sizes)
    if isinstance(value, Layer):
        return value
    if isinstance(value, Value):
        return Value(value.head, *_each(value.parts, there))
    if isinstance(value, (list, tuple)):
        return type(value)(_each(value, there))
    return {key: _exchanged(each, there) for key, each in value.items()} if isinstance(value, Mapping) else value


def _each(values: Sequence[Any], there: Mapping[int, Any]) -> Iterator[Any]:
    return (_exchanged(each, there) for each in values)
