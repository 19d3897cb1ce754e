"""Networks are also run with another batch, other open sizes and arguments: code that takes one for granted fails."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from functools import cache
from textwrap import dedent
from typing import Final

import pytest

from archspec import load
from archspec.backend import Program, backends
from archspec.graph.graph import rounded
from archspec.model import Model, Spec
from archspec.verification.cases import Case, Second, case, second
from archspec.verification.run import examine
from archspec.verification.subject import Generated, generated
from archspec.verification.workers import Pool

from .faults import both, pattern, text

BACKENDS: Final = backends()
SPEC: Final = """
    archspec: 1
    name: Words
    params: {num_classes: 4, dropout: 0.5}
    inputs: {words: [time, 6]}
    layers:
      - {op: linear, name: first, out_features: 8}
      - {op: reshape, name: apart, shape: [-1, 2, 4]}
      - {op: mean, name: pooled, axis: [1, 2]}
      - {op: dropout, name: drop, p: dropout}
      - {op: linear, name: fc, out_features: num_classes}
"""


@cache
def model() -> Model:
    return Spec.parse(dedent(SPEC), "words.yaml").network()


@cache
def tried() -> tuple[Case, Second]:
    found = case(model(), BACKENDS)
    return found, second(found, BACKENDS)


def programs_of(other: Second) -> dict[str, Program]:
    return {each.name: each.program for each in other.subjects if isinstance(each, Generated)}


def test_the_files_of_a_case_are_those_that_are_handed_out() -> None:
    text = SPEC.replace("Words", "Square").replace("[time, 6]", "[3, 8, 8]")
    square = Spec.parse(dedent(text).split("layers:")[0] + "layers: [global_avg_pool2d]\n", "s.yaml").network()
    found = case(square, BACKENDS)
    assert found.graph.inputs["words"].shape == (2, 3, 8, 7)
    assert found.files == {backend.name: square.compile(backend.name) for backend in BACKENDS}
    assert "7" in found.programs["keras"].source
    assert "7" not in found.files["keras"]


def test_what_is_other() -> None:
    first, other = tried()
    assert (first.graph.inputs["words"].shape, other.graph.inputs["words"].shape) == ((2, 17, 6), (1, 9, 6))
    assert other.arguments == {"num_classes": 5, "dropout": 0.375}
    assert other.graph.outputs["output"].shape == (1, 5)
    for name, program in programs_of(other).items():
        assert program.source == first.programs[name].source
        assert program.rounded == program.written


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "image"), [("resnet18", (1, 3, 64, 96)), ("vgg16", (1, 3, 224, 224)), ("lenet5", (1, 1, 32, 32))]
)
def test_images_are_smaller_where_the_code_is_the_same(name: str, image: tuple[int, ...]) -> None:
    assert second(case(load(name), BACKENDS), BACKENDS).graph.inputs["image"].shape == image


def test_a_batch_of_one_gets_another() -> None:
    assert second(case(model(), BACKENDS, sizes={"batch": 1}), BACKENDS).graph.inputs["words"].shape == (2, 9, 6)


FAULTS: Final = [
    ("pytorch", "a batch of 2", r"self\.first\(words\)", "self.first(words).reshape(2, -1, 8)", "first"),
    ("pytorch", "no batch of 1", r"x\.mean\(\(1, 2\)\)", "x.mean((1, 2)).squeeze()", "pooled"),
    ("pytorch", "17 places", r"self\.first\(words\)", "self.first(words).reshape(-1, 17, 8)", "first"),
    ("pytorch", "4 classes", r"nn\.Linear\(4, num_classes\)", "nn.Linear(4, 4)", "fc"),
    ("pytorch", "a rate of 0.5", r"nn\.Dropout\(.*\)", "nn.Dropout(0.5)", "drop"),
    ("keras", "17 places", r"keras\.Input\(\(None, 6\)", "keras.Input((17, 6)", ""),
    ("keras", "4 classes", r"layers\.Dense\(num_classes", "layers.Dense(4", "fc"),
    ("keras", "a rate of 0.5", r"layers\.Dropout\(.*?, name", "layers.Dropout(0.5, name", "drop"),
    ("paddle", "a batch of 2", r"self\.first\(words\)", "self.first(words).reshape([2, -1, 8])", "first"),
    ("paddle", "4 classes", r"nn\.Linear\(4, num_classes\)", "nn.Linear(4, 4)", "fc"),
]


def plain(program: Program) -> Program:
    """A program as the patterns of faults expect it."""
    probed, written, rounded = (ast.unparse(ast.parse(t)) for t in (program.probed, program.written, program.rounded))
    return replace(program, probed=probed, written=written, rounded=rounded)


@pytest.mark.frameworks
def test_without_a_fault_all_pass(pool: Pool) -> None:
    first, other = tried()
    report = examine(rounded(first.graph), generated(first.programs), pool, second=other)
    assert {name: each.message for name, each in report.outcomes.items()} == dict.fromkeys(first.programs, "")
    for outcome in report.outcomes.values():
        assert outcome.rungs["second"].compared == 6
        assert outcome.rungs["random"].compared == 1


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("backend", "old", "new", "step"), [pytest.param(n, *f, id=f"{n}: {about}") for n, about, *f in FAULTS]
)
def test_what_code_takes_for_granted(backend: str, old: str, new: str, step: str, pool: Pool) -> None:
    first, other = tried()
    change = pattern(old, new)
    changed = change(plain(first.programs[backend]))
    again = change(plain(programs_of(other)[backend]))
    other = replace(other, subjects=generated({backend: again}))
    outcome = examine(rounded(first.graph), generated({backend: changed}), pool, second=other).outcomes[backend]
    assert not outcome.rungs["float64"].wrong
    assert not outcome.rungs["float32"].wrong
    assert outcome.status in ("failed", "error")
    if step:
        assert outcome.culprit is not None, outcome.message
        assert outcome.culprit.step == step


@pytest.mark.frameworks
@pytest.mark.parametrize(("backend", "axes"), [("pytorch", "(1, 2)"), ("paddle", "[1, 2]")])
def test_what_is_kept_of_the_sizes_of_another_call(backend: str, axes: str, pool: Pool) -> None:
    first, other = tried()
    kept = f"x.sum({axes}) / (2 * self.__dict__.setdefault('kept', x.shape[1]))"
    change = pattern(re.escape(f"x.mean({axes})"), kept)
    changed, again = change(plain(first.programs[backend])), change(plain(programs_of(other)[backend]))
    other = replace(other, subjects=generated({backend: again}))
    outcome = examine(rounded(first.graph), generated({backend: changed}), pool, second=other).outcomes[backend]
    assert outcome.status == "error"
    assert "output 'output' is another one without probes" in outcome.message


SMALL: Final = """
    archspec: 1
    name: Small
    inputs: {x: [5, 8]}
    layers:
      - {op: multi_head_attention, name: attend, num_heads: 2}
      - {op: linear, name: fc, out_features: 3}
    outputs: {y: fc}
