"""Each step alone at its own edges: on the numbers at which its operation bends or jumps, on ties, on what is large.

Numbers that are drawn hardly ever meet these. One more forward run of a program is therefore given them: what such a
step reads is replaced, by way of the probes, and what it then gives is held against its reference on the same numbers.

Where a float of an operation is not a float32 number, and frameworks may keep it as one, the step is held to the bound
for that, and not tried right where it bends.

What is linear has no edges, and nothing must bound it: such a step is given what it reads times a large number, or what
a step with edges reads, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

from archspec import reference
from archspec.graph.graph import Graph, Node, Tensor, rounded
from archspec.ops.base import FAR
from archspec.verification import compare
from archspec.verification.report import Finding
from archspec.verification.worker import arrange

if TYPE_CHECKING:
    from archspec.backend import Interface
    from archspec.ops.base import Sets
    from archspec.verification.worker import Array

_ROUNDS: Final = 16
"""How often all numbers of a set must find a place before they are drawn, and some of the array's own are left."""


@dataclass(frozen=True)
class Edges:
    """What some steps of a network are given, and what comes out of them."""

    nodes: tuple[Node, ...]
    given: Mapping[str, Array]
    """What they read, by tensor."""
    far: frozenset[str] = frozenset()
    """The paths of those that are linear."""

    def shown(self, seen: Collection[str]) -> list[str]:
        """What those steps give all of whose inputs and outputs a program shows."""
        known = [node for node in self.nodes if {t.name for t in (*node.inputs, *node.outputs)} <= set(seen)]
        return [tensor.name for node in known for tensor in node.outputs]

    def findings(
        self, graph: Graph, parameters: Mapping[str, Array], runs: Mapping[str, tuple[Interface, Mapping[str, Array]]]
    ) -> Iterator[tuple[str, Finding]]:
        """Whose run it is, and how what it shows compares, one step after the other; `parameters` are the weights, and
        `runs` what subjects show, and what they showed."""
        layouts = {name: shows.shown | shows.inputs for name, (shows, _) in runs.items()}
        singles = {name: shows.single for name, (shows, _) in runs.items()}
        bounds = {name: compare.bounds(graph, "float64", s.inexact, alone=True) for name, (s, _) in runs.items()}
        floats = {
            node.path for node, other in zip(graph.nodes, rounded(graph).nodes, strict=True) if node.op != other.op
        }
        for node, tensor, expected in self._expected(parameters):
            inputs = [self.given[each.name] for each in node.inputs]
            far = node.path in self.far
            scale = _largest(inputs, expected) if far else _scale(node, inputs, expected)
            for name, (_, arrays) in runs.items():
                actual = arrays.get(f"edge {tensor.name}")
                if actual is not None and tensor.name not in singles[name]:
                    layout = layouts[name][tensor.name]
                    due, size = arrange(expected, layout), None if scale is None else arrange(scale, layout)
                    given = [arrange(x, layouts[name][each.name]) for x, each in zip(inputs, node.inputs, strict=True)]
                    bound = max(bounds[name][tensor.name], compare.SECOND_BOUND if node.path in floats else 0.0)
                    where = "on large numbers" if far else "at its edges"
                    yield name, _finding(node, tensor, given, actual, due, size, bound, where)

    def _expected(self, parameters: Mapping[str, Array]) -> Iterator[tuple[Node, Tensor, Array]]:
        """What the reference makes of it."""
        for node in self.nodes:
            results, _ = reference.step(node, [self.given[tensor.name] for tensor in node.inputs], parameters)
            for tensor, array in zip(node.outputs, results, strict=True):
                yield node, tensor, array


