"""How `archspec.verification.worker` runs a person's own Keras model, and sees its calls. Needs no archspec."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow
from tensorflow.python.framework import op_callbacks


class Own:
    """A session whose model is a person's own."""

    def __init__(self, session: Any) -> None:
        self.session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def build(self, make: Callable[[], Any], inputs: Sequence[Any], mode: str) -> None:
        self.session.build(lambda: _layer(make()), {}, mode)
        if not isinstance(self.session.model, keras.src.models.Functional):
            self._call(inputs, None)  # others have their weights only then

    def variables(self) -> dict[str, Any]:
        """By their paths, and by a number where several have the same. The numbers by which a model prepares its input
        are no weights."""
        layers = self.session.model._flatten_layers()
        constants = {id(v) for each in layers if isinstance(each, keras.layers.Normalization) for v in each.weights}
        found: dict[str, Any] = {}
        for variable in self.session.model.weights:
            if id(variable) in constants or "float" not in str(variable.dtype):
                continue
            name, number = variable.path, 1
            while name in found:
                number += 1
                name = f"{variable.path}#{number}"
            found[name] = variable
        return found

    def idle(self) -> None:
        for layer in self.session.model._flatten_layers():
            for name in ("rate", "dropout", "stddev"):
                if isinstance(getattr(layer, name, None), float) and getattr(layer, name):
                    setattr(layer, name, 0.0)

    def run(self, inputs: Sequence[Any]) -> Any:
        return self._call(inputs, True if self.session.training else None)

    def _call(self, inputs: Sequence[Any], training: bool | None) -> Any:
        """As a user would: what a layer inside is told of training is not overruled."""
        model = self.session.model
        told = {} if training is None else {"training": training}
        if len(inputs) == 1:
            return model(inputs[0], **told)
        if isinstance(model, keras.src.models.Functional):
            return model(list(inputs), **told)
        places = [each for each in inspect.signature(model.call).parameters.values() if each.default is each.empty]
        return model(*inputs, **told) if len(places) == len(inputs) else model(list(inputs), **told)

    @staticmethod
    def is_tensor(value: Any) -> bool:
        return isinstance(value, tensorflow.Tensor) and value.dtype not in (tensorflow.resource, tensorflow.variant)

    @contextlib.contextmanager
    def watch(self, calls: Any) -> Iterator[None]:
        names = {id(variable.value.handle): variable for variable in self.variables().values()}
        places: list[str] = []
        call = keras.Layer.__call__

        def see(kind: Any, inputs: Any, attributes: Any, outputs: Any, *_: Any, **__: Any) -> None:
            name = kind.decode() if isinstance(kind, bytes) else kind
            if name == "ReadVariableOp":
                if id(inputs[0]) in names:
                    calls.weight(outputs[0], names[id(inputs[0])])
                return
            told = dict(zip(attributes[::2], attributes[1::2], strict=False)) if attributes else {}
            plain = {_text(key): _text(value) for key, value in told.items()}
            calls.note(name, inputs, list(outputs), path=places[-1] if places else "", arguments=plain,
                       again=_again(name, plain))  # fmt: skip

        def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
            reads = [calls.known(value) for value in calls._tensors((args, kwargs))]
            places.append(layer.name)
            try:
                result = call(layer, *args, **kwargs)
            finally:
                places.pop()
            if type(layer).__module__.startswith("keras.") and not isinstance(layer, keras.Model):
                again = None if layer.weights else lambda value: call(layer, value)
                calls.note(type(layer).__name__, (args, kwargs), result, path=layer.name, arguments=_config(layer),
                           weights=layer.weights, layer=True, reads=[n for n in reads if n is not None],
                           again=again)  # fmt: skip
            return result

        keras.Layer.__call__ = called
        op_callbacks.add_op_callback(see)
        try:
            yield
        finally:
            op_callbacks.remove_op_callback(see)
            keras.Layer.__call__ = call


def _layer(made: Any) -> Any:
    if not isinstance(made, keras.Layer):
        raise TypeError(f"this gives {type(made).__name__}, and no keras.Model")
    return made


def _again(name: str, attributes: Mapping[str, Any]) -> Callable[[Any], Any] | None:
    """A call of an operation of TensorFlow that takes one tensor, on another."""
    function = getattr(tensorflow.raw_ops, name, None)
    if function is None:
        return None
    first, *others = inspect.signature(function).parameters
    given = {key: value for key, value in attributes.items() if key in others and key != "T"}
    return lambda value: function(**{first: value}, **given)


def _config(layer: Any) -> dict[str, Any]:
    try:
        found = dict(layer.get_config())
    except Exception:  # a person's layer need not have one
        return {}
    return {name: value for name, value in found.items() if name not in ("name", "dtype", "trainable")}


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
