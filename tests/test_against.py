"""A person's own model held against a spec. Most of it needs no framework: what the walk is given is made by the
reference, with weights by other names and in other layouts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archspec
from archspec import reference
from archspec.against import bindings, lookup, reach
from archspec.against.attempt import Known, Model
from archspec.against.records import Recorded
from archspec.against.target import targets
from archspec.against.variants import relatives, variants
from archspec.against.walk import Walk, Walker
from archspec.backend import Weight, backends
from archspec.cli import app
from archspec.errors import UsageError
from archspec.graph.graph import Graph, Node
from archspec.graph.mode import Mode
from archspec.ops.activation import Gelu, LeakyRelu, Relu6
from archspec.ops.base import Operation
from archspec.ops.pooling import GlobalMaxPool2d
from archspec.verification import data
from archspec.verification.worker import Array
from archspec.verification.worker.calls import EDGES
from archspec.verification.workers import Pool, Result
from archspec.weights import files

from .commands import CliRunner
from .own_models.faults import FAULTS
from .own_models.libraries import LIBRARIES
from .scripts import script

ROOT = Path(__file__).parent.parent
TINY = ROOT / "docs" / "example" / "tiny_resnet.yaml"
OWN = Path(__file__).parent / "own_models"
BENCHMARK = script("against")


# What is recorded of a model that computes as the spec does, but for `other` operations; its weights have numbers.


def recorded(graph: Graph, other: Mapping[str, Operation | None] | None = None, *, last: bool = True) -> Recorded:
    """The run of a model that has other operations in place of some steps; None: nothing in place of it."""
    changed = dict(other or {})
    nodes: list[Node] = []
    for node in graph.steps(Mode.EVALUATION):
        op = changed.get(node.path, node.op)
        nodes.append(node)
        if op is not None:
            object.__setattr__(node, "op", op)
    inputs = data.inputs(graph)
    values = {id(tensor): _double(inputs[name]) for name, tensor in graph.inputs.items()}
    arrays: dict[str, Array] = {}
    records: list[dict[str, Any]] = []
    at: dict[int, int] = {}

    def add(func: str, value: Array, reads: list[int], weights: list[str], more: Mapping[str, Any], bends: Any) -> int:
        number = len(records)
        shown = np.ascontiguousarray(np.moveaxis(value, 1, -1) if last and value.ndim == 4 else value)
        arrays[f"record {number}"] = shown.copy()
        if bends is not None:
            arrays[f"bends {number}"] = bends
        records.append({"func": func, "value": f"record {number}", "reads": reads, "weights": weights, "path": "",
                        "arguments": dict(more), "bends": f"bends {number}" if bends is not None else ""})  # fmt: skip
        return number

    for name, tensor in graph.inputs.items():
        at[id(tensor)] = add("input", inputs[name], [], [], {"path": name}, None)
    names: dict[str, str] = {}
    for node in nodes:
        given = [values[id(tensor)] for tensor in node.inputs]
        if changed.get(node.path, node.op) is None:
            values[id(node.outputs[0])], at[id(node.outputs[0])] = given[0], at[id(node.inputs[0])]
            continue
        weights = {}
        for name, parameter in node.op.parameters(*(x.shape for x in given)).items():
            full = node.parameter(name)
            drawn = data._parameter(parameter, data._generator(1, full)).astype(np.float64)
            names.setdefault(full, f"w{len(names)}")
            arrays[f"weight {names[full]}"] = np.ascontiguousarray(drawn.T) if last else drawn
            weights[name] = drawn
        results = node.op.reference(*given, **weights)
        bends = None
        if node.op.elementwise and len(given) == 1:
            bends = np.asarray(node.op.reference(np.resize(EDGES, given[0].shape)))
        told: dict[str, Any] = {name: list(v) if isinstance(v, tuple) else v for name, v in dict(node.op).items()}
        for tensor, value in zip(node.outputs, results if isinstance(results, tuple) else (results,), strict=True):
            values[id(tensor)] = np.asarray(value)
            reads = [at[id(each)] for each in node.inputs]
            used = [names[node.parameter(name)] for name in weights]
            at[id(tensor)] = add(node.op.key, np.asarray(value), reads, used, told, bends)
    outputs = [at[id(tensor)] for tensor in graph.results(Mode.EVALUATION).values()]
    seen: dict[str, list[Any]] = {"records": records, "returned": outputs, "names": []}
    return Recorded(Result(arrays, {}, 0, seen), "float64")


def _double(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _graph(spec: str | Path) -> Graph:
    model = archspec.load(spec)
    return (model.resized({"image": (3, 12, 12)}) if spec == TINY else model).graph


def walked(spec: str | Path, other: Mapping[str, Operation | None] | None = None) -> tuple[Walk, Graph]:
    run, graph = recorded(_graph(spec), other), _graph(spec)
    table = lookup.Table(run.values, "float64")
    given = {}
    for name, array in data.inputs(graph).items():
        double = _double(array)
        given[name] = Known(double, tuple(table.find(double)), array.shape)
    return Walker(graph, Model(run, table, {}), given).run(), graph


@pytest.mark.parametrize("spec", [TINY, "lenet", "mlp", "text_rnn"], ids=lambda each: Path(each).stem)
def test_finds_every_weight_without_names(spec: str | Path) -> None:
    walk, graph = walked(spec)
    assert not walk.deviations, walk.deviations
    assert walk.mapping.keys() == graph.parameters(Mode.EVALUATION).keys()
    assert sorted(weight.target for weight in walk.mapping.values()) == sorted(
        f"w{n}" for n in range(len(walk.mapping))
    )


def _tiny(path: str, **changed: Any) -> Operation:
    node = next(node for node in archspec.load(TINY).graph.nodes if node.path == path)
    return type(node.op)(**{**dict(node.op), **changed})


SEEDED: dict[str, tuple[str, Callable[[], Operation | None], str]] = {
    "epsilon": ("stem.bn", lambda: _tiny("stem.bn", epsilon=3e-4), "epsilon is 0.0003, not 1e-05"),
    "padding": ("stem.conv", lambda: _tiny("stem.conv", padding=((2, 0), (2, 0))), "padding is [2, 0], not 1"),
    "slope": ("stage.0.relu", lambda: LeakyRelu(negative_slope=0.05), "leaky_relu in place of relu"),
    "bound": ("stem.relu", Relu6, "relu6 in place of relu"),
    "curve": ("stage.1.relu", Gelu, "gelu in place of relu"),
    "pool": ("global_avg_pool2d", GlobalMaxPool2d, "global_max_pool2d in place"),
    "left out": ("stage.2.relu", lambda: None, "is left out"),
}


@pytest.mark.parametrize("name", SEEDED)
def test_names_the_first_step_that_differs(name: str) -> None:
    step, made, words = SEEDED[name]
    walk, graph = walked(TINY, {step: made()})
    assert [each.step for each in walk.deviations] == [step]
    assert words in walk.deviations[0].reason
    assert walk.mapping.keys() == graph.parameters(Mode.EVALUATION).keys()


def test_several_faults_come_out_in_one_run() -> None:
    faults = {step: made() for step, made, _ in (SEEDED["epsilon"], SEEDED["slope"], SEEDED["pool"])}
    walk, _ = walked(TINY, faults)
    assert [each.step for each in walk.deviations] == ["stem.bn", "stage.0.relu", "global_avg_pool2d"]
    assert not any(each.provisional for each in walk.deviations)


class Odd(Operation):
    """What no catalogue has."""

    def reference(self, *inputs: Array, **parameters: Array) -> Array:
        return np.asarray(np.cos(inputs[0]) * inputs[0])


def test_what_comes_after_an_unknown_step_is_provisional() -> None:
    walk, _ = walked(TINY, {"stem.relu": Odd(), "stage.1.relu": Gelu()})
    first, second = walk.deviations
    assert (first.step, first.reason, first.provisional) == ("stem.relu", "", False)
    assert (second.step, second.provisional) == ("stage.1.relu", True)
    assert "gelu" in second.reason


def test_branches_that_read_the_same_are_told_apart_by_what_follows(tmp_path: Path) -> None:
    """Two convolutions of one input with kernels of one shape: the first that fits is taken, and taken back."""
    text = """
