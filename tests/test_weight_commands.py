"""`archspec weights` as people call it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archspec
from archspec.cli import app
from archspec.weights import files
from archspec.weights.exchange import save

from .commands import CliRunner
from .test_weight_files import SQUARE, numbers, same, square


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec, and its weights as PyTorch has them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "square.yaml").write_text(SQUARE)
    save(square(), tmp_path / "net.pt", numbers(square()))
    return tmp_path


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["weights", *arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.output


@pytest.mark.slow
def test_around_all_kinds(folder: Path) -> None:
    kinds = ["net.weights.h5", "net.pdparams", "net.h5", "net.safetensors", "net.bin", "again.pt"]
    before = "net.pt"
    for name in kinds:
        assert "2 weights of square" in run("convert", before, name, "--spec", "square.yaml")
        assert run("diff", "net.pt", name, "--spec", "square.yaml") == "2 weights are equal, 0 differ\n"
        before = name
    one, other = (files.read(folder / name).arrays for name in ("net.pt", "again.pt"))
    assert all(same(array, other[name]) for name, array in one.items())
    kernel = files.read(folder / "net.weights.h5").arrays["fc/0"]
    np.testing.assert_array_equal(kernel, one["fc.weight"].T)


def test_inspect(folder: Path) -> None:
    run("convert", "net.pt", "net.safetensors", "--spec", "square.yaml")
    shown = run("inspect", "net.safetensors")
    assert "fc.weight    2x2  float32" in shown
    assert "2 arrays, 24 bytes, as canonical has them" in shown
    told = json.loads(run("inspect", "net.safetensors", "--json"))
    assert told["metadata"]["archspec.network"] == "square"
    assert told["weights"][0] == {"name": "fc.bias", "shape": [2], "dtype": "float32"}


def test_differences(folder: Path) -> None:
    other = numbers(square())
    other["fc.weight"][0, 1] += 0.5
    other["fc.bias"] = np.array([np.nan, 1], np.float32)
    save(square(), folder / "other.pdparams", other)
    shown = run("diff", "net.pt", "other.pdparams", "--spec", "square.yaml", code=1)
    assert "fc.weight: up to 0.5 (" in shown
    assert "1 are NaN or infinite in one of them" in shown
    files.write(folder / "more.pt", {"fc.weight": other["fc.weight"].T[:1], "new": np.zeros(3)}, "pytorch", {}, {})
    shown = run("diff", "net.pt", "more.pt", code=1)
    assert shown.splitlines() == [
        "only net.pt has fc.bias",
        "only more.pt has new",
        "fc.weight: shape [2, 2] and [1, 2]",
        "0 weights are equal, 1 differ",
    ]


def test_layouts_of_plain_files_are_stated(folder: Path) -> None:
    from safetensors.numpy import save_file

    kernel = np.array([[1, 2], [3, 4]], np.float32)
    save_file({"fc.weight": kernel, "fc.bias": np.zeros(2, np.float32)}, folder / "plain.safetensors")
    asked = ["convert", "plain.safetensors", "out.safetensors", "--spec", "square.yaml"]
    run(*asked, code=2)
    assert not (folder / "out.safetensors").exists()
    for kind, expected in (("paddle", kernel.T), ("keras", kernel.T), ("pytorch", kernel), ("canonical", kernel)):
        run(*asked, "--from", kind)
        np.testing.assert_array_equal(files.read(folder / "out.safetensors").arrays["fc.weight"], expected)
    run(*asked, "--from", "paddle", "--to", "paddle")
    found = files.read(folder / "out.safetensors")
    np.testing.assert_array_equal(found.arrays["fc.weight"], kernel)
    assert found.origin == "paddle"


def test_other_numbers(folder: Path) -> None:
    run("convert", "net.pt", "small.weights.h5", "--spec", "square.yaml", "--dtype", "bfloat16")
    assert files.read(folder / "small.weights.h5").arrays["fc/0"].dtype.name == "bfloat16"
    run("convert", "net.pt", "small.pt", "--spec", "square.yaml", "--dtype", "int8", code=2)


def test_rules_of_a_file(folder: Path) -> None:
    own = {f"net.{name}": array for name, array in numbers(square()).items()}
    files.write(folder / "theirs.pth", own, "pytorch", {}, {})
    (folder / "names.yaml").write_text("net.fc: fc\n")
    run("convert", "theirs.pth", "ours.pt", "--spec", "square.yaml", "--names", "names.yaml")
    shown = run("diff", "theirs.pth", "ours.pt", "--spec", "square.yaml", code=1)
    assert "only theirs.pth has net.fc.weight\n" in shown
    assert "only ours.pt has fc.weight\n" in shown
    run("diff", "theirs.pth", "net.pt", "--spec", "square.yaml", "--names", "names.yaml")
    run("diff", "net.pt", "ours.pt")


ATTENTION = """
archspec: 1
name: Attention
inputs: {x: [3, 8]}
layers: [{op: multi_head_attention, name: attn, num_heads: 2}, {op: linear, name: fc, out_features: 5}]
"""
PACKED = """
qkv.{kind}: ["attn.q_proj_{kind}", "attn.k_proj_{kind}", "attn.v_proj_{kind}"]
out.{kind}: attn.out_proj_{kind}
head: fc
old: null
"""


def test_as_another_file_has_them(folder: Path) -> None:
    """Packed, renamed, with axes of size one, and beside what is no weight; and all the way back."""
    (folder / "attention.yaml").write_text(ATTENTION)
    (folder / "names.yaml").write_text(PACKED)
    model = archspec.load(folder / "attention.yaml")
    own = numbers(model)
    save(model, folder / "ours.weights.h5", own)
    shapes = {"qkv.weight": (24, 8), "qkv.bias": (24,), "out.weight": (8, 8), "out.bias": (8,),
              "head.weight": (5, 8, 1), "head.bias": (5,), "old": (2,)}  # fmt: skip
    library = {name: np.full(shape, 7, np.float32) for name, shape in shapes.items()} | {"steps": np.array(3)}
    files.write(folder / "library.pth", library, "pytorch", {}, {})
    given = ["--spec", "attention.yaml", "--names", "names.yaml"]
    run("convert", "ours.weights.h5", "theirs.pth", *given, "--like", "library.pth")
    found = files.read(folder / "theirs.pth").arrays
    assert {name: array.shape for name, array in found.items()} == {**shapes, "steps": ()}
    parts = [own[f"attn.{part}_proj_weight"] for part in "qkv"]
    np.testing.assert_array_equal(found["qkv.weight"], np.concatenate(parts))
    assert found["old"].tolist() == [7, 7]
    assert found["steps"] == 3
    run("convert", "theirs.pth", "back.safetensors", *given)
    back = files.read(folder / "back.safetensors").arrays
    assert all(same(array, own[name]) for name, array in back.items())


def test_as_a_file_of_keras_has_them(folder: Path) -> None:
    run("convert", "net.pt", "net.weights.h5", "--spec", "square.yaml")
    asked = ["--spec", "square.yaml", "--like", "net.weights.h5"]
    run("convert", "net.pt", "again.weights.h5", *asked)
    run("diff", "net.weights.h5", "again.weights.h5")
    run("convert", "net.pt", "again.pt", *asked, code=2)


def test_what_may_be_missing(folder: Path) -> None:
    own = numbers(square())
    files.write(folder / "part.pt", {"fc.weight": own["fc.weight"]}, "pytorch", {}, {})
    asked = ["convert", "part.pt", "out.safetensors", "--spec", "square.yaml"]
    run(*asked, code=2)
    assert "without fc.bias: part.pt does not have them" in run(*asked, "--allow-missing", "fc.b*")


HEADS = """
archspec: 1
name: Heads
inputs: {x: [3]}
layers:
  - {op: linear, name: body, out_features: 4}
  - {op: linear, name: aux, out_features: 2}
  - {op: linear, name: fc, from: body, out_features: 5}
