"""How `archspec.verification.worker.capture` captures a Keras model. Needs no archspec.

The model is called with symbolic tensors, whose sizes are known, and which hold no numbers: so nothing that looks at
numbers, or goes through another library, passes unseen. Layers of Keras are one call each, by their class; operations
outside of these, of `keras.ops` or as `x + y`, are others. What a person's layer, a nested model or a `Lambda` calls
stands between its `enter` and its `leave`.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import keras
import numpy as np
import tensorflow

HERE = os.path.dirname(os.path.abspath(keras.__file__))
DROPS = ("Dropout", "SpatialDropout2D", "AlphaDropout", "MultiHeadAttention")
"""The layers whose operations have their rates."""
THEIRS = ("keras.src.layers.", "keras.src.ops.", "keras.src.backend.")
"""The modules whose layers and operations are one call."""
RATES = ("rate", "dropout", "stddev", "drop_path_rate", "survival_probability", "drop_prob", "drop_path")
"""What layers call the probability with which they drop, or the deviation of their noise."""
GRAPHS = (keras.src.models.Functional, keras.Sequential)


class Tracer:
    def __init__(self, own: Any) -> None:
        self._own = own
        self._runs = 0
        keras.config.disable_traceback_filtering()  # which adds all arguments to what is wrong

    def make(self, function: Callable[[], Any], inputs: Mapping[str, Any]) -> None:
        self._own.build(function, [tensorflow.convert_to_tensor(array) for array in inputs.values()], "evaluation")
        self.model: Any = self._own.session.model

    def weights(self) -> dict[str, Any]:
        return {name: variable.numpy() for name, variable in self._own.variables().items()}

    def assign(self, name: str, array: Any) -> None:
        self._own.variables()[name].assign(array)

    def trace(self, inputs: Mapping[str, Any], write: Callable[[str, Any], None]) -> dict[str, Any]:
        if self._runs:  # what is computed of weights alone shows as a constant that differs
            for variable in self._own.variables().values():
                variable.assign(variable * 1.25)
        self._runs += 1
        run = _Run(self._own.variables(), write)
        given = [run.begin(name, array) for name, array in inputs.items()]
        run.layers[id(self.model)] = ""
        with run:
            result = self._own.run(given)
        return {
            "events": run.events, "shapes": run.shapes, "kinds": run.kinds, "inputs": run.inputs,
            "idle": list(self._idle()), "result": run.data(result), "channels_last": True,
            "exact": True,
        }  # fmt: skip

    def _idle(self) -> Iterator[dict[str, str]]:
        """The layers of which only training shows that they drop something, or add noise: those of a person, and those
        whose operations drop nothing."""
        for layer in self.model._flatten_layers():
            own = not type(layer).__module__.startswith(THEIRS)
            if (own or type(layer).__name__ not in DROPS) and any(
                isinstance(getattr(layer, name, None), float) and getattr(layer, name) > 0 for name in RATES
            ):
                yield {"path": layer.name, "class": type(layer).__name__}


class _Run:
    """The events of one run."""

    def __init__(self, variables: Mapping[str, Any], write: Callable[[str, Any], None]) -> None:
        self.events: list[dict[str, Any]] = []
        self.shapes: list[list[int]] = []
        self.kinds: list[str] = []
        self.inputs: dict[str, int] = {}
        self.layers: dict[int, str] = {}
        self._write = write
        self._names = {id(variable): name for name, variable in variables.items()}
        self._values: dict[int, int] = {}
        self._constants: dict[int, str] = {}
        self._kept: list[Any] = []
        """All tensors: a new one must not get the identity of one that is gone."""
        self._paths: list[str] = []
        self._called: list[dict[int, str]] = [{}]
        """What the layer that runs calls those that it has."""
        self._inside = 0
        """Within how many layers of Keras a call is."""

    def begin(self, name: str, array: Any) -> Any:
        tensor = keras.Input(batch_shape=array.shape, dtype=array.dtype.name, name=name)
        self.inputs[name] = self._bind(tensor)
        return tensor

    def _bind(self, tensor: Any) -> int:
        number = len(self.shapes)
        self.shapes.append([-1 if size is None else size for size in tensor.shape])
        self.kinds.append(str(tensor.dtype))
        self._values[id(tensor)] = number
        self._kept.append(tensor)
        return number

    def __enter__(self) -> None:
        self._calls = [(kind, kind.symbolic_call) for kind in (keras.Operation, keras.Layer)]
        for kind, call in self._calls:

            def seen(operation: Any, *args: Any, _call: Any = call, **kwargs: Any) -> Any:
                return self._seen(operation, args, kwargs, _call)

            kind.symbolic_call = seen

    def __exit__(self, *_: object) -> None:
        for kind, call in self._calls:
            kind.symbolic_call = call

    def _seen(self, operation: Any, args: Any, kwargs: dict[str, Any], call: Any) -> Any:
        if self._inside:
            return call(operation, *args, **kwargs)
        if not _is_leaf(operation):
            return self._within(operation, args, kwargs)
        self._inside += 1
        try:
            result = call(operation, *args, **kwargs)
        finally:
            self._inside -= 1
        self._call(operation, args, kwargs, result)
        return result

    def _within(self, operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        kind = type(operation)
        path = self.layers.setdefault(id(operation), self._path(operation))
        graph = isinstance(operation, GRAPHS)
        self.events.append({
            "event": "enter", "path": path, "class": "" if graph else kind.__name__,
            "kind": f"{kind.__module__}.{kind.__qualname__}", "container": graph or kind is keras.layers.Lambda,
            "arguments": _config(operation) if not graph else {},
        })  # fmt: skip
        self._paths.append(path)
        self._called.append({} if graph else _attributes_of(operation))
        result = _through(operation, args) if graph else operation.call(*args, **kwargs)
        self._paths.pop()
        self._called.pop()
        self.events.append({"event": "leave", "result": self.data(result)})
        return result

    def _path(self, operation: Any) -> str:
        """In a layer of a person what that calls it; in a graph its name."""
        name = self._called[-1].get(id(operation), operation.name)
        outer = self._paths[-1] if self._paths else ""
        return f"{outer}.{name}" if outer else name

    def _call(self, operation: Any, args: Any, kwargs: Mapping[str, Any], result: Any) -> None:
        layer = isinstance(operation, keras.Layer)
        told = {name: self.data(each) for name, each in kwargs.items() if each is not None and name != "training"}
        for each in keras.tree.flatten(result):
            self._bind(each)
        own = _config(operation) if layer else _attributes(operation)
        self.events.append({
            "event": "call", "func": f"{'layers' if layer else 'ops'}.{type(operation).__name__}",
            "path": self._path(operation) if layer else "", "line": _line(),
            "args": [self.data(each) for each in args], "kwargs": told, "attributes": own,
            "weights": self._weights(operation) if layer else {}, "result": self.data(result),
        })  # fmt: skip

    def _weights(self, layer: Any) -> dict[str, Any]:
        """By their names in the layer; numbers that are no weights are constants."""
        return {variable.path.removeprefix(f"{layer.path}/"): self.data(variable) for variable in layer.weights
                if "seed_generator" not in variable.path}  # fmt: skip

    def data(self, value: Any) -> Any:
        if isinstance(value, keras.KerasTensor):
            return {"value": self._values[id(value)]}
        if isinstance(value, (keras.Variable, tensorflow.Tensor, tensorflow.Variable, np.ndarray)):
            if id(value) in self._names:
                return {"weight": self._names[id(value)]}
            if id(value) not in self._constants:
                self._constants[id(value)] = f"constant {len(self._constants)}"
                self._kept.append(value)
                self._write(self._constants[id(value)], np.array(value))
            return {"constant": self._constants[id(value)]}
        if isinstance(value, (list, tuple)):
            return [self.data(each) for each in value]
        if isinstance(value, Mapping):
            return {"fields": {str(name): self.data(each) for name, each in value.items()}}
        if isinstance(value, slice):
            return {"slice": [self.data(each) for each in (value.start, value.stop, value.step)]}
        if value is Ellipsis:
            return {"ellipsis": True}
        return _plain(value) if _is_plain(value) else {"other": str(value)[:60]}


def _through(model: Any, args: Any) -> Any:
    """Runs the graph of a model from branch to branch, each from its beginning to its end."""
    if isinstance(model, keras.Sequential):
        model = model._functional
    made = dict(zip(map(id, model.inputs), keras.tree.flatten(args), strict=True))
    for node in _order(model):
        given, more = node.arguments.fill_in(made)
        result = node.operation(*given, **more)
        made.update(zip(map(id, node.outputs), keras.tree.flatten(result), strict=True))
    return keras.tree.map_structure(lambda tensor: made[id(tensor)], model._outputs_struct)


def _order(model: Any) -> Iterator[Any]:
    """The nodes of a graph: before each those that it needs, in the order of its arguments."""
    known = {id(tensor) for tensor in model.inputs}
    makers = {id(tensor): node for nodes in model._nodes_by_depth.values() for node in nodes if not node.is_input
              for tensor in node.outputs}  # fmt: skip
    pending = [makers[id(tensor)] for tensor in reversed(model.outputs) if id(tensor) in makers]
    while pending:
        node = pending[-1]
        due = [each for each in node.input_tensors if id(each) not in known]
        if due:
            pending.extend(makers[id(each)] for each in reversed(due))
            continue
        pending.pop()
        if not all(id(each) in known for each in node.outputs):
            known.update(map(id, node.outputs))
            yield node


def _attributes_of(layer: Any) -> dict[int, str]:
    """By the identities of the layers that a layer has, what it calls them: `norm1`, `blocks.0`."""
    found: dict[int, str] = {}
    for name, value in vars(layer).items():
        if name.startswith("_"):
            continue
        several = isinstance(value, (list, tuple))
        for number, each in enumerate(value if several else [value]):
            if isinstance(each, keras.Layer):
                found.setdefault(id(each), f"{name}.{number}" if several else name)
    return found


def _is_leaf(operation: Any) -> bool:
    theirs = type(operation).__module__.startswith(THEIRS)
    return theirs and not isinstance(operation, (keras.layers.Lambda, keras.Model))


def _config(layer: Any) -> dict[str, Any]:
    """What a layer was made with."""
    try:
        found = dict(layer.get_config())
    except Exception:  # a person's layer need not have one
        return {}
    known = {name: value for name, value in found.items() if "initializer" not in name and _is_plain(value)}
    return {name: _plain(value) for name, value in known.items() if name not in ("name", "dtype", "trainable")}


def _attributes(operation: Any) -> dict[str, Any]:
    """What an operation of `keras.ops` keeps."""
    return {name: _plain(value) for name, value in vars(operation).items()
            if not name.startswith("_") and name != "name" and _is_plain(value)}  # fmt: skip


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= 4096 and all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(isinstance(name, str) for name in value) and all(map(_is_plain, value.values()))
    return value is None or isinstance(value, (bool, int, float, str, np.integer, np.floating))


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {"config": {name: _plain(each) for name, each in value.items()}}
    if isinstance(value, (np.integer, np.floating)):
        value = value.item()
    if isinstance(value, float) and value - value != 0:
        return {"float": str(value)}
    return value


def _line() -> str:
    """Where in a person's file this is, and what stands there: `my_model.py:12: x = ops.sort(x)`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((HERE, os.path.dirname(__file__), "<")) and "/archspec/verification/worker" not in file:
            return f"{os.path.basename(file)}:{frame.f_lineno}: {linecache.getline(file, frame.f_lineno).strip()}"
        frame = frame.f_back
    return ""