archspec: 1
name: Fork
inputs: {image: [3, 8, 8]}
layers:
  - branches:
      one: [{op: conv2d, name: ONE, out_channels: 4, kernel_size: 3}, FIRST]
      two: [{op: conv2d, name: TWO, out_channels: 4, kernel_size: 3}, SECOND]
    join: add
"""
    (tmp_path / "a.yaml").write_text(text.replace("ONE", "a").replace("TWO", "b").replace("FIRST", "sigmoid")
                                     .replace("SECOND", "tanh"))  # fmt: skip
    (tmp_path / "b.yaml").write_text(text.replace("ONE", "b").replace("TWO", "a").replace("FIRST", "tanh")
                                     .replace("SECOND", "sigmoid"))  # fmt: skip
    run = recorded(archspec.load(tmp_path / "b.yaml").graph)  # as who runs the other branch first
    graph = archspec.load(tmp_path / "a.yaml").graph
    image = data.inputs(graph)["image"].astype(np.float64)
    table = lookup.Table(run.values, "float64")
    walk = Walker(graph, Model(run, table, {}), {"image": Known(image, tuple(table.find(image)), image.shape)}).run()
    assert not walk.deviations
    assert walk.mapping["a.weight"].target == "w2"


# Parts of it.


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 2, 3, 1), (2, 3, 1, 0)])
def test_lookup_finds_arrays_in_other_orders(axes: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    table = lookup.Table(
        [np.zeros(120), array.transpose(axes).copy(), array.transpose(axes).reshape(-1, 5, 2)], "float64"
    )
    found = table.find(array)
    assert [hit.number for hit in found] == [1, 2]
    assert np.array_equal(table.canonical(found[0], array.shape), array)
    assert table.find(array + 1e-6) == []


def test_lookup_takes_no_shuffled_array() -> None:
    array = np.random.default_rng(0).normal(size=(2, 30))
    shuffled = array[:, np.random.default_rng(1).permutation(30)]
    table = lookup.Table([shuffled], "float64")
    assert table.alike(array) == [0]
    assert table.find(array) == []


def test_a_packed_matrix_is_shared_by_three() -> None:
    due = {"q": (4, 8), "k": (4, 8), "v": (4, 8)}
    found = next(each for each in bindings.bindings([], due, ["packed"], {"packed": (8, 12)}, (2, 5, 8))
                 if len({weight.layout for weight in each}) == 3)  # fmt: skip
    assert {weight.parameter: weight.layout[0] for weight in found} == {
        "q": ("pad", (0, 8)), "k": ("pad", (4, 4)), "v": ("pad", (8, 0)),
    }  # fmt: skip
    assert all(weight.shared for weight in found)


def test_variants_are_other_operations() -> None:
    def each(op: Operation) -> Iterator[str]:
        yield from (words for words, _ in (*variants(op), *relatives(op)))

    words = list(each(_tiny("stem.bn")))
    assert "epsilon is 0.001, not 1e-05" in words
    assert "affine is false, not true" in words
    assert any("instance_norm in place of batch_norm" in text for text in words)
    assert all(other != _tiny("stem.conv") for _, other in variants(_tiny("stem.conv")))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nothing", "give FILE.py:NAME"),
        ("no.py:build", "there is no file no.py"),
        ("my model:build", "give FILE.py:NAME"),
        ("mod:build(3)", "arguments have names"),
        ("mod:build(n=open('x'))", "arguments are numbers"),
        ("mod:build(n=__import__('os'))", "arguments are numbers"),
        ("jax=mod:build", "none of the frameworks"),
        ("no.pt", "there is no file no.pt"),
        ("pytorch=net.keras", "one of keras, not of pytorch"),
    ],
)
def test_refuses_what_names_no_model(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem.replace("(", r"\(")):
        targets([text], backends(["pytorch"]))


def test_reads_a_target() -> None:
    (found,) = targets(["paddle=paddle.vision.models:resnet18(weights=None, classes=10)"], backends())
    assert (found.backend.name, found.module, found.name) == ("paddle", "paddle.vision.models", "resnet18")
    assert found.arguments == {"weights": None, "classes": 10}
    with pytest.raises(UsageError, match="in which framework is it written"):
        targets(["torch.nn:Linear"], backends())


def test_names_that_exchange_are_rules_that_do() -> None:
    from archspec.weights.names import at_once, renamed

    arrays = {"a.weight": np.zeros(1), "b.weight": np.ones(1), "c": np.full(1, 2.0)}
    found = renamed(arrays, at_once({"a.weight": "b.weight", "b.weight": "a.weight", "c": "d.bias"}))
    assert {name: float(array[0]) for name, array in found.items()} == {"b.weight": 0, "a.weight": 1, "d.bias": 2}


def test_the_reference_itself_is_what_is_recorded() -> None:
    graph = archspec.load(TINY).graph
    weights = {name: data._parameter(p, data._generator(1, name)) for name, p in graph.parameters().items()}
    due = reference.run(graph, weights, data.inputs(graph))
    run = recorded(archspec.load(TINY).graph, last=False)
    assert np.allclose(run.values[run.returned[0]], due["fc"], rtol=1e-12)


def test_layouts_of_another_kind_of_layer_are_no_layouts_of_this_one() -> None:
    native = [Weight("gates", "kernel", (("take", (5, 4, 3, 2, 1, 0)),))]
    first = next(bindings.bindings(native, {"gates": (4, 2)}, ["kernel"], {"kernel": (4, 2)}, ()))
    assert first[0].layout == ()


def test_zeros_times_anything_depend_on_nothing() -> None:
    arrays = {"a": np.ones(3), "zeros": np.zeros(3), "b": np.ones(3)}
    calls = [
        ("input", (), "a"), ("Fill", (), "zeros"), ("Fill", (), "b"), ("Mul", (0, 1), "zeros"), ("Mul", (0, 2), "b"),
        ("AddV2", (3, 2), "b"), ("AddV2", (3, 4), "b"), ("AddV2", (0, 1), "a"),
    ]  # fmt: skip
    records = [{"func": func, "path": "", "reads": reads, "weights": [], "value": value, "bends": ""}
               for func, reads, value in calls]  # fmt: skip
    run = Recorded(Result(arrays, {}, 0, {"records": records, "returned": [7], "names": []}), "float64")
    assert [reach._depends(run, number) for number in range(8)] == [True, False, False, False, True, False, True, True]


# With frameworks.

RUN = CliRunner()


def _verify(backend: str, *texts: str) -> tuple[int, str]:
    own = [option for text in texts for option in ("--against", text)]
    result = RUN.invoke(app, ["verify", str(TINY), "--to", backend, *own])
    return result.exit_code, result.output


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("backend", "names"), [("pytorch", ["build"]), ("keras", ["build", "functional"]), ("paddle", ["build"])]
)
def test_models_by_hand(backend: str, names: list[str], tmp_path: Path) -> None:
    """Those that are right pass, and those that are not say why."""
    file = OWN / f"{backend}_tiny.py"
    wrong = tmp_path / "wrong.py"
    old, new = {
        "pytorch": ("nn.BatchNorm2d(after)", "nn.BatchNorm2d(after, eps=2e-4)"),
        "keras": ("momentum=0.9, epsilon=1e-5", "momentum=0.9, epsilon=2e-4"),
        "paddle": ("nn.BatchNorm2D(after)", "nn.BatchNorm2D(after, epsilon=2e-4)"),
    }[backend]
    wrong.write_text(file.read_text().replace(old, new))
    code, text = _verify(backend, *(f"{file}:{name}" for name in names), f"{wrong}:build")
    assert code == 1
    for name in names:
        assert f"{file}:{name}: 20 of 20 steps found by their values in float64, 30 weights" in text
    assert text.count("passed") == 1 + len(names)
    assert "batch_norm 'stem.bn': epsilon is 0.0002, not 1e-05" in text
    assert text.count("epsilon is 0.0002") == 5


BEYOND: dict[str, dict[str, tuple[str, str]]] = {
    "pytorch": {
        "bound": ("x = x.clamp(max=90.5)", "relu 'stage.2.relu': clamp comes after it"),
        "mask": ("x = torch.where(x.abs() < 1e3, x, 0 * x)", "relu 'stage.2.relu': where comes after it"),
        "branch": ("x = x / 2 if x.max() > 1e4 else x", "__bool__ (branch.py:28), which looks at numbers"),
        "others": ("x = x.masked_fill(x.mean((1, 2, 3), True) > 50, 0)", "relu 'stage.2.relu': masked_fill comes"),
        "given": ("x = x.masked_fill(image.mean((1, 2, 3), True) > 50, 0)", "came: masked_fill (given.py:28)"),
        "plain": ("x = torch.relu(x).contiguous().view(x.shape)[:] * 1 + 0", "passed"),
        "parts": ("x = torch.minimum(torch.relu(x), torch.tensor(1e30)).clone()", "passed"),
    },
    "keras": {
        "bound": ("x = ops.minimum(x, 90.5)", "relu 'stage.2.relu': Minimum comes after it"),
        "mask": ("x = ops.where(ops.abs(x) < 1e3, x, 0 * x)", "relu 'stage.2.relu': SelectV2 comes after it"),
        "branch": ("x = x / 2 if ops.max(x) > 1e4 else x", "__bool__ 'net' (branch.py:27), which looks at numbers"),
        "plain": ("x = ops.reshape(ops.relu(x), ops.shape(x))[:] * 1 + 0", "passed"),
    },
    "paddle": {
        "bound": ("x = x.clip(max=90.5)", "relu 'stage.2.relu': clip comes after it"),
        "mask": ("x = paddle.where(x.abs() < 1e3, x, 0 * x)", "relu 'stage.2.relu': where comes after it"),
        "branch": ("x = x / 2 if x.max() > 1e4 else x", "__bool__ (branch.py:28), which looks at numbers"),
        "plain": ("x = F.relu(x).reshape(x.shape)[:] * 1 + 0", "passed"),
    },
}  # fmt: skip


@pytest.mark.frameworks
@pytest.mark.parametrize("backend", BEYOND)
def test_what_no_number_of_a_run_reaches_is_no_pass(backend: str, tmp_path: Path) -> None:
    """It is reached in another run, or named; and what changes nothing at all is no fault."""
    lines = (OWN / f"{backend}_tiny.py").read_text().splitlines(keepends=True)
    last = next(place for place, line in enumerate(lines) if "return self.head(" in line)
    first = next(place for place, line in enumerate(lines) if "for unit in" in line)
    for name, (line, _) in BEYOND[backend].items():
        made = [*lines[:first], "        image = x\n", *lines[first:last], f"        {line}\n", *lines[last:]]
        (tmp_path / f"{name}.py").write_text("".join(made))
    code, text = _verify(backend, *(f"{tmp_path}/{name}.py:build" for name in BEYOND[backend]))
    assert code == 1
    for name, (_, words) in BEYOND[backend].items():
        assert re.search(rf"^{re.escape(f'{tmp_path}/{name}.py:build')}:? .*{re.escape(words)}", text, re.M), text
        assert (f"{name}.py:build: not compared" in text) == ("which looks" in words or "came:" in words), text


BROKEN = """
import torch
from torch import nn
from pytorch_tiny import Net


