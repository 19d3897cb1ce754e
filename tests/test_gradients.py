"""Gradients: what is off in one framework is found and named, and what is off in all of them alike, too."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from textwrap import dedent
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec import reference
from archspec.backend import Moves, Program, backends
from archspec.graph.graph import Graph, rounded
from archspec.model import Spec
from archspec.proving import reports
from archspec.results.options import Options
from archspec.verification import data, gradients
from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.task import Instead
from archspec.verification.worker import arrange, restore
from archspec.verification.workers import Pool

BACKENDS: Final = {backend.name: backend for backend in backends()}

SPEC: Final = """
    archspec: 1
    name: Small
    inputs: {image: [3, 9, 7], token: {shape: [4], dtype: int64, below: 5}}
    layers:
      - {op: conv2d, name: conv1, from: image, out_channels: 5, kernel_size: 3}
      - {op: batch_norm, name: bn1}
      - tanh
      - {op: conv2d, name: conv2, out_channels: 6, kernel_size: 2, groups: 1}
      - {op: flatten, name: flat}
      - {op: embedding, name: embed, from: token, num_embeddings: 5, embedding_dim: 3}
      - {op: flatten, name: words}
      - {op: concat, from: [flat, words]}
      - {op: linear, name: head, out_features: 4}
"""


@cache
def graph() -> Graph:
    return rounded(Spec.parse(dedent(SPEC), "small.yaml").network().graph)


@cache
def programs() -> dict[str, Program]:
    model = Spec.parse(dedent(SPEC), "small.yaml").network()
    return {name: backend.generate(model) for name, backend in BACKENDS.items()}


def stopped(name: str) -> Program:
    """A program whose gradient does not pass the second convolution; its values are right."""
    program = programs()[name]
    if name == "keras":
        changed = program.rounded.replace('name="conv2")(', 'name="conv2")(keras.ops.stop_gradient(', 1)
        at = changed.index("keras.ops.stop_gradient(") + len("keras.ops.stop_gradient(")
    else:
        changed = program.rounded
        at = changed.index("self.conv2(") + len("self.conv2(")
    depth, end = 1, at
    while depth:
        depth += {"(": 1, ")": -1}.get(changed[end], 0)
        end += 1
    closing = ")" if name == "keras" else ".detach()"
    return replace(program, rounded=changed[: end - 1] + closing + changed[end - 1 :])


@pytest.mark.frameworks
def test_gradients_agree(pool: Pool) -> None:
    report = examine(graph(), generated(programs()), pool, gradients=True)
    assert {name: each.message for name, each in report.outcomes.items()} == dict.fromkeys(BACKENDS, "")
    for outcome in report.outcomes.values():
        names = {name for node in graph().nodes for name, p in node.parameters().items() if p.trainable}
        assert outcome.rungs["gradient"].compared == len(names) + 1, "all weights, and the image"
        assert outcome.rungs["gradient"].worst is not None
        assert outcome.rungs["gradient"].worst.error < 1e-13
        assert outcome.rungs["slope"].worst is not None
        assert outcome.rungs["slope"].worst.error < 1e-6


@pytest.mark.frameworks
@pytest.mark.parametrize("name", BACKENDS)
def test_a_wrong_gradient_is_found(name: str, pool: Pool) -> None:
    report = examine(graph(), generated({**programs(), name: stopped(name)}), pool, gradients=True)
    assert {key: each.status for key, each in report.outcomes.items()} == {
        key: "failed" if key == name else "passed" for key in BACKENDS
    }
    rungs = report.outcomes[name].rungs
    assert not rungs["float64"].wrong
    assert not rungs["float32"].wrong
    assert {finding.tensor for finding in rungs["gradient"].wrong} == {
        f"gradient of {label}" for label in ("image", "conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias")
    }
    assert rungs["slope"].wrong
    culprit = report.outcomes[name].culprit
    assert culprit is not None
    assert culprit.step == "conv2"
    assert culprit.confirmed
    assert [finding.tensor for finding in rungs["vjp"].wrong] == ["conv2"]
    assert "the gradient by tanh has the slope 0, that of the reference is" in culprit.finding.problem


@pytest.mark.frameworks
def test_what_all_have_wrong_alike_the_slope_shows(pool: Pool) -> None:
    report = examine(graph(), generated({name: stopped(name) for name in BACKENDS}), pool, gradients=True)
    for outcome in report.outcomes.values():
        assert outcome.status == "failed"
        assert "gradient" not in outcome.rungs, "there is none to be held against"
        assert outcome.rungs["slope"].wrong
        assert outcome.culprit is not None
        assert outcome.culprit.step == "conv2"


@pytest.mark.frameworks
def test_of_two_frameworks_the_right_one_is_not_blamed(pool: Pool) -> None:
    given = {"paddle": programs()["paddle"], "pytorch": stopped("pytorch")}
    report = examine(graph(), generated(given), pool, gradients=True)
    assert {name: each.status for name, each in report.outcomes.items()} == {"paddle": "passed", "pytorch": "failed"}
    assert report.outcomes["pytorch"].rungs["gradient"].wrong
    assert "gradient" not in report.outcomes["paddle"].rungs, "one that is wrong is no measure"
    assert report.outcomes["paddle"].rungs["vjp"].compared == 9


@pytest.mark.frameworks
def test_numbers_that_are_not_finite(pool: Pool) -> None:
    spec = """
        archspec: 1
        name: Log
        inputs: {x: [4, 6]}
        layers:
          - {op: multiply, value: 1.5}
          - log
    """
    network = Spec.parse(dedent(spec)).network()
    (report,) = reports(network, backends(), pool, Options(gradients=True, allow_unproven=True))
    assert report.exit_code == 0, report.to_json()
    (report,) = reports(network, backends(), pool)
    assert {outcome.status for outcome in report.outcomes.values()} == {"unproven"}


@pytest.mark.frameworks
def test_one_framework_alone_is_held_against_the_slope(pool: Pool) -> None:
    outcome = examine(graph(), generated({"paddle": stopped("paddle")}), pool, gradients=True).outcomes["paddle"]
    assert "gradient" not in outcome.rungs
    assert outcome.rungs["slope"].wrong
    assert outcome.status == "failed"
    assert "'conv2'" in outcome.message


KINK: Final = """
    archspec: 1
    name: Kink
    inputs: {x: [2]}
    layers: [relu]
