"""The rules by which a framework's numbers are right or wrong. Pure functions; they never sort, permute or skip."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import inf, isfinite, prod, sqrt

import numpy as np

from archspec.graph.graph import Graph, Node, Tensor
from archspec.verification.worker import Array

FLOAT64_BOUND = 1e-10
"""Whole networks were measured near 1e-15: room for depth, none for bugs."""

INEXACT_MULTIPLE = 16.0
"""How many times the largest declared bound a tensor downstream of inexact steps may be off: a dozen such steps that
add up at random, and what the layers between them amplify."""

FLOAT32_MULTIPLE = 8.0
"""How many times the best framework's error another's may be. Orders of summation differ; over whole networks that
was measured to make a factor of up to four."""

FLOAT32_FLOOR = 16 * 2.0**-23
"""Sixteen units in the last place: the least error that is held against a framework in float32. The best framework can
be exact by luck, and a long sum in another order is off by as much."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far an array is from the truth."""

    error: float
    """max|a - r| / max(1, max|r|); infinite if the arrays cannot be compared."""
    problem: str = ""
    """What is wrong beyond rounding: shape, dtype, the pattern of NaN and infinity, or integers that differ."""
    special: int = 0
    """How many values are NaN or infinite, as they should be: of what was computed before, they prove nothing."""
    size: int = 0
    """How many values there are."""

    def within(self, bound: float) -> bool:
        return not self.problem and self.error <= bound


def difference(actual: Array, expected: Array, dtype: str) -> Difference:
    """The difference of `actual`, which must be of this dtype, from the truth in the same layout.

    `dtype` is that of the run for floating-point tensors, and the tensor's own for others, which must be equal.
    """
    if actual.shape != expected.shape:
        return Difference(inf, f"shape {actual.shape} instead of {expected.shape}")
    if actual.dtype.name != dtype:
        return Difference(inf, f"dtype {actual.dtype.name} instead of {dtype}")
    if actual.size == 0:
        return Difference(0.0)
    if expected.dtype.kind != "f":
        wrong = int(np.count_nonzero(actual != expected))
        problem = f"{wrong} of {actual.size} values differ" if wrong else ""
        return Difference(inf if wrong else 0.0, problem, size=actual.size)
    with np.errstate(all="ignore"):
        delta = np.subtract(actual, expected, dtype=np.float64)
        error, scale = _largest(delta), _largest(expected)
    if isfinite(error):
        return Difference(error / max(1.0, scale), size=actual.size)
    return _beside_special(actual, expected)


def _largest(array: Array) -> float:
    """max|x|, without a temporary array; NaN if there is one."""
    return max(float(array.max()), -float(array.min()))


def _beside_special(actual: Array, expected: Array) -> Difference:
    """The difference where NaN or infinities occur: they must be at the same places, with the same signs."""
    for name, same in (("NaN", np.isnan), ("+inf", np.isposinf), ("-inf", np.isneginf)):
        there, due = same(actual), same(expected)
        if not np.array_equal(there, due):
            counts = f"{np.count_nonzero(there)} values are {name} instead of {np.count_nonzero(due)}"
            return Difference(inf, f"{counts}, {np.count_nonzero(there != due)} places differ")
    finite = np.isfinite(expected)
    special = expected.size - int(np.count_nonzero(finite))
    if special == expected.size:
        return Difference(0.0, special=special, size=special)
    due = expected[finite]
    with np.errstate(all="ignore"):
        error = _largest(np.subtract(actual[finite], due, dtype=np.float64))
    return Difference(error / max(1.0, _largest(due)), special=special, size=expected.size)


# Bounds: for each tensor of a graph, by name, the largest error that passes.


def float64_bounds(graph: Graph, inexact: Mapping[str, float]) -> dict[str, float]:
    """1e-10; and downstream of steps that are declared inexact, a multiple of the largest declared bound."""
    declared = _upstream(graph, lambda tensor: inexact.get(tensor.name, 0.0))
    return {name: max(FLOAT64_BOUND, INEXACT_MULTIPLE * bound) for name, bound in declared.items()}


