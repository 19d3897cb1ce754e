"""Weights go from a spec to a framework's layouts and files, and back, bit for bit; no framework is imported."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import archspec
from archspec.backend import Weight, backends
from archspec.errors import UsageError
from archspec.spec import catalogue
from archspec.weights import files
from archspec.weights.canonical import fingerprint, shapes
from archspec.weights.exchange import canonical, laid_out, load, save
from archspec.weights.files import keras
from archspec.weights.layouts import arranged
from archspec.weights.names import renamed, rules

SMALL: dict[str, Any] = {"vocabulary": 50, "width": 16, "depth": 2, "num_heads": 2}
CHOSEN: dict[str, dict[str, Any]] = {
    "lenet5": {},  # what flattens, and a linear layer after it
    "mobilenet_v2_035": {},  # depthwise
    "dcgan_generator": {},  # transposed
    "vae_conv": {},
    "char_rnn": {},  # LSTM
    "deepspeech2_small": {},  # GRU, in two directions
    "bert_base": SMALL,
    "gpt2": SMALL,  # tied
    "vit_ti_16": {name: SMALL[name] for name in ("width", "depth", "num_heads")},
    "llama_tiny": {},
    "wavenet_small": {},  # with a step that nothing reads
}
"""Networks, and params that make them small."""


def numbers(model: archspec.Model, dtype: Any = np.float32) -> dict[str, Any]:
    """Weights whose every bit is drawn, but for infinities and NaN; zeros of both signs among them."""
    random = np.random.default_rng(0)
    found = {}
    for name, shape in shapes(model.graph).items():
        array = random.standard_normal(shape).astype(dtype)
        array.reshape(-1)[: array.size // 2 : 7] = -0.0
        found[name] = array
    return found


def same(one: Any, other: Any) -> bool:
    return bool(one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes())


def check(model: archspec.Model, backend: archspec.Backend) -> None:
    """Weights are the same when they come back; of a sum, what was added up is."""
    due, weights, own = shapes(model.graph), backend.generate(model).weights, numbers(model)
    there = laid_out(model, own, backend.name)
    back = canonical(model, there, origin=backend.name)
    assert back.keys() == own.keys()
    summed = {weight.parameter for weight in weights if weight.shared and not _alone(weight, weights, due)}
    placed = {weight.parameter for weight in weights}
    different = [name for name in own if name in placed - summed and not same(back[name], own[name])]
    assert not different
    again = laid_out(model, back, backend.name)
    assert again.keys() == there.keys()
    assert all(same(array, there[name]) for name, array in again.items())


def _alone(weight: Weight, weights: tuple[Weight, ...], due: dict[str, Any]) -> bool:
    """Whether no other weight stands where this one does."""
    own, *others = (
        arranged({each.parameter: np.ones(due[each.parameter])}, [each])[each.target]
        for each in (weight, *weights) if each.target == weight.target
    )  # fmt: skip
    return bool((sum(others, np.zeros(()))[own > 0] == 1).all())


@pytest.mark.slow
@pytest.mark.parametrize("backend", backends(), ids=lambda backend: backend.name)
@pytest.mark.parametrize("name", CHOSEN)
def test_layouts_and_back(name: str, backend: archspec.Backend) -> None:
    check(archspec.load(name, params=CHOSEN[name]), backend)


@pytest.mark.long
@pytest.mark.parametrize("path", catalogue.files(), ids=lambda path: path.stem)
def test_layouts_and_back_of_every_family(path: Path) -> None:
    model = smallest(path)
    for backend in backends():
        check(model, backend)


def smallest(path: Path) -> archspec.Model:
    """Of a family the network with the fewest parameters."""
    models = [archspec.load(path, variant=each) for each in catalogue.variants_in(path) or [None]]
    return min(models, key=lambda model: sum(map(math.prod, shapes(model.graph).values())))


SQUARE = """
archspec: 1
name: Square
inputs: {x: [2]}
layers: [{op: linear, name: fc, out_features: 2}]
"""


def square() -> archspec.Model:
    return archspec.Spec.parse(SQUARE).network()


def test_a_square_kernel_of_unknown_origin_is_refused() -> None:
    arrays = {"fc.weight": np.array([[1.0, 2.0], [3.0, 4.0]]), "fc.bias": np.zeros(2)}
    with pytest.raises(archspec.UsageError, match=r"cannot be told: 'fc.weight' has the shape .* say which"):
        square().weights(arrays, to="pytorch")
    for origin in ("keras", "paddle"):
        found = square().weights(arrays, origin=origin, to="pytorch")
        assert found["fc.weight"].tolist() == [[1, 3], [2, 4]]
    for origin in ("canonical", "pytorch"):
        assert square().weights(arrays, origin=origin, to="pytorch")["fc.weight"].tolist() == [[1, 2], [3, 4]]
    kernel = {"fc/kernel": arrays["fc.weight"], "fc/bias": arrays["fc.bias"]}  # only Keras has these names
    assert square().weights(kernel, to="pytorch")["fc.weight"].tolist() == [[1, 3], [2, 4]]


def test_ones_in_other_places_tell_a_kernel_s_layout() -> None:
    text = SQUARE.replace("[2]", "[2, 3, 3]").replace("op: linear, name: fc, out_features: 2",
                          "op: conv2d, name: fc, out_channels: 2, kernel_size: 1")  # fmt: skip
    model = archspec.Spec.parse(text).network()
    kernel, bias = np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2)
    found = model.weights({"fc.weight": kernel.reshape(2, 2, 1, 1), "fc.bias": bias}, to="pytorch")
    assert found["fc.weight"].ravel().tolist() == [1, 2, 3, 4]
    with pytest.raises(archspec.UsageError, match="nothing gives"):
        model.weights({"fc/kernel": kernel.reshape(2, 2, 1, 1), "fc/bias": bias}, origin="keras", to="pytorch")


ENDINGS = {"safetensors": "canonical", "pt": "pytorch", "pth": "pytorch", "bin": "pytorch", "pdparams": "paddle",
           "weights.h5": "keras"}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_files_and_back(tmp_path: Path, ending: str, dtype: str) -> None:
    import ml_dtypes

    model, path = square(), tmp_path / f"square.{ending}"
    own = numbers(model, getattr(ml_dtypes, dtype, None) or np.dtype(dtype))
    save(model, path, own)
    found = load(model, path)
    assert found.keys() == own.keys()
    assert all(same(found[name], own[name]) for name in own)
    assert files.read(path).origin == ENDINGS[ending]


SHARED = """
archspec: 1
name: Shared
inputs: {left: [3], right: [3]}
blocks:
  Unit: {layers: [{op: linear, name: fc, out_features: 4}, {op: layer_norm, name: norm}]}
  Tower: {layers: [{block: Unit, name: one}, {block: Unit, name: two, repeat: 2, weights_of: two}]}
