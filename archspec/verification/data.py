"""Weights and inputs for a comparison: drawn from the seed and their name, whatever else the network has.

Statistics are not trivial, and every number is a float32 one, so that models in float32 and float64 get the same.
`leveled` makes sure that signals neither vanish nor explode.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, log2, prod, sqrt
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from archspec import reference
from archspec.graph.graph import Graph, Tensor
from archspec.graph.mode import Mode
from archspec.ops.base import Parameter

if TYPE_CHECKING:
    from archspec.ops.base import Array

_LARGEST_GAIN = 12
"""The binary logarithm of what a layer's weights are multiplied with at most: more would make a signal of what is zero
but for rounding."""

_FAR = 2.0**-10
"""What is smaller than this share of the largest number is hidden by a change that is as large as that one."""

_ROOM = 2
"""How many times as many indices as special ones a tensor must have, so that others are left."""


def parameters(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """A value for every weight of a graph, in float32."""
    return {name: _parameter(each, _generator(seed, name)) for name, each in graph.parameters().items()}


def leveled(
    graph: Graph, parameters: Mapping[str, Array], inputs: Mapping[str, Array], *,
    mode: Mode = Mode.AUXILIARY,
) -> tuple[dict[str, Array], dict[str, Array]]:  # fmt: skip
    """The weights, with those of layers multiplied so that what each layer gives has a scale near one; and all values
    of the reference with them, as `reference.run` gives them.

    Whatever the depth, and whatever adds up on the way, signals neither vanish nor explode: a network of any kind
    amplifies rounding as little as it can, and its squashing functions work where they bend. After Mishkin and Matas,
    All you need is a good init, 2016, https://arxiv.org/abs/1511.06422. The factors are powers of two, with which
    arithmetic commutes exactly, so that nothing has to be computed again. Weights that several steps use are those that
    suit the first.
    """
    weights, values = dict(parameters), reference.doubles(inputs)
    for node, outputs, statistics in reference.steps(graph, weights, inputs, mode=mode):
        factor = _level(outputs[0]) if node.op.gain and not node.owner else 1.0
        if factor != 1:
            np.multiply(outputs[0], factor, out=outputs[0])
            for name in {node.parameter(part) for part in node.op.gain} & weights.keys():
                weights[name] = weights[name] * np.float32(factor)
        values.update(reference.named(node, outputs, statistics))
    return weights, values


def _level(y: Array) -> float:
    """The power of two that brings numbers to a scale near one."""
    with np.errstate(all="ignore"):
        scale = float(np.vdot(y, y)) / max(1, y.size)
    return 2.0 ** min(_LARGEST_GAIN, -round(log2(scale) / 2)) if scale > 0 and isfinite(scale) else 1.0


def direction(array: Array, seed: int, name: str) -> Array:
    """A random direction along which to change an array, as large as what is finite of the array. Where much of it is
    far smaller than the rest, as scores are beside a mask of -1e9, both have their own size."""
    squares = np.square(array, dtype=np.float64)
    scale = _size(squares)
    if not isfinite(scale):
        finite = np.isfinite(squares)
        scale, squares = _size(squares[finite]), np.where(finite, squares, 0)
    found = _uniform(_generator(seed, f"direction {name}"), array.shape, scale or 1.0)
    small = (squares < _FAR**2 * squares.max(initial=0)) & (squares > 0)
    if 3 * np.count_nonzero(small) > np.count_nonzero(squares):
        large = squares > squares[small].max()
        found[large] *= _size(squares[large]) / scale
        found[~large] *= _size(squares[small]) / scale
    return found


def _size(squares: Array) -> float:
    return sqrt(float(squares.mean())) if squares.size else 0.0


def inputs(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """A value for every input of a graph: float32, int64 or bool."""
    found = graph.inputs
    return {name: _input(tensor, graph.limits.get(name, 2), _generator(seed, name)) for name, tensor in found.items()}


def normal(shape: tuple[int, ...], seed: int, name: str) -> Array:
    """Normal random numbers, in float32."""
    return _generator(seed, name).standard_normal(shape, dtype=np.float32)


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, crc32(name.encode())])


def _parameter(parameter: Parameter, random: np.random.Generator) -> Array:
    shape = parameter.shape
    match parameter.kind:
        case "weight":
            return _uniform(random, shape, 1 / sqrt(max(1, prod(shape[1:]))))
        case "bias":
            return _uniform(random, shape, 0.1)
        case "mean":
            return _uniform(random, shape, 0.25)
        case "table":
            return _uniform(random, shape, 1.0)
        case "scale" | "variance":
            return random.random(shape, dtype=np.float32) + np.float32(0.5)


def _input(tensor: Tensor, limit: int, random: np.random.Generator) -> Array:
    match tensor.dtype:
        case "float":
            return random.standard_normal(tensor.shape, dtype=np.float32)
        case "int64":
            return _special(random.integers(0, limit, tensor.shape, dtype=np.int64), limit, random)
        case "bool":
            array = random.integers(0, 2, tensor.shape, dtype=np.int64).astype(bool)
            if len(tensor.shape) > 1 and tensor.shape[-1] > 1:
                array[..., 0] = True  # attention must not be masked altogether, not even where it is causal
            return array


def _special(array: Array, limit: int, random: np.random.Generator) -> Array:
    """Indices among which, if there is room, are the first two and the last: padding mostly is one of these, and so is
    a table's end."""
    special = np.unique([0, min(1, limit - 1), limit - 1])
    if array.size >= _ROOM * special.size:
        array.reshape(-1)[random.choice(array.size, special.size, replace=False)] = special
    return array


def _uniform(random: np.random.Generator, shape: tuple[int, ...], deviation: float) -> Array:
    """Numbers around zero. Uniform, because a hundred million normal ones take seconds."""
    width = np.float32(deviation * sqrt(12.0))
    values: np.ndarray[Any, np.dtype[np.float32]] = random.random(shape, dtype=np.float32)
    values -= np.float32(0.5)
    values *= width
    return values
