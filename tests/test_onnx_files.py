"""ONNX as a target: every operation in the runtime, files, and what a verification finds of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import pytest

import archspec
from archspec import ops, reference
from archspec.errors import UsageError
from archspec.formats import Exported, format_of, formats
from archspec.graph.graph import Graph, rounded
from archspec.model import Model, Spec
from archspec.verification import compare, data, rounding
from archspec.verification.compare import FLOAT32_BOUND, FLOAT64_BOUND
from archspec.verification.task import undefined
from archspec.verification.worker import Array
from archspec.weights.exchange import save
from archspec.weights.start import start

from .cases import CASES, Case, alone
from .test_conformance import values

onnxruntime = pytest.importorskip("onnxruntime")
(FORMAT,) = formats(["onnx"])
PARTS: Final = ("exporting", "lowering.single", "runner")
exporting, single, runner = (import_module(f"archspec.backends.onnx.{part}") for part in PARTS)
Spoil = Callable[[Any, Any], Any]
"""Makes something else of what a step gives."""

SCRATCH: Final = "model.onnx"
OFF: Final = dict.fromkeys(("silu", "quick_gelu"), 2.0**-23)
"""How far the runtime's Sigmoid in float32 may be off, whatever its size, by which these multiply their input: its
polynomials, which are not the same on all processors, are 1.2e-7 off at most, and below -18 it is that of -18."""


def run(
    exported: Exported, path: Path, weights: Mapping[str, Array], inputs: Mapping[str, Array], double: bool
) -> dict[str, Any]:
    """All values of steps, and the outputs of the file as a whole, by `output 0` and so on."""
    dtype = "float64" if double else "float32"
    FORMAT.unfilled(exported, path)
    seen: dict[str, Any] = {}

    def see(step: str, value: Any) -> Any:
        seen.update(zip(exported.steps[step], value if isinstance(value, tuple) else (value,), strict=True))
        return value

    session = runner.Session(dtype, see)
    session.open(str(path), exported.steps)
    for name, weight in session.variables().items():
        session.assign(weight, np.ascontiguousarray(weights[name].astype(dtype)))
    given = [array.astype(dtype) if array.dtype.kind == "f" else array for array in inputs.values()]
    session.run(given)
    whole = session.graph(given)
    outputs = whole if isinstance(whole, tuple) else (whole,)
    return seen | {f"output {place}": array for place, array in enumerate(outputs)}


def found_off(case: Case, number: int, path: Path) -> list[str]:
    """What is wrong with a row of the table, in both dtypes, seen step by step and as a whole."""
    model = alone(case)
    graph = rounded(model.graph)
    cases = {str(number): case}
    names = {f"x{number}_{i}": name for i, name in enumerate(graph.inputs)}
    drawn = values(cases, _renamed(graph, names))
    inputs = {names[name]: array for name, array in drawn.items()}
    weights = data.parameters(graph)
    truth = reference.run(graph, weights, inputs)
    free = undefined(graph.nodes, truth)
    problems = []
    for double in (False, True):
        exported = FORMAT.export(model, graph, double)
        dtype = "float64" if double else "float32"
        scales = dict(rounding.magnitudes(graph, weights, inputs, truth, rounding.UNITS[dtype][0], 0))
        found = run(exported, path, weights, inputs, double)
        for node in graph.nodes:
            for place, (tensor, name) in enumerate(zip(node.outputs, exported.steps[node.path], strict=True)):
                bound, due = FLOAT64_BOUND if double else FLOAT32_BOUND, truth[tensor.name]
                slack = 0.0 if double else OFF.get(case.op, 0.0)
                returned = not double and node is graph.nodes[-1]  # and not what an input of it comes from
                for key in (name, f"output {place}") if returned else (name,):
                    if tensor.name not in free and not (double and node.path in exported.single):
                        kind = dtype if tensor.dtype == "float" else tensor.dtype
                        seen = found[key]
                        if slack:
                            allowed = slack * np.abs(truth[node.inputs[0].name])
                            seen = np.where(np.abs(seen - due) <= allowed, due, seen).astype(seen.dtype)
                        off = compare.difference(seen, due, kind, scales.get(tensor.name))
                        if not off.within(bound):
                            problems.append(f"{case.op} {case.attributes} {dtype} {key}: {off}")
    return problems


def _renamed(graph: Graph, names: Mapping[str, str]) -> Graph:
    """The graph with inputs as the conformance tests call them."""
    inputs = {name: graph.inputs[old] for name, old in names.items()}
    limits = {name: graph.limits[old] for name, old in names.items() if old in graph.limits}
    return Graph(graph.name, inputs, graph.nodes, graph.outputs, limits=limits)


@pytest.mark.frameworks
@pytest.mark.parametrize("family", ops.FAMILIES)
def test_every_row_of_the_table(family: str, tmp_path: Path) -> None:
    problems = []
    for number, case in enumerate(CASES):
        if ops.family(case.op) == family:
            problems += found_off(case, number, tmp_path / SCRATCH)
    assert not problems


def test_every_operation_has_a_row() -> None:
    assert not [key for keys in ops.FAMILIES.values() for key in keys if exporting.row_of(key) is None]


@pytest.mark.frameworks
def test_what_is_computed_in_float32_has_no_better_kernel() -> None:
    """By the runtime's own list, but for five that have one and are no better for it."""
    from onnxruntime.capi.onnxruntime_pybind11_state import get_all_opkernel_def

    doubles = {
        each.op_name
        for each in get_all_opkernel_def()
        if each.domain == "" and "tensor(double)" in str(dict(each.type_constraints))
    }
    assert single.SINGLE & doubles == {"Celu", "GRU", "LSTM", "Shrink", "Sigmoid"}


