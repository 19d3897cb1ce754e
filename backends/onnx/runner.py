"""How `archspec.verification.worker` opens, fills, runs and watches a file of ONNX. Needs nothing of archspec.

A model is run step by step: the nodes of each step are a model of their own, whose inputs are what earlier steps gave,
so that every value is seen, and another may take its place. `graph` runs the file as it is, with all that the runtime
does to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import onnx
import onnxruntime
from onnx import helper

versions = {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}
onnxruntime.set_default_logger_severity(4)


def to_numpy(value: Any) -> Any:
    return value


def from_numpy(array: Any) -> Any:
    return array


class Weight:
    """A weight of the file, which has no numbers until it is given some."""

    def __init__(self, tensor: onnx.TensorProto) -> None:
        self.shape = tuple(tensor.dims)
        self.dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        self.array: Any = None


class Part:
    """The nodes of one step, or of none, as a model of their own."""

    def __init__(self, step: str, nodes: list[onnx.NodeProto], gives: list[str], takes: list[str]) -> None:
        self.step, self.nodes, self.gives, self.takes = step, nodes, gives, takes
        self.session: Any = None


class Session:
    """One file in one run."""

    draws = False

    def __init__(self, dtype: str, see: Callable[[str, Any], Any]) -> None:
        self.see = see
        self.weights: dict[str, Weight] = {}
        self.whole: _Whole | None = None

    def open(
        self, path: str, steps: Mapping[str, Sequence[str]] | None = None, inputs: Sequence[str] = (),
        outputs: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """A file, of whose steps the values have these names; or somebody's own, which is run as it is, with inputs and
        outputs in this order, by name or, where these are others, by their places."""
        if steps is None:
            self.whole = _Whole(path, inputs, outputs)
            return
        self.model = onnx.load(path, load_external_data=False)
        graph = self.model.graph
        self.path, self.steps = path, steps
        external = onnx.TensorProto.EXTERNAL
        self.weights = {each.name: Weight(each) for each in graph.initializer if each.data_location == external}
        self.constants = {each.name: each for each in graph.initializer if each.data_location != external}
        tensors = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(w.dtype), w.shape)
                   for name, w in self.weights.items()]  # fmt: skip
        self.infos = {each.name: each for each in (*graph.input, *graph.output, *graph.value_info, *tensors)}
        self.parts = list(self._parts(graph.node))

    def _parts(self, nodes: Sequence[onnx.NodeProto]) -> Iterator[Part]:
        runs: list[tuple[str, list[onnx.NodeProto]]] = []
        for node in nodes:
            step = node.name.partition("/")[0]
            if not runs or runs[-1][0] != step:
                runs.append((step, []))
            runs[-1][1].append(node)
        for step, own in runs:
            made = {name for node in own for name in node.output}
            read = dict.fromkeys(name for node in own for name in node.input if name and name not in made)
            gives = list(self.steps[step]) if step else [name for name in made if name in self.infos]
            yield Part(step, own, gives, [name for name in read if name not in self.constants])

    def variables(self) -> dict[str, Weight]:
        return self.weights

    def assign(self, variable: Weight, array: Any) -> None:
        variable.array = array

    def run(self, inputs: Sequence[Any]) -> Any:
        if self.whole is not None:
            return _given(self.whole.run(inputs))
        values = dict(zip((each.name for each in self.model.graph.input), inputs, strict=True))
        for part in self.parts:
            given = {n: self.weights[n].array if n in self.weights else values[n] for n in part.takes}
            found = self._session(part).run(part.gives, given)
            if part.step:
                found = self.see(part.step, found[0] if len(found) == 1 else tuple(found))
                found = found if isinstance(found, tuple) else (found,)
            values.update(zip(part.gives, found, strict=True))
        return _given([values[each.name] for each in self.model.graph.output])

    def _session(self, part: Part) -> Any:
        if part.session is None:
            read = {name for node in part.nodes for name in node.input}
            graph = helper.make_graph(
                part.nodes, "step",
                [self.infos[name] for name in part.takes], [self.infos[name] for name in part.gives],
                [tensor for name, tensor in self.constants.items() if name in read],
            )  # fmt: skip
            model = helper.make_model(graph, opset_imports=self.model.opset_import, ir_version=self.model.ir_version)
            options = _options(onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
            options.intra_op_num_threads = 1  # hundreds of sessions must not have threads each
            part.session = _opened(model.SerializeToString(), options)
        return part.session

    def graph(self, inputs: Sequence[Any]) -> Any:
        options = _options(onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL)
        names = list(self.weights)
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(self.weights[n].array)) for n in names]
        if names:
            options.add_external_initializers(names, values)
        session = _opened(self.path, options)
        given = dict(zip((each.name for each in self.model.graph.input), inputs, strict=True))
        return _given(session.run([each.name for each in self.model.graph.output], given))


class _Whole:
    """Somebody's own file."""

    def __init__(self, path: str, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self.session = _opened(path, _options(onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL))
        self.takes = _ordered("takes", self.session.get_inputs(), inputs)
        self.gives = _ordered("gives", self.session.get_outputs(), outputs)

    def run(self, inputs: Sequence[Any]) -> Any:
        given = {
            each.name: np.asarray(array, _KINDS.get(each.type, array.dtype))
            for each, array in zip(self.takes, inputs, strict=True)
        }
        return self.session.run([each.name for each in self.gives], given)


_KINDS = {"tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}


def _ordered(what: str, there: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """What a file takes or gives, in the order of the network's names."""
    known = {each.name: each for each in there}
    if known.keys() == set(names):
        return [known[name] for name in names]
    if len(there) != len(names):
        raise ValueError(f"the file {what} {', '.join(known)}, and the network {', '.join(names)}")
    return list(there)


def _given(outputs: Sequence[Any]) -> Any:
    """What a model gives: a tuple only of several."""
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _options(level: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 4
    return options


def _opened(model: Any, options: Any) -> Any:
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