layers:
  - {block: Tower, name: a, from: left}
  - {block: Tower, name: b, from: right, weights_of: a}
  - {op: add, from: [a, b]}
"""


def test_models_inside_of_a_model_of_keras(tmp_path: Path) -> None:
    """Keras has a group for each, and its name beside it, with which those of its layers begin here."""
    import h5py

    model, path = archspec.Spec.parse(SHARED).network(), tmp_path / "shared.weights.h5"
    own = numbers(model)
    save(model, path, own)
    with h5py.File(path, "a") as file:
        tower = file["layers/functional/layers"]
        assert tower["dense/vars/0"][()].tolist() == own["a.one.fc.weight"].T.tolist()
        assert tower["functional/layers/dense/vars/0"][()].tolist() == own["a.two.0.fc.weight"].T.tolist()
        for group, name in (("layers/functional", "a"), ("layers/functional/layers/functional", "a_two")):
            file.require_group(f"{group}/vars").attrs["name"] = name
    assert all(same(array, own[name]) for name, array in load(model, path).items())


def test_a_canonical_file_says_of_which_network(tmp_path: Path) -> None:
    save(square(), tmp_path / "square.safetensors", numbers(square()))
    about = files.read(tmp_path / "square.safetensors").metadata
    assert about["archspec.fingerprint"] == fingerprint(square().graph)
    assert about["archspec.network"] == "square"


def test_the_same_weights_are_the_same_file(tmp_path: Path) -> None:
    """The library's own order of metadata is another each time: of three texts, in one of six."""
    for place in range(12):
        save(square(), tmp_path / f"{place}.safetensors", numbers(square()))
    assert len({file.read_bytes() for file in tmp_path.iterdir()}) == 1


