"""The rules by which a framework's numbers are right or wrong. Pure functions; they never sort, permute or skip."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from math import inf, isfinite
from operator import or_

import numpy as np

from archspec.graph.graph import Graph, Node
from archspec.verification.worker import Array

FLOAT64_BOUND = 1e-10
"""Whole networks were measured near 1e-15: room for depth, none for bugs."""

SECOND_BOUND = 1e-5
"""Where floats are as they are, those that a framework keeps in float32 are 6e-8 off, which steps amplify. What is
looked for there, a size that the code takes for granted, is far more."""

FLOAT32_BOUND = 16 * 2.0**-23
"""Sixteen units in the last place, of a value or of what it is made of. Orders of summation differ, and a step rounds
more than once inside: over all operations that come along a framework was measured to be off by at most seven."""

BOUNDS = {"float64": FLOAT64_BOUND, "float32": FLOAT32_BOUND}

CEILING = 2.0**-7
"""The share of the largest value by which any may be off. Where rounding alone makes more, agreement proves nothing."""

LEVEL = 2.0**-10
"""Values that are smaller than this share of the largest are held against the largest of their own."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far an array is from the truth."""

    error: float
    """The largest, relative to the largest value, or what it is made of; values a thousand times smaller are held
    against their own largest, and so on. Infinite if the arrays cannot be compared."""
    problem: str = ""
    """What is wrong beyond rounding: shape, dtype, the pattern of NaN and infinity, or integers that differ."""
    unproven: int = 0
    """How many values agree and prove nothing of what was computed before: they are NaN or infinite, as they should be;
    lost in rounding, which may change them by more than `CEILING`; or not defined, so that they may be others."""
    size: int = 0
    """How many values there are."""

    def within(self, bound: float) -> bool:
        return not self.problem and self.error <= bound


def difference(actual: Array, expected: Array, dtype: str, scale: Array | None = None) -> Difference:
    """The difference of `actual`, which must be of this dtype, from the truth in the same layout.

    `dtype` is that of the run for floating-point tensors, and the tensor's own for others, which must be equal. `scale`
    tells for each value how large it is, or what it is made of (`rounding.magnitudes`); without it, all are held
    against the largest of them, or one. Of others it tells which may differ, and prove nothing if they do.
    """
    if actual.shape != expected.shape:
        return Difference(inf, f"shape {actual.shape} instead of {expected.shape}")
    if actual.dtype.name != dtype:
        return Difference(inf, f"dtype {actual.dtype.name} instead of {dtype}")
    if actual.size == 0:
        return Difference(0.0)
    if expected.dtype.kind != "f":
        differ = actual != expected
        wrong = int(np.count_nonzero(differ if scale is None else differ & ~scale))
        problem = f"{wrong} of {actual.size} values differ" if wrong else ""
        return Difference(inf if wrong else 0.0, problem, int(np.count_nonzero(differ)) - wrong, actual.size)
    with np.errstate(all="ignore"):
        delta = np.asarray(np.subtract(actual, expected, dtype=np.float64))
        np.abs(delta, out=delta)
    special = 0
    if not isfinite(float(delta.max())):
        problem = _beside_special(actual, expected)
        if problem:
            return Difference(inf, problem, size=actual.size)
        finite = np.isfinite(expected)
        special = expected.size - int(np.count_nonzero(finite))
        if special == expected.size:
            return Difference(0.0, unproven=special, size=special)
        delta, expected, scale = delta[finite], expected[finite], scale if scale is None else scale[finite]
    largest = _largest(expected)
    if scale is None:
        return Difference(float(delta.max()) / max(1.0, largest), "", special, actual.size)
    limit = largest * CEILING / BOUNDS[dtype]
    lost = int(np.count_nonzero(scale > limit)) if float(scale.max()) > limit else 0
    return Difference(_error(delta, scale, dtype), "", special + lost, actual.size)


def _largest(array: Array) -> float:
    """max|x|, without a temporary array; NaN if there is one."""
    return max(float(array.max()), -float(array.min()))


def _error(delta: Array, scale: Array, dtype: str) -> float:
    """The largest error of any level, relative to the level's own largest value.

    In float32, what is small may be so by chance, or stands at a kink, where nothing tells what it is made of; but such
    values are few. Below the first level, there must be at least one in eight values, and as many of these off.
    """
    limits = np.finfo(dtype)
    least = float(limits.tiny / limits.eps)  # numbers of less than the smallest normal one lose digits
    top, error = float(scale.max()), float(delta.max()) / max(float(scale.max()), least)
    share = 8 if dtype == "float32" else delta.size
    fewest = 8 if dtype == "float32" else 1
    while top > least:
        small = scale <= top * LEVEL
        count = int(np.count_nonzero(small))
        if count < max(fewest, delta.size // share):
            break
        delta, scale = delta[small], scale[small]
        few = max(fewest, count // share)
        top = float(scale.max())
        off = delta.max() if few == 1 else np.partition(delta, count - few)[count - few]
        error = max(error, float(off) / max(top, least))
    return error


def levels(scale: Array) -> Array:
    """For each value of a tensor in float64 the largest of its level, to which its error is relative: as `difference`
    has it, given how large each value is, or what it is made of."""
    limits = np.finfo(np.float64)
    least = float(limits.tiny / limits.eps)
    top = float(scale.max(initial=0))
    found = np.full(scale.shape, max(top, least))
    while top > least and np.any(small := scale <= top * LEVEL):
        top = float(scale[small].max())
        found[small] = max(top, least)
    return found


def _beside_special(actual: Array, expected: Array) -> str:
    """What is wrong where NaN or infinities occur: they must be at the same places, with the same signs."""
    for name, same in (("NaN", np.isnan), ("+inf", np.isposinf), ("-inf", np.isneginf)):
        there, due = same(actual), same(expected)
        if not np.array_equal(there, due):
            counts = f"{np.count_nonzero(there)} values are {name} instead of {np.count_nonzero(due)}"
            return f"{counts}, {np.count_nonzero(there != due)} places differ"
    return ""


def bounds(graph: Graph, dtype: str, inexact: Mapping[str, float], *, alone: bool = False) -> dict[str, float]:
    """For each tensor of a graph, by name, the largest error that passes.

    In float64 that is 1e-10. Where steps are declared inexact, it is what they declare if each is `alone`, given the
    truth as its inputs; else, for all downstream of them, what all of them declare together; `inexact.bounds` tells
    whether it may be more. In float32 it is sixteen units in the last place: what a network makes of rounding is in
    what its values are made of.
    """
    tensors = [*graph.inputs.values(), *(tensor for node in graph.nodes for tensor in node.outputs)]
    if dtype == "float32":
        return {tensor.name: FLOAT32_BOUND for tensor in tensors}
    declared = inexact if alone else added(graph, inexact)
    return {tensor.name: max(FLOAT64_BOUND, declared.get(tensor.name, 0.0)) for tensor in tensors}


def added(graph: Graph, declared: Mapping[str, float]) -> dict[str, float]:
    """For each tensor what is declared of itself and of all steps that it depends on, added up: once of each."""
    bits = {name: 1 << place for place, name in enumerate(declared)}
    before = {tensor.name: 0 for tensor in graph.inputs.values()}
    for node in graph.nodes:
        given = reduce(or_, (before[tensor.name] for tensor in node.inputs), 0)
        before.update((tensor.name, given | bits.get(tensor.name, 0)) for tensor in node.outputs)
    sums = {found: sum(declared[name] for name, bit in bits.items() if found & bit) for found in {*before.values()}}
    return {name: min(FLOAT32_BOUND, sums[found]) for name, found in before.items()}


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