def raises():
    return Net(colour="red")


def needs(width):
    return Net()


def number():
    return 3


class Two(Net):
    def forward(self, x):
        y = super().forward(x)
        return y, y


class Grey(Net):
    def forward(self, x):
        return super().forward(x[:, :1])


class Spare(Net):
    def __init__(self):
        super().__init__()
        self.spare = nn.Linear(3, 3)
"""


@pytest.mark.frameworks
def test_what_is_wrong_with_code_is_said_in_a_line(tmp_path: Path) -> None:
    """And nothing of it takes the others down."""
    file = tmp_path / "broken.py"
    file.write_text(BROKEN)
    (tmp_path / "pytorch_tiny.py").write_text((OWN / "pytorch_tiny.py").read_text())  # a file beside it
    due = {
        "raises": 'broken.py:8: return Net(colour="red"): TypeError: ',
        "needs": "'needs' cannot be called like this: missing a required argument: 'width'; name a function that ",
        "number": "TypeError: this gives int, and no torch.nn.Module",
        "nothing": f"{file} has no 'nothing'",
        "Two": "the model gives 2 tensors, not 1: logits",
        "Grey": "pytorch_tiny.py:14: y = self.norm(self.body(x)): RuntimeError: ",
        "Spare": "no step of the spec uses the model's spare.weight, spare.bias",
    }
    code, text = _verify("pytorch", *(f"{file}:{name}" for name in due))
    assert code == 1
    for name, words in due.items():
        assert re.search(rf"^{re.escape(f'{file}:{name}')}: .*{re.escape(words)}", text, re.MULTILINE), (name, text)


@pytest.mark.frameworks
def test_training_shows_what_evaluation_does_not(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    text = (OWN / "pytorch_cnn.py").read_text()
    file.write_text(text.replace("eps=0.001)\n        self.mix", "eps=0.001, momentum=0.3)\n        self.mix")
                    .replace("Dropout(0.3)", "Dropout(0.4)"))  # fmt: skip
    spec = str(OWN / "cnn.yaml")
    command = ["verify", spec, "--to", "pytorch", "--against", f"{file}:build"]
    result = RUN.invoke(app, command)
    assert result.exit_code == 0
    assert "in training only (--training): dropout 'drop': p is 0.4, not 0.3" in result.output
    result = RUN.invoke(app, [*command, "--training", "--gradients", "--against", f"{OWN}/pytorch_cnn.py:build"])
    assert result.exit_code == 1
    assert "batch_norm 'bn2': momentum is 0.3, not 0.1" in result.output
    assert len(re.findall(r"pytorch_cnn.py:build .* passed$", result.output, re.MULTILINE)) == 2


@pytest.mark.frameworks
def test_the_page_about_porting_is_true(tmp_path: Path) -> None:
    """What it shows comes out, what it mends passes, and the weights arrive."""
    page = (ROOT / "docs" / "porting.md").read_text(encoding="utf-8")
    text = page.partition("```python\n")[2].partition("```")[0]
    wrong, right, names = tmp_path / "my_model.py", tmp_path / "mended.py", tmp_path / "names.yaml"
    wrong.write_text(text)
    right.write_text(text.replace(", eps=1e-3", "").replace("amax", "mean"))
    code, shown = _verify("pytorch", f"{wrong}:Net")
    assert code == 1
    for line in re.findall(r"^my_model\.py:Net: (\d\. .*)$", page, re.MULTILINE):
        assert line.replace("docs/example/", "") in shown.replace(f"{TINY.parent}/", "").replace("docs/example/", "")
    result = RUN.invoke(app, ["verify", str(TINY), "--to", "pytorch", "--against", f"{right}:Net",
                              "--save-names", str(names)])  # fmt: skip
    assert result.exit_code == 0, result.output
    saved, ours = tmp_path / "my_weights.pt", tmp_path / "ours.safetensors"
    script = f"import runpy, torch; torch.save(runpy.run_path({str(right)!r})['Net']().state_dict(), {str(saved)!r})"
    subprocess.run([sys.executable, "-c", script], check=True)
    for target in (ours, tmp_path / "ours.weights.h5"):
        command = ["weights", "convert", str(saved), str(target), "--spec", str(TINY), "--names", str(names)]
        result = RUN.invoke(app, command)
        assert result.exit_code == 0, result.output
    theirs, found = files.read(saved).arrays, files.read(ours).arrays
    assert np.array_equal(found["stage.1.conv.weight"], theirs["units.2.body.weight"])
    assert np.array_equal(found["stem.bn.running_var"], theirs["units.0.norm.running_var"])


SAVE = {
    "pytorch": """