TAGGER: Final = """
archspec: 1
name: Tagger
inputs: {tokens: {shape: [time], dtype: int64, below: 30}}
layers:
  - {op: embedding, name: embed, num_embeddings: 30, embedding_dim: 8}
  - {op: sinusoidal_positions, name: places}
  - {op: multi_head_attention, name: attend, num_heads: 2, causal: true}
  - {op: gru, name: gru, hidden_size: 6, bidirectional: true}
  - {op: reshape, name: split, shape: [-1, 3, 4]}
  - {op: linear, name: fc, out_features: 5}
outputs: {logits: fc, states: gru}
"""


def _tagger() -> Model:
    return Spec.parse(TAGGER, "tagger.yaml").network()


def test_a_file_has_the_names_and_shapes_of_the_spec(tmp_path: Path) -> None:
    model = _tagger()
    (path,) = model.export(tmp_path / "tagger.onnx", seed=3)
    onnx.checker.check_model(path, full_check=True)
    graph = onnx.load(path).graph
    assert {each.name: _shape(each) for each in (*graph.input, *graph.output)} == {
        "tokens": ["batch", "time"], "logits": ["batch", "time", 3, 5], "states": ["batch", "time", 12],
    }  # fmt: skip
    weights = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    due = start(model.graph, 3)
    assert all(np.array_equal(weights[name], array) for name, array in due.items())
    assert {"embed", "attend/Softmax_23", "/size time", "split"} <= {node.name for node in graph.node}
    steps = {node.name.partition("/")[0] for node in graph.node} - {""}
    assert steps == {node.path for node in model.graph.nodes}


def _shape(info: Any) -> list[int | str]:
    return [size.dim_param or size.dim_value for size in info.type.tensor_type.shape.dim]


@pytest.mark.frameworks
def test_a_file_takes_other_sizes_of_what_is_open(tmp_path: Path) -> None:
    model = _tagger()
    weights = start(model.graph, 0)
    (path,) = model.export(tmp_path / "tagger.onnx", weights=weights, origin="canonical")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for batch, time in ((1, 3), (4, 40)):
        graph = model.graph_for({"batch": batch, "time": time})
        inputs = data.inputs(graph)
        due = reference.run(graph, weights, inputs)
        for name, array in zip(graph.outputs, session.run(list(graph.outputs), inputs), strict=True):
            assert np.abs(array - due[graph.outputs[name].name]).max() < 1e-5


