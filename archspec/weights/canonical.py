"""The weights of a spec: by its names, in its shapes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from archspec.errors import UsageError, printable
from archspec.graph.mode import Mode
from archspec.verification.worker import Array

if TYPE_CHECKING:
    from archspec.graph.graph import Graph
    from archspec.ops.base import Shape


def fingerprint(graph: Graph) -> str:
    """A text that is the same for the same network, whatever its spec looks like: its steps, with their attributes,
    what they read, and the shapes of their weights."""
    parts = [f"{tensor.name} {_plain(tensor.shape[1:])} {tensor.dtype}" for tensor in graph.inputs.values()]
    for node in graph.nodes:
        read = [tensor.name for tensor in node.inputs]
        shapes = {name: _plain(weight.shape) for name, weight in node.parameters().items()}
        parts.append(f"{node.path} {node.op.key} {node.op.model_dump()} {read} {shapes}")
    parts += [f"{name} {tensor.name}" for name, tensor in graph.outputs.items()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """The shapes of all weights, by name."""
    return {name: _plain(weight.shape) for name, weight in graph.parameters().items()}


def _plain(shape: Shape) -> tuple[int, ...]:
    return tuple(map(int, shape))


def floats(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays that can be weights: integers count batches or are tables of indices. Raises UsageError for what is
    no mapping of names to arrays."""
    if not isinstance(arrays, Mapping) or not all(isinstance(name, str) for name in arrays):
        raise UsageError("weights are given as a mapping of names to NumPy arrays")
    for name, array in arrays.items():
        if not isinstance(array, (np.ndarray, np.generic)):
            raise UsageError(f"'{name}' is no NumPy array but {type(array).__name__}; tensor.numpy() gives one")
    return {name: np.asarray(array) for name, array in arrays.items() if is_float(array.dtype)}


def is_float(dtype: np.dtype[np.generic]) -> bool:
    """Whether numbers are floating-point numbers, those included that NumPy itself does not have."""
    return dtype.kind == "f" or dtype.name.startswith(("bfloat", "float"))


def checked(graph: Graph, found: Mapping[str, Array], allow_missing: str | Sequence[str] = ()) -> dict[str, Array]:
    """Weights in the order and the shapes that the spec gives them; axes of size one may come and go.

    A matrix that is there again, by a name that is none of the spec's, is one that layers of the library share. Heads
    that only training needs may be missing. What `allow_missing` matches (`fc.*`) may be missing, too, and is left out
    if it is none of the spec's or has another shape. Raises UsageError with everything else of that kind.
    """
    due = shapes(graph)
    found = {name: array for name, array in found.items() if name in due or not _shared(array, found, due)}
    found = without(graph, found, allow_missing)
    problems = problems_of(graph, found, allow_missing)
    if problems:
        raise UsageError(f"these are not the weights of {graph.name}: {_told(problems)}")
    return {name: found[name].reshape(shape) for name, shape in due.items() if name in found}


def without(graph: Graph, found: Mapping[str, Array], allow_missing: str | Sequence[str]) -> dict[str, Array]:
    """Those of arrays that fit, or that are not among what may be missing."""
    due = shapes(graph)
    return {
        name: array for name, array in found.items()
        if (name in due and alike(array.shape, due[name])) or not _matches(name, allow_missing)
    }  # fmt: skip


def _matches(name: str, patterns: str | Sequence[str]) -> bool:
    patterns = [patterns] if isinstance(patterns, str) else patterns  # its characters would be patterns, '*' among them
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _shared(array: Array, found: Mapping[str, Array], due: Mapping[str, Shape]) -> bool:
    return any(are_one(array, found[name]) for name in due if name in found)


def are_one(one: Array, other: Array) -> bool:
    """Whether arrays are a matrix that two layers share, and not the same by chance, as zeros are."""
    alike = one.ndim > 1 and one.dtype == other.dtype and one.shape == other.shape
    return alike and np.array_equal(one, other) and bool(np.ptp(one))


def problems_of(
    graph: Graph, found: Mapping[str, Array], allow_missing: str | Sequence[str] = ()
) -> dict[str, list[str]]:  # fmt: skip
    """Everything that keeps arrays from being the weights of a network, by kind; nothing, if nothing does."""
    due, needed = shapes(graph), graph.parameters(Mode.EVALUATION)
    missing = [name for name in needed if name not in found]
    kinds = {
        "missing": [
            f"nothing gives '{name}'" for name in missing if not _matches(name, allow_missing)
        ],
        "left over": [f"'{printable(name, 100)}' is none of its weights" for name in found if name not in due],
        "shapes": [
            f"'{name}' has shape {list(array.shape)}, not {list(due[name])}"
            for name, array in found.items() if name in due and not alike(array.shape, due[name])
        ],
    }  # fmt: skip
    return {kind: problems for kind, problems in kinds.items() if problems}


def _told(problems: Mapping[str, Sequence[str]], most: int = 3) -> str:
    """Some problems of each kind, and how many more there are."""
    parts = []
    for kind, each in problems.items():
        parts += [*each[:most], *([f"{len(each) - most:,} more {kind}"] if len(each) > most else ())]
    return "; ".join(parts)


def alike(one: Shape, other: Shape) -> bool:
    """Whether shapes are the same but for axes of size one."""
    return [size for size in one if size != 1] == [size for size in other if size != 1]
