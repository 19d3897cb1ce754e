"""Finds arrays among those of a run: by sums that no order of the elements changes, then element by element."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from archspec.ops.base import Shape
from archspec.verification.worker import Array

CLOSE = {"float64": 1e-9, "float32": 1e-5}
"""The share of the largest by which what is found may be off, sums and elements alike: of one step, on inputs that are
the model's own, errors do not add up."""

_SAMPLE = 48


@dataclass(frozen=True, slots=True)
class Hit:
    """A call that gave an array."""

    number: int
    axes: tuple[int, ...]
    """The order of the array's axes in which the call has them, whatever is merged or split then."""


class Table:
    """Arrays that can be looked up. They are those of the calls of a run, by their numbers."""

    def __init__(self, values: Sequence[Array], dtype: str) -> None:
        self._values, self._close = values, CLOSE[dtype]
        sizes: dict[int, list[int]] = {}
        same: dict[int, tuple[float, ...]] = {}
        for number, array in enumerate(values):
            sizes.setdefault(array.size, []).append(number)
        self._sums = {}
        for size, numbers in sizes.items():
            for number in numbers:
                key = id(values[number])
                if key not in same:
                    same[key] = _sums(values[number])
            self._sums[size] = np.array(numbers), np.array([same[id(values[number])] for number in numbers])

    def alike(self, array: Array) -> list[int]:
        """The calls that gave the same numbers, in whatever order."""
        if array.size not in self._sums:
            return []
        numbers, sums = self._sums[array.size]
        due = np.array(_sums(array))
        if not np.isfinite(due).all():  # any number is near infinity
            return []
        with np.errstate(all="ignore"):
            # The size of what was added up bounds the error of each sum.
            limit = self._close * due[[1, 1, 2, 4, 4]] * 4
            near = (np.abs(sums - due) <= limit).all(1)
        return [int(number) for number in numbers[near]]

    def find(self, array: Array) -> list[Hit]:
        """The calls that gave this array, its axes in any order, merged or split."""
        found = []
        for number in self.alike(array):
            axes = order_of(self._values[number], array, self._close)
            if axes is not None:
                found.append(Hit(number, axes))
        return found

    def canonical(self, hit: Hit, shape: Shape) -> Array:
        """The value of a call, in the order in which the array was that found it."""
        value = self._values[hit.number].reshape([shape[axis] for axis in hit.axes])
        found = value.transpose(np.argsort(hit.axes))
        return found.astype(np.float64, copy=False) if found.dtype.kind == "f" else found


def _sums(array: Array) -> tuple[float, ...]:
    x = array.astype(np.float64).ravel()
    with np.errstate(all="ignore"):
        a, s = np.abs(x), x * x
        return float(x.sum()), float(a.sum()), float(s.sum()), float((s * x).sum()), float((s * a).sum())


def order_of(value: Array, array: Array, close: float) -> tuple[int, ...] | None:
    """The order of axes in which `array` has the elements of `value` one after another, if there is one."""
    if value.size != array.size or (value.dtype.kind == "f") != (array.dtype.kind == "f"):
        return None
    flat = value.reshape(-1)
    limit = close * max(float(np.abs(array).max()), 1e-300) if array.size and array.dtype.kind == "f" else 0
    places = np.unique(np.linspace(0, array.size - 1, min(_SAMPLE, array.size)).astype(np.int64))
    sample = flat[places]
    for axes in _orders(array.shape):
        shape = [array.shape[axis] for axis in axes]
        index = np.unravel_index(places, shape)
        own = array[tuple(index[axes.index(axis)] for axis in range(array.ndim))] if array.ndim else array.reshape(1)
        if not _equal(own, sample, limit):
            continue
        if _equal(array.transpose(axes), value.reshape(shape), limit):
            return axes
    return None


def _orders(shape: Shape) -> Iterator[tuple[int, ...]]:
    """The orders of axes, the likely ones first; those of axes of size one do not matter."""
    rank = len(shape)
    wide = [axis for axis in range(rank) if shape[axis] != 1]
    seen = set()
    likely = [tuple(range(rank)), (0, *range(2, rank), 1)] if rank > 1 else [tuple(range(rank))]
    for axes in likely if rank > 5 else [*likely, *permutations(range(rank))]:
        key = tuple(axis for axis in axes if axis in wide)
        if key not in seen:
            seen.add(key)
            yield axes


def _equal(a: Array, b: Array, limit: float) -> bool:
    if a.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    with np.errstate(all="ignore"):
        return bool((np.abs(a - b) <= limit).all())
