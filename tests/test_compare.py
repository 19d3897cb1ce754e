"""The rules of comparison, one row each; and the reference, run step by step."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from archspec import ops, reference
from archspec.graph.graph import Graph
from archspec.model import Spec
from archspec.verification import compare, data, rounding
from archspec.verification.compare import Difference, difference
from archspec.verification.failure import Failure
from archspec.verification.report import Finding, Outcome, Report, Rung
from archspec.verification.worker import arrange

from .cases import CASES, Case

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
    assert (found.error, found.problem, found.unproven, found.size) == (0.0, "", special, size)


LARGE, SMALL = 1e6, 1e-3
ONES = np.ones(4)
LEVELS: dict[str, tuple[list[float], list[float], list[float], float]] = {
    # what a value should be; what it is off by; its size, or that of what it is made of; the error
    "all of one size": ([1, 2], [0, 1e-11], [1, 2], 5e-12),
    "below one": ([1e-12, 2e-12], [0, 1e-12], [1e-12, 2e-12], 0.5),
    "a small part beside a large one": ([LARGE, SMALL], [0, 1e-9], [LARGE, SMALL], 1e-6),
    "a small one among large ones": ([LARGE, SMALL, LARGE], [1e-9, 1e-9, 0], [LARGE, SMALL, LARGE], 1e-6),
    "less than a thousand times smaller": ([1, 0.002], [0, 2e-10], [1, 0.002], 2e-10),
    "beside a mask": ([-1e9, 0.5, 2], [0, 0.01, 0], [1e9, 0.5, 2], 0.005),
    "zero, of ones": ([1, 0], [0, 1e-16], [1, 1], 1e-16),
    "zero, and of nothing": ([1, 0], [0, 1e-16], [1, 0], 1e-16 / 2.0**-970),
    "nothing": ([0, 0], [0, 0], [0, 0], 0),
    "digits lost where float64 ends": ([1, 0], [0, 2.0**-1022], [1, 0], 2.0**-52),
}


@pytest.mark.parametrize(("values", "off", "scale", "error"), LEVELS.values(), ids=LEVELS)
def test_values_are_held_against_others_of_their_size(
    values: list[float], off: list[float], scale: list[float], error: float
) -> None:
    truth = np.array(values, float)
    found = difference(truth + np.array(off), truth, "float64", np.array(scale, float))
    assert found.error == pytest.approx(error, rel=1e-4)


def test_in_float32_few_small_values_are_judged_with_the_large_ones() -> None:
    """A value that is small by chance, or at a kink, may be off by what the others are off by; a half of them not."""
    truth = np.repeat([1.0, 0.0], 500)
    off = np.zeros(1000)
    off[-7:] = 1e-7
    assert difference((truth + off).astype(np.float32), truth, "float32", truth).within(compare.FLOAT32_BOUND)
    off[-500:] = 1e-7
    assert not difference((truth + off).astype(np.float32), truth, "float32", truth).within(compare.FLOAT32_BOUND)
    assert not difference(truth + off, truth, "float64", truth).within(compare.FLOAT64_BOUND)


LOST = {
    "well made": ([1.0, 2.0], [1.0, 2.0], 0, 0),
    "of numbers a million times as large": ([1.0, 2.0], [1e6, 2.0], 0, 1),
    "of numbers 1e9 times as large": ([1.0, 2.0], [1e9, 1e9], 2, 2),
    "zero, of ones": ([0.0, 0.0], [1.0, 1.0], 2, 2),
    "zero, of nothing": ([0.0, 0.0], [0.0, 0.0], 0, 0),
    "beside what is infinite": ([inf, 1.0, 1.0], [inf, 1.0, 1e9], 2, 2),
}


@pytest.mark.parametrize(("values", "scale", "in64", "in32"), LOST.values(), ids=LOST)
def test_what_is_lost_in_rounding_proves_nothing(values: list[float], scale: list[float], in64: int, in32: int) -> None:
    truth = np.array(values)
    found = [difference(truth.astype(t), truth, t, np.array(scale)).unproven for t in ("float64", "float32")]
    assert found == [in64, in32]


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


def test_bounds_grow_below_inexact_steps_only(diamond: Graph) -> None:
    inexact = {"c": 1e-8}
    bounds = compare.bounds(diamond, "float64", inexact)
    assert bounds == pytest.approx({"x": 1e-10, "a": 1e-10, "b": 1e-10, "c": 1e-8, "d": 1e-8})
    alone = compare.bounds(diamond, "float64", inexact, alone=True)
    assert alone == pytest.approx({"x": 1e-10, "a": 1e-10, "b": 1e-10, "c": 1e-8, "d": 1e-10})
    assert set(compare.bounds(diamond, "float32", inexact).values()) == {16 * 2.0**-23}


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


SIZES = """
archspec: 1
name: Sizes
inputs: {x: [6], y: [6, 5, 4], hidden: {shape: [1], dtype: bool}}
layers:
  - {op: softmax, name: shares, from: x}
  - {op: sum, name: one, axis: features, keepdims: true}
  - {op: subtract, name: rest, value: 1.0}
  - {op: multiply, name: tiny, from: shares, value: 1.0e-30}
  - {op: constant, name: far, value: -1.0e9, shape: [1]}
  - {op: where, name: masked, from: [hidden, far, one]}
  - {op: softplus, name: soft, from: x}
  - {op: log_sigmoid, name: log, from: x}
  - {op: global_avg_pool2d, name: pooled, from: y}
