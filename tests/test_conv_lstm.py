"""The convolutional LSTM that comes along, held against Keras' own layers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from archspec import reference
from archspec.model import Spec

SIZES: Final = {"filters": 3, "frames": 4, "size": 6, "channels": 2}
KERAS: Final = """
import sys
import keras, numpy as np
from keras import layers
keras.config.set_floatx("float64")
filters, frames, size, channels = map(int, sys.argv[2:])
x = video = keras.Input((frames, size, size, channels))
for number, kernel in enumerate((5, 3, 1)):
    x = layers.ConvLSTM2D(filters, kernel, padding="same", activation="relu", return_sequences=True)(x)
    x = layers.BatchNormalization()(x) if number < 2 else x
model = keras.Model(video, layers.Conv3D(1, 3, padding="same", activation="sigmoid")(x))
random = np.random.default_rng(0)
for weight in model.weights:
    weight.assign(random.uniform(0.5, 1.5, weight.shape) if weight.ndim == 1 else random.normal(0, 0.3, weight.shape))
given = random.normal(0, 1, (2, frames, size, size, channels))
found = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
y = keras.ops.convert_to_numpy(model(given))
np.savez(sys.argv[1], given, y, *found)
"""
NORM: Final = ("weight", "bias", "running_mean", "running_var")


@pytest.mark.frameworks
def test_keras_own_layers_are_the_same_function(tmp_path: Path) -> None:
    file = tmp_path / "found.npz"
    run = [sys.executable, "-c", KERAS, str(file), *map(str, SIZES.values())]
    subprocess.run(run, check=True, capture_output=True, env={**os.environ, "KERAS_BACKEND": "tensorflow"})
    with np.load(file) as found:
        video, due, *weights = found.values()
    graph = Spec.read(Path(__file__).parent.parent / "specs/conv_lstm.yaml").network("conv_lstm", SIZES).graph
    names = [
        *(f"rnn1.0.{name}" for name in ("frame.weight", "state.weight", "frame.bias")), *(f"bn1.{n}" for n in NORM),
        *(f"rnn2.0.{name}" for name in ("frame.weight", "state.weight", "frame.bias")), *(f"bn2.{n}" for n in NORM),
        *(f"rnn3.0.{name}" for name in ("frame.weight", "state.weight", "frame.bias")), "conv.weight", "conv.bias",
    ]  # fmt: skip
    poured = {name: np.moveaxis(array, (-1, -2), (0, 1)) if array.ndim > 1 else array
              for name, array in zip(names, weights, strict=True)}  # fmt: skip
    values = reference.run(graph, poured, {"video": np.moveaxis(video, -1, 1)})
    y = values[graph.outputs["next"].name]
    assert y.std() > 0.01
    assert y == pytest.approx(np.moveaxis(due, -1, 1), abs=1e-12)
