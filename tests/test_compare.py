"""The rules of comparison, one row each; and the reference, run step by step."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from archspec import reference
from archspec.graph.graph import Graph
from archspec.model import Spec
from archspec.verification import compare, data
from archspec.verification.compare import Difference, difference
from archspec.verification.report import Finding, Outcome, Report, Rung
from archspec.verification.worker import arrange
from archspec.verification.workers import Failure

RAMP = np.arange(24.0).reshape(2, 3, 4)

FLOATS = {
    "equal": ([1.0, -2.0], [1.0, -2.0], 0.0),
    "relative to the largest value": ([100.5, 0.0], [100.0, 0.0], 0.005),
    "absolute below one": ([0.25, 0.0], [0.0, 0.0], 0.25),
    "a negative value is the largest": ([-100.5, 0.0], [-100.0, 0.0], 0.005),
    "no elements": ([], [], 0.0),
    "a scalar": (2.5, 2.0, 0.25),
    "equal NaN": ([nan, 1.0], [nan, 1.0], 0.0),
    "equal infinities": ([inf, -inf, 3.0], [inf, -inf, 2.0], 0.5),
    "all NaN": ([nan], [nan], 0.0),
}


@pytest.mark.parametrize(("actual", "expected", "error"), FLOATS.values(), ids=FLOATS)
def test_error_of_floats(actual: object, expected: object, error: float) -> None:
    found = difference(np.array(actual, float), np.array(expected, float), "float64")
    assert not found.problem
    assert found.error == pytest.approx(error, rel=1e-15)


PROBLEMS = {
    "shape": (RAMP, RAMP[:1], "shape (2, 3, 4) instead of (1, 3, 4)"),
    "shape that broadcasts": (np.zeros((2, 1)), np.zeros((2, 2)), "shape (2, 1) instead of (2, 2)"),
    "permuted axes": (RAMP.swapaxes(1, 2), RAMP, "shape (2, 4, 3) instead of (2, 3, 4)"),
    "dtype": (np.ones(1, np.float32), np.ones(1), "dtype float32 instead of float64"),
    "NaN": (np.array([nan, 1]), np.array([0.0, 1]), "1 values are NaN instead of 0, 1 places differ"),
    "no NaN": (np.array([0.0, 1]), np.array([nan, 1]), "0 values are NaN instead of 1, 1 places differ"),
    "NaN elsewhere": (np.array([nan, 1]), np.array([1, nan]), "1 values are NaN instead of 1, 2 places differ"),
    "sign of infinity": (np.array([-inf]), np.array([inf]), "0 values are +inf instead of 1, 1 places differ"),
    "infinity": (np.array([inf, 1]), np.array([1e308, 1]), "1 values are +inf instead of 0, 1 places differ"),
}


@pytest.mark.parametrize(("actual", "expected", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_is_wrong_beyond_rounding(actual: np.ndarray, expected: np.ndarray, problem: str) -> None:
    found = difference(actual, expected, "float64")
    assert found.problem == problem
    assert not found.within(inf)


SPECIAL = {
    "finite": ([1.0, 2.0], 0, 2),
    "some": ([nan, 1.0, inf, -inf], 3, 4),
    "all": ([nan, nan], 2, 2),
    "none": ([], 0, 0),
}


@pytest.mark.parametrize(("values", "special", "size"), SPECIAL.values(), ids=SPECIAL)
def test_what_is_nan_or_infinite_is_counted(values: list[float], special: int, size: int) -> None:
    found = difference(np.array(values), np.array(values), "float64")
    assert (found.error, found.problem, found.special, found.size) == (0.0, "", special, size)


def test_order_matters() -> None:
    assert difference(RAMP[:, ::-1], RAMP, "float64").error > 0.3


def test_integers_are_equal_or_wrong() -> None:
    truth = np.arange(5)
    assert difference(truth.copy(), truth, "int64") == Difference(0.0, size=5)
    assert difference(truth * 2, truth, "int64").problem == "4 of 5 values differ"
    assert difference(truth.astype(np.int32), truth, "int64").problem == "dtype int32 instead of int64"
    assert difference(truth > 1, truth > 1, "bool") == Difference(0.0, size=5)


def test_overflow_of_the_difference_is_an_error() -> None:
    assert not difference(np.array([1.7e308]), np.array([-1.7e308]), "float64").within(1e300)


def test_layouts_apply_in_order() -> None:
    assert np.array_equal(arrange(RAMP, [("transpose", (0, 2, 1)), ("reshape", (-1, 12))])[1], RAMP[1].T.reshape(-1))
    with pytest.raises(ValueError, match="flip"):
        arrange(RAMP, [("flip", (0,))])


# a -> b -> d, a -> c -> d
DIAMOND = """
archspec: 1
name: Diamond
inputs: {x: [4]}
layers:
  - {op: linear, name: a, out_features: 4}
  - {op: relu, name: b}
  - {op: tanh, name: c, from: a}
  - {op: add, name: d, from: [b, c]}