def test_weights_that_are_too_many_lie_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = archspec.load("lenet5_relu")
    (whole,) = model.export(tmp_path / "whole.onnx")
    monkeypatch.setattr(exporting, "LARGEST", 1000)
    path, beside = model.export(tmp_path / "net.onnx")
    assert beside.name == "net.onnx.data"
    onnx.checker.check_model(path)
    arrays = [{t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(p).graph.initializer} for p in (whole, path)]
    assert arrays[0].keys() == arrays[1].keys()
    assert all(np.array_equal(array, arrays[1][name]) for name, array in arrays[0].items())


def test_the_same_network_is_the_same_file(tmp_path: Path) -> None:
    texts = [archspec.load("lenet5").export(tmp_path / name)[0].read_bytes() for name in ("a.onnx", "b.onnx")]
    assert texts[0] == texts[1]


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    model = archspec.load("lenet5")
    with pytest.raises(UsageError, match=r"the ending says what to write: \.onnx"):
        model.export(tmp_path / "net.tflite")
    with pytest.raises(UsageError, match="export writes it"):
        model.compile("onnx")
    with pytest.raises(UsageError, match="cannot write"):
        model.export(tmp_path / "none" / "net.onnx")
    with pytest.raises(UsageError, match="files for evaluation"):
        archspec.verify("lenet5", to="onnx", gradients=True)
    with pytest.raises(UsageError, match="there is no format 'tflite'"):
        formats(["tflite"])
    assert format_of(Path("NET.ONNX")) is FORMAT


HEADS: Final = """
archspec: 1
name: Heads
inputs: {x: [time, 12], h: [time, 12]}
blocks:
  Heads:
    inputs: [x]
    layers:
      - {op: reshape, shape: [-1, 3, 4]}
      - {op: permute, axes: [2, 1, 3]}
layers:
  - {block: Heads, name: heads, from: x}
  - {op: add, name: sum, from: [x, h]}
outputs: {heads: heads, h: sum}
"""


@pytest.mark.frameworks
def test_sizes_that_only_blocks_name_are_open_and_inputs_may_be_called_as_outputs_are(tmp_path: Path) -> None:
    model = Spec.parse(HEADS, "heads.yaml").network()
    (path,) = model.export(tmp_path / "heads.onnx")
    outputs = {each.name: _shape(each) for each in onnx.load(path).graph.output}
    assert outputs == {"heads": ["batch", 3, "time", 4], "h_out": ["batch", "time", 12]}
    assert archspec.verify(model, to="onnx").ok


@pytest.mark.frameworks
def test_networks_are_verified() -> None:
    proof = archspec.verify("lenet5", "lenet5_relu", to="onnx")
    assert proof.ok
    for report in proof.reports:
        rungs = report.outcomes["onnx"].rungs
        assert {"float64", "float32", "graph", "second", "edges"} <= rungs.keys()
        assert any("not compared in float64" in remark for remark in report.remarks)


def _spoiled(monkeypatch: pytest.MonkeyPatch, key: str, spoil: Spoil) -> None:
    whole = exporting.row_of

    def row_of(name: str) -> Any:
        row = whole(name)
        if name != key or row is None:
            return row
        return lambda step: spoil(step, row(step))

    monkeypatch.setattr(exporting, "row_of", row_of)


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("key", "spoil"),
    [
        ("multi_head_attention", lambda step, y: step("Mul", y, step.floats(1 + 1e-7))),
        ("gru", lambda step, y: step("Add", y, step.floats(1e-4))),
        ("embedding", lambda step, y: step("Transpose", y, perm=[1, 0, 2])),
        ("linear", lambda step, y: step("Clip", y, step.floats(-50), step.floats(50))),
    ],
)
def test_a_wrong_row_is_found(monkeypatch: pytest.MonkeyPatch, key: str, spoil: Spoil) -> None:
    """Of what has a kernel in float64 also a fault of 1e-7, and a bound that drawn numbers do not reach."""
    assert archspec.verify(_tagger(), to="onnx").ok
    _spoiled(monkeypatch, key, spoil)
    (report,) = archspec.verify(_tagger(), to="onnx").reports
    outcome = report.outcomes["onnx"]
    assert outcome.status in ("failed", "error")
    assert outcome.culprit is not None
    assert outcome.culprit.op == key


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network's file, and weights, the same and others."""
    monkeypatch.chdir(tmp_path)
    model = archspec.load("lenet5_relu")
    for seed, name in enumerate(("same", "other")):
        save(model, f"{name}.safetensors", start(model.graph, seed))
    model.export("net.onnx", seed=0)
    return tmp_path


