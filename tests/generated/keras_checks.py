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


def saved_model(case: Case) -> None:
    """What TensorFlow Serving loads."""
    model, inputs = make(case)
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        loaded = tf.saved_model.load(folder)
        same(loaded.serve(inputs), model(inputs))


def mixed_float16(case: Case) -> None:
    in_precision(case, "mixed_float16")


def mixed_bfloat16(case: Case) -> None:
    in_precision(case, "mixed_bfloat16")


def in_precision(case: Case, policy: str) -> None:
    """Layers that compute with few bits, and hold weights of many."""
    keras.config.set_dtype_policy(policy)
    try:
        model, inputs = make(case)
        model.compile(optimizer="sgd", loss=["mse"] * len(model.outputs))
        results = [keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")) for x in outputs(model(inputs))]
        assert all(np.isfinite(x).all() for x in results)
        targets = list(map(np.zeros_like, results))
        model.fit(inputs, targets if len(targets) > 1 else targets[0], verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")


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
    targets = [np.zeros(output.shape, "float32") for output in outputs(model(inputs))]
    model.fit(inputs, targets if len(targets) > 1 else targets[0], verbose=0)
    assert any((a != keras.ops.convert_to_numpy(b)).any() for a, b in zip(before, model.trainable_weights, strict=True))
    same(model.predict(inputs, verbose=0), model(inputs))


def same(first: Any, second: Any) -> None:
    for a, b in zip(outputs(first), outputs(second), strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b), rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run([save, saved_model, graph, mixed_float16, mixed_bfloat16, train, fit])