outputs: {y: d}
"""


@pytest.fixture(scope="module")
def diamond() -> Graph:
    return Spec.parse(DIAMOND).network().graph


def test_bounds_in_float64_grow_below_inexact_steps_only(diamond: Graph) -> None:
    bounds = compare.float64_bounds(diamond, {"c": 1e-8})
    assert bounds == pytest.approx({"x": 1e-10, "a": 1e-10, "b": 1e-10, "c": 16e-8, "d": 16e-8})
    assert compare.alone_bounds(diamond, {"c": 1e-8}) == pytest.approx({"a": 1e-10, "b": 1e-10, "c": 1e-8, "d": 1e-10})


def test_bounds_in_float32_follow_the_best_framework(diamond: Graph) -> None:
    one = {"a": Difference(1e-6), "b": Difference(3e-6), "c": Difference(9e-6), "d": Difference(0.0)}
    two = {"a": Difference(2e-6), "b": Difference(2e-6), "c": Difference(inf, "NaN"), "d": Difference(1.0)}
    bounds = compare.float32_bounds(diamond, [one, two])
    floor = compare.FLOAT32_FLOOR
    wanted = {"x": floor, "a": 8e-6 + floor, "b": 16e-6 + floor, "c": 72e-6 + floor, "d": 72e-6 + floor}
    assert bounds == pytest.approx(wanted)
    rounding = {"b": Difference(5e-6), "c": Difference(1e-6), "d": Difference(inf, "NaN")}
    bounds = compare.float32_bounds(diamond, [one, two], rounding)
    assert bounds == pytest.approx({**wanted, "b": 40e-6 + floor})


def test_float32_bounds_of_long_sums() -> None:
    """A sum of 128 x 98 numbers, one after the other, is off by 112 units in the last place; so is what comes after."""
    layers = "layers: [relu, global_avg_pool2d, {op: linear, name: fc, out_features: 2}]"
    graph = Spec.parse(f"archspec: 1\nname: Long\ninputs: {{x: [3, 128, 98]}}\n{layers}").network().graph
    bounds = compare.float32_bounds(graph, [{}, {}])
    sums = 112 * 2.0**-23
    assert bounds == {"x": compare.FLOAT32_FLOOR, "relu": compare.FLOAT32_FLOOR, "global_avg_pool2d": sums, "fc": sums}


CULPRITS = {
    "nothing": ("", "abcd", None),
    "one step": ("c", "abcd", "c"),
    "what follows is not to blame": ("bd", "abcd", "b"),
    "two branches: the first": ("bcd", "abcd", "b"),
    "the source of both": ("abcd", "abcd", "a"),
    "a step that was not seen passes the blame on": ("d", "ad", "d"),
    "a step that was not seen agrees only if its inputs do": ("ad", "ad", "a"),
}


@pytest.mark.parametrize(("wrong", "compared", "culprit"), CULPRITS.values(), ids=CULPRITS)
def test_culprit(diamond: Graph, wrong: str, compared: str, culprit: str | None) -> None:
    found = compare.culprit(diamond, set(wrong), set(compared))
    assert (found.path if found else None) == culprit


def test_reference_gives_every_tensor(diamond: Graph) -> None:
    parameters, inputs = data.parameters(diamond), data.inputs(diamond)
    found = reference.run(diamond, parameters, inputs)
    a = inputs["x"].astype(float) @ parameters["a.weight"].astype(float).T + parameters["a.bias"]
    assert list(found) == ["x", "a", "b", "c", "d"]
    assert {value.dtype.name for value in found.values()} == {"float64"}
    np.testing.assert_allclose(found["d"], np.maximum(a, 0) + np.tanh(a), atol=1e-14)
    single = {node.path: y for node, (y,), _ in reference.steps(diamond, parameters, inputs, dtype=np.float32)}
    assert single["d"].dtype == np.float32
    np.testing.assert_allclose(single["d"], found["d"], atol=1e-5)


# Reports.

GOOD = Finding("a", "linear", 1e-16, 1e-10)
BAD = Finding("b", "relu", 0.5, 1e-10)
MISSING, CRASHED = Failure("missing", "no torch"), Failure("crashed", "ended by SIGSEGV", at="b")


SPECIAL_STEP = Finding("a", "sqrt", 0.0, 1e-10, special=2, size=3)
SPECIAL_OUTPUT = Finding("output y", "sqrt", 0.0, 1e-10, special=2, size=3)
ALL_NAN = Finding("a", "sqrt", 0.0, 1e-10, special=3, size=3)


def rung(*findings: Finding) -> Rung:
    return Rung.of("float64", findings, ())


OUTCOMES = {
    "passed": (Outcome("x", rungs={"float64": rung(GOOD)}), "passed", 0),
    "failed": (Outcome("x", rungs={"float64": rung(GOOD, BAD)}), "failed", 1),
    "failed, then crashed": (Outcome("x", rungs={"float64": rung(BAD)}, failure=CRASHED), "failed", 1),
    "passed, then crashed": (Outcome("x", rungs={"float64": rung(GOOD)}, failure=CRASHED), "error", 1),
    "missing": (Outcome("x", failure=MISSING), "missing", 3),
    "nothing compared": (Outcome("x", rungs={"float64": rung()}), "error", 1),
    "nothing run": (Outcome("x"), "error", 1),
    "NaN on the way": (Outcome("x", rungs={"float64": rung(GOOD, SPECIAL_STEP)}), "passed", 0),
    "NaN in an output": (Outcome("x", rungs={"float64": rung(GOOD, SPECIAL_OUTPUT)}), "unproven", 1),
    "NaN in an output, as meant": (Outcome("x", rungs={"float64": rung(SPECIAL_OUTPUT)}, non_finite=True), "passed", 0),
    "NaN in an output, and a difference": (Outcome("x", rungs={"float64": rung(SPECIAL_OUTPUT, BAD)}), "failed", 1),
    "nothing but NaN": (Outcome("x", rungs={"float64": rung(ALL_NAN)}), "error", 1),
}


@pytest.mark.parametrize(("outcome", "status", "code"), OUTCOMES.values(), ids=OUTCOMES)
def test_status(outcome: Outcome, status: str, code: int) -> None:
    assert outcome.status == status
    assert Report("net", 0, {"x": outcome}).exit_code == code
    assert bool(outcome.message) == (status != "passed")


def test_a_missing_framework_does_not_hide_a_failure() -> None:
    missing, failed, passed = (OUTCOMES[name][0] for name in ("missing", "failed", "passed"))
    assert Report("net", 0, {"x": missing, "y": passed}).exit_code == 3
    assert Report("net", 0, {"x": missing, "y": failed}).exit_code == 1
    assert Report("net", 0, {}).exit_code == 1


def test_json_has_no_infinities() -> None:
    outcome = Outcome("x", rungs={"float64": rung(Finding("a", "relu", inf, 1e-10, "shape"))})
    found = Report("net", 0, {"x": outcome}).to_json()
    assert found["outcomes"]["x"]["rungs"]["float64"]["wrong"][0]["error"] is None
    assert found["outcomes"]["x"]["message"] == "float64: a: shape"
