"""Files of ONNX as specs: what this project writes comes back, and what is wrong with a stranger's file is said."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import archspec
from archspec import reference
from archspec.against.file import Saved
from archspec.cli import app
from archspec.errors import ArchspecError, SpecError
from archspec.formats import formats
from archspec.graph.graph import rounded
from archspec.importing.file import spec_of
from archspec.importing.given import BATCHES, PRIMES, Given
from archspec.importing.model import Written, poured
from archspec.importing.trace import ImportRefused, PartlyImported
from archspec.model import Model, Spec
from archspec.verification import data
from archspec.verification.worker.own import script

from .cases import CASES, Case, alone
from .commands import CliRunner

(FORMAT,) = formats(["onnx"])


def read(path: Path, *, partial: bool = False, limits: Mapping[str, int] | None = None) -> Written:
    """The spec of a file, which is read in this process; whole numbers stay below limits."""
    arrays: dict[str, Any] = {}
    request = {"file": str(path), "given": [], "primes": PRIMES, "batches": BATCHES}
    seen = script(str(FORMAT.reader)).read(request, lambda name, array: arrays.update({name: np.array(array)}))
    known = limits or {}
    given = [
        Given(each["name"], tuple(each["sizes"][1:]), "int64" if each["name"] in known else "float",
              known.get(each["name"], 2))
        for each in seen["inputs"]
    ]  # fmt: skip
    inputs = given if known else []
    return spec_of(Saved(str(path), str(path), FORMAT), seen, arrays, inputs, partial=partial)[0]


def there_and_back(model: Model, path: Path) -> Written:
    """What a network's file is read as, which must be the same function with the same weights."""
    weights = data.parameters(rounded(model.graph))
    FORMAT.write(model, path, weights)
    found = read(path, limits=model.graph.limits)
    _, theirs = poured(found)
    ours, back = rounded(model.graph), rounded(found.model.graph)
    inputs = data.inputs(ours)
    given = dict(zip(back.inputs, inputs.values(), strict=True))
    short = {name: array.astype(np.float32).astype(np.float64) for name, array in weights.items()}
    one, two = reference.run(ours, short, inputs), reference.run(back, theirs, given)
    for a, b in zip(ours.outputs.values(), back.outputs.values(), strict=True):
        known = np.nan_to_num(one[a.name].astype(float), posinf=0, neginf=0)
        size = np.abs(known).max(initial=1e-3)  # constants of the file are float32
        np.testing.assert_allclose(two[b.name].astype(float), one[a.name].astype(float), rtol=1e-6, atol=1e-6 * size)
    return found


@pytest.mark.parametrize("name", ["lenet", "lstm_tagger"])
def test_a_network_comes_back_as_the_same_graph(name: str, tmp_path: Path) -> None:
    model = archspec.load(name)
    found = there_and_back(model, tmp_path / f"{name}.onnx").model.graph
    theirs, ours = (
        [(node.op.key, node.outputs[0].shape) for node in graph.nodes if node.op.key != "dropout"]
        for graph in (found, model.graph)
    )
    assert theirs == ours
    assert list(found.parameters()) == list(model.graph.parameters())


@pytest.mark.frameworks
def test_the_command_proves_what_it_writes(tmp_path: Path) -> None:
    archspec.load("lenet").export(tmp_path / "lenet.onnx")
    arguments = ["import", str(tmp_path / "lenet.onnx"), "-o", str(tmp_path / "net")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "lenet.onnx, with batch=2: passed" in result.output
    assert "the generated code, of PyTorch: passed" in result.output
    assert CliRunner().invoke(app, ["check", str(tmp_path / "net.yaml")]).exit_code == 0
    assert "parameters: 61706" in (tmp_path / "net.yaml").read_text(encoding="utf-8")


# Files of strangers.


def file_of(path: Path, nodes: list[Any], weights: dict[str, Any], opset: int = 18, **more: Any) -> Path:
    """A file with one input `x`, [batch, 4], and one output `y`."""
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    made = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], tensors,
    )  # fmt: skip
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], **more)
    path.write_bytes(model.SerializeToString())
    return path