def choose(graph: Graph, nodes: Sequence[Node], truth: Mapping[str, Array], seed: int) -> Edges:
    """Those of the steps that have any, in tensors that else hold the `truth`."""
    kept = {node.path: node for node in rounded(graph).nodes}
    declared = {node.path: _declared(node, kept[node.path]) for node in nodes}
    judged = tuple(node for node in nodes if any(declared[node.path]))
    readers: dict[str, list[tuple[Node, Sets]]] = {}
    for node in judged:
        for tensor, sets in zip(node.inputs, declared[node.path], strict=True):
            readers.setdefault(tensor.name, []).append((node, sets))
    given = {}
    for name, each in readers.items():
        sets = _common(each)
        if truth[name].dtype.kind != "f":
            sets = _whole(sets, truth[name], graph.limits.get(name))
        elif name not in graph.inputs and truth[name].size and truth[name].min() >= 0:
            sets = _kept(sets, lambda number: number >= 0)  # it may be what a rectifier gives
        given[name] = _filled(truth[name], sets, np.random.default_rng([seed, crc32(f"edges {name}".encode())]))
    scaled = _linear_alone(graph, nodes)
    far = [
        node for node in nodes
        if node.op.linear and any(tensor.name in scaled or tensor.name in given for tensor in node.inputs)
        and _is_defined(node, given, truth)
    ]  # fmt: skip
    factors = {tensor.name: FAR if tensor.name in scaled else 1.0 for node in far for tensor in node.inputs}
    paths = {node.path for node in (*judged, *far)}
    return Edges(
        tuple(node for node in nodes if node.path in paths), _Given(given, truth, factors),
        frozenset(node.path for node in far),
    )  # fmt: skip


def _is_defined(node: Node, given: Mapping[str, Array], truth: Mapping[str, Array]) -> bool:
    """Whether there is only one right result, as of equal elements there is not."""
    names = [tensor.name for tensor in node.inputs]
    masks = node.op.undefined(*(given[name] if name in given else truth[name] for name in names))
    return not any(mask is not None and mask.any() for mask in masks)


class _Given(Mapping[str, "Array"]):
    """What steps read: numbers at edges, or else the truth times a factor, which is computed whenever it is asked for,
    since it may be as large as all the truth."""

    def __init__(self, edges: Mapping[str, Array], truth: Mapping[str, Array], factors: Mapping[str, float]) -> None:
        self._edges, self._truth, self._factors = edges, truth, factors
        self._names = dict.fromkeys((*edges, *factors))

    def __getitem__(self, name: str) -> Array:
        if name in self._edges:
            return self._edges[name]
        factor, array = self._factors[name], self._truth[name]
        return array if factor == 1 else array * factor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _linear_alone(graph: Graph, nodes: Sequence[Node]) -> set[str]:
    """The tensors of floating-point numbers that some of the steps read, and none that is not linear."""
    bent = {tensor.name for node in graph.nodes if not node.op.linear for tensor in node.inputs}
    read = {tensor.name for node in nodes if node.op.linear for tensor in node.inputs if tensor.dtype == "float"}
    return read - bent


def _declared(node: Node, kept: Node) -> tuple[Sets, ...]:
    """The sets of numbers for each input, of those that the step has as well as frameworks `kept` it; none where it has
    no numbers to choose."""
    sets, others = (each.op.edges(*(tensor.shape for tensor in node.inputs)) for each in (node, kept))
    return tuple(
        () if tensor.dtype == "bool" else _both(mine, other)
        for tensor, mine, other in zip(node.inputs, sets, others, strict=True)
    )


def _both(mine: Sets, other: Sets) -> Sets:
    return tuple(tuple(n for n in a if n in b) for a, b in zip(mine, other, strict=True)) if mine != other else mine


def _common(readers: Sequence[tuple[Node, Sets]]) -> Sets:
    """The sets of all that read a tensor; those alone that all steep ones have, if there are any. What hides all other
    numbers from a step that depends on several of them is left out."""
    steep = [sets for node, sets in readers if node.op.steep]
    if steep:
        return tuple(numbers for numbers in steep[0] if all(numbers in sets for sets in steep[1:]))
    sets = tuple(dict.fromkeys(numbers for _, sets in readers for numbers in sets))
    return sets if all(node.op.elementwise for node, _ in readers) else _kept(sets, lambda number: abs(number) < FAR)