import sys, torch
sys.path.insert(0, {own!r})
from pytorch_tiny import build
model = build().eval()
torch.save(model.state_dict(), {folder!r} + "/own.pt")
torch.jit.save(torch.jit.trace(model, torch.zeros(2, 3, 32, 32)), {folder!r} + "/model.pt")
""",
    "keras": """
import runpy
model = runpy.run_path({file!r})["functional"]()
model.save_weights({folder!r} + "/own.weights.h5")
model.save({folder!r} + "/model.keras")
""",
}


@pytest.mark.frameworks
@pytest.mark.parametrize(("backend", "build"), [("pytorch", "build"), ("keras", "functional")])
def test_files_of_models_and_of_their_weights(backend: str, build: str, tmp_path: Path) -> None:
    """A saved model is a subject, and a model is compared with the weights of its own."""
    file = OWN / f"{backend}_tiny.py"
    subprocess.run(
        [sys.executable, "-c", SAVE[backend].format(file=str(file), own=str(OWN), folder=str(tmp_path))], check=True,
        capture_output=True,
    )  # fmt: skip
    weights, saved = sorted(tmp_path.glob("own*"))[0], sorted(tmp_path.glob("model*"))[0]
    command = [
        "verify",
        str(TINY),
        "--to",
        backend,
        "--against",
        f"{file}:{build}",
        "--weights",
        str(weights),
        "--json",
    ]
    result = RUN.invoke(app, command)
    assert result.exit_code == 0, result.output
    rungs = json.loads(result.stdout)["reports"][0]["outcomes"][f"{file}:{build}"]["rungs"]
    assert {"float64", "own float64", "own float32"} <= rungs.keys()
    assert rungs["own float64"]["compared"] == 1
    result = RUN.invoke(app, ["verify", str(TINY), "--to", backend, "--against", str(saved)])
    assert result.exit_code == 0, result.output
    assert (
        f"{saved}: 20 of 20 steps found by their values in {'float32' if backend == 'keras' else 'float64'}"
        in result.output
    )


@pytest.mark.frameworks
@pytest.mark.long
def test_a_librarys_resnet50_comes_into_keras(tmp_path: Path) -> None:
    """By names that are found by values: the same file as by the names that come along."""
    library = OWN / "torchvision_models.py"
    text = "import runpy, torch; m = runpy.run_path({!r})['model']('resnet50'); torch.save(m.state_dict(), {!r})"
    theirs, names = tmp_path / "theirs.pth", tmp_path / "names.yaml"
    subprocess.run([sys.executable, "-c", text.format(str(library), str(theirs))], check=True)
    command = ["verify", "resnet50", "--to", "pytorch", "--against", f"{library}:model(name='resnet50')"]
    result = RUN.invoke(app, [*command, "--save-names", str(names)])
    assert result.exit_code == 0, result.output
    for target, given in (("found", str(names)), ("known", "torchvision")):
        command = ["weights", "convert", str(theirs), str(tmp_path / f"{target}.weights.h5")]
        result = RUN.invoke(app, [*command, "--spec", "resnet50", "--names", given])
        assert result.exit_code == 0, result.output
    found, known = (files.read(tmp_path / f"{name}.weights.h5").arrays for name in ("found", "known"))
    assert found.keys() == known.keys()
    assert all(np.array_equal(array, known[name]) for name, array in found.items())


@pytest.mark.frameworks
@pytest.mark.long
@pytest.mark.parametrize("backend", LIBRARIES)
def test_models_of_libraries_pass(backend: str) -> None:
    with Pool({each.name: each.runner for each in backends([backend])}) as pool:
        for spec, text in LIBRARIES[backend].items():
            outcome, _ = BENCHMARK.held(pool, archspec.load(spec), backend, text.replace("OWN/", f"{OWN}/"))
            assert outcome.status == "passed", f"{spec}: {outcome.message}"


@pytest.mark.frameworks
@pytest.mark.long
@pytest.mark.parametrize("name", FAULTS)
def test_faults_in_ports_are_found(name: str, tmp_path: Path) -> None:
    """All are detected, at the right step but for one; most that have a reason with it; few with another one."""
    backend, network = BENCHMARK.port(name)
    with Pool({each.name: each.runner for each in backends([backend])}) as pool:
        assert BENCHMARK.held(pool, network, backend, f"{OWN / name}.py:build")[0].status == "passed"
        rows = []
        for fault in FAULTS[name]:
            seeded = BENCHMARK.seeded(name, fault, tmp_path)
            rows.append(BENCHMARK.judged(BENCHMARK.held(pool, network, backend, f"{seeded}:build")[0], fault, 0.0))
    total = {key: sum(row[key] for row in rows) for key in ("detected", "right_step", "named", "wrong")}
    assert total["detected"] == len(rows)
    assert total["right_step"] >= len(rows) - 1
    assert total["named"] >= 2 / 3 * sum(bool(fault.words) for fault in FAULTS[name])
    assert total["wrong"] <= 2


def test_the_page_of_what_is_found_follows_what_was_kept() -> None:
    kept = json.loads((ROOT / "docs" / "against.json").read_text(encoding="utf-8"))
    assert (ROOT / "docs" / "against.md").read_text(encoding="utf-8") == BENCHMARK.page(kept)
    assert all(each["status"] == "passed" for each in kept["libraries"].values())
    assert all(row["detected"] for rows in kept["ports"].values() for row in rows)
    assert kept["ports"].keys() <= FAULTS.keys()
