"""Gradients: of the sum of all outputs' elements, each times a random number, by the inputs and the weights.

There is no truth for each gradient, as there is for values. So the frameworks are held against each other, element by
element; and the sum of all gradients, each times a random direction, against the slope of the reference along that
direction, by finite differences. What all frameworks have wrong alike, the slope shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np

from archspec import reference
from archspec.backend import Interface
from archspec.graph.graph import Graph, Node, Tensor, unreachable
from archspec.graph.mode import Mode
from archspec.verification import data
from archspec.verification.compare import Difference, difference
from archspec.verification.request import Pull
from archspec.verification.worker import Array

BOUND = 1e-9
"""What a framework may be off from the nearest other, as `compare.difference` measures it."""

INEXACT_MULTIPLE = 16.0
"""How many times the largest declared bound a gradient may be off: it passes through all steps after it."""

STEP = 2.0**-29
"""How far to go along a direction, which has the size of what it changes. In whole networks the error by rounding was
measured to be below 1e-6; a step of 2^-23 crosses so many kinks of rectifiers and pools that it is off by 1e-3."""

SLOPE_BOUND = 1e-5
"""What a slope may be off, relative to itself; or six times its `doubt`, if that is more."""

SLOPE_LIMIT = 1e-3
"""What a slope may be off at most, whatever its doubt."""

DIRECTIONS = 3
"""Along how many directions slopes are compared at most: a kink may lie within a step along one, and a gradient that
is wrong is wrong along all. Shorter steps cross fewer kinks, and lose digits: at 2^-33 errors of 3e-6 were measured."""


def wanted(graph: Graph, outputs: Mapping[str, Tensor], mode: Mode = Mode.EVALUATION) -> list[str]:
    """The inputs and weights by which gradients exist; none if no output is a floating-point number. Weights of which
    no output depends are not there in every framework."""
    if not projected(outputs):
        return []
    inputs = [name for name, tensor in graph.inputs.items() if tensor.dtype == "float"]
    dead = unreachable(graph)
    used = {name for node in graph.nodes if node.path not in dead for name in node.parameters()}
    weights = graph.parameters(mode)
    return inputs + [name for name, p in weights.items() if p.trainable and name in used]


def projected(outputs: Mapping[str, Tensor]) -> list[str]:
    return [name for name, tensor in outputs.items() if tensor.dtype == "float"]


def pull(graph: Graph, names: Collection[str], projections: Collection[str]) -> Pull:
    """What a run is asked for."""
    values = {f"{name.removeprefix('projection ')}": name for name in projections}
    return Pull(values, tuple(n for n in names if n in graph.inputs), tuple(n for n in names if n not in graph.inputs))


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


@dataclass(frozen=True)
class Slope:
    """How the outputs of the reference change along a direction."""

    by_output: dict[str, float]
    """The slope of each projected output."""
    direction: dict[str, Array]
    doubt: float = 0.0
    """What kinks that the step crosses, and rounding, make of the sum of all: the norm of the second differences of the
    outputs, divided by twice the step. A kink on one side puts the central difference off by as much as the second
    one, and the numbers that outputs are multiplied with are normal: this is the standard deviation of the error."""

    @property
    def total(self) -> float:
        return sum(self.by_output.values())

    @property
    def bound(self) -> float:
        """What a slope may be off, as `slope_difference` measures it."""
        return min(SLOPE_LIMIT, max(SLOPE_BOUND, 6 * self.doubt / max(1.0, abs(self.total))))


def slope(
    graph: Graph, parameters: Mapping[str, Array], inputs: Mapping[str, Array], outputs: Mapping[str, Tensor],
    seed: int = 0, *, mode: Mode = Mode.EVALUATION, number: int = 0,
    truth: Mapping[str, Array] | None = None, pinned: Mapping[str, Array] | None = None,
) -> Slope:  # fmt: skip
    """The slope of the reference along a random direction: another one, with a step a quarter as long, for the next
    `number`. Without the `truth` there is no doubt. Elements that are `pinned` keep it, as in frameworks."""
    arrays = {**parameters, **inputs}
    names = wanted(graph, outputs, mode)
    direction = {name: data.direction(arrays[name], seed, f"{name} {number}") for name in names}
    for name, parameter in graph.parameters(mode).items():
        if parameter.frozen is not None and name in direction:
            direction[name][parameter.frozen] = 0  # the slope of the reference knows of no frozen row
    weights = projections(outputs, seed)

    def moved(arrays: Mapping[str, Array], step: float) -> dict[str, Array]:
        return {
            name: array.astype(np.float64) + np.float64(step) * direction[name] if name in direction else array
            for name, array in arrays.items()
        }

    ends = []
    length = STEP / 4**number
    kept = {outputs[name].name for name in projected(outputs)}
    still = reference.still(graph, parameters, inputs, mode)

    def then(node: Node, result: Array) -> Array:
        name, result = node.outputs[0].name, still(node, result)
        return np.where(pinned[name], truth[name], result) if pinned and truth and name in pinned else result

    for step in (length, -length):
        ends.append(reference.run(
            graph, moved(parameters, step), moved(inputs, step), mode=mode, names=kept, then=then
        ))  # fmt: skip
    # The difference before the sum: sums of unequal elements lose digits.
    found, squares = {}, 0.0
    for name, tensor in ((name, outputs[name].name) for name in projected(outputs)):
        ahead, behind = (end[tensor] for end in ends)
        with np.errstate(all="ignore"):
            delta = (ahead - behind) * weights[f"projection {name}"]
            found[name] = float(np.sum(delta, where=np.isfinite(delta)) / (2 * length))
            if truth is not None:
                bend = (ahead - truth[tensor]) + (behind - truth[tensor])
                squares += float(np.sum(np.square(bend), where=np.isfinite(bend)))
    return Slope(found, direction, sqrt(squares) / (2 * length))


def along(gradients: Mapping[str, Array], direction: Mapping[str, Array]) -> float:
    """The slope along a direction that gradients give."""
    with np.errstate(all="ignore"):
        return float(sum(np.sum(gradients[name] * step) for name, step in direction.items()))


def slope_difference(found: float, expected: float) -> Difference:
    """How far a slope is off, relative to itself or to 1."""
    if not np.isfinite(found) or not np.isfinite(expected):
        return Difference(inf, "" if str(found) == str(expected) else f"the slope is {found:g} instead of {expected:g}")
    return Difference(abs(found - expected) / max(1.0, abs(expected)))


def differences(
    found: Mapping[str, Mapping[str, Array]], bound_of: Callable[[str, str], float], trusted: Collection[str]
) -> Iterator[tuple[str, str, Difference, float]]:
    """Subject, name, the difference of its gradient from that of the nearest other one that is trusted, and what
    these two may be off: the larger bound of both, since either may be the one that is inexact."""
    for name in dict.fromkeys(name for gradients in found.values() for name in gradients):
        have = {backend: gradients[name] for backend, gradients in found.items() if name in gradients}
        pairs: dict[frozenset[str], Difference] = {}
        for backend, own in have.items():
            judged = []
            for other in (have.keys() & set(trusted)) - {backend}:
                pair = frozenset((backend, other))
                if pair not in pairs:
                    pairs[pair] = difference(own, have[other], have[other].dtype.name)
                judged.append((pairs[pair], max(bound_of(backend, name), bound_of(other, name))))
            if judged:
                nearest, bound = min(judged, key=lambda each: (bool(each[0].problem), each[0].error / each[1]))
                yield backend, name, nearest, bound


def learned_rows(graph: Graph, gradients: Mapping[str, Array], mode: Mode) -> Iterator[tuple[str, Difference]]:
    """The tables of which a row that must not learn has a gradient; but for those that other steps use as well."""
    uses = Counter(name for node in graph.steps(mode) for name in node.parameters())
    for name, parameter in graph.parameters(mode).items():
        row = parameter.frozen
        if row is not None and name in gradients and uses[name] == 1 and np.any(gradients[name][row]):
            yield name, Difference(inf, f"row {row}, which must not learn, has a gradient")


def bound(shows: Interface) -> float:
    """What gradients may be off: more than usual if some of the steps are declared to be inexact."""
    declared = [*shows.inexact.values(), *shows.inexact_gradients.values()]
    return max(BOUND, INEXACT_MULTIPLE * max(declared, default=0.0))


def taken(arrays: Mapping[str, Array], names: Collection[str]) -> dict[str, Any]:
    """The gradients among what a run gave, by the canonical names of what they are by."""
    return {name: arrays[f"gradient {name}"] for name in names if f"gradient {name}" in arrays}
