"""Frameworks in their own processes: real ones, with small programs written by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from archspec import reference
from archspec.backend import Observed, Program, Weight
from archspec.graph.mode import Mode
from archspec.model import Spec
from archspec.verification import data, worker
from archspec.verification.failure import Failure
from archspec.verification.probes import without_probes
from archspec.verification.request import Given, Wanted, message
from archspec.verification.run import examine, least_memory, memory
from archspec.verification.subject import Generated, generated
from archspec.verification.workers import Pool, Result

pytestmark = pytest.mark.frameworks

ROOT = Path(__file__).parent.parent
RUNNERS = {name: ROOT / "backends" / name / "runner.py" for name in ("keras", "pytorch", "paddle")}

NETWORK = Spec.parse("""
archspec: 1
name: Small
inputs: {image: [3, 7, 6]}
layers:
  - name: stem
    layers:
      - {op: conv2d, name: conv, out_channels: 4, kernel_size: 3, stride: 2}
      - {op: batch_norm, name: bn}
  - {op: relu, name: relu}
  - {op: split, name: halves, sections: 2}
  - {op: concat, name: swapped, from: [halves.1, halves.0]}
  - {op: flatten, name: flat}
  - {op: linear, name: fc, out_features: 5}
  - {op: linear, name: aux, out_features: 2, from: flat}
outputs:
  logits: fc
  aux: {from: aux, when: training}
""").network()
GRAPH = NETWORK.graph

TORCH = """
import torch
from torch import nn
from torch.nn import functional as F

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4))
        self.fc = nn.Linear(24, 5)
        self.aux = nn.Linear(24, 2)

    def forward(self, x):
        x = probe(self, "relu", F.relu(self.stem(x)))
        a, b = probe(self, "halves", torch.chunk(x, 2, 1))
        x = probe(self, "swapped", torch.cat([b, a], 1))
        x = probe(self, "flat", torch.flatten(x, 1))
        logits = probe(self, "fc", self.fc(x))
        if self.training:
            return logits, probe(self, "aux", self.aux(x))
        return logits
"""
PADDLE = (
    TORCH.replace("torch", "paddle")
    .replace("nn.Module", "nn.Layer")
    .replace("2d(", "2D(")
    .replace("chunk(", "chunk(")
    .replace("paddle.cat(", "paddle.concat(")
)
KERAS = """
import keras
from keras import layers, ops

def Small(auxiliary=False):
    image = keras.Input((7, 6, 3))
    x = probe("stem_conv", layers.Conv2D(4, 3, strides=2, name="stem_conv")(image))
    x = probe("stem_bn", layers.BatchNormalization(epsilon=1e-5, name="stem_bn")(x))
    x = probe("relu", layers.ReLU(name="relu")(x))
    a, b = probe("halves", ops.split(x, 2, axis=-1))
    x = probe("swapped", layers.Concatenate(name="swapped")([b, a]))
    x = layers.Permute((3, 1, 2), name="canonical")(x)
    x = probe("flat", layers.Flatten(name="flat")(x))
    outputs = [probe("fc", layers.Dense(5, name="fc")(x))]
    if auxiliary:
        outputs.append(probe("aux", layers.Dense(2, name="aux")(x)))
    return keras.Model(image, outputs)