def alone_bounds(graph: Graph, inexact: Mapping[str, float]) -> dict[str, float]:
    """For steps that were given the truth as their inputs: what they declare, else 1e-10."""
    return {t.name: max(FLOAT64_BOUND, inexact.get(t.name, 0.0)) for node in graph.nodes for t in node.outputs}


def float32_bounds(
    graph: Graph, errors: Collection[Mapping[str, Difference]], rounding: Mapping[str, Difference] | None = None
) -> dict[str, float]:
    """A multiple of the best framework's own error, and a floor; and of what `rounding` alone makes, if that is known.

    What a float32 network can reach depends on the network: an error in an early step is carried and amplified by
    the later ones, and no formula in eps and depth knows by how much. The best of several independent evaluations does.
    So at least two are needed; the caller adds NumPy's own in float32 where only one framework gave numbers.

    Small tensors can be right by luck. A tensor is therefore judged by the best error on the way to it: the largest,
    over the tensor and all that it depends on, of the smallest over frameworks. Where all agree that an early step is
    ill-conditioned this is more than some later tensor would need; that is for the float64 rule to judge.
    """

    def best(tensor: Tensor) -> float:
        found = [each[tensor.name] for each in errors if tensor.name in each]
        return min((d.error for d in found if not d.problem and isfinite(d.error)), default=0.0)

    def least(tensor: Tensor) -> float:
        alone = (rounding or {}).get(tensor.name, Difference(0.0))
        return max(best(tensor), alone.error if isfinite(alone.error) else 0.0)

    count = {tensor.name: terms(node) for node in graph.nodes for tensor in node.outputs}
    floors = _upstream(graph, lambda tensor: sqrt(count[tensor.name]) * 2.0**-23)
    levels = _upstream(graph, least)
    return {name: FLOAT32_MULTIPLE * level + max(FLOAT32_FLOOR, floors[name]) for name, level in levels.items()}


def enough(errors: Collection[Mapping[str, Difference]]) -> bool:
    """Whether there are two numbers at least for each tensor of which there is one: no framework is its own measure."""
    names = {name for each in errors for name in each}
    return all(sum(name in each and isfinite(each[name].error) for each in errors) > 1 for name in names)


def terms(node: Node) -> int:
    """How many elements of input a step adds up to one of output: more than a few hundred in global pools.

    A sum of n terms, one added after the other, is off by about sqrt(n) units in the last place; one that is added in
    parts is not. Higham and Mary, A new approach to probabilistic rounding error analysis, 2019.
    """
    sizes = [prod(tensor.shape) for tensor in node.inputs]
    return max(sizes, default=0) // max(1, prod(node.outputs[0].shape))


def _upstream(graph: Graph, value: Callable[[Tensor], float]) -> dict[str, float]:
    """For each tensor the largest value among itself and all that it depends on."""
    found = {tensor.name: 0.0 for tensor in graph.inputs.values()}
    for node in graph.nodes:
        before = max((found[tensor.name] for tensor in node.inputs), default=0.0)
        found.update((tensor.name, max(before, value(tensor))) for tensor in node.outputs)
    return found


def culprit(graph: Graph, wrong: Collection[str], compared: Collection[str]) -> Node | None:
    """The first step whose inputs agree and whose output does not.

    A tensor that was not compared agrees if all inputs of its step do.
    """
    agrees = {tensor.name: True for tensor in graph.inputs.values()}
    for node in graph.nodes:
        inputs_agree = all(agrees.get(tensor.name, True) for tensor in node.inputs)
        if inputs_agree and any(tensor.name in wrong for tensor in node.outputs):
            return node
        for tensor in node.outputs:
            agrees[tensor.name] = tensor.name not in wrong if tensor.name in compared else inputs_agree
    return None