def _outcome(file: str, weights: str, **options: Any) -> Any:
    (report,) = archspec.verify("lenet5_relu", to="onnx", against=file, weights=weights, **options).reports
    assert report.outcomes["onnx"].status == "passed"
    return report.outcomes[file]


@pytest.mark.frameworks
def test_somebody_s_file_is_held_against_a_spec(files: Path) -> None:
    right = _outcome("net.onnx", "same.safetensors")
    assert (right.status, right.rungs["float32"].compared) == ("passed", 1)
    model = onnx.load("net.onnx")
    for graph in (model.graph,):  # other names, told apart by their places
        for info in (*graph.input, *graph.output):
            for node in graph.node:
                for names in (node.input, node.output):
                    for place, name in enumerate(names):
                        if name == info.name:
                            names[place] = f"other_{name}"
            info.name = f"other_{info.name}"
    onnx.save(model, "renamed.onnx")
    assert _outcome("renamed.onnx", "same.safetensors", sizes={"batch": 3}).status == "passed"
    wrong = _outcome("net.onnx", "other.safetensors")
    assert (wrong.status, wrong.culprit.step) == ("failed", "output")
    steps = [node.path for node in archspec.load("lenet5_relu").graph.nodes if node.parameters()]
    assert list(dict.fromkeys(each.step for each in wrong.match.deviations)) == steps
    assert all("has other numbers" in each.reason for each in wrong.match.deviations)


@pytest.mark.frameworks
def test_what_differs_in_somebody_s_file_is_located(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = Path(__file__).parent.parent / "docs" / "example" / "tiny_resnet.yaml"
    network = archspec.load(spec)
    save(network, "same.safetensors", start(network.graph, 0))
    network.export("net.onnx", seed=0)
    model = onnx.load("net.onnx")
    norm = next(node for node in model.graph.node if node.op_type == "BatchNormalization")
    next(each for each in norm.attribute if each.name == "epsilon").f = 1e-2
    onnx.save(model, "wrong.onnx")
    (report,) = archspec.verify(spec, to="onnx", against="wrong.onnx", weights="same.safetensors").reports
    outcome = report.outcomes["wrong.onnx"]
    assert outcome.match is not None
    assert outcome.message.startswith("batch_norm 'stem.bn': epsilon is 0.01, not 1e-05, in BatchNormalization")
    assert [each.step for each in outcome.match.deviations] == ["stem.bn"]
    assert not outcome.match.missing


@pytest.mark.frameworks
def test_a_file_that_is_none_ends_in_a_line(files: Path) -> None:
    data = Path("net.onnx").read_bytes()
    Path("cut.onnx").write_bytes(data[: len(data) // 2])
    Path("text.onnx").write_text("this is no model", "utf-8")
    archspec.load("resnet18").export("pictures.onnx")
    elsewhere = onnx.load("net.onnx")
    tensor = elsewhere.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")
    Path("elsewhere.onnx").write_bytes(elsewhere.SerializeToString())
    for name in ("cut", "text", "pictures", "elsewhere"):
        outcome = _outcome(f"{name}.onnx", "same.safetensors")
        assert outcome.status == "error", name
        assert "\n" not in outcome.message
        assert not outcome.failure.detail, name
        assert "passwd:" not in outcome.message


def test_a_file_needs_weights(files: Path) -> None:
    with pytest.raises(UsageError, match="such a file is run with the weights that it holds"):
        archspec.verify("lenet5_relu", to="onnx", against="net.onnx")
    with pytest.raises(UsageError, match=r"there is no file none\.onnx"):
        archspec.verify("lenet5_relu", to="onnx", against="none.onnx", weights="same.safetensors")