outputs: {logits: fc, helped: {from: aux, when: training}}
"""


def test_heads_for_training_alone(folder: Path) -> None:
    """Keras' model has them in training only, and what is not written is said."""
    (folder / "heads.yaml").write_text(HEADS)
    save(archspec.load(folder / "heads.yaml"), folder / "heads.pt", numbers(archspec.load(folder / "heads.yaml")))
    shown = run("convert", "heads.pt", "heads.weights.h5", "--spec", "heads.yaml")
    assert shown.startswith("heads.weights.h5: 4 weights of heads")
    assert "without aux.weight, aux.bias: the model has no place for them" in shown
    shown = run("convert", "heads.weights.h5", "back.safetensors", "--spec", "heads.yaml")
    assert "without aux.weight, aux.bias: heads.weights.h5 does not have them" in shown
    shown = run("diff", "heads.pt", "back.safetensors", "--spec", "heads.yaml", code=1)
    assert "4 weights are equal, 0 differ" in shown


def test_a_head_of_another_size_is_left_out(folder: Path) -> None:
    (folder / "head.yaml").write_text(
        SQUARE.replace("layers: [", "layers: [{op: linear, name: body, out_features: 2}, ")
    )
    own = numbers(archspec.load(folder / "head.yaml"))
    theirs = {**own, "fc.weight": np.zeros((9, 2)), "fc.bias": np.zeros(9), "fc.scale": np.zeros(1)}
    files.write(folder / "theirs.pt", theirs, "pytorch", {}, {})
    asked = ["convert", "theirs.pt", "out.safetensors", "--spec", "head.yaml"]
    shown = run(*asked, code=2)
    assert "'fc.scale' is none of its weights; 'fc.weight' has shape [9, 2], not [2, 2]" in shown
    assert "without fc.weight, fc.bias" in run(*asked, "--allow-missing", "fc.*")
    assert set(files.read(folder / "out.safetensors").arrays) == {"body.weight", "body.bias"}


def test_a_file_of_another_network_is_noted(folder: Path) -> None:
    (folder / "other.yaml").write_text(SQUARE.replace("layers: [", "layers: [relu, "))
    run("convert", "net.pt", "net.safetensors", "--spec", "square.yaml")
    shown = run("convert", "net.safetensors", "out.pt", "--spec", "other.yaml")
    assert "net.safetensors was written for another network, square" in shown


