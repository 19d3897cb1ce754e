"""How `archspec.verification.worker` runs a person's own file of ONNX, and sees its nodes. Needs no archspec."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

_NAMES = {"kernel_shape": "kernel_size", "group": "groups"}
"""Attributes that have other names everywhere else."""


class Own:
    """A session whose model is a person's own file, with the weights that it holds: random ones only in place of such
    as are one number all over, which nothing could be told by."""

    def __init__(self, session: Any) -> None:
        self.session = self
        self.weights: dict[str, Any] = {}
        self.note: Callable[[dict[str, Any]], None] = lambda values: None

    def opened(self, path: str) -> Any:
        return onnx.load(path)

    def build(self, make: Callable[[], Any], inputs: Sequence[Any], mode: str) -> None:
        """Has the file give what each of its nodes gives."""
        self.model = make()
        graph = self.model.graph
        held = {each.name for each in graph.initializer}
        self.takes = [each for each in graph.input if each.name not in held]
        self.gives = [each.name for each in graph.output]
        self.nodes = list(graph.node)
        arrays = {each.name: numpy_helper.to_array(each).copy() for each in graph.initializer}
        self.weights = {name: array for name, array in arrays.items() if array.dtype.kind == "f" and array.ndim}
        self.seen = [name for node in self.nodes for name in node.output if name]
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.seen if name not in self.gives)

    def variables(self) -> dict[str, Any]:
        """What the file holds, but for single numbers, which are constants of a computation."""
        return self.weights

    def assign(self, variable: Any, array: Any) -> None:
        if variable.size > 1 and (variable == variable.reshape(-1)[0]).all():
            variable[...] = array

    def restore(self, path: str) -> None:
        """The weights are there already."""

    def run(self, inputs: Sequence[Any]) -> Any:
        if len(inputs) != len(self.takes):
            raise ValueError(f"the file takes {len(self.takes)} inputs, and the network {len(inputs)}")
        for tensor in self.model.graph.initializer:
            if tensor.name in self.weights:
                tensor.CopyFrom(numpy_helper.from_array(self.weights[tensor.name], tensor.name))
        dtypes = [helper.tensor_dtype_to_np_dtype(each.type.tensor_type.elem_type) for each in self.takes]
        names = [each.name for each in self.takes]
        given = {name: value.astype(dtype) for name, value, dtype in zip(names, inputs, dtypes, strict=True)}
        values = dict(zip(self.seen, self._session().run(self.seen, given), strict=True))
        values |= dict(zip(names, inputs, strict=True)) | self.weights
        self.note(values)
        return tuple(values[name] for name in self.gives)

    def _session(self) -> Any:
        """What runs all nodes as they are, and fuses none."""
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        model = self.model.SerializeToString()
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    @staticmethod
    def is_tensor(value: Any) -> bool:
        return isinstance(value, np.ndarray)

    @contextlib.contextmanager
    def watch(self, calls: Any) -> Iterator[None]:
        self.note = partial(self._noted, calls)
        yield

    def _noted(self, calls: Any, values: dict[str, Any]) -> None:
        for node in self.nodes:
            given = [values[name] for name in node.input if name in values]
            result = [values[name] for name in node.output if isinstance(values.get(name), np.ndarray)]
            calls.note(node.op_type, given, result, path=node.name, arguments=_arguments(node))


def _arguments(node: Any) -> dict[str, Any]:
    """The attributes of a node, by the names that they have elsewhere."""
    found = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    said = {_NAMES.get(name, name): list(value) if isinstance(value, (list, tuple)) else value
            for name, value in found.items()}  # fmt: skip
    pads = list(found.get("pads", ()))
    if pads:
        said["padding"] = [list(pair) for pair in zip(pads[: len(pads) // 2], pads[len(pads) // 2 :], strict=True)]
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in said.items()}
