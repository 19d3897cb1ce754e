"""What a network makes of steps that a framework is known to compute inexactly: how far all that follows may be off.

A declaration says how far a step's values may be from right ones, relative to what they are made of. Each such step
alone is held to that. For what comes after it there are two answers. Where nothing is amplified, all such steps before
a value add up at most. Where more is seen, the reference is run again, with the result of each of these steps moved by
all that is declared of it: how far a value is then from the truth, as a framework's is measured, is what the network
makes of it. There are two such runs, because errors may be of one kind, or of no kind: in one all values are moved the
same way, in the other each is moved up or down at random.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from archspec import reference
from archspec.graph.graph import Graph
from archspec.graph.mode import Mode
from archspec.verification import compare

if TYPE_CHECKING:
    from archspec.ops.base import Array

MULTIPLE: Final = 2.0
"""How many times what the worse of both runs shows a value may be off: errors that are neither all of one kind nor of
none may add up to more. In thirty blocks of gMLP Keras was measured to be off by a quarter of it at most."""

CEILING: Final = compare.FLOAT32_BOUND
"""What no value may be off in float64, whatever is declared and amplified: float32 itself must agree to that."""


def bounds(
    graph: Graph, parameters: Mapping[str, Array], inputs: Mapping[str, Array], truth: Mapping[str, Array],
    scales: Mapping[str, Array], declared: Mapping[str, float], *,
    mode: Mode = Mode.AUXILIARY, pinned: Mapping[str, Array] | None = None,
) -> dict[str, float]:  # fmt: skip
    """For each tensor, and each statistic that training keeps, what inexact steps make it to be off at most. `scales`
    tell what values are made of (`rounding.magnitudes`); later steps are given the truth of those elements that
    are `pinned`.
    """
    random = np.random.default_rng(0)
    found: dict[str, float] = {}
    for signs in (1.0,), (1.0, -1.0):
        for node, arrays, statistics in reference.steps(graph, parameters, reference.doubles(inputs), mode=mode):
            for name, array in reference.named(node, arrays, statistics).items():
                if array.dtype.kind == "f":
                    with np.errstate(all="ignore"):
                        if name in declared:
                            array += declared[name] * random.choice(signs, array.shape) * scales[name]
                    off = compare.difference(array, truth[name], "float64", scales[name]).error
                    found[name] = max(found.get(name, 0.0), min(CEILING, MULTIPLE * off))
                if pinned and name in pinned:
                    np.copyto(array, truth[name], where=pinned[name])
    return found