MISTAKES: list[tuple[list[str], str]] = [
    (["convert", "none.pt", "out.pt", "--spec", "square.yaml"], "cannot read none.pt"),
    (["convert", "net.pt", "out.npz", "--spec", "square.yaml"], "out.npz: the name of a file of weights ends in"),
    (["convert", "net.pt", "out.keras", "--spec", "square.yaml"], "which Keras alone can write"),
    (["convert", "net.pt", "out.pt", "--spec", "lenet5"], "net.pt: these are not the weights of lenet5: nothing gives"),
    (["convert", "net.pt", "out.pt", "--spec", "square.yaml", "--from", "mxnet"], "there is no backend 'mxnet'"),
    (["convert", "net.pt", "out.pt", "--spec", "square.yaml", "--to", "keras"], "is for pytorch, not for keras"),
    (["convert", "net.pt", "out.pt", "--spec", "square.yaml", "--names", "caffe"], "no names of a library 'caffe'"),
    (["convert", "net.pt", "out.pt", "--spec", "square.yaml", "--names", "none.yaml"], "cannot read none.yaml"),
    (["convert", "net.pt", "none/out.pt", "--spec", "square.yaml"], "cannot write none/out.pt: No such file"),
    (["diff", "net.pt", "net.pt", "--names", "torchvision"], "say more of a --spec"),
    (["inspect", "square.yaml"], "square.yaml: no file of weights: it begins as none of them does"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_mistakes(folder: Path, arguments: list[str], message: str, capsys: Any) -> None:
    assert message in run(*arguments, code=2)
    assert sorted(path.name for path in folder.iterdir()) == ["net.pt", "square.yaml"]


def test_the_example_in_the_docs(folder: Path) -> None:
    root = Path(__file__).parent.parent
    text = (root / "docs/weights.md").read_text(encoding="utf-8")
    (folder / "docs").symlink_to(root / "docs")
    save(archspec.load(root / "docs/example/tiny_resnet.yaml"), folder / "trained.pt",
         numbers(archspec.load(root / "docs/example/tiny_resnet.yaml")))  # fmt: skip
    lines = re.findall(r"^\$ archspec (.*)$", text.partition("## From another")[0], re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        result = CliRunner().invoke(app, line.split())
        assert result.exit_code == 0, result.output
    assert (folder / "tiny.weights.h5").is_file()


NETWORK = """
archspec: 1
name: Two
inputs: {x: [4]}
layers:
  - {op: linear, name: wide, out_features: 6}
  - {op: layer_norm, name: norm}
  - {op: linear, name: first, out_features: 6}
  - {op: linear, name: second, out_features: 6}
"""


@pytest.mark.slow
def test_names_are_proposed(folder: Path) -> None:
    """By name, by shape, and by order where several have one shape; what is proposed can be converted by."""
    (folder / "two.yaml").write_text(NETWORK)
    there = numbers(archspec.load(folder / "two.yaml"))
    theirs = {"wide.weight": "wide.weight", "wide.bias": "wide.bias", "norm.weight": "n.gamma", "norm.bias": "n.beta",
              "first.weight": "a.weight", "first.bias": "a.bias", "second.weight": "b.weight",
              "second.bias": "b.bias"}  # fmt: skip
    files.write(folder / "theirs.pt", {theirs[name]: there[name] for name in theirs}, "pytorch", {}, {})
    shown = run("convert", "theirs.pt", "ours.pt", "--spec", "two.yaml", "--match", "names.yaml")
    rows = {tuple(line.split()[:2]): line.split()[-1] for line in shown.splitlines() if len(line.split()) == 4}
    assert rows["wide.weight", "wide.weight"] == "name"
    assert rows["n.gamma", "norm.weight"] == "shape"
    assert rows["a.weight", "first.weight"] == rows["b.bias", "second.bias"] == "order"
    assert not (folder / "ours.pt").exists()
    run("convert", "theirs.pt", "ours.safetensors", "--spec", "two.yaml", "--names", "names.yaml")
    found = files.read(folder / "ours.safetensors").arrays
    assert all(same(array, found[name]) for name, array in there.items())
    told = json.loads(run("convert", "theirs.pt", "o.pt", "--spec", "two.yaml", "--match", "n.yaml", "--json"))
    assert told["pairs"][0] == {"theirs": "wide.weight", "ours": "wide.weight", "shape": [6, 4], "why": "name"}
    del theirs["first.weight"]
    files.write(folder / "less.pt", {theirs[name]: there[name] for name in theirs}, "pytorch", {}, {})
    shown = run("convert", "less.pt", "ours.pt", "--spec", "two.yaml", "--match", "other.yaml", code=1)
    assert "nothing fits second.weight\n" in shown
    assert "b.weight fits nothing\n" in shown


def test_names_of_keras_are_not_guessed(folder: Path) -> None:
    run("convert", "net.pt", "net.weights.h5", "--spec", "square.yaml")
    run("convert", "net.weights.h5", "o.pt", "--spec", "square.yaml", "--match", "n.yaml", code=2)
    assert not (folder / "n.yaml").exists()
