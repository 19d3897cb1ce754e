"""How `archspec.verification.worker` fills, runs and watches a Keras model on TensorFlow. Needs nothing of archspec.

The target of a weight is its path, `conv1/kernel`, `lstm/lstm_cell/kernel`; or the name of its layer and its own name.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow  # before Keras, so that the worker can say that it is missing

# isort: split
import keras
from keras.src.saving import object_registration
from keras.src.utils import rng_utils

sys.setrecursionlimit(20_000)  # Keras walks through functional models step by step, and probes double the steps

versions = {"keras": keras.__version__, "tensorflow": tensorflow.__version__}


def to_numpy(value: Any) -> Any:
    return value.numpy()


def from_numpy(array: Any) -> Any:
    return tensorflow.convert_to_tensor(array)


class Probe(keras.Operation):  # type: ignore[misc]
    """The identity, a node of the functional model that lets us see and replace what passes when the model runs."""

    def __init__(self, key: str, see: Callable[[str, Any], Any]) -> None:
        super().__init__(name=f"probe_{key}")
        self.key, self.see = key, see

    def call(self, value: Any) -> Any:
        return self.see(self.key, value)

    def compute_output_spec(self, value: Any) -> Any:
        return keras.tree.map_structure(lambda x: keras.KerasTensor(x.shape, x.dtype), value)


RATES = ("rate", "dropout", "stddev")
"""What layers call the probability with which they drop, or the deviation of their noise."""


RANDOM = {
    random: random.__call__
    for random in (
        keras.initializers.VarianceScaling, keras.initializers.Orthogonal, keras.initializers.RandomNormal,
        keras.initializers.RandomUniform, keras.initializers.TruncatedNormal,
    )
}  # fmt: skip


class Session:
    """One model of one run."""

    draws = False
    """Whether weights begin as the program says; else with zeros."""
    seed = 1_618_033
    """Of the framework's random numbers, and none that a file would take."""
    several = list
    """In what models return more than one output."""

    def __init__(self, dtype: str, see: Callable[..., Any]) -> None:
        keras.utils.clear_session(free_memory=False)  # the worker collects garbage after each request
        for registered in (object_registration.GLOBAL_CUSTOM_OBJECTS, object_registration.GLOBAL_CUSTOM_NAMES):
            registered.clear()  # or layers of earlier programs would stay, with all that these refer to
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        self.see = see
        self.model: Any = None
        self.training = False
        self.tape: Any = None
        self.probed: list[tuple[str, Any]] = []
        """What probes see, as symbolic tensors, in the order of the program."""
        self.places: dict[str, list[int]] = {}
        """Of probes in models that are called several times: the calls, numbered in the order of the program, in the
        order in which the model runs them."""
        self.met: Counter[str] = Counter()

    def probe(self, name: str, value: Any) -> Any:
        if any(getattr(x, "sparse", False) for x in keras.tree.flatten(value)):  # some layers that take it raise
            raise ValueError(f"the value of '{name}' is marked as a sparse tensor, and is none")
        self.probed.append((name, Probe(name, self._see)(value)))
        return self.probed[-1][1]

    def _see(self, name: str, value: Any) -> Any:
        if name not in self.places:
            return self.see(name, value)
        self.met[name] += 1
        return self.see(name, value, self.places[name][(self.met[name] - 1) % len(self.places[name])])

    def build(self, make: Callable[[], Any], hooks: Mapping[str, str], mode: str) -> None:
        if hooks:
            raise ValueError("functional models have probes, no hooks")
        # Random numbers take long, and every weight is assigned afterwards.
        for random, call in RANDOM.items():
            random.__call__ = call if self.draws else keras.initializers.Zeros.__call__
        keras.utils.set_random_seed(self.seed)
        self.model = make()
        self.training = mode == "training"
        calls: dict[str, list[Any]] = {}
        for operation, place in _calls(self.model):
            if isinstance(operation, Probe) and place:
                calls.setdefault(operation.key, []).append(place)
        self.places = {key: [sorted(each).index(place) for place in each] for key, each in calls.items()}

    def layer(self, path: str) -> Any:
        for layer in _layers(self.model):
            if layer.name == path:
                return layer
        raise LookupError(f"the model has no layer '{path}'")

    def rate(self, path: str) -> Any:
        return next(iter(_rates(self.layer(path))), None)

    def train(self, path: str, value: Any) -> Any:
        return self.layer(path)(value, training=True)

    def counted(self, paths: Sequence[str]) -> dict[str, int]:
        calls = [operation.name for operation, _ in _calls(self.model)]  # those on which an output depends
        return {path: calls.count(path) for path in paths}

    def random(self) -> Iterator[str]:
        """The layers that are random in training."""
        return (each.name for each in _layers(self.model) if any(map(any, map(_rates, each._flatten_layers()))))

    def idle(self) -> None:
        idle(_layers(self.model))

    def trainable(self) -> set[str]:
        own = set(map(id, self.model.trainable_variables))
        return {name for name, variable in self.variables().items() if id(variable) in own}

    def besides(self) -> Iterator[str]:
        """What the model does to the framework, or training to its weights, besides what gradients do."""
        if rng_utils.get_random_seed() != self.seed:
            yield "it seeds the framework's random numbers"
        for layer in _layers(self.model):
            if getattr(layer, "activity_regularizer", None) is not None:
                yield f"the layer '{layer.name}' adds to the loss"
            for weight in layer.weights:
                kinds = [kind for kind in ("regularizer", "constraint") if getattr(weight, kind, None) is not None]
                yield from (f"'{weight.path}' has a {kind}" for kind in kinds)

    def variables(self) -> dict[str, Any]:
        layers = _layers(self.model)
        found = {f"{layer.name}/{weight.name}": weight for layer in layers for weight in layer.weights}
        return found | {weight.path: weight for weight in self.model.weights}

    def assign(self, variable: Any, array: Any) -> None:
        variable.assign(array)

    def run(self, inputs: Sequence[Any]) -> Any:
        # Eager: tracing a function costs more than one run of it.
        return self.model(inputs[0] if len(inputs) == 1 else list(inputs), training=self.training)

    def graph(self, inputs: Sequence[Any], probes: int = 0) -> Any:
        """As `run`, by a graph for any batch, as `fit`, `predict` and exported models have it. With a number of probes,
        what these see, by name, as far as none of them reads it: TensorFlow joins steps that nobody looks between."""
        ends, model = dict(self._ends(probes)), self.model
        if ends:
            model = keras.Model(self.model.inputs, ends)
        made = tensorflow.function(
            lambda *given: model(given[0] if len(given) == 1 else list(given), training=self.training),
            [tensorflow.TensorSpec(x.shape, x.dtype, x.name) for x in self.model.inputs], autograph=False,
        )  # fmt: skip
        return made(*inputs)

    def _ends(self, probes: int) -> Iterator[tuple[str, Any]]:
        read: set[str] = set()
        for name, value in self.probed[:probes][::-1]:
            if name not in read and name not in self.places:
                yield name, value
            read |= _before(value)

    def record(self, inputs: Sequence[Any], variables: Sequence[Any], once: bool) -> Any:
        with tensorflow.GradientTape(persistent=not once, watch_accessed_variables=False) as self.tape:
            self.tape.watch([*(x for x in inputs if x.dtype.is_floating), *(variable.value for variable in variables)])
            return self.run(inputs)

    def leaf(self, array: Any) -> tuple[Any, Any]:
        tensor = from_numpy(array)
        if tensor.dtype.is_floating:
            self.tape.watch(tensor)
        return tensor, tensor

    def pull(self, values: Sequence[Any], cotangents: Sequence[Any], sources: Sequence[Any]) -> Sequence[Any]:
        plain = [source.value if isinstance(source, keras.Variable) else source for source in sources]
        found = self.tape.gradient(list(values), plain, output_gradients=list(cotangents))
        return [None if gradient is None else tensorflow.convert_to_tensor(gradient) for gradient in found]