"""
HALF: Final = """
class Half(keras.initializers.RandomUniform):
    def __call__(self, shape, dtype=None):
        return super().__call__(shape, dtype) * keras.ops.cast([0.5] * 3 + [1] * (shape[-1] - 3), dtype)

"""
HALVES: Final = {
    "pytorch": pattern(r"(nn\.init\.xavier_uniform_\(part\))", r"\1; part.data[:4] *= 0.5"),
    "keras": both(text("keras.initializers.RandomUniform(", "Half("), text("def Small(", f"{HALF}def Small(")),
    "paddle": pattern(r"(self\.fc = )", r"w = self.attend.q_proj.weight; "
                      r"w.set_value(w.detach() * (1 - 0.5 * (w.new_ones([8, 1]).cumsum(0) < 5).astype(w.dtype))); \1"),
}  # fmt: skip


@pytest.mark.frameworks
@pytest.mark.parametrize("backend", HALVES)
def test_half_of_a_small_attention_that_begins_with_half_the_deviation(backend: str, pool: Pool) -> None:
    """One model has too few numbers to tell."""
    chosen = [each for each in backends() if each.name == backend]
    first = case(Spec.parse(dedent(SMALL), "small.yaml").network(), chosen)
    other = second(first, chosen)
    right = examine(rounded(first.graph), generated(first.programs), pool, second=other).outcomes[backend]
    assert right.status == "passed", right.message
    changed = HALVES[backend](plain(first.programs[backend]))
    outcome = examine(rounded(first.graph), generated({backend: changed}), pool, second=other).outcomes[backend]
    assert outcome.status == "failed"
    assert "starts with deviation" in outcome.message