outputs: {a: rest, b: tiny, c: masked, d: pooled, e: soft, f: log}
"""


def test_what_values_are_made_of() -> None:
    graph = Spec.parse(SIZES).network().graph
    parameters, inputs = data.parameters(graph), data.inputs(graph)
    inputs["x"][0, :3] = -40, 40, -0.54132485
    truth = reference.run(graph, parameters, inputs)
    found: dict[str, np.ndarray] = {}
    for seed, unit in enumerate(rounding.UNITS["float64"]):  # by chance a value may hardly move
        sizes = rounding.magnitudes(graph, parameters, inputs, truth, unit, seed)
        found |= {name: np.maximum(found.get(name, size), size) for name, size in sizes}
    assert found.keys() == truth.keys()
    assert not found.pop("hidden").any(), "a truth value that is far from another"
    assert all((size >= abs(truth[name])).all() for name, size in found.items())
    assert abs(truth["rest"]).max() < 1e-15
    assert (found["rest"] > 0.1).all(), "a difference of ones"
    assert (found["tiny"] < 1e-29).all()
    assert ((found["masked"] == 1e9) | (found["masked"] < 10)).all(), "what is moved about is not rounded"
    assert truth["soft"][0, 0] < 1e-16
    assert found["soft"][0, 0] > 0.9, "log(1 + e^x)"
    assert found["log"][0, 1] > 0.9
    assert truth["log"][0, 2] == pytest.approx(-1)
    assert found["log"][0, 2] > 1
    assert (found["pooled"] < 10).all()


def test_a_whole_number_that_rounding_makes_another_proves_nothing() -> None:
    """A cosine next to one is one in float32, and its whole number another."""
    spec = "archspec: 1\nname: Cos\ninputs: {x: [400]}\nlayers: [cos, {op: cast, dtype: int64}]"
    graph = Spec.parse(spec).network().graph
    inputs = {"x": np.full((2, 400), 2e-4)}
    inputs["x"][:, 200:] = 0.5
    truth = reference.run(graph, {}, inputs)
    assert not truth["cast"].any()
    runs = [dict(rounding.magnitudes(graph, {}, inputs, truth, unit, n))["cast"]
            for n, unit in enumerate(rounding.UNITS["float32"])]  # fmt: skip
    may_differ = np.logical_or.reduce(runs)
    assert may_differ[:, :200].mean() > 0.9
    assert not may_differ[:, 200:].any()
    found = np.cos(inputs["x"].astype("float32")).astype("int64")
    assert found[:, :200].all()
    off = difference(found, truth["cast"], "int64", np.ones_like(may_differ))
    assert (off.problem, off.unproven, off.size) == ("", 400, 800)
    assert difference(1 - found, truth["cast"], "int64", may_differ).problem == "400 of 800 values differ"


def test_what_is_not_finite_has_no_size() -> None:
    graph = Spec.parse("archspec: 1\nname: Log\ninputs: {x: [64]}\nlayers: [log]").network().graph
    parameters, inputs = data.parameters(graph), data.inputs(graph)
    inputs["x"][0, :2] = 0, 1e-30
    truth = reference.run(graph, parameters, inputs)
    found = dict(rounding.magnitudes(graph, parameters, inputs, truth, 2.0**-24))
    assert np.array_equal(np.isfinite(found["log"]), np.isfinite(truth["log"]))


def test_what_is_made_of_several_equal_constants_is_lost_in_rounding() -> None:
    """Their variance is zero, and no framework need say so; what is made of each by itself is exact."""
    spec = """
