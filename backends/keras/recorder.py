"""How `archspec.verification.worker` runs a person's own Keras model, and sees its calls. Needs no archspec."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow
from tensorflow.python.eager import context, execute
from tensorflow.python.framework import op_callbacks, ops

_EAGER = ops._EagerTensorBase
_LOOKS = ("numpy", "__array__", "__bool__", "__float__", "__int__", "__index__")
"""Methods that hand numbers to the model's code."""


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

    @staticmethod
    def opened(path: str) -> Any:
        """The model of a `.keras` file, without what would run code of the file's own."""
        return keras.models.load_model(path, compile=False, safe_mode=True)

    def restore(self, path: str) -> None:
        """Reads the weights of a file of the model's own."""
        self.session.model.load_weights(path)

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
                told = isinstance(getattr(type(layer), name, None), property)  # by a layer inside, which has it
                if isinstance(getattr(layer, name, None), float) and getattr(layer, name) and not told:
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
                       again=self._again(name, inputs, len(outputs), attributes))  # fmt: skip

        def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
            reads = [calls.known(value) for value in calls.tensors((args, kwargs))]
            places.append(layer.name)
            try:
                result = call(layer, *args, **kwargs)
            finally:
                places.pop()
            if type(layer).__module__.startswith("keras.") and not isinstance(layer, keras.Model):

                def again(tensors: Sequence[Any]) -> Any:
                    others, named = calls.put((args, kwargs), iter(tensors))
                    return call(layer, *others, **named)

                calls.note(type(layer).__name__, (args, kwargs), result, path=layer.name, arguments=_config(layer),
                           weights=layer.weights, layer=True, reads=[n for n in reads if n is not None],
                           again=None if layer.weights else again)  # fmt: skip
            return result

        def looked(name: str, function: Any) -> Any:
            def look(tensor: Any, *args: Any, **kwargs: Any) -> Any:
                calls.look(name, tensor, places[-1] if places else "")
                return function(tensor, *args, **kwargs)

            return look

        with contextlib.ExitStack() as stack:
            for owner, name, changed in (
                (keras.Layer, "__call__", called),
                *((_EAGER, name, looked(name, getattr(_EAGER, name))) for name in _LOOKS),
            ):
                stack.callback(setattr, owner, name, getattr(owner, name))
                setattr(owner, name, changed)
            stack.callback(op_callbacks.remove_op_callback, see)
            op_callbacks.add_op_callback(see)
            yield

    def _again(self, name: str, inputs: Sequence[Any], count: int, attributes: Any) -> Callable[[Any], Any] | None:
        """An operation of TensorFlow on other tensors; None for one that takes what is none, a variable."""
        if not all(map(self.is_tensor, inputs)):
            return None
        told = attributes or ()
        given = [each for key, value in zip(told[::2], told[1::2], strict=True) if value is not None
                 for each in (key, value)]  # fmt: skip
        return lambda tensors: execute.execute(name, count, list(tensors), tuple(given), context.context())


def _layer(made: Any) -> Any:
    if not isinstance(made, keras.Layer):
        raise TypeError(f"this gives {type(made).__name__}, and no keras.Model")
    return made


def _config(layer: Any) -> dict[str, Any]:
    try:
        found = dict(layer.get_config())
    except Exception:  # a person's layer need not have one
        return {}
    return {name: value for name, value in found.items() if name not in ("name", "dtype", "trainable")}


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
