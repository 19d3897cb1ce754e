"""A whole network as a model of ONNX, and into files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import ModelProto, TensorProto, helper

from archspec import ops
from archspec._version import __version__
from archspec.errors import BackendError, UsageError
from archspec.expressions import Const, Dim, Name, expr_of
from archspec.formats import Exported
from archspec.graph.graph import flatten
from archspec.graph.mode import Mode

from .lowering.writing import OPSET, Row, Writer

if TYPE_CHECKING:
    from archspec.backend import Network
    from archspec.graph.graph import Graph, Tensor
    from archspec.ops.base import Array

IR_VERSION: Final = 9
"""The first that goes with the opset, for runtimes that are not new."""
LARGEST: Final = 2**31 - 2**24
"""How many bytes a file of protobuf may have, and some for all that is not weights."""


def row_of(key: str) -> Row | None:
    """The row of an operation, if it has one."""
    rows: Mapping[str, Row] = import_module(f"{__package__}.lowering.{ops.family(key)}").ROWS
    return rows.get(key)


def export(network: Network, graph: Graph, double: bool) -> Exported:
    """A network as a model of ONNX. Raises BackendError for what it cannot express exactly."""
    graph = with_open_sizes(network, graph)
    writer = Writer(graph, double=double)
    results = graph.results(Mode.EVALUATION)
    steps = graph.steps(Mode.EVALUATION)
    named = _named(graph, results)
    for node in steps:
        row = row_of(node.op.key)
        try:
            if row is None:
                raise BackendError("there is no way to write it")
            writer.write(node, row, named)
        except BackendError as error:
            where = network.spec.source.diagnostic(node.origin, "").where
            raise BackendError(f"{where}: ONNX: {node.op.key} '{node.path}': {error}") from None
    return Exported(
        _model(network, writer, graph, results),
        {node.path: tuple(writer.values[id(tensor)].name for tensor in node.outputs) for node in steps},
        {path: tuple(sorted(found)) for path, found in writer.single.items()},
    )


def with_open_sizes(network: Network, graph: Graph) -> Graph:
    """The graph with what is open in each shape told: blocks have names of their own for some sizes that are, of which
    a graph has the number alone. What differs at other open sizes is the open size with the same numbers, or one that
    has a name of its own."""
    roots = network.roots(network.free_params)
    if "sizes" not in roots:
        return graph
    other = flatten(roots["sizes"], network.name)
    there = {tensor.name: tensor.shape for node in other.nodes for tensor in node.outputs}
    names = {
        (int(size), int(other.inputs[key].shape[axis])): expr_of(size)
        for key, tensor in graph.inputs.items() for axis, size in enumerate(tensor.shape) if axis
    }  # fmt: skip

    def told(tensor: Tensor) -> Tensor:
        shape = [*tensor.shape]
        for axis, (size, elsewhere) in enumerate(zip(tensor.shape, there[tensor.name], strict=True)):
            if axis and int(size) != int(elsewhere) and isinstance(expr_of(size), Const):
                own = Name(f"{tensor.name}.{axis}")
                shape[axis] = Dim(int(size), names.get((int(size), int(elsewhere)), own))
        return replace(tensor, shape=tuple(shape))

    made = {id(tensor): tensor for tensor in graph.inputs.values()}
    made |= {id(tensor): told(tensor) for node in graph.nodes for tensor in node.outputs}
    nodes = [
        replace(node, inputs=tuple(made[id(t)] for t in node.inputs), outputs=tuple(made[id(t)] for t in node.outputs))
        for node in graph.nodes
    ]
    return replace(graph, nodes=nodes, outputs={name: made[id(tensor)] for name, tensor in graph.outputs.items()})


def _named(graph: Graph, results: Mapping[str, Any]) -> dict[int, str]:
    """The names of outputs for the values that are such, of each the first."""
    found: dict[int, str] = {}
    inputs = {id(tensor) for tensor in graph.inputs.values()}
    others = {tensor.name: id(tensor) for node in graph.nodes for tensor in node.outputs}
    for name, tensor in results.items():
        free = id(tensor) not in inputs and others.get(name, id(tensor)) == id(tensor)
        if free and name not in graph.inputs and name not in graph.parameters():
            found.setdefault(id(tensor), name)
    return found


def _model(network: Network, writer: Writer, graph: Graph, results: Mapping[str, Any]) -> ModelProto:
    last, outputs = [], []
    for name, tensor in results.items():
        value = writer.values[id(tensor)]
        if name in graph.inputs:  # ONNX has one name for both
            name = writer.name(f"{name}_out")
        if value.name != name:
            last.append(helper.make_node("Identity", [value.name], [name], f"/{name}"))
        outputs.append(writer.info(name, tensor))
    weights = [_unfilled(name, list(map(int, p.shape)), writer.float) for name, p in _weights(graph).items()]
    made = helper.make_graph(
        [*writer.sizes, *writer.nodes, *last],
        network.name,
        [writer.info(name, tensor) for name, tensor in graph.inputs.items()],
        outputs,
        [*weights, *writer.constants.values()],
        network.spec.document.summary or "",
        [info for name, info in writer.infos.items() if name not in results],
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="archspec",
        producer_version=__version__,
    )  # fmt: skip
    return model


def _weights(graph: Graph) -> dict[str, Any]:
    return graph.parameters(Mode.EVALUATION)


def _unfilled(name: str, shape: list[int], kind: int) -> TensorProto:
    """A weight whose numbers are elsewhere."""
    found = TensorProto(name=name, dims=shape, data_type=kind, data_location=TensorProto.EXTERNAL)
    found.external_data.add(key="location", value="weights")
    return found


def unfilled(exported: Exported, path: Path) -> None:
    """Writes a model that says of its weights that they are elsewhere."""
    path.write_bytes(exported.model.SerializeToString())


def save(exported: Exported, weights: Mapping[str, Array], path: Path) -> list[Path]:
    """Writes a model with its weights; if these are too many for a file of protobuf, beside it, in NAME.onnx.data."""
    model = ModelProto()
    model.CopyFrom(exported.model)
    filled = [each for each in model.graph.initializer if each.data_location == TensorProto.EXTERNAL]
    missing = [each.name for each in filled if each.name not in weights]
    if missing:
        raise UsageError(f"nothing gives the weight '{missing[0]}'")
    beside = sum(weights[each.name].size * 4 for each in filled) > LARGEST
    temporaries: dict[Path, Path] = {}
    try:
        if beside:
            data = path.with_name(path.name + ".data")
            temporaries[data] = _beside(data)
            with open(temporaries[data], "xb") as file:
                for each in filled:
                    _point(each, data.name, *_appended(file, _bytes(weights[each.name])))
        else:
            for each in filled:
                each.ClearField("external_data")
                each.ClearField("data_location")
                each.raw_data = _bytes(weights[each.name])
        temporaries[path] = _beside(path)
        with open(temporaries[path], "xb") as file:
            file.write(model.SerializeToString(deterministic=True))
        for target, temporary in temporaries.items():
            os.replace(temporary, target)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or path}: {error.strerror}") from None
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)
    return [path, *(target for target in temporaries if target != path)]


def _beside(target: Path) -> Path:
    """What a file is called before it is whole. Raises UsageError for what is not replaced."""
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise UsageError(f"{target} is not a file; what it is, is not replaced")
    return target.with_name(f".{target.name}.{os.getpid()}.tmp")


def _bytes(array: Array) -> bytes:
    return np.ascontiguousarray(array, "<f4").tobytes()


def _appended(file: Any, data: bytes) -> tuple[int, int]:
    """Where bytes are in a file, at a place that can be mapped, and how many."""
    file.write(bytes(-file.tell() % 4096))
    offset: int = file.tell()
    file.write(data)
    return offset, len(data)


def _point(tensor: TensorProto, name: str, offset: int, length: int) -> None:
    tensor.ClearField("external_data")
    for key, value in (("location", name), ("offset", str(offset)), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