archspec: 1
name: Equal
inputs: {image: [6, 9, 7]}
layers:
  - {op: constant, value: -1.66, shape: [6, 9, 7], name: numbers}
  - {op: var, axis: [1, 2, 3], from: numbers, name: spread}
  - {op: constant, value: 2.3, shape: [6, 9, 7], name: regions}
  - {op: subtract, value: 2.3, from: regions, name: apart}
  - {op: add, from: [apart, image]}
outputs: {spread: spread, apart: apart}
"""
    graph = Spec.parse(spec).network().graph
    parameters, inputs = data.parameters(graph), data.inputs(graph)
    truth = reference.run(graph, parameters, inputs)
    found = dict(rounding.magnitudes(graph, parameters, inputs, truth, rounding.UNITS["float64"][0]))
    assert found["spread"].min() > 2.0**-24
    assert truth["spread"].max() < 1e-30
    assert found["apart"].max() == truth["apart"].max() == 0


@pytest.mark.parametrize("case", [case for case in CASES if ops.get(case.op).exact], ids=str)
def test_exact_operations_give_what_they_are_given(case: Case) -> None:
    op = ops.get(case.op)(**case.attributes)
    kinds = case.dtypes or ("float",) * len(case.shapes)
    random = np.random.default_rng(0)
    given = [
        random.standard_normal(shape) if kind == "float" else random.integers(0, 2, shape).astype(kind)
        for shape, kind in zip(case.whole(2), kinds, strict=True)
    ]
    counted = range(-20, 20) if case.op == "range" else ()
    fixed = [0.0, 1.0, *counted, *np.ravel(getattr(op, "value", 0.0)).astype(float)]
    known = np.concatenate([np.ravel(array).astype(float) for array in given] + [np.array(fixed)])
    results = op.reference(*given)
    for result in results if isinstance(results, tuple) else (results,):
        assert result.dtype.kind != "f" or np.isin(result, known).all()


# Reports.

GOOD = Finding("a", "linear", 1e-16, 1e-10)
BAD = Finding("b", "relu", 0.5, 1e-10)
MISSING, CRASHED = Failure("missing", "no torch"), Failure("crashed", "ended by SIGSEGV", at="b")


SPECIAL_STEP = Finding("a", "sqrt", 0.0, 1e-10, unproven=2, size=3)
SPECIAL_OUTPUT = Finding("output y", "sqrt", 0.0, 1e-10, unproven=2, size=3)
ALL_NAN = Finding("a", "sqrt", 0.0, 1e-10, unproven=3, size=3)


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
    "NaN in an output, as meant": (
        Outcome("x", rungs={"float64": rung(SPECIAL_OUTPUT)}, allow_unproven=True),
        "passed",
        0,
    ),
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
