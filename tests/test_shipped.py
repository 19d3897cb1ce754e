"""The file itself, as the user gets it, is built and run: what probes would hide is found."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from archspec.backend import Program, backends
from archspec.graph.graph import rounded
from archspec.model import Model, Spec
from archspec.verification.report import Outcome
from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.workers import Pool

BACKENDS: Final = {backend.name: backend for backend in backends()}
SPEC: Final = """
    archspec: 1
    name: Small
    inputs: {image: [3, 6, 7]}
    layers:
      - {op: conv2d, name: conv, out_channels: 4, kernel_size: 3}
      - {op: batch_norm, name: bn}
      - {op: relu, name: relu}
      - {op: multiply, name: half, value: 0.5}
      - {op: global_avg_pool2d, name: pool}
      - {op: layer_norm, name: norm}
    outputs: {y: norm}
"""

pytestmark = pytest.mark.frameworks


@cache
def model() -> Model:
    return Spec.parse(dedent(SPEC), "small.yaml").network()


@cache
def program(backend: str) -> Program:
    return BACKENDS[backend].generate(model())


def outcome(backend: str, changed: Program, pool: Pool) -> Outcome:
    """What is found about a changed program, alone."""
    return examine(rounded(model().graph), generated({backend: changed}), pool).outcomes[backend]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_tensor_times_a_number_is_dense(backend: str, pool: Pool) -> None:
    scaled = Spec.read(Path(__file__).parent / "miscompiled" / "scaled.yaml").network()
    found = examine(rounded(scaled.graph), generated({backend: BACKENDS[backend].generate(scaled)}), pool).outcomes[
        backend
    ]
    assert found.status == "passed", found.message


def test_a_value_that_keras_takes_for_sparse_is_named(pool: Pool) -> None:
    given = program("keras")
    changed = {form: getattr(given, form).replace("times(x, 0.5)", "x * 0.5") for form in FORMS}
    found = outcome("keras", replace(given, **changed), pool)
    assert found.culprit is not None
    assert found.culprit.step == "half"
    assert "sparse" in found.message


@pytest.mark.parametrize("op", ["relu", "relu6", "silu", "hard_swish"])
def test_nothing_is_written_into_what_the_caller_gave(op: str) -> None:
    layers = "\n".join(f"  - {{op: {each}}}" for each in (op, "dropout", op))
    first = Spec.parse(f"archspec: 1\nname: First\ninputs: {{image: [3, 4]}}\nlayers:\n{layers}\n").network()
    assert "inplace" not in BACKENDS["pytorch"].write(first)


FORMS: Final = ("source", "probed", "written", "rounded")
CHANGES: Final[dict[str, list[tuple[str, str, str]]]] = {
    "pytorch": [
        ("self.conv(image)", "self.konv(image)", "AttributeError"),
        ("F.relu(self.bn(", "F.relu(1e-7 + self.bn(", "output 'y' is another one without probes, by "),
        ("self.conv(image)", "self.conv(image.mul_(1))", ""),
        ("self.conv(image)", "self.conv(image.mul_(2).div_(4).mul_(2))", ""),
        ("self.conv(image)", "self.conv(image.mul_(2))", "the model overwrites its input 'image'"),
        ("return self.norm(x.mean((2, 3)))", "return {'y': self.norm(x.mean((2, 3)))}",
         "the model returns a dict, not a value (y)"),
        ("return self.norm(x.mean((2, 3)))", "return (self.norm(x.mean((2, 3))),)",
         "the model returns a tuple, not a value (y)"),
        ("return self.norm(x.mean((2, 3)))", "return [self.norm(x.mean((2, 3)))]",
         "the model returns a list, not a value (y)"),
        ("x = x * 0.5", "x = x * 0.5; self.seen = getattr(self, 'seen', 0) + 1; x = x + (self.seen > 1) * x[:, :1]",
         "output 'y' is another one at a second call, by "),
        ("x = x * 0.5", "x = x * 0.5; self.kept = getattr(self, 'kept', x.mean()); x = x - x.mean() + self.kept",
         "output 'y' is another one without probes, by "),
        ("self.norm = nn.LayerNorm(4)", "self.norm = nn.LayerNorm(4); __import__('torch').manual_seed(0)",
         "beside what it should do: it seeds the framework's random numbers"),
        ("x = x * 0.5", "x = x * 0.5; __import__('torch').manual_seed(0)",
         "beside what it should do: it seeds the framework's random numbers"),
        ("self.norm = nn.LayerNorm(4)", "self.norm = nn.LayerNorm(4); self.conv.bias.register_hook(lambda g: 2 * g)",
         "the gradient of 'conv.bias' is changed by a hook"),
    ],
    "paddle": [
        ("self.norm = nn.LayerNorm(4)", "self.norm = nn.LayerNorm(4); __import__('paddle').seed(0)",
         "beside what it should do: it seeds the framework's random numbers"),
        ("kernel_size=3)", "kernel_size=3, bias_attr=__import__('paddle').ParamAttr(learning_rate=2.0))",
         "'conv.bias' has a learning rate of its own"),
        ("self.conv(image)", "self.konv(image)", "AttributeError"),
        ("F.relu(self.bn(", "F.relu(1e-7 + self.bn(", "output 'y' is another one without probes, by "),
        ("self.conv(image)", "self.conv(image.scale_(2))", "the model overwrites its input 'image'"),
        ("return self.norm(x.mean([2, 3]))", "return (self.norm(x.mean([2, 3])),)",
         "the model returns a tuple, not a value (y)"),
    ],
    "keras": [
        ("Conv2D(4, 3, ", "Conv2D(4, 3, kernel_regularizer='l2', ", "'conv/kernel' has a regularizer"),
        ("Conv2D(4, 3, ", "Conv2D(4, 3, bias_constraint='non_neg', ", "'conv/bias' has a constraint"),
        ("Model(image, y", "Model(image, {'y': y}", "the model returns a dict, not a value (y)"),
        ("name=\"conv\")(image)", "name=\"conv\")(imago)", "NameError"),
        ("name=\"relu\")(x)", "name=\"relu\")(x + 1e-7)", "output 'y' is another one without probes, by "),
    ],
}  # fmt: skip
"""What is changed in the file alone, and what is said; nothing, where the outputs and inputs stay as they are."""


@pytest.mark.parametrize(
    ("backend", "old", "new", "message"),
    [pytest.param(name, *change, id=f"{name}: {change[1]}") for name, changes in CHANGES.items() for change in changes],
)
def test_what_only_the_file_has(backend: str, old: str, new: str, message: str, pool: Pool) -> None:
    given = program(backend)
    assert given.source.count(old) == 1, given.source
    found = outcome(backend, replace(given, source=given.source.replace(old, new)), pool)
    if message:
        assert found.failure is not None
        assert found.failure.kind == "shipped"
        assert message in found.failure.message
        assert found.status == "error"
    else:
        assert found.status == "passed", found.message


@pytest.mark.parametrize(("backend", "cut"), [("pytorch", "image.clamp_(max=9.5)"), ("paddle", "image.clip_(max=9.5)")])
def test_an_input_that_is_overwritten_where_no_drawn_number_comes(backend: str, cut: str, pool: Pool) -> None:
    given = program(backend)
    forms = {form: getattr(given, form) for form in FORMS}
    changed = {form: text.replace("self.conv(image)", f"[self.conv(image), {cut}][0]") for form, text in forms.items()}
    found = outcome(backend, replace(given, **changed), pool)
    assert found.status == "error", found.message
    assert "the model overwrites its input 'image' where that is large" in found.message


LEFT_OUT: Final = {"pytorch": ("nn.BatchNorm2d", "momentum", 0.1), "paddle": ("nn.BatchNorm2D", "momentum", 0.9)}


@pytest.mark.parametrize("backend", LEFT_OUT)
def test_a_default_that_the_framework_does_not_have(backend: str, pool: Pool) -> None:
    """It would need training to be seen in numbers."""
    given, (target, argument, value) = program(backend), LEFT_OUT[backend]
    written = f"{argument}={value!r}"
    assert given.written.count(written) == 1
    changed = replace(given, written=given.written.replace(written, f"{argument}=0.25"))
    found = outcome(backend, changed, pool)
    assert found.failure is not None
    assert found.failure.message == f"{target} has {written} by default, and 0.25 is meant"


@pytest.mark.parametrize(("backend", "default"), [("pytorch", "eps=1e-5"), ("paddle", "epsilon=1e-5")])
def test_another_default_shows_in_float64(backend: str, default: str, pool: Pool) -> None:
    """Even where nothing has a signature: the numbers of the file are those with the defaults written out."""
    given = program(backend)
    assert default in given.written
    changed = replace(given, written=given.written.replace(default, default.replace("1e-5", "1.0000001e-5")))
    found = outcome(backend, changed, pool)
    assert found.failure is not None
    assert "output 'y' is another one without probes" in found.failure.message or "by default" in found.failure.message


GRAPH: Final = """
    archspec: 1
    name: Graph
    inputs: {x: [4]}
    layers:
      - {op: linear, name: fc, out_features: 5}
      - {op: constant, name: fixed, shape: [5], value: 0.5}
      - {op: add, name: sum, from: [fc, fixed]}
    outputs: {y: sum}
"""


@pytest.mark.parametrize(("factor", "status"), [("1", "passed"), ("1.0001", "failed")])
def test_what_a_graph_gives_is_held_to_the_usual_bounds(factor: str, status: str, pool: Pool) -> None:
    model = Spec.parse(dedent(GRAPH), "graph.yaml").network()
    given, old = BACKENDS["keras"].generate(model), "np.broadcast_to(value,"
    new = f"np.broadcast_to(value if hasattr(x, 'numpy') else value * value.dtype.type({factor}),"
    forms = {form: getattr(given, form).replace(old, new) for form in FORMS}
    assert all(new in text for text in forms.values())
    found = examine(rounded(model.graph), generated({"keras": replace(given, **forms)}), pool).outcomes["keras"]
    assert found.status == status, found.message
    assert {name for name, rung in found.rungs.items() if rung.wrong} == ({"graph"} if status == "failed" else set())
