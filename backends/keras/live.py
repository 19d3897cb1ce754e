"""Keras models in the process of whoever asked for them, with the backend that Keras has there."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any

import keras

from archspec.errors import UsageError
from archspec.live import Carried, carried


def build(make: Callable[[], Any], weights: Mapping[str, Any], optional: Collection[str], device: Any) -> Any:
    """A model with these weights, by path; `optional` ones may have no place. Raises UsageError for a device that is
    not there."""
    with contextlib.nullcontext() if device is None else _on(device):
        model = make()
    variables = {weight.path: weight for weight in model.weights}
    variables |= {f"{layer.name}/{weight.name}": weight for layer in model.layers for weight in layer.weights}
    for name, array in weights.items():
        if name in variables or name not in optional:
            variables[name].assign(array)  # which holds the shape
    return _finished(model, sys.modules[make.__module__])


def _on(device: Any) -> Any:
    """Where variables are made. TensorFlow takes another device, without a word, for one that is not there."""
    try:
        scope = keras.device(device)
        with scope:
            place = keras.ops.zeros(()).device
    except Exception as error:  # each backend of Keras has its own
        raise UsageError(f"Keras has no device {device!r} here: {str(error).splitlines()[0]}") from None
    if keras.backend.backend() == "tensorflow":
        wanted = device.upper().rpartition("DEVICE:")[2]
        if not place.upper().endswith(wanted if ":" in wanted else f"{wanted}:0"):
            raise UsageError(f"Keras has no device {device!r} here: TensorFlow would take {place.rpartition('/')[2]}")
    return keras.device(device)


def _finished(model: Any, module: ModuleType) -> Any:
    """A model that is pickled with its module, and says so when a file that it is saved to needs that, too."""
    own = [name for name, value in vars(module).items()
           if isinstance(value, type) and value.__module__ == module.__name__]  # fmt: skip
    save = model.save

    def told(filepath: Any, *given: Any, **options: Any) -> Any:
        done = save(filepath, *given, **options)
        if own:
            warnings.warn(
                f"{filepath} needs classes of the generated file ({', '.join(own)}): write that with archspec compile "
                "--to keras, and import it before keras.saving.load_model", stacklevel=2,
            )  # fmt: skip
        return done

    def reduced(protocol: int) -> tuple[Any, ...]:
        make, arguments = model.__reduce__()  # Keras' own
        return _restored, (carried(module), make, arguments)

    model.save, model.__reduce_ex__ = told, reduced
    return model


def _restored(module: Carried, make: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return _finished(make(*arguments), sys.modules[module.name])