"""

LAST = (("transpose", (0, 2, 3, 1)),)
SWAP = (("transpose", (1, 0)),)


def program(backend: str) -> Program:
    keras = backend == "keras"
    source = {"pytorch": TORCH, "paddle": PADDLE, "keras": KERAS}[backend]
    names = {"conv": "stem_conv", "bn": "stem_bn"} if keras else {"conv": "stem.0", "bn": "stem.1"}
    weight, mean, variance = {
        "pytorch": ("weight", "running_mean", "running_var"),
        "paddle": ("weight", "_mean", "_variance"),
        "keras": ("gamma", "moving_mean", "moving_variance"),
    }[backend]
    dot, matrix, bias = ("/", "kernel", "beta") if keras else (".", "weight", "bias")
    image = LAST if keras else ()
    weights = [
        Weight("stem.conv.weight", f"{names['conv']}{dot}{matrix}", (("transpose", (2, 3, 1, 0)),) if keras else ()),
        Weight("stem.conv.bias", f"{names['conv']}{dot}bias"),
        Weight("stem.bn.weight", f"{names['bn']}{dot}{weight}"),
        Weight("stem.bn.bias", f"{names['bn']}{dot}{bias}"),
        Weight("stem.bn.running_mean", f"{names['bn']}{dot}{mean}"),
        Weight("stem.bn.running_var", f"{names['bn']}{dot}{variance}"),
    ]
    for name in ("fc", "aux"):
        weights.append(Weight(f"{name}.weight", f"{name}{dot}{matrix}", () if backend == "pytorch" else SWAP))
        weights.append(Weight(f"{name}.bias", f"{name}{dot}bias"))
    probes = {
        "stem_conv": (Observed("stem.conv", image),),
        "stem_bn": (Observed("stem.bn", image),),
        "relu": (Observed("relu", image),),
        "halves": (Observed("halves.0", image), Observed("halves.1", image)),
        "swapped": (Observed("swapped", image),),
        **{name: (Observed(name),) for name in ("flat", "fc", "aux")},
    }
    return Program(
        source=without_probes(source),
        probed=source,
        written=source,
        rounded=source.replace("1e-5", str(float(np.float32(1e-5)))),
        entry="Small",
        weights=tuple(weights),
        inputs={"image": image},
        outputs={"logits": (), "aux": ()},
        probes=probes,
        hooks={} if keras else {"stem.0": "stem_conv", "stem.1": "stem_bn"},
        training_arguments={"auxiliary": True} if keras else {},
    )


PROGRAMS = {name: program(name) for name in RUNNERS}


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(RUNNERS) as made:
        yield made


@pytest.fixture(scope="module")
def stored(pool: Pool) -> dict[str, Any]:
    return worker.save(str(pool.scratch.file(0)), {**data.parameters(GRAPH), **data.inputs(GRAPH)})


Run = Callable[..., Result | Failure]


@pytest.fixture
def run(pool: Pool, stored: dict[str, Any]) -> Run:
    """Runs a backend's program, changed as the keywords say."""

    def call(backend: str, dtype: str = "float64", timeout: float = 60, **changes: Any) -> Result | Failure:
        forced, repeat = changes.pop("forced", None), changes.pop("repeat", 1)
        if "source" in changes:
            changes["rounded"] = changes["source"]
        changed = replace(PROGRAMS[backend], **changes)
        into = pool.scratch.file(0)
        aux = [w.parameter for w in changed.weights if w.parameter.startswith("aux.")]
        subject = Generated(backend, backend, changed)
        wanted = Wanted(outputs=["logits"], optional=aux, repeat=repeat)
        request = message(subject, dtype, Given(data=stored, forced=forced), wanted, into)
        return pool.submit(backend, request, timeout=timeout).result()

    return call


def changed(backend: str, old: str, new: str) -> Program:
    """The backend's program with a defect."""
    given = PROGRAMS[backend]
    assert old in given.rounded
    probed = given.probed.replace(old, new)
    return replace(given, source=without_probes(probed), probed=probed, written=probed,
                   rounded=given.rounded.replace(old, new))  # fmt: skip


def failed(found: Result | Failure) -> Failure:
    assert isinstance(found, Failure)
    return found


def done(found: Result | Failure) -> Result:
    assert isinstance(found, Result), found
    return found


@pytest.mark.parametrize("mode", [Mode.EVALUATION, Mode.AUXILIARY])
def test_three_frameworks_agree_with_the_reference(pool: Pool, mode: Mode) -> None:
    report = examine(GRAPH, generated(PROGRAMS), pool, mode=mode)
    assert report.exit_code == 0, report.to_json()
    due = 11 if mode is Mode.AUXILIARY else 9
    outputs = 1 + (mode is Mode.AUXILIARY)
    compared = {"float64": due, "float32": due, "edges": due - outputs, "graph": outputs}
    for name, outcome in report.outcomes.items():
        assert set(outcome.rungs) == {"float64", "float32", "edges"} | ({"graph"} if name == "keras" else set())
        for rung, found in outcome.rungs.items():
            assert found.compared == compared[rung], "all steps, and the outputs; of a graph those alone"
            assert not found.unseen
        assert outcome.versions["python"]
        assert outcome.memory > 50e6
    assert {Path(f).suffix for folder in pool.scratch.folders for f in os.listdir(folder)} <= {".stderr", ".arrays"}