def _layers(model: Any) -> Iterator[Any]:
    """The layers of a model, and of those that it calls."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _calls(model: Any, place: tuple[int, ...] = ()) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """What a model runs, in its order, with the numbers of the calls of models around it, as they were written."""
    depths = getattr(model, "_nodes_by_depth", {})  # which a person's own model, a subclass, does not have
    for depth in sorted(depths, reverse=True):
        for node in depths[depth]:
            yield node.operation, place
            if isinstance(node.operation, keras.Model):
                yield from _calls(node.operation, (*place, node.operation._inbound_nodes.index(node)))


def _before(value: Any) -> set[str]:
    """The names of the probes that a probe's value was made from, as far back as the next ones."""
    found: set[str] = set()
    nodes = [keras.tree.flatten(value)[0]._keras_history.operation]
    seen: set[int] = set()
    while nodes:
        operation = nodes.pop()
        for node in operation._inbound_nodes:
            for parent in node.parent_nodes:
                made = parent.operation
                if isinstance(made, Probe):
                    found.add(made.key)
                elif id(made) not in seen:
                    seen.add(id(made))
                    nodes.append(made)
    return found


def idle(layers: Iterable[Any]) -> None:
    """Takes the randomness out of layers, whose rates have these names."""
    for layer in (inner for outer in layers for inner in outer._flatten_layers()):
        for name in RATES:
            rate = getattr(layer, name, None)
            if isinstance(rate, float) and rate and not _is_told(layer, name):
                setattr(layer, name, 0.0)


def _is_told(layer: Any, name: str) -> bool:
    """Whether a rate is that of a layer inside, which has it."""
    return isinstance(getattr(type(layer), name, None), property)


def _rates(layer: Any) -> list[Any]:
    return [getattr(layer, name) for name in RATES if isinstance(getattr(layer, name, None), (int, float))]
