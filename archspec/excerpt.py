"""Steps of a network as a network of their own, with what they read as its inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import yaml

from archspec.errors import ArchspecError
from archspec.graph.graph import Graph, Node, Tensor
from archspec.model import Model, Spec
from archspec.verification.worker import Array

_LETTERS: Final = "xyzuvwabcdefgh"


@dataclass(frozen=True)
class Excerpt:
    """A network of some steps of another, with the numbers that they have there."""

    model: Model
    graph: Graph
    text: str
    """The spec."""
    weights: Mapping[str, Array]
    inputs: Mapping[str, Array]


def leading(nodes: Sequence[Node], last: Node) -> list[Node]:
    """Those of the steps, which stand in their order, on which the last one depends, itself included."""
    needed, found = {id(last)}, []
    for node in reversed(nodes):
        if id(node) in needed or any(id(tensor) in needed for tensor in node.outputs):
            found.append(node)
            needed.update(id(tensor) for tensor in node.inputs)
    return found[::-1]


def excerpt(nodes: Sequence[Node], weights: Mapping[str, Array], values: Mapping[str, Array]) -> Excerpt | None:
    """A network of these steps, whose results are those of the last; None if they cannot stand alone. What is random in
    training is left out before the last where it is idle, so that it gave what it was given."""
    same: dict[str, str] = {}
    for node in nodes[:-1]:
        if _is_idle(node, values):
            same[node.path] = same.get(node.inputs[0].name, node.inputs[0].name)
    steps = [node for node in nodes if node.path not in same]
    inside = {tensor.name for node in steps for tensor in node.outputs}
    read = {same.get(tensor.name, tensor.name): tensor for node in steps for tensor in node.inputs}
    outside = {name: tensor for name, tensor in read.items() if name not in inside}
    if not outside:
        return None
    names = {tensor: _LETTERS[n] if n < len(_LETTERS) else f"x{n}" for n, tensor in enumerate(outside)}
    document = {
        "archspec": 1, "name": "Reproduction",
        "inputs": {names[name]: _input(tensor, values[name]) for name, tensor in outside.items()},
        "layers": _steps(steps, names, same),
    }  # fmt: skip
    text = yaml.safe_dump(document, sort_keys=False)
    try:
        model = Spec.parse(text, "spec.yaml").network()
        graph = model.graph_for({"batch": int(next(iter(outside.values())).shape[0])})
    except ArchspecError:
        return None
    pairs = list(zip(steps, graph.nodes, strict=True))
    if any(_shapes(mine) != _shapes(other) for mine, other in pairs):
        return None
    own = {
        other.parameter(name): weights[node.parameter(name)]
        for node, other in pairs
        for name in other.op.parameters(*(tensor.shape for tensor in other.inputs))
    }
    return Excerpt(model, graph, text, own, {name: _single(values[tensor]) for tensor, name in names.items()})


def _is_idle(node: Node, values: Mapping[str, Array]) -> bool:
    if len(node.inputs) != 1 or len(node.outputs) != 1 or not node.op.draws(node.inputs[0].shape):
        return False
    return np.array_equal(values[node.inputs[0].name], values[node.outputs[0].name], equal_nan=True)


def _shapes(node: Node) -> list[tuple[int, ...]]:
    return [tuple(map(int, tensor.shape)) for tensor in node.outputs]


def _input(tensor: Tensor, values: Array) -> dict[str, Any]:
    about = {"shape": [int(size) for size in tensor.shape[1:]], "dtype": tensor.dtype}
    return about | ({"below": int(values.max(initial=0)) + 1} if tensor.dtype == "int64" else {})


def _steps(nodes: Sequence[Node], names: Mapping[str, str], same: Mapping[str, str]) -> list[dict[str, Any]]:
    """The steps in the form of a spec; `names` are those of what they read from outside, and `same` the tensors in
    place of others."""
    called = {node.path: "step" if len(nodes) == 1 else f"step{number}" for number, node in enumerate(nodes, 1)}
    references = dict(names)
    for node in nodes:
        single = len(node.outputs) == 1
        for number, tensor in enumerate(node.outputs):
            references[tensor.name] = called[node.path] if single else f"{called[node.path]}.{number}"
    steps, before = [], ""
    for node in nodes:
        given = [references[same.get(tensor.name, tensor.name)] for tensor in node.inputs]
        steps.append({
            "op": node.op.key,
            "name": called[node.path],
            **({"from": given} if given and given != [before] else {}),
            **({"weights_of": called[node.owner]} if node.owner in called else {}),
            **_attributes(node),
        })  # fmt: skip
        before = called[node.path]
    return steps


def _attributes(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(node.op.model_dump(exclude_defaults=True)))  # lists, not tuples
    return found


def _single(array: Array) -> Array:
    """As models of both dtypes take it: each float is a float32 number."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array