def _whole(sets: Sets, truth: Array, limit: int | None) -> Sets:
    """Of the sets for a tensor of whole numbers those that it may have."""
    if not truth.size:
        return ()
    low, high = (0, limit - 1) if limit is not None else (int(truth.min()), int(truth.max()))
    return _kept(sets, lambda number: number == int(number) and low <= number <= high)


def _kept(sets: Sets, may_be: Callable[[float], bool]) -> Sets:
    kept = (tuple(filter(may_be, numbers)) for numbers in sets)
    return tuple(numbers for numbers in kept if numbers)


def _filled(truth: Array, sets: Sets, random: np.random.Generator) -> Array:
    """The array with numbers of the sets in its parts, one set in each: all channels of all samples, or the samples. A
    set of several numbers leaves some of the array's own."""
    if not sets or not truth.size:
        return truth
    parts = truth.reshape(truth.shape[0] * truth.shape[1] if truth.ndim > 2 else len(truth), -1).copy()
    for index, numbers in enumerate(sets):
        mine, count = parts[index :: len(sets)], len(numbers)
        if mine.size < _ROUNDS * count:
            rounds = np.tile(np.arange(count, dtype=np.uint8), (_ROUNDS, 1))
            places = random.permuted(rounds, axis=1).reshape(-1)[: mine.size].reshape(mine.shape)
        else:
            places = random.integers(0, count + count // 3, mine.shape, dtype=np.uint8)
        np.copyto(mine, np.array(numbers, truth.dtype)[np.minimum(places, count - 1)], where=places < count)
    return parts.reshape(truth.shape)


def _scale(node: Node, inputs: Sequence[Array], expected: Array) -> Array | None:
    """How large each number is, or what it is made of, where it depends on one number of each input alone."""
    if expected.dtype.kind != "f" or not node.op.elementwise:
        return None
    with np.errstate(all="ignore"):
        return np.maximum(np.abs(expected), node.op.inner(*inputs))


def _largest(inputs: Sequence[Array], expected: Array) -> Array | None:
    """The largest number of what a linear step reads and gives, for each of what it gives: a mean of numbers whose sum
    is zero is nothing but rounding, and bounds cut off far more."""
    if expected.dtype.kind != "f":
        return None
    floats = (array for array in (expected, *inputs) if array.dtype.kind == "f")
    sizes = [float(np.abs(array).max(initial=0, where=np.isfinite(array))) for array in floats]
    return np.broadcast_to(np.float64(max(sizes)), expected.shape)


def _finding(
    node: Node, tensor: Tensor, given: Sequence[Array], actual: Array, expected: Array, scale: Array | None,
    bound: float, where: str,
) -> Finding:  # fmt: skip
    """How what a program makes of the given compares, all in its layouts."""
    dtype = "float64" if expected.dtype.kind == "f" else expected.dtype.name
    off = compare.difference(actual, expected, dtype, scale)
    problem = ""
    if not off.within(bound):
        problem = f"{where}: {off.problem or f'error {off.error:.1e}, bound {bound:.1e}'}"
        problem += _example(node, given, actual, expected, bound)
    return Finding(tensor.name, node.op.key, off.error, bound, problem)


def _example(node: Node, given: Sequence[Array], actual: Array, expected: Array, bound: float) -> str:
    """The numbers of which an elementwise operation makes something else than it should."""
    if not node.op.elementwise or any(x.shape != expected.shape for x in (actual, *given)):
        return ""
    with np.errstate(all="ignore"):
        equal = (actual == expected) | ((actual != actual) & (expected != expected))
        off = np.where(equal, 0, np.abs(np.subtract(actual, expected, dtype=np.float64)))
        off = np.nan_to_num(off / np.maximum(np.abs(expected), np.finfo(np.float64).tiny), nan=np.inf)
    place = np.unravel_index(int(off.argmax()), off.shape)
    numbers = " and ".join(f"{x[place]:.9g}" for x in given)
    return f"; of {numbers} it makes {actual[place]:.9g} instead of {expected[place]:.9g}" if off[place] > bound else ""
