"""What rounding alone makes of a network: how large the numbers are that each of its values is made of.

Every input, every weight that is a vector, and what every step computes, is moved up or down at random, by two units of
its size at most; all else is exact. By how much a value moves then, in units, is the size of the terms that it is made
of, and of what the steps on the way make of them: it is near one for a difference of ones that is zero, though the zero
itself tells nothing of that. A framework that computes the same in another order is off by as much, times its own unit.
After Parker, Monte Carlo arithmetic, 1997.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite, prod, sqrt
from typing import TYPE_CHECKING

import numpy as np

from archspec import reference
from archspec.graph.graph import Graph, Node
from archspec.graph.mode import Mode

if TYPE_CHECKING:
    from archspec.ops.base import Array

UNITS = {"float64": (2.0**-45,) * 3, "float32": (2.0**-24, 2.0**-23, 2.0**-22, 2.0**-21, 2.0**-20)}
"""How far values are moved in one run after the other: for float64 by more than the reference itself is off, and so
little that nothing jumps; for float32 by as much as one rounding does, and then by more, up to what a framework may be
off, since a jump may lie there."""

ADDED_AT_ONCE = 256
"""A sum of n terms, one added after the other, is off by about sqrt(n) times what one is; one that is added in parts is
not, and for this many no difference is made. Higham and Mary, A new approach to probabilistic rounding error analysis,
2019."""


def magnitudes(
    graph: Graph, parameters: Mapping[str, Array], inputs: Mapping[str, Array], truth: Mapping[str, Array], unit: float,
    seed: int = 0, *, mode: Mode = Mode.AUXILIARY, pinned: Mapping[str, Array] | None = None,
) -> Iterator[tuple[str, Array]]:  # fmt: skip
    """For each tensor and each statistic that training keeps: its name, and for each value its own size, or that of
    what it is made of, if that is larger. NaN or infinite where the `truth` is. For each whole number and truth value:
    whether it became another. Later steps are given the truth of those elements of tensors that are `pinned`."""
    random = np.random.default_rng([seed, 1])

    def moved(array: Array, share: float = 1.0, inner: Array | float = 0.0) -> Array:
        if array.dtype.kind != "f":
            return array
        shifts = random.random(array.shape, dtype=np.float32)  # all unequal: signs would often add up to nothing
        shifts -= 0.5
        with np.errstate(all="ignore"):  # what is infinite becomes NaN, which no size is told of
            found: Array = array * (4 * share * unit)
            if np.any(inner):
                found += np.copysign(4 * unit * inner, array)
            found *= shifts
            found += array
        return found

    def inner(node: Node) -> Array | float:
        return node.op.inner(*(truth[tensor.name] for tensor in node.inputs))

    given = fixed(graph)

    def after(node: Node, result: Array) -> Array:
        if node.outputs[0].name in given or (node.op.exact and node.inputs):
            return result
        return moved(result, max(1.0, sqrt(terms(node) / ADDED_AT_ONCE)), inner(node))

    start = {name: moved(array) for name, array in reference.doubles(inputs).items()}
    # Of a matrix each result has many terms, and moving what it is multiplied with will do.
    vectors = {name: array.astype(np.float64) for name, array in parameters.items() if array.ndim < 2}
    weights = {**parameters, **{name: moved(array) for name, array in vectors.items()}}
    for name, array in start.items():
        yield name, _magnitude(truth[name], array, unit)
    for node, arrays, statistics in reference.steps(graph, weights, start, mode=mode, then=after):
        for name, array in reference.named(node, arrays, statistics).items():
            found = _magnitude(truth[name], array, unit)
            added = inner(node) if array.dtype.kind == "f" else 0.0
            yield name, np.maximum(found, added, out=found) if np.any(added) else found
            if pinned and name in pinned:
                np.copyto(array, truth[name], where=pinned[name])


def _magnitude(truth: Array, moved: Array, unit: float) -> Array:
    if truth.dtype.kind != "f":
        changed: Array = moved != truth
        return changed
    with np.errstate(all="ignore"):
        found = np.subtract(moved, truth)
        np.abs(found, out=found)
        found *= 1 / unit
        if found.size and not isfinite(float(found.max())):  # where the truth is not finite; or where it jumps
            found[~np.isfinite(found)] = 0
        return np.maximum(found, np.abs(truth), out=found)


def fixed(graph: Graph) -> set[str]:
    """The tensors that constants alone give, number by number, such as those of regions that a mask is made of: they
    are compared for being equal, and are not moved; unless something is made of several of their numbers together, such
    as their variance, which rounding keeps from being zero."""
    constant: set[str] = set()
    found: set[str] = set()
    held: dict[str, set[str]] = {}
    """The constants whose numbers stand in a tensor as they are."""
    for node in graph.nodes:
        inputs, outputs = ({tensor.name for tensor in tensors} for tensors in (node.inputs, node.outputs))
        within = set().union(*(held.get(name, set()) for name in inputs))
        alone = inputs <= constant and not node.parameters()
        if alone:
            constant |= outputs
        if inputs and not (node.op.exact or node.op.elementwise):
            found -= within
        elif alone and inputs <= found:
            found |= outputs
        for name in outputs:
            held[name] = (within if node.op.exact else set()) | ({name} if alone else set())
    return found


def terms(node: Node) -> int:
    """How many elements of input a step adds up to one of output: more than a few hundred in global pools."""
    sizes = [prod(tensor.shape) for tensor in node.inputs]
    return max(sizes, default=0) // max(1, prod(node.outputs[0].shape))
