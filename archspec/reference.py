"""Run a graph in NumPy: the definition of the right answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.errors import ArchspecError
from archspec.graph.graph import Graph, Node
from archspec.graph.mode import Mode

if TYPE_CHECKING:
    from archspec.ops.base import Array


Then = Callable[[Node, "Array"], "Array"]


class StepError(ArchspecError, ValueError):
    """The reference cannot compute a step from what it was given."""

    def __init__(self, node: Node, problem: Exception) -> None:
        said = str(problem) if isinstance(problem, ValueError) else f"{type(problem).__name__}: {problem}"
        super().__init__(f"{node.op.key} '{node.path}': the reference cannot compute this: {said}")
        self.node = node


def run(
    graph: Graph, parameters: Mapping[str, Array], inputs: Mapping[str, Array], *,
    mode: Mode = Mode.AUXILIARY, names: Collection[str] | None = None, then: Then = lambda node, result: result,
) -> dict[str, Array]:  # fmt: skip
    """All tensors of a graph, by name, its inputs included, in float64; or those that `names` has, in less memory.
    `then` is as for `steps`.

    What normalizations keep of the statistics of a batch in training is in the result, too, under the names of the
    parameters.
    """
    values = doubles(inputs)
    for node, outputs, statistics in steps(graph, parameters, inputs, mode=mode, then=then):
        found = named(node, outputs, statistics)
        values.update(found if names is None else {name: found[name] for name in found.keys() & names})
    return values


def still(
    graph: Graph, parameters: Mapping[str, Array], inputs: Mapping[str, Array], mode: Mode, then: Then | None = None
) -> Then:
    """What has the steps through which no gradient flows give what they give here, whatever goes in: with it, slopes
    are those that gradients tell. `then` is what is done to all results besides."""
    then = then or (lambda node, result: result)
    cut = {node.outputs[0].name for node in graph.steps(mode) if node.op.cuts}
    if not cut:
        return then
    values = run(graph, parameters, inputs, mode=mode, names=cut, then=then)
    return lambda node, result: values[node.outputs[0].name] if node.op.cuts else then(node, result)


def doubles(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays, with floating-point numbers in float64."""
    return {name: _cast(array, np.float64) for name, array in arrays.items()}


def named(node: Node, outputs: Iterable[Array], statistics: Mapping[str, Array]) -> dict[str, Array]:
    """What a step gives, by the names of the tensors and parameters."""
    found = {tensor.name: value for tensor, value in zip(node.outputs, outputs, strict=True)}
    return found | {node.parameter(name): value for name, value in statistics.items()}


def steps(
    graph: Graph,
    parameters: Mapping[str, Array],
    inputs: Mapping[str, Array],
    *,
    mode: Mode = Mode.AUXILIARY,
    dtype: type[np.floating[Any]] = np.float64,
    then: Then = lambda node, result: result,
) -> Iterator[tuple[Node, tuple[Array, ...], dict[str, Array]]]:
    """Each step with its outputs, of which `then` may make others, and new statistics, as soon as they are computed;
    values that no later step reads are not kept. Statistics go on from those of an earlier step that uses them, too.
    What is done to the outputs before the next step is asked for, later steps see. Raises StepError for a step that
    cannot be computed."""
    nodes = graph.steps(mode)
    readers = Counter(id(tensor) for node in nodes for tensor in node.inputs)
    values = {id(tensor): _cast(inputs[name], dtype) for name, tensor in graph.inputs.items()}
    shared = Counter(node.owner or node.path for node in nodes)
    kept: dict[str, Array] = {}
    for node in nodes:
        given = [values[id(tensor)] for tensor in node.inputs]
        results, statistics = step(node, given, {**parameters, **kept} if kept else parameters, mode=mode, dtype=dtype)
        if statistics and shared[node.owner or node.path] > 1:
            kept.update({node.parameter(name): value for name, value in statistics.items()})
        outputs = tuple(then(node, result) for result in results)
        for tensor, value in zip(node.outputs, outputs, strict=True):
            if value.shape != tensor.shape:
                raise AssertionError(f"{node.op.key} '{node.path}': reference gives {value.shape}, not {tensor.shape}")
            if readers[id(tensor)]:
                values[id(tensor)] = value
        for tensor in node.inputs:
            readers[id(tensor)] -= 1
            if not readers[id(tensor)]:
                values.pop(id(tensor), None)
        yield node, outputs, statistics


def step(
    node: Node, inputs: Sequence[Array], parameters: Mapping[str, Array], *, mode: Mode = Mode.EVALUATION,
    dtype: type[np.floating[Any]] = np.float64,
) -> tuple[tuple[Array, ...], dict[str, Array]]:  # fmt: skip
    """The outputs of one step, and new statistics; the weights by their full names. Raises StepError if it cannot be
    computed."""
    weights = node.op.parameters(*(tensor.shape for tensor in node.inputs))
    arrays = {name: _cast(parameters[node.parameter(name)], dtype) for name in weights}
    given = [_cast(array, dtype) for array in inputs]
    with np.errstate(all="ignore"):  # overflow and NaN are values like others, and compared as such
        try:
            kept = {name: array for name, array in arrays.items() if weights[name].statistic}
            if mode is Mode.TRAINING and not (node.frozen and kept):
                found, statistics = node.op.train(*given, **arrays)
            else:
                found, statistics = node.op.reference(*given, **arrays), kept if mode is Mode.TRAINING else {}
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise StepError(node, error) from error
    results = found if isinstance(found, tuple) else (found,)
    return tuple(_cast(np.asarray(y), dtype) for y in results), statistics


def _cast(array: Array, dtype: type[np.floating[Any]]) -> Array:
    return array.astype(dtype, copy=False) if array.dtype.kind == "f" else array