"""


@pytest.mark.frameworks
def test_a_kink_within_the_step_is_no_wrong_gradient(pool: Pool) -> None:
    model = Spec.parse(dedent(KINK), "kink.yaml").network()
    large = np.array([[1, 1], [1, 0]], np.float32)
    along = [abs(gradients.STEP * data.direction(large, 0, f"x {number}"))[1, 1] for number in range(2)]
    assert along[0] > 1.1 * along[1], "only along the first direction"
    inputs = {"x": np.array([[1, 1], [1, (along[0] + along[1]) / 2]], np.float32)}
    programs = {name: backend.generate(model) for name, backend in BACKENDS.items()}
    report = examine(model.graph, generated(programs), pool, gradients=True, instead=Instead(inputs))
    assert {name: each.message for name, each in report.outcomes.items()} == dict.fromkeys(BACKENDS, "")
    truth = reference.run(model.graph, {}, inputs)
    slope = gradients.slope(model.graph, {}, inputs, model.graph.outputs, truth=truth)
    weights = gradients.projections(model.graph.outputs)["projection output"]
    off = gradients.slope_difference(gradients.along({"x": weights}, slope.direction), slope.total)
    assert not off.within(1e-5)
    assert slope.bound == gradients.SLOPE_LIMIT
    shorter = gradients.slope(model.graph, {}, inputs, model.graph.outputs, number=1, truth=truth)
    assert shorter.bound == gradients.SLOPE_BOUND


PUT: Final = """
    archspec: 1
    name: Put
    inputs: {x: [7], places: {shape: [5], dtype: int64, below: 7}}
    layers:
      - {op: linear, name: table, from: x, out_features: 7}
      - {op: linear, name: source, from: x, out_features: 5}
      - {op: scatter, name: put, from: [table, places, source], axis: 1}
      - tanh
      - {op: linear, name: head, out_features: 3}
