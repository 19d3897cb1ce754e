"""What users do with a live model, in the process of one framework: run by itself, with the framework's name."""

from __future__ import annotations

import copy
import inspect
import linecache
import os
import pickle
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archspec
from archspec.weights.exchange import save
from archspec.weights.start import start

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

SPEC = """
archspec: 1
name: Alive
inputs: {image: [2, 8, 8]}
blocks:
  Bent:
    layers: [{op: conv2d, name: conv, out_channels: 4, kernel_size: 3, padding: 1}, relu]
layers:
  - {block: Bent, name: first}
  - {op: parameter, name: shift, shape: [4, 8, 8]}
  - {op: add, from: [first, shift]}
  - global_avg_pool2d
  - {op: linear, name: fc, out_features: 3}
outputs: {logits: fc}
"""
OTHERS = {"pytorch": {"tensorflow", "keras", "paddle"}, "paddle": {"tensorflow", "keras", "torch"},
          "keras": {"torch", "paddle"}}  # fmt: skip
ENDINGS = {"pytorch": ".pt", "keras": ".weights.h5", "paddle": ".pdparams"}
ELSEWHERE = """
import pickle, sys
import numpy as np
from tests.live_models import output
with open(sys.argv[1], "rb") as file:
    made = pickle.load(file)
np.save(sys.argv[2], output(made["kept"]))
"""


def output(model: Any) -> Any:
    """What a model gives for certain numbers."""
    image = np.random.default_rng(0).standard_normal((2, 2, 8, 8)).astype(np.float32)
    if type(model).__module__.startswith("keras"):
        return model(image.transpose(0, 2, 3, 1), training=False).numpy()
    framework = sys.modules.get("torch") or sys.modules["paddle"]
    model.eval()
    with framework.no_grad():
        return model((getattr(framework, "from_numpy", None) or framework.to_tensor)(image)).numpy()


def check(to: str, folder: Path) -> None:
    model = archspec.Spec.parse(SPEC).network()
    canonical = start(model.graph, 0)
    save(model, folder / "start.safetensors", canonical)
    made = model.build(to, weights=folder / "start.safetensors", device="cpu")
    assert not OTHERS[to] & sys.modules.keys()
    expected = output(made)
    reads(model, to, folder, canonical, expected)
    shows(model, to, made)
    travels(model, to, made, folder, expected)
    refuses(model, to)
    if to == "keras":
        saves(made, folder)


def reads(model: archspec.Model, to: str, folder: Path, canonical: Any, expected: Any) -> None:
    """Weights of any kind, in layouts that are told or found; fresh ones differ."""
    save(model, folder / f"own{ENDINGS[to]}", canonical)
    for weights in (folder / f"own{ENDINGS[to]}", str(folder / "start.safetensors"), canonical):
        again = model.build(to, weights=weights, origin="canonical" if weights is canonical else "")
        assert np.array_equal(output(again), expected)
    assert not np.allclose(output(model.build(to)), expected)
    part = {name: array for name, array in canonical.items() if not name.startswith("fc")}
    assert not np.allclose(output(model.build(to, weights=part, origin="canonical", allow_missing=["fc.*"])), expected)


def shows(model: archspec.Model, to: str, made: Any) -> None:
    """The source, and one class for it."""
    module = model.module(to)
    assert inspect.getsource(module) == model.compile(to)
    assert type(model.build(to)) is type(made)
    assert inspect.getsource(module.Alive).strip() in model.compile(to)
    linecache.clearcache()
    try:
        module.Alive(input_shape=3) if to == "keras" else made(3)
    except Exception:
        line = "keras.Input(input_shape" if to == "keras" else "if image.shape[1:] != "
        assert line in traceback.format_exc()
    else:
        raise AssertionError


def travels(model: archspec.Model, to: str, made: Any, folder: Path, expected: Any) -> None:
    """Copies and pickles, also into a process that has nothing of it."""
    copied = copy.deepcopy(made)
    assert type(copied) is type(made)
    again = pickle.loads(pickle.dumps(copied))
    assert type(again) is type(made)
    assert np.array_equal(output(again), expected)
    (folder / "made.pickle").write_bytes(pickle.dumps({"kept": again}))
    command = [sys.executable, "-c", ELSEWHERE, str(folder / "made.pickle"), str(folder / "output.npy")]
    subprocess.run(command, check=True)
    assert np.array_equal(np.load(folder / "output.npy"), expected)
    trains(to, again)


def trains(to: str, model: Any) -> None:
    """What came back still has parameters that an optimizer changes."""
    before = output(model)
    if to == "keras":
        model.compile("sgd", "mse")
        model.fit(np.ones((2, 8, 8, 2)), np.ones((2, 3)), verbose=0)
    else:
        framework: Any = sys.modules["torch" if to == "pytorch" else "paddle"]
        rate = {"lr": 0.1} if to == "pytorch" else {"learning_rate": 0.1}
        optimizer = framework.optim.SGD(model.parameters(), **rate) if to == "pytorch" else \
            framework.optimizer.SGD(parameters=model.parameters(), **rate)  # fmt: skip
        model(framework.ones([2, 2, 8, 8])).square().mean().backward()
        optimizer.step()
    assert not np.allclose(output(model), before)


def refuses(model: archspec.Model, to: str) -> None:
    there = "cuda:7" if to == "pytorch" else "gpu:7"
    for device in ("abacus", there):
        with pytest.raises(archspec.UsageError, match=f"has no device '{device}' here"):
            model.build(to, device=device)


def saves(made: Any, folder: Path) -> None:
    """A `.keras` file, which says what it needs, and loads where that is."""
    import keras

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made.save(folder / "made.keras")
    assert any("needs classes of the generated file (Parameter)" in str(each.message) for each in told)
    assert np.array_equal(output(keras.saving.load_model(folder / "made.keras")), output(made))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        check(sys.argv[1], Path(temporary))
    print("done")