def test_a_fingerprint_is_of_what_is_computed() -> None:
    changes = {"name: Square": "name: Other", "name: fc": "name: fd", "out_features: 2": "out_features: 3"}
    known = fingerprint(square().graph)
    found = [fingerprint(archspec.Spec.parse(SQUARE.replace(*each)).network().graph) for each in changes.items()]
    assert [each == known for each in found] == [True, False, False]


def test_nothing_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "square.safetensors"
    path.write_text("mine")
    with pytest.raises(AttributeError):
        save(square(), path, {"fc.weight": "no array"})  # type: ignore[dict-item]
    assert path.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    link = tmp_path / "link.safetensors"
    link.symlink_to(path)
    with pytest.raises(archspec.UsageError, match="is a symbolic link"):
        save(square(), link, numbers(square()))


def test_a_model_of_keras_in_several_files(tmp_path: Path) -> None:
    """As Keras writes one that is larger than it may be: a layer's weights are in two files."""
    for number, there in enumerate(({"dense": "0", "dense_1": "0"}, {"dense": "1"})):
        with h5py.File(tmp_path / f"net_{number:05}.weights.h5", "w") as file:
            for group, variable in there.items():
                variables = file.create_group(f"layers/{group}/vars")
                variables.attrs["name"] = "fc" if group == "dense" else "out"
                variables[variable] = np.full(2, number)
    places = {"/layers/dense/vars": ["net_00000.weights.h5", "net_00001.weights.h5"],
              "/layers/dense_1/vars": "net_00000.weights.h5"}  # fmt: skip
    path = tmp_path / "net.weights.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    found = files.read(path)
    assert found.origin == "keras"
    assert {name: array[0] for name, array in found.arrays.items()} == {"fc/0": 0, "fc/1": 1, "out/0": 0}
    assert found.places["fc/1"] == "layers/dense/vars/1"
    path.write_text(json.dumps({"weight_map": {**places, "/layers/dense_2/vars": "net_00001.weights.h5"}}))
    with pytest.raises(UsageError, match=r"net_00001\.weights\.h5 does not have '/layers/dense_2/vars'"):
        files.read(path)


def test_names_that_keras_counted_from_an_earlier_model_on() -> None:
    rules = {"conv2d/0": "first/0", "conv2d_1/0": "second/0", "block_1/0": "block/0"}
    own = {name: np.zeros(1) for name in rules}
    later = {name.replace("conv2d/", "conv2d_94/").replace("conv2d_1/", "conv2d_95/"): each
             for name, each in own.items()}  # fmt: skip
    assert list(later) == ["conv2d_94/0", "conv2d_95/0", "block_1/0"]
    assert list(keras.from_first(later, rules)) == list(keras.from_first(own, rules)) == list(rules)


@pytest.mark.parametrize(
    ("network", "scoped", "target"),
    [
        ("nasnet", "reduction_A_block_stem_1/block_5/separable_conv_block_reduction_left4_stem_1/"
         "separable_conv_2_bn_reduction_left4_stem_1/0", "stem1_left4_bn2/0"),
        ("nasnet", "normal_A_block_9/adjust_block/adjust_reduction_block_9/adjust_conv_1_9/0", "stage3_0_p_conv1/0"),
        ("convnext", "convnext_base_downsampling_block_1/convnext_base_downsampling_conv_1/0",
         "stages_2_downsample_1/0"),
    ],
)  # fmt: skip
def test_names_of_keras_with_their_scopes_and_without(network: str, scoped: str, target: str) -> None:
    """A file has the names of layers alone; what a model calls its weights begins with their scopes."""
    known = rules("keras", network)
    for name in (scoped, "/".join(scoped.split("/")[-2:])):
        assert list(renamed({name: np.zeros(1)}, known)) == [target]
