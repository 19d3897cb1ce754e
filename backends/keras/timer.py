"""How `archspec.bench` times a Keras model on TensorFlow. Needs nothing of archspec."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

os.environ |= {"CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

import tensorflow  # before Keras, so that it is named where it is missing

# isort: split
import keras

versions = {"keras": keras.__version__, "tensorflow": tensorflow.__version__}


def limit(threads: int) -> None:
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)


def prepare(make: Callable[[], Any], training: bool, compiled: bool) -> Callable[[Sequence[Any]], Callable[[], None]]:
    """Compiled by `tf.function`, as `fit` and `predict` do, anew for each batch."""
    model = make()
    optimizer = keras.optimizers.SGD(1e-6)

    def infer(inputs: Any) -> Any:
        return model(inputs, training=False)

    def train(inputs: Any) -> Any:
        with tensorflow.GradientTape() as tape:
            lost = loss(model(inputs, training=True))
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(lost, weights), weights)
        return lost

    if training:
        optimizer.build(model.trainable_variables)
    step = train if training else infer
    if compiled:
        step = tensorflow.function(step)

    def ready(arrays: Sequence[Any]) -> Callable[[], None]:
        tensors = [tensorflow.convert_to_tensor(array) for array in arrays]
        inputs = tensors[0] if len(tensors) == 1 else tensors
        return lambda: _wait(step(inputs))

    return ready


def loss(given: Any) -> Any:
    """The mean squares of all outputs, added up."""
    values = keras.tree.flatten(given)
    return sum(keras.ops.mean(keras.ops.square(value)) for value in values if value.dtype.is_floating)


def _wait(given: Any) -> None:
    for value in keras.tree.flatten(given):
        value.numpy()