"""


@pytest.mark.frameworks
def test_gradients_flow_beside_what_is_not_defined(pool: Pool) -> None:
    """Of a tensor with elements that may be others, only these are the reference's own, which have no gradient."""
    model = Spec.parse(dedent(PUT), "put.yaml").network()
    inputs = {"places": np.array([[1, 4, 1, 6, 0], [2, 2, 3, 5, 0]])}
    programs = {name: backend.generate(model) for name, backend in BACKENDS.items()}
    report = examine(rounded(model.graph), generated(programs), pool, gradients=True, instead=Instead(inputs))
    for outcome in report.outcomes.values():
        assert outcome.message == ""
        assert not any(rung.wrong for rung in outcome.rungs.values())
        assert outcome.rungs["gradient"].compared == 7


@pytest.mark.frameworks
def test_a_gradient_that_is_nan_is_told_so(pool: Pool) -> None:
    program = programs()["pytorch"]
    broken = replace(program, rounded=program.rounded.replace("self.head(x)", "self.head(x + 0 * (x - x).sqrt())"))
    assert broken.rounded != program.rounded
    outcome = examine(graph(), generated({"pytorch": broken}), pool, gradients=True).outcomes["pytorch"]
    assert outcome.message == "linear 'head': the gradient by concat has 312 values NaN or infinite"
    assert outcome.rungs["slope"].wrong


PAIRS: Final = {
    "two that are inexact, and one that is not": ({"x": 3e-8, "y": -2e-8, "z": 0.0}, {"x": 1e-7, "y": 1e-7}, ""),
    "the exact one is wrong": ({"x": 3e-8, "y": -2e-8, "z": 1e-6}, {"x": 1e-7, "y": 1e-7}, "z"),
    "an inexact one is wrong": ({"x": 1e-6, "y": 0.0, "z": 0.0}, {"x": 1e-7}, "x"),
    "one beside what is inexact": ({"x": 3e-8, "y": 0.0, "z": 2e-9}, {"x": 1e-7}, ""),
    "two that are exact": ({"y": 0.0, "z": 2e-9}, {}, "yz"),
}


@pytest.mark.parametrize(("off", "bounds", "wrong"), PAIRS.values(), ids=PAIRS)
def test_a_gradient_is_judged_by_what_both_may_be_off(
    off: dict[str, float], bounds: dict[str, float], wrong: str
) -> None:
    found = {name: {"w": np.array([1 + error])} for name, error in off.items()}
    judged = gradients.differences(found, lambda name, _: bounds.get(name, gradients.BOUND), found)
    assert [name for name, _, difference, bound in judged if not difference.within(bound)] == list(wrong)


@given(st.data())
def test_restore_is_the_inverse_of_arrange(draw: st.DataObject) -> None:
    shape = tuple(draw.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    array = np.random.default_rng(0).random(shape)
    layout: list[tuple[str, tuple[int, ...]]] = []
    current = array
    for _ in range(draw.draw(st.integers(0, 4))):
        match draw.draw(st.sampled_from(["reshape", "transpose", "take", "pad"])):
            case "reshape":
                step: tuple[str, tuple[int, ...]] = ("reshape", (-1, *current.shape[1:][::-1]))
            case "transpose":
                step = ("transpose", tuple(draw.draw(st.permutations(range(current.ndim)))))
            case "take":
                step = ("take", tuple(draw.draw(st.permutations(range(len(current))))))
            case _:
                step = ("pad", (draw.draw(st.integers(0, 2)), draw.draw(st.integers(0, 2))))
        layout.append(step)
        current = arrange(current, [step])
    done: Moves = tuple(layout)
    assert np.array_equal(restore(arrange(array, done), done, shape), array)


def test_there_is_no_gradient_without_floats() -> None:
    spec = Spec.parse("archspec: 1\nname: Ints\ninputs: {x: {shape: [3], dtype: int64, below: 5}}\nlayers: [flatten]")
    found = spec.network().graph
    assert gradients.wanted(found, found.outputs) == []
