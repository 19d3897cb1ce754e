"""The weights that a network starts with, the same for every framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from archspec.ops.initializers import philox

if TYPE_CHECKING:
    from archspec.graph.graph import Graph
    from archspec.ops.base import Array


def start(graph: Graph, seed: int) -> dict[str, Array]:
    """Canonical weights, drawn as the spec says in float64 and rounded once to float32.

    Each has random numbers of its own, told by the seed and its name, so that a new layer moves no other weight.
    """
    shapes = graph.parameters()
    return {
        name: initial.distribution.draw(philox(seed, name), tuple(map(int, shapes[name].shape))).astype(np.float32)
        for name, initial in graph.initial().items()
    }
