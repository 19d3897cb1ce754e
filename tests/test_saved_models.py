"""The generated model of one framework, trained and saved by its own call, loads in those of the others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archspec
from archspec.backend import Backend, backends
from archspec.spec import catalogue
from archspec.verification.worker import arrange
from archspec.weights.exchange import load, save
from archspec.weights.files import keras

from .test_weight_files import CHOSEN, smallest

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("saved_models")]

ENDINGS = {"pytorch": ".pt", "keras": ".weights.h5", "paddle": ".pdparams"}
FEW = ("gpt2", "char_rnn")
"""Of the networks those that are tried each time."""
MIXED = """
archspec: 1
name: Mixed
inputs: {image: [4, 8, 8]}
layers:
  - {op: conv2d, name: square, out_channels: 4, kernel_size: 3, padding: 1}
  - {op: batch_norm, name: bn}
  - branches:
      long:
        - {op: conv2d, name: depthwise, out_channels: 4, kernel_size: 3, padding: 1, groups: 4}
        - {op: gelu, approximate: tanh}
        - {op: conv2d, name: pointwise, out_channels: 4, kernel_size: 1}
      short: [{op: conv2d, name: shortcut, out_channels: 4, kernel_size: 1}]
    join: add
  - {op: conv_transpose2d, name: up, out_channels: 3, kernel_size: 2, stride: 2}
  - {op: prelu, name: bent}
  - flatten
  - {op: linear, name: fc, out_features: 6}
  - {op: linear, name: logits, out_features: 6}
outputs: {logits: logits}
"""


class Framework:
    """A process of one framework."""

    def __init__(self, name: str) -> None:
        command = [sys.executable, str(Path(__file__).with_name("saved_models.py")), name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request: Any) -> list[str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return [str(path) for path in answer["saved"]]


@pytest.fixture(scope="module")
def frameworks() -> Iterator[dict[str, Framework]]:
    found = {backend.name: Framework(backend.name) for backend in backends()}
    yield found
    for each in found.values():
        each.process.communicate()


SEGMENTS = 2
"""What BERT tells apart, which has no more rows for it."""


def inputs(model: archspec.Model) -> dict[str, Any]:
    random = np.random.default_rng(0)
    found = {}
    for name, tensor in model.graph.inputs.items():
        shape = (2, *map(int, tensor.shape[1:]))
        whole = random.integers(0, SEGMENTS if name == "segments" else 5, shape)
        numbers = {"float": random.standard_normal(shape).astype("float32"), "int64": whole, "bool": whole > 0}
        found[name] = numbers[tensor.dtype]
    return found


def between(model: archspec.Model, frameworks: dict[str, Framework], folder: Path) -> None:
    """Holds what each framework makes of weights that another has trained against what that one made of them."""
    given, common, outputs = inputs(model), {}, {}
    for backend in backends():
        program = backend.generate(model)
        arrays = [arrange(given[name], layout) for name, layout in program.inputs.items()]
        np.savez(folder / f"{backend.name}.npz", *arrays)
        common[backend.name] = {"source": program.source, "entry": program.entry,
                                "inputs": str(folder / f"{backend.name}.npz")}  # fmt: skip
        outputs[backend.name] = next(iter(program.outputs.values()))
    for one in backends():
        path = folder / f"from_{one.name}"
        saved = frameworks[one.name].ask(**common[one.name], output=f"{path}.npy", save=str(path))
        expected = np.load(f"{path}.npy")
        weights = [load(model, each) for each in saved]
        for each in weights[1:]:  # what other calls of the same framework save
            assert all(np.array_equal(array, weights[0][name]) for name, array in each.items())
        for other in backends():
            found = loaded(model, frameworks, other, weights[0], common, folder)
            close(expected, found, outputs[one.name], outputs[other.name])


def loaded(
    model: archspec.Model, frameworks: dict[str, Framework], other: Backend, weights: Any, common: Any, folder: Path
) -> Any:  # fmt: skip
    """What a framework gives that has loaded these weights from a file of its own kind."""
    to, output = folder / f"to_{other.name}{ENDINGS[other.name]}", folder / "output.npy"
    save(model, to, weights)
    frameworks[other.name].ask(**common[other.name], output=str(output), load=str(to))
    return np.load(output)


def close(expected: Any, found: Any, one: Any, other: Any) -> None:
    """Whether outputs are the same, each in the layout of its framework."""
    first, second = (back(array, layout) for array, layout in ((expected, one), (found, other)))
    np.testing.assert_allclose(second, first, atol=3e-5 * np.abs(first).max(), rtol=0)


def back(array: Any, layout: Any) -> Any:
    """An output in the order of the spec."""
    for _, axes in reversed(layout):
        array = array.transpose(np.argsort(axes))
    return array


def test_weights_go_between_frameworks(frameworks: dict[str, Framework], tmp_path: Path) -> None:
    between(archspec.Spec.parse(MIXED).network(), frameworks, tmp_path)


@pytest.mark.parametrize("name", FEW)
def test_networks_go_between_frameworks(name: str, frameworks: dict[str, Framework], tmp_path: Path) -> None:
    between(archspec.load(name, params=CHOSEN[name]), frameworks, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in CHOSEN if name not in FEW])
def test_more_networks_go_between_frameworks(name: str, frameworks: dict[str, Framework], tmp_path: Path) -> None:
    between(archspec.load(name, params=CHOSEN[name]), frameworks, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("path", catalogue.files(), ids=lambda path: path.stem)
def test_keras_keeps_weights_where_they_are_looked_for(
    path: Path, frameworks: dict[str, Framework], tmp_path: Path
) -> None:  # fmt: skip
    """Of every family: the stand-ins find the order of layers that Keras has."""
    (backend,) = backends(["keras"])
    assert backend.saved is not None
    model = smallest(path)
    program = backend.generate(model)
    file = tmp_path / "there.weights.h5"
    there = frameworks["keras"].ask(source=program.source, entry=program.entry, places=str(file))
    file.unlink()
    numbers = keras.numbered(weight.target for weight in program.weights)
    ours = {f"{numbers[target]} {place}" for target, place in backend.saved(program, model.graph).items()}
    assert ours == set(there)
