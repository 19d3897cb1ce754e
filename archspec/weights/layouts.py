"""Weights as the spec has them (canonical), and as the generated model of a framework has them.

`Weight.layout` says how a canonical array becomes the framework's. Parameters that share a target are parts of it or
its sum. The way back gives a sum to the first of them, and zeros to the others: the two biases of a recurrent step,
where a framework has one, come back as one bias and zeros, which is the same function. These zeros are negative, since
-0.0 is what changes no number's bits when it is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from archspec.verification.worker import Array, arrange, restore

if TYPE_CHECKING:
    from archspec.backend import Weight
    from archspec.ops.base import Shape


def arranged(arrays: Mapping[str, Array], weights: Iterable[Weight]) -> dict[str, Array]:
    """Canonical weights, by the names and in the layouts of a generated model.

    Bits stay as they are, but for those of sums. A part that is not there is zeros.
    """
    found: dict[str, Array] = {}
    filled: dict[str, Array] = {}
    for weight in weights:
        if weight.parameter not in arrays:
            continue
        array = arrays[weight.parameter]
        part = np.asarray(arrange(array, weight.layout), order="C")  # files keep no strides
        if weight.shared:
            place = _place(array.shape, weight)
            if weight.target in found:
                part = _together(found[weight.target], filled[weight.target], part, place)
                place = place | filled[weight.target]
            filled[weight.target] = place
        found[weight.target] = part
    return found


def _place(shape: Shape, weight: Weight) -> Array:
    """Where a parameter of this shape stands in its target: true but where its layout pads."""
    return arrange(np.ones(shape, bool), weight.layout)


def _together(first: Array, filled: Array, second: Array, place: Array) -> Array:
    """Two parts as one array: each where it stands, their sum where both do."""
    total = np.where(place, second, first)  # a sum with zero would change the sign of another zero
    both = filled & place
    total[both] = first[both] + second[both]
    return total


def restored(arrays: Mapping[str, Array], weights: Iterable[Weight], shapes: Mapping[str, Shape]) -> dict[str, Array]:
    """The canonical weights that a generated model's are, those of them that are there: the inverse of `arranged`.

    `shapes` are those of all canonical weights; each array has the `physical_shape` of its target.
    """
    found: dict[str, Array] = {}
    left = dict(arrays)
    for weight in weights:
        if weight.target not in left:
            continue
        shape = tuple(map(int, shapes[weight.parameter]))
        array = left[weight.target]
        found[weight.parameter] = np.asarray(restore(array, weight.layout, shape), order="C")
        if weight.shared:
            left[weight.target] = np.where(_place(shape, weight), np.array(-0.0, array.dtype), array)
    return found


def physical_shape(weight: Weight, shape: Shape) -> tuple[int, ...]:
    """The shape of a parameter's target in the generated model."""
    there: tuple[int, ...] = arrange(np.broadcast_to(np.int8(0), tuple(map(int, shape))), weight.layout).shape
    return there