def test_one_after_the_other_where_memory_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archspec.verification.run.physical_memory", lambda: 3 * 2**30)
    with Pool(RUNNERS) as own:
        report = examine(GRAPH, generated(PROGRAMS), own)
        assert report.exit_code == 0, report.to_json()
        assert all(outcome.versions for outcome in report.outcomes.values())
        assert not any(each.alive for each in own._workers.values()), "they gave back what they had"
    assert memory(GRAPH, 3, gradients=True) > 3 * 2**30 > memory(GRAPH, 2, gradients=True)


def test_what_does_not_fit_is_not_tried(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    least = least_memory(GRAPH, gradients=True)
    assert least_memory(GRAPH, gradients=False) < least < memory(GRAPH, 1, gradients=True)
    monkeypatch.setattr("archspec.verification.run.physical_memory", lambda: least)
    one = generated({"pytorch": PROGRAMS["pytorch"]})  # processes are started for each run
    assert examine(GRAPH, one, pool, gradients=True).exit_code == 0
    monkeypatch.setattr("archspec.verification.run.physical_memory", lambda: least - 1)
    assert examine(GRAPH, one, pool).exit_code == 0
    report = examine(GRAPH, generated(PROGRAMS), pool, gradients=True)
    assert report.exit_code == 1
    for outcome in report.outcomes.values():
        assert (outcome.status, outcome.failure and outcome.failure.kind) == ("error", "memory")
        assert (
            "small takes more than 0.25 GiB, and the machine has 0.25; less depth or width (--set)" in outcome.message
        )


@pytest.mark.parametrize("backend", RUNNERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_framework_alone(pool: Pool, run: Run, backend: str, dtype: str) -> None:
    assert examine(GRAPH, generated({backend: PROGRAMS[backend]}), pool).exit_code == 0
    found = done(run(backend, dtype, repeat=2))
    truth = reference.run(GRAPH, data.parameters(GRAPH), data.inputs(GRAPH))
    assert {array.dtype.name for array in found.arrays.values()} == {dtype}
    np.testing.assert_allclose(found.arrays["output logits"], truth["fc"], atol=1e-9 if dtype == "float64" else 1e-5)
    assert set(found.seconds) == {"build", "weights", "run"}


@pytest.mark.parametrize("backend", RUNNERS)
def test_forced_steps_get_what_they_are_given(pool: Pool, run: Run, backend: str) -> None:
    steps = {tensor.name: np.zeros(tensor.shape) for node in GRAPH.nodes for tensor in node.outputs}
    forced = worker.save(
        str(pool.scratch.file(0)), {**steps, "flat": steps["flat"] + 1, "halves.1": steps["halves.1"] + 2}
    )
    found = done(run(backend, forced=forced)).arrays
    parameters = data.parameters(GRAPH)
    np.testing.assert_allclose(found["fc"][0], parameters["fc.weight"].sum(1) + parameters["fc.bias"], atol=1e-5)
    swapped = found["swapped"].transpose(0, 3, 1, 2) if backend == "keras" else found["swapped"]
    assert (swapped.mean((0, 2, 3)) == [2, 2, 0, 0]).all()
    assert not found["output logits"].any()


DEFECTS = {
    "another function": ("pytorch", "F.relu(", "torch.tanh(", "relu"),
    "a tuple in another order": ("paddle", "[b, a]", "[a, b]", "swapped"),
    "another order of flattening": ("keras", "(3, 1, 2)", "(1, 2, 3)", "flat"),
}


@pytest.mark.parametrize(("backend", "old", "new", "step"), DEFECTS.values(), ids=DEFECTS)
def test_the_first_wrong_step_is_found_and_confirmed(pool: Pool, backend: str, old: str, new: str, step: str) -> None:
    report = examine(GRAPH, generated({**PROGRAMS, backend: changed(backend, old, new)}), pool)
    assert report.exit_code == 1
    assert {name: outcome.status for name, outcome in report.outcomes.items() if name != backend} == dict.fromkeys(
        RUNNERS.keys() - {backend}, "passed"
    )
    culprit = report.outcomes[backend].culprit
    assert culprit is not None
    assert (culprit.step, culprit.confirmed) == (step, True)
    assert step in report.outcomes[backend].message
    assert [finding.tensor for finding in report.outcomes[backend].rungs["alone"].wrong] == [step]


def test_a_float32_constant_in_a_float64_model_is_found(pool: Pool) -> None:
    report = examine(GRAPH, generated({"pytorch": changed("pytorch", "F.relu(self", "(1 + 1e-8) * F.relu(self")}), pool)
    assert report.outcomes["pytorch"].rungs["float64"].wrong
    assert not report.outcomes["pytorch"].rungs["float32"].wrong


def test_declared_inexactness_is_allowed_where_it_is_declared(pool: Pool) -> None:
    given = changed("pytorch", "F.relu(self", "(1 + 1e-8) * F.relu(self")
    passed = examine(GRAPH, generated({"pytorch": replace(given, inexact={"relu": 1.5e-8})}), pool).outcomes["pytorch"]
    assert passed.status == "passed"
    assert passed.rungs["alone"].compared == 8
    failed = examine(GRAPH, generated({"pytorch": replace(given, inexact={"relu": 1e-9})}), pool).outcomes["pytorch"]
    assert failed.rungs["float64"].wrong
    assert [finding.tensor for finding in failed.rungs["alone"].wrong] == ["relu"]
    assert failed.status == "failed"
    assert failed.culprit is not None
    assert failed.culprit.confirmed


def test_a_step_that_does_not_run_is_not_passed(pool: Pool) -> None:
    given = changed("pytorch", 'x = probe(self, "flat", torch.flatten(x, 1))', "x = torch.flatten(x, 1)")
    outcome = examine(GRAPH, generated({"pytorch": given}), pool).outcomes["pytorch"]
    assert outcome.status == "failed"
    assert "the step did not run" in outcome.message
    silent = replace(given, probes={key: seen for key, seen in given.probes.items() if key != "flat"})
    outcome = examine(GRAPH, generated({"pytorch": silent}), pool).outcomes["pytorch"]
    assert outcome.status == "passed"
    assert outcome.rungs["float64"].unseen == ("flat",)


def test_no_framework_is_its_own_measure_in_float32(pool: Pool) -> None:
    off = replace(PROGRAMS["pytorch"], probed=TORCH.replace("F.relu(", "1.001 * F.relu("))
    raises = changed("paddle", "a, b =", "1 / 0; a, b =")
    outcomes = examine(GRAPH, generated({"pytorch": off, "paddle": raises}), pool).outcomes
    assert next(finding.tensor for finding in outcomes["pytorch"].rungs["float32"].wrong) == "relu"
    assert (outcomes["pytorch"].status, outcomes["paddle"].status) == ("failed", "failed")


def without(name: str) -> Callable[[Program], tuple[Weight, ...]]:
    return lambda given: tuple(w for w in given.weights if w.parameter != name)


WEIGHTS: dict[str, tuple[Callable[[Program], tuple[Weight, ...]], str]] = {
    "left over": (without("fc.bias"), "nothing fills 'fc?bias'"),
    "no such target": (
        lambda given: (*without("fc.bias")(given), Weight("fc.bias", "fc_bias")),
        "the model has no weight 'fc_bias' (for fc.bias); nothing fills 'fc?bias'",
    ),
    "twice": (
        lambda given: (*given.weights, *(w for w in given.weights if w.parameter == "fc.bias")),
        "'fc?bias' is filled twice (again by fc.bias)",
    ),
    "shape": (
        lambda given: tuple(replace(w, layout=(("reshape", (5, 1)),)) if w.parameter == "fc.bias" else w
                            for w in given.weights),
        "'fc?bias' has shape (5,), and fc.bias gives (5, 1)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("backend", RUNNERS)
@pytest.mark.parametrize(("change", "problem"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights_are_strict(
    run: Run, backend: str, change: Callable[[Program], tuple[Weight, ...]], problem: str
) -> None:
    failure = failed(run(backend, weights=change(PROGRAMS[backend])))
    assert failure.kind == "weights"
    assert failure.message == problem.replace("?", "/" if backend == "keras" else ".")


FAILURES = {
    "syntax": ("import torch", "import torch torch", "build", "SyntaxError"),
    "constructor": ("super().__init__()", "super().__init__(); 1 / 0", "build", "ZeroDivisionError: division by zero"),
    "forward": ("x = probe(self, \"flat\"", "1 / 0; x = probe(self, \"flat\"", "run", "ZeroDivisionError"),
    "unknown probe": ('"flat"', '"round"', "run", "the program has a probe 'round' that it does not declare"),
    "a probe twice": ('"flat"', '"relu"', "run", "the probe 'relu' sees 2 tensors in one run and declares 1"),
    "tensors of a probe": ("torch.chunk(x, 2, 1)", "torch.chunk(x, 4, 1)", "run", "in one run and declares 2"),
    "outputs": ("return logits\n", "return logits, logits\n", "run", "the model returns 2 outputs, not 1 (logits)"),
    "dtype of a weight": ("nn.Linear(24, 5)", "nn.Linear(24, 5, dtype=torch.float32)", "weights",
                          "'fc.weight' is torch.float32, not float64"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "kind", "text"), FAILURES.values(), ids=FAILURES)
def test_failures_say_what_and_where(run: Run, old: str, new: str, kind: str, text: str) -> None:
    assert old in TORCH
    failure = failed(run("pytorch", source=TORCH.replace(old, new)))
    assert failure.kind == kind
    assert text in failure.message
    if text == "ZeroDivisionError":
        assert "1 / 0; x = probe" in failure.detail, "the traceback quotes the program"


def test_a_crash_is_reported_and_the_others_results_kept(pool: Pool) -> None:
    report = examine(
        GRAPH, generated({**PROGRAMS, "paddle": changed("paddle", "a, b =", "import os; os.abort(); a, b =")}), pool
    )
    assert report.exit_code == 1
    assert {name: outcome.status for name, outcome in report.outcomes.items()} == {
        "keras": "passed", "pytorch": "passed", "paddle": "error",
    }  # fmt: skip
    failure = report.outcomes["paddle"].failure
    assert failure is not None
    assert (failure.kind, failure.message, failure.at) == ("crashed", "the process was ended by SIGABRT", "relu")
    assert "in forward" in failure.detail, "what the process wrote to stderr"
    assert examine(GRAPH, generated({"paddle": PROGRAMS["paddle"]}), pool).exit_code == 0, "it was started again"


def test_a_worker_that_hangs_is_ended(run: Run) -> None:
    done(run("pytorch"))
    started = monotonic()
    source = TORCH.replace('x = probe(self, "flat"', 'import time; time.sleep(100); x = probe(self, "flat"')
    failure = failed(run("pytorch", source=source, timeout=2))
    assert (failure.kind, failure.message) == ("timeout", "no answer within 2 seconds")
    assert failure.at == "swapped"
    assert monotonic() - started < 5


def test_any_time_limit_is_one(run: Run) -> None:
    done(run("pytorch", timeout=float("inf")))
    done(run("pytorch", timeout=1e300))


def test_files_that_cannot_be_written(pool: Pool, stored: dict[str, Any]) -> None:
    path = pool.scratch.folders[0] / "missing" / "1.arrays"
    subject = Generated("pytorch", "pytorch", PROGRAMS["pytorch"])
    wanted = Wanted(outputs=["logits"], optional=["aux.weight", "aux.bias"])
    request = message(subject, "float64", Given(data=stored), wanted, path)
    assert failed(pool.submit("pytorch", request).result()).message.startswith("FileNotFoundError")


def test_noise_does_not_disturb(run: Run) -> None:
    noise = """
import os, sys
print("garbage"); os.write(1, b"{"); os.system("echo more"); print(1, file=sys.stderr); sys.stdin.read()
"""
    assert done(run("pytorch", source=noise + TORCH)).arrays


def test_a_missing_framework_is_never_a_pass(tmp_path: Path, pool: Pool) -> None:
    (tmp_path / "runner.py").write_text("import no_such_framework")
    with Pool({"pytorch": tmp_path / "runner.py"}) as empty:
        report = examine(GRAPH, generated({"pytorch": PROGRAMS["pytorch"]}), empty)
    assert report.exit_code == 3
    assert report.outcomes["pytorch"].status == "missing"
