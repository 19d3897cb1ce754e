"""What users of generated Keras code do with it. Run by `test_generated.py` with a folder: prints what failed."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

os.environ |= {"CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
sys.path.insert(0, str(Path(__file__).parent))

import keras
import numpy as np
import tensorflow as tf
from common import Case, run  # type: ignore[import-not-found]


def outputs(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def make(case: Case, **arguments: Any) -> tuple[Any, Any]:
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    return case.entry(**arguments), case.inputs[0] if len(case.inputs) == 1 else list(case.inputs)


def save(case: Case) -> None:
    model, inputs = make(case)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        loaded = keras.saving.load_model(Path(folder) / "model.keras")
    assert [w.path for w in loaded.weights] == [w.path for w in model.weights]
    same(loaded(inputs), model(inputs))


def graph(case: Case) -> None:
    model, inputs = make(case)
    same(tf.function(model)(inputs), model(inputs))


def train(case: Case) -> None:
    model, inputs = make(case, **({"training_outputs": True} if case.training_outputs != case.outputs else {}))
    with tf.GradientTape() as tape:
        results = outputs(model(inputs, training=True))
        loss = sum(keras.ops.mean(keras.ops.square(result)) for result in results)
    assert len(results) == case.training_outputs
    gradients = tape.gradient(loss, [w.value for w in model.trainable_weights])
    pairs = list(zip(model.trainable_weights, gradients, strict=True))
    without = {w.path for w, g in pairs if g is None or not np.isfinite(keras.ops.convert_to_numpy(g)).all()}
    assert without <= set(case.idle), without
    assert len(outputs(make(case)[0].outputs)) == case.outputs


def fit(case: Case) -> None:
    """One step of `fit`, and of `predict`."""
    model, inputs = make(case)
    model.compile(optimizer="sgd", loss=["mse"] * len(model.outputs))
    before = [keras.ops.convert_to_numpy(w) for w in model.trainable_weights]
    targets = [np.zeros((len(case.inputs[0]), *output.shape[1:]), "float32") for output in model.outputs]
    model.fit(inputs, targets if len(targets) > 1 else targets[0], verbose=0)
    assert any((a != keras.ops.convert_to_numpy(b)).any() for a, b in zip(before, model.trainable_weights, strict=True))
    same(model.predict(inputs, verbose=0), model(inputs))


def same(first: Any, second: Any) -> None:
    for a, b in zip(outputs(first), outputs(second), strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b), rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run([save, graph, train, fit])
