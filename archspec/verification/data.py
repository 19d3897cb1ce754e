"""Weights and inputs for a comparison: the same for the same seed and name, whatever else the network has.

Signals neither vanish nor explode, statistics are not trivial, and every number is a float32 one, so that models in
float32 and float64 get the same.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from archspec.graph.graph import Graph, Tensor
from archspec.ops.base import Parameter

if TYPE_CHECKING:
    from archspec.ops.base import Array

_GAIN = 2.0  # keeps the scale of signals through rectifiers (He et al., 2015, https://arxiv.org/abs/1502.01852)


def parameters(graph: Graph, seed: int = 0, *, training: bool = True) -> dict[str, Array]:
    """A value for every weight of a graph, in float32."""
    found = graph.parameters(training=training)
    return {name: _parameter(parameter, _generator(seed, name)) for name, parameter in found.items()}


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
            return _uniform(random, shape, sqrt(_GAIN / max(1, prod(shape[1:]))))
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
            return random.integers(0, limit, tensor.shape, dtype=np.int64)
        case "bool":
            array = random.integers(0, 2, tensor.shape, dtype=np.int64).astype(bool)
            if len(tensor.shape) > 1 and tensor.shape[-1] > 1:
                array[..., 0] = True  # attention must not be masked altogether, not even where it is causal
            return array


def _uniform(random: np.random.Generator, shape: tuple[int, ...], deviation: float) -> Array:
    """Numbers around zero. Uniform, because a hundred million normal ones take seconds."""
    width = np.float32(deviation * sqrt(12.0))
    values: np.ndarray[Any, np.dtype[np.float32]] = random.random(shape, dtype=np.float32)
    values -= np.float32(0.5)
    values *= width
    return values