LINEAR = np.arange(12, dtype=np.float32).reshape(4, 3)


def cut_off(path: Path) -> None:
    whole = file_of(path, [helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": LINEAR}).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def outside(path: Path, location: str) -> None:
    """A file whose weight lies elsewhere."""
    model = onnx.load(file_of(path, [helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": LINEAR}))
    (weight,) = model.graph.initializer
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())


def too_few(path: Path) -> None:
    model = onnx.load(file_of(path, [helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": LINEAR}))
    model.graph.initializer[0].dims[0] = 10**12
    path.write_bytes(model.SerializeToString())


def huge(path: Path) -> None:
    size = numpy_helper.from_array(np.array([10**6, 10**6]), "size")
    nodes = [helper.make_node("ConstantOfShape", ["size"], ["w"]), helper.make_node("MatMul", ["x", "w"], ["y"])]
    file_of(path, nodes, {"size": numpy_helper.to_array(size)})


HOSTILE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "text": (lambda path: path.write_text("archspec: 1\n" * 50), "it is no file of ONNX"),
    "nothing": (lambda path: path.write_bytes(b""), "there are no nodes in it"),
    "cut off": (cut_off, "it is no file of ONNX, or it is cut off"),
    "outside": (lambda path: outside(path, "../secret"), "lies outside of the file's folder"),
    "absolute": (lambda path: outside(path, "/etc/passwd"), "lies outside of the file's folder"),
    "missing": (lambda path: outside(path, "weights.bin"), "which is not there"),
    "too few": (too_few, "has not the numbers that its shape says"),
    "huge": (huge, "its constants have more than 4 GB, at the node 'w' (ConstantOfShape)"),
    "later": (lambda path: file_of(path, [helper.make_node("Relu", ["x"], ["y"])], {}, 99), "its opset is 99"),
    "unknown": (lambda path: file_of(path, [helper.make_node("Relu", ["z"], ["y"])], {}), "reads 'z', which nothing"),
    "no output": (lambda path: file_of(path, [helper.make_node("Relu", ["x"], ["z"])], {}), "nothing gives its output"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_wrong_with_a_file_is_one_line(what: str, tmp_path: Path) -> None:
    make, reason = HOSTILE[what]
    make(tmp_path / "net.onnx")
    with pytest.raises(Exception, match=re.escape(reason)) as raised:
        read(tmp_path / "net.onnx")
    assert getattr(raised.value, "plain", False), raised.value
    assert "\n" not in str(raised.value)


def test_what_has_no_place_in_a_spec_is_refused_all_at_once(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Det", ["x"], ["a"], "first"), helper.make_node("Relu", ["a"], ["b"], "after"),
        helper.make_node("FusedMatMul", ["x", "w"], ["c"], "second", domain="com.microsoft"),
        helper.make_node("Softmax", ["x"], ["d"], "third", axis=0), helper.make_node("Add", ["b", "c"], ["e"]),
        helper.make_node("Sum", ["e", "d"], ["y"]),
    ]  # fmt: skip
    with pytest.raises(ImportRefused) as refused:
        read(file_of(tmp_path / "net.onnx", nodes, {"w": LINEAR}))
    said = str(refused.value)
    assert "node 'first' (Det)" in said
    assert "no operation for com.microsoft.FusedMatMul" in said
    assert "node 'third' (Softmax)" in said
    assert "Softmax along the samples of a batch" in said
    assert "after" not in said


IDIOMS = {
    "silu": ["silu"], "quick_gelu": ["quick_gelu"], "hard_swish": ["hard_swish"], "hard_sigmoid": ["hard_sigmoid"],
    "gelu": ["gelu"], "channel_shuffle": ["channel_shuffle"], "layer_norm": ["layer_norm"], "rms_norm": ["rms_norm"],
}  # fmt: skip
ATTRIBUTES = {"channel_shuffle": "groups: 2", "layer_norm": "axis: channels", "rms_norm": "axis: -1"}


@pytest.mark.parametrize("op", IDIOMS)
def test_what_is_written_out_is_the_operation_that_it_is(op: str, tmp_path: Path) -> None:
    said = ATTRIBUTES.get(op, "")
    step = f"{{op: {op}, name: step{', ' + said if said else ''}}}"
    text = f"archspec: 1\nname: Net\ninputs: {{x: [4, 3, 5]}}\nlayers: [{step}]\n"
    found = there_and_back(Spec.parse(text).network(), tmp_path / "net.onnx").model.graph
    assert [node.op.key for node in found.nodes] == IDIOMS[op]


RECURRENT = [
    "{op: lstm, hidden_size: 3}", "{op: gru, hidden_size: 3, bidirectional: true}",
    "{op: gru, hidden_size: 3, reset_after: false, return_sequence: false}",
    "{op: rnn, hidden_size: 3, nonlinearity: relu, bias: false}",
    "{op: lstm, hidden_size: 3, bidirectional: true, num_layers: 2, return_sequence: false}",
]  # fmt: skip


@pytest.mark.parametrize("step", RECURRENT)
def test_recurrent_layers_come_back_with_their_gates(step: str, tmp_path: Path) -> None:
    text = f"archspec: 1\nname: Net\ninputs: {{x: [time, 4]}}\nlayers: [{step}]\n"
    found = there_and_back(Spec.parse(text).network(), tmp_path / "net.onnx").model.graph
    assert any(node.op.key == step.split()[1].strip(",") for node in found.nodes)


def test_sizes_that_a_file_computes_are_open(tmp_path: Path) -> None:
    """`Shape`, `Gather` and `Concat`, as exporters write them; and a product with what is added to it."""
    shape, first = helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Gather", ["s", "zero"], ["n"])
    nodes = [
        shape, first, helper.make_node("Concat", ["n", "minus", "two"], ["to"], axis=0),
        helper.make_node("Reshape", ["x", "to"], ["r"]), helper.make_node("MatMul", ["r", "w"], ["p"]),
        helper.make_node("Add", ["b", "p"], ["y"]),
    ]  # fmt: skip
    weights = {"zero": np.array([0]), "minus": np.array([-1]), "two": np.array([2]),
               "w": LINEAR[:2], "b": np.arange(3, dtype=np.float32)}  # fmt: skip
    found = read(file_of(tmp_path / "net.onnx", nodes, weights))
    assert [node.op.key for node in found.model.graph.nodes] == ["reshape", "linear"]
    assert found.text.count("{op: ") == 2
    _, poured_in = poured(found)
    assert {name.rpartition(".")[2]: array.shape for name, array in poured_in.items()} == {
        "weight": (3, 2),
        "bias": (3,),
    }
    np.testing.assert_array_equal(next(iter(poured_in.values())), LINEAR[:2].T)


def test_what_is_refused_may_stay_as_steps_that_check_refuses(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "first"), helper.make_node("Celu", ["a"], ["b"]),
        helper.make_node("IsNaN", ["b"], ["c"], "/odd/IsNaN"), helper.make_node("Cast", ["c"], ["y"], to=1),
    ]  # fmt: skip
    path = file_of(tmp_path / "net.onnx", nodes, {"w": LINEAR})
    with pytest.raises(ImportRefused, match="no operation for IsNaN"):
        read(path)
    with pytest.raises(PartlyImported, match="no operation for IsNaN") as found:
        read(path, partial=True)
    with pytest.raises(SpecError) as refused:
        Spec.parse(found.value.text, "net.yaml").network().check()
    (line,) = [number for number, line in enumerate(found.value.text.splitlines(), 1) if "op: unknown" in line]
    assert f"net.yaml:{line}:" in str(refused.value)
    assert "this step is unknown; it was odd (IsNaN): there is no operation for IsNaN" in str(refused.value)


ATTENTION = """archspec: 1
name: Net
inputs: {x: [time, 8]}
layers:
  - {op: learned_positions, name: places, max_length: 50}
  - {op: multi_head_attention, name: attn, num_heads: 2, causal: true}
  - {op: layer_norm, name: norm}
"""


def test_attention_and_positions_come_back(tmp_path: Path) -> None:
    """At open sizes, with heads and a table of places of which a file takes the first rows."""
    text = ATTENTION.replace(", causal: true", "")
    found = there_and_back(Spec.parse(text).network(), tmp_path / "net.onnx")
    assert [node.op.key for node in found.model.graph.nodes] == [
        "learned_positions",
        "multi_head_attention",
        "layer_norm",
    ]
    assert set(found.model.graph.parameters()) == set(Spec.parse(text).network().graph.parameters())
    assert found.trace.shapes[0] == ((2, 17, 8), (3, 23, 8))
    with pytest.raises(ImportRefused, match="from its size"):  # a mask as large as the input is none that a spec holds
        there_and_back(Spec.parse(ATTENTION).network(), tmp_path / "net.onnx")


def test_what_a_module_speaks_of_is_not_called_as_a_step_in_it(tmp_path: Path) -> None:
    text = "archspec: 1\nname: Net\ninputs: {x: [4, 3]}\nlayers:\n" + "".join(
        f"  - {step}\n" for step in (
            "{op: permute, axes: [2, 1]}", "{op: multi_head_attention, name: a, num_heads: 2, head_dim: 3}",
        )
    )  # fmt: skip
    found = there_and_back(Spec.parse(text).network(), tmp_path / "net.onnx")
    assert "scaled_dot_product_attention" in found.text


@pytest.mark.slow
def test_files_with_wrong_bytes_are_read_or_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"], "first"), helper.make_node("Softmax", ["m"], ["y"], axis=1)]
    path = file_of(tmp_path / "net.onnx", nodes, {"w": LINEAR})
    whole, random, said = path.read_bytes(), np.random.default_rng(0), []
    for _ in range(200):
        spoiled = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 4)):
            spoiled[place] = random.integers(0, 256)
        path.write_bytes(spoiled)
        with contextlib.suppress(ArchspecError):
            said.append(refused(path))
    assert len({each.partition(":")[0] for each in said}) > 5


def refused(path: Path) -> str:
    """What is said of a file; nothing if it can be read."""
    try:
        read(path)
    except Exception as error:
        if isinstance(error, ArchspecError) and "a fault of archspec" not in str(error):
            raise
        if not getattr(error, "plain", False):
            raise AssertionError(f"no kind error: {error}") from error
        return str(error)
    return ""


NOT_BACK: Final = {
    "has no operation of its own": "fold scatter scatter_add scatter_add_rows gather_rows affine_grid "
    "max_unpool1d max_unpool2d max_unpool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices "
    "rfft irfft fft ifft unfold bilinear atan2 log1p",
    "is the same for all inputs": "constant parameter range",
    "mixes samples with places": "merge_batch split_batch",
    "is nothing in evaluation": "expand_batch dropout dropout1d dropout2d dropout3d alpha_dropout drop_path "
    "stop_gradient gaussian_noise",
}  # fmt: skip
"""Operations whose nodes do not come back, and why."""


@pytest.mark.slow
def test_what_each_row_writes_comes_back(tmp_path: Path) -> None:
    """The nodes of each operation, in its first case, are the same function when they are read."""
    first: dict[str, Case] = {}
    for case in CASES:
        first.setdefault(case.op, case)
    refused = set()
    for op, case in first.items():
        try:
            there_and_back(alone(case), tmp_path / "net.onnx")
        except ImportRefused:
            refused.add(op)
    assert refused == {op for names in NOT_BACK.values() for op in names.split()}
    assert len(first) - len(refused) > 180
