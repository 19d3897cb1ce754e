"""Gradients: of the sum of all outputs' elements, each times a random number, by the inputs and the weights.

There is no truth for each gradient, as there is for values. So the frameworks are held against each other, element by
element; and the sum of all gradients, each times a random direction, against the slope of the reference along that
direction, by finite differences. What all frameworks have wrong alike, the slope shows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from math import inf, sqrt
from typing import Any

import numpy as np

from archspec import reference
from archspec.backend import Program
from archspec.graph.graph import Graph, Tensor, unreachable
from archspec.verification import data
from archspec.verification.compare import Difference, difference
from archspec.verification.worker import Array

BOUND = 1e-9
"""What a framework may be off from the nearest other, as `compare.difference` measures it."""

INEXACT_MULTIPLE = 16.0
"""How many times the largest declared bound a gradient may be off: it passes through all steps after it."""

STEP = 2.0**-29
"""How far to go along a direction, which has the size of what it changes. In whole networks the error by rounding was
measured to be below 1e-6 of what is usual; a step of 2^-23 crosses so many kinks of rectifiers and pools that it is off
by 1e-3."""

SLOPE_BOUND = 1e-5
"""What the slope may be off by rounding."""

DIRECTIONS = 3
"""Along how many directions slopes are compared at most: a kink may lie within a step along one, and a gradient that
is wrong is wrong along all. Shorter steps cross fewer kinks, and lose digits: at 2^-33 errors of 3e-6 were measured."""


def wanted(graph: Graph, outputs: Mapping[str, Tensor], *, training: bool = False) -> list[str]:
    """The inputs and weights by which gradients exist; none if no output is a floating-point number. Weights of which
    no output depends are not there in every framework."""
    if not projected(outputs):
        return []
    inputs = [name for name, tensor in graph.inputs.items() if tensor.dtype == "float"]
    dead = unreachable(graph)
    idle = {name for node in graph.nodes if node.path in dead for name in node.parameters()}
    weights = graph.parameters(training=training)
    return inputs + [name for name, p in weights.items() if p.trainable and name not in idle]


def projected(outputs: Mapping[str, Tensor]) -> list[str]:
    return [name for name, tensor in outputs.items() if tensor.dtype == "float"]


def projections(
    outputs: Mapping[str, Tensor], seed: int = 0, truth: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """For each floating-point output the numbers that its elements are multiplied with: `projection <name>`. Zero where
    the truth, if that is given, is NaN or infinite."""
    found = {}
    for name in projected(outputs):
        weights = data.normal(outputs[name].shape, seed, f"projection {name}")
        if truth is not None:
            weights[~np.isfinite(truth[outputs[name].name])] = 0
        found[f"projection {name}"] = weights
    return found


def slopes(
    graph: Graph, parameters: Mapping[str, Array], inputs: Mapping[str, Array], outputs: Mapping[str, Tensor],
    seed: int = 0, *, training: bool = False, learning: bool = False, number: int = 0,
) -> tuple[dict[str, float], dict[str, Array]]:  # fmt: skip
    """The slope of the reference along a random direction, for each projected output alone; and the direction, which is
    another one, with a step a quarter as long, for the next `number`."""
    arrays = {**parameters, **inputs}
    names = wanted(graph, outputs, training=training)
    direction = {name: data.direction(arrays[name], seed, f"{name} {number}") for name in names}
    for name, parameter in graph.parameters(training=training).items():
        if parameter.frozen is not None and name in direction:
            direction[name][parameter.frozen] = 0  # the slope of the reference knows of no frozen row
    weights = projections(outputs, seed)

    def moved(arrays: Mapping[str, Array], step: float) -> dict[str, Array]:
        return {
            name: array.astype(np.float64) + step * direction[name] if name in direction else array
            for name, array in arrays.items()
        }

    ends = []
    length = STEP / 4**number
    for step in (length, -length):
        kept = {outputs[name].name for name in projected(outputs)}
        truth = reference.run(
            graph, moved(parameters, step), moved(inputs, step), training=training, learning=learning, names=kept
        )
        ends.append({name: truth[outputs[name].name] for name in projected(outputs)})
    # The difference before the sum: sums of unequal elements lose digits.
    found = {}
    for name in ends[0]:
        with np.errstate(all="ignore"):
            delta = (ends[0][name] - ends[1][name]) * weights[f"projection {name}"]
        found[name] = float(np.sum(delta, where=np.isfinite(delta)) / (2 * length))
    return found, direction


def along(gradients: Mapping[str, Array], direction: Mapping[str, Array]) -> float:
    """The slope along a direction that gradients give."""
    with np.errstate(all="ignore"):
        return float(sum(np.sum(gradients[name] * step) for name, step in direction.items()))


def usual(gradients: Mapping[str, Array], direction: Mapping[str, Array]) -> float:
    """How large a slope is along directions like this one: the root of the sum of the squares of its terms.

    The signs of the terms are random, and so a slope may be near zero where all that it is made of is large, with
    errors that are as large as ever.
    """
    with np.errstate(all="ignore"):
        return float(sqrt(sum(float(np.sum(np.square(gradients[name] * step))) for name, step in direction.items())))


def slope_difference(found: float, expected: float, usual: float = 0.0) -> Difference:
    """How far a slope is off, relative to itself, to what is usual, or to 1."""
    if not np.isfinite(found) or not np.isfinite(expected):
        return Difference(inf, "" if str(found) == str(expected) else f"the slope is {found:g} instead of {expected:g}")
    return Difference(abs(found - expected) / max(1.0, abs(expected), usual))


def differences(
    found: Mapping[str, Mapping[str, Array]], bound_of: Callable[[str, str], float]
) -> Iterator[tuple[str, str, Difference, float]]:
    """Backend, name, the difference of its gradient from that of the nearest other backend, and what these two may be
    off: the larger bound of both, since either may be the one that is inexact."""
    for name in dict.fromkeys(name for gradients in found.values() for name in gradients):
        have = {backend: gradients[name] for backend, gradients in found.items() if name in gradients}
        pairs: dict[tuple[str, str], Difference] = {}
        for backend, own in have.items():
            for other, theirs in have.items():
                if backend != other:
                    known = pairs.get((other, backend))
                    pairs[backend, other] = known or difference(own, theirs, theirs.dtype.name)
            judged = [
                (pairs[backend, other], max(bound_of(backend, name), bound_of(other, name)))
                for other in have
                if other != backend
            ]
            if judged:
                nearest, bound = min(judged, key=lambda each: (bool(each[0].problem), each[0].error / each[1]))
                yield backend, name, nearest, bound


def bound(program: Program) -> float:
    """What a program's gradients may be off: more than usual if some of its steps are declared to be inexact."""
    declared = [*program.inexact.values(), *program.inexact_gradients.values()]
    return max(BOUND, INEXACT_MULTIPLE * max(declared, default=0.0))


def taken(arrays: Mapping[str, Array], names: Collection[str]) -> dict[str, Any]:
    """The gradients among what a run gave, by the canonical names of what they are by."""
    return {name: arrays[f"gradient {name}"] for name in names if f"gradient {name}" in arrays}
