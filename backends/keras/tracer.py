"""How `archspec.verification.worker.capture` captures a Keras model. Needs no archspec.

The model is called with symbolic tensors, whose sizes are known, and which hold no numbers: so nothing that looks at
numbers, or goes through another library, passes unseen. Layers of Keras are one call each, by their class; operations
outside of these, of `keras.ops` or as `x + y`, are others. What a person's layer, a nested model or a `Lambda` calls
stands between its `enter` and its `leave`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
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

FRAMEWORK = {
    "name": "keras", "folders": (HERE, os.path.dirname(os.path.abspath(__file__))),
    "tensors": (keras.KerasTensor, keras.Variable, tensorflow.Tensor, tensorflow.Variable, np.ndarray),
    "to_numpy": np.array, "configs": True,
}  # fmt: skip


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

    def trace(self, inputs: Mapping[str, Any], events: Any) -> dict[str, Any]:
        if self._runs:  # what is computed of weights alone shows as a constant that differs
            for variable in self._own.variables().values():
                variable.assign(variable * 1.25)
        self._runs += 1
        events.weights = {id(variable): name for name, variable in self._own.variables().items()}
        given = [
            events.begin(name, keras.Input(batch_shape=array.shape, dtype=array.dtype.name, name=name))
            for name, array in inputs.items()
        ]
        with _Run(self.model, events):
            result = self._own.run(given)
        found: dict[str, Any] = events.answer(result, self._idle(), channels_last=True, exact=True)
        return found

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
    """One run, of which is told what layers and operations show."""

    def __init__(self, model: Any, events: Any) -> None:
        self._events = events
        self._layers = {id(model): ""}
        self._paths: list[str] = []
        self._called: list[dict[int, str]] = [{}]
        """What the layer that runs calls those that it has."""
        self._inside = 0
        """Within how many layers of Keras a call is."""

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
        path = self._layers.setdefault(id(operation), self._path(operation))
        graph = isinstance(operation, GRAPHS)
        self._events.enter(
            operation, path, container=graph or type(operation) is keras.layers.Lambda,
            name="" if graph else None, arguments={} if graph else self._config(operation),
        )  # fmt: skip
        self._paths.append(path)
        self._called.append({} if graph else _attributes_of(operation))
        result = _through(operation, args) if graph else operation.call(*args, **kwargs)
        self._paths.pop()
        self._called.pop()
        self._events.leave(result)
        return result

    def _path(self, operation: Any) -> str:
        """In a layer of a person what that calls it; in a graph its name."""
        name = self._called[-1].get(id(operation), operation.name)
        outer = self._paths[-1] if self._paths else ""
        return f"{outer}.{name}" if outer else name

    def _call(self, operation: Any, args: Any, kwargs: Mapping[str, Any], result: Any) -> None:
        layer, data = isinstance(operation, keras.Layer), self._events.data
        told = {name: data(each) for name, each in kwargs.items() if each is not None and name != "training"}
        for each in keras.tree.flatten(result):
            self._events.bind(each)
        self._events.call(
            f"{'layers' if layer else 'ops'}.{type(operation).__name__}", [data(each) for each in args], told, result,
            attributes=self._config(operation) if layer else self._attributes(operation),
            weights=self._weights(operation) if layer else {}, path=self._path(operation) if layer else "",
        )  # fmt: skip

    def _weights(self, layer: Any) -> dict[str, Any]:
        """By their names in the layer; numbers that are no weights are constants."""
        return {variable.path.removeprefix(f"{layer.path}/"): self._events.data(variable) for variable in layer.weights
                if "seed_generator" not in variable.path}  # fmt: skip

    def _config(self, layer: Any) -> dict[str, Any]:
        """What a layer was made with."""
        try:
            found = dict(layer.get_config())
        except Exception:  # a person's layer need not have one
            return {}
        left_out = ("name", "dtype", "trainable")
        told: dict[str, Any] = self._events.known({
            name: value for name, value in found.items() if "initializer" not in name and name not in left_out
        })  # fmt: skip
        return told

    def _attributes(self, operation: Any) -> dict[str, Any]:
        """What an operation of `keras.ops` keeps."""
        own = {name: value for name, value in vars(operation).items() if not name.startswith("_") and name != "name"}
        told: dict[str, Any] = self._events.known(own)
        return told


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
