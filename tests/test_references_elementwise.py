"""The references of what works element by element, against Python's own numbers; and what the operations refuse."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError, SpecError
from archspec.model import Spec

NUMBERS = (-2.5, -1.5, -0.75, -0.5, 0.5, 1e-9, 0.3, 1.0, 1.5, 2.5, 7.0)
WHOLE = (-7, -3, -1, 0, 2, 5, 2**40 + 1)


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


UNARY: dict[str, Callable[[Any], Any]] = {
    "abs": abs,
    "neg": operator.neg,
    "sign": lambda x: (x > 0) - (x < 0),
    "square": lambda x: x * x,
    "sqrt": math.sqrt,
    "rsqrt": lambda x: x**-0.5,
    "reciprocal": lambda x: 1 / x,
    "exp": math.exp,
    "log": math.log,
    "log1p": math.log1p,
    "sin": math.sin,
    "cos": math.cos,
    "erf": math.erf,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "mod": operator.mod,
    "maximum": max,
    "minimum": min,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}


@pytest.mark.parametrize("key", UNARY)
def test_functions_are_those_of_python(key: str) -> None:
    numbers = [x for x in NUMBERS if x > 0 or key not in ("sqrt", "rsqrt", "log", "log1p")]
    found = make(key).reference(np.array(numbers))
    np.testing.assert_allclose(found, [UNARY[key](x) for x in numbers], rtol=1e-15)
    assert make(key).reference(np.array(numbers, np.float32)).dtype == np.float32


@pytest.mark.parametrize("key", BINARY)
def test_operators_are_those_of_python_also_with_a_constant(key: str) -> None:
    pairs = [(abs(a) if key == "power" else a, b) for a in NUMBERS for b in NUMBERS]
    first, second = map(np.array, zip(*pairs, strict=True))
    np.testing.assert_allclose(make(key).reference(first, second), [BINARY[key](*pair) for pair in pairs], rtol=1e-14)
    for value in (-0.75, 2):
        found = make(key, value=value).reference(abs(first))
        np.testing.assert_allclose(found, [BINARY[key](abs(a), value) for a, _ in pairs], rtol=1e-14)
        single = make(key, value=value).reference(abs(first).astype(np.float32))
        assert single.dtype == (bool if found.dtype == bool else np.float32)


@pytest.mark.parametrize("key", ["add", "subtract", "multiply", "mod", "maximum", "minimum", "less", "equal"])
def test_whole_numbers_stay_whole(key: str) -> None:
    for value in (-3, 5):
        found = make(key, value=value).reference(np.array(WHOLE))
        assert found.tolist() == [BINARY[key](x, value) for x in WHOLE]
    for unary in ("abs", "neg", "sign", "square"):
        assert make(unary).reference(np.array(WHOLE[:-1])).tolist() == [UNARY[unary](x) for x in WHOLE[:-1]]


def test_truth_tables() -> None:
    a, b = np.array([False, False, True, True]), np.array([False, True, False, True])
    tables = {"logical_and": [0, 0, 0, 1], "logical_or": [0, 1, 1, 1], "logical_xor": [0, 1, 1, 0]}
    for key, table in tables.items():
        assert make(key).reference(a, b).tolist() == list(map(bool, table))
    assert make("logical_not").reference(a).tolist() == [True, True, False, False]
    assert make("where").reference(a, np.arange(4), -np.arange(4)).tolist() == [0, -1, 2, 3]


def test_clip_has_one_bound_or_two() -> None:
    x = np.arange(-3.0, 4.0)
    assert make("clip", minimum=-1, maximum=2.5).reference(x).tolist() == [-1, -1, -1, 0, 1, 2, 2.5]
    assert make("clip", minimum=1).reference(x).tolist() == [1, 1, 1, 1, 1, 2, 3]
    assert make("clip", maximum=0).reference(x).tolist() == [-3, -2, -1, 0, 0, 0, 0]


def test_a_constant_takes_the_place_of_the_second_input() -> None:
    assert [make("power").accepts(), make("power", value=2).accepts()] == [(2, 2), (1, 1)]
    assert [make("add").accepts(), make("add", value=0.5).accepts()] == [(2, None), (1, 1)]


REFUSED: list[tuple[str, dict[str, Any], tuple[Any, ...], str]] = [
    ("add", {}, ("float", "int64"), "one kind of numbers, not float and int64"),
    ("less", {}, ("int64", "float"), "one kind of numbers, not int64 and float"),
    ("where", {}, ("bool", "float", "int64"), "one kind of numbers, not float and int64"),
    ("multiply", {"value": 0.5}, ("int64",), "value (=0.5) must be a whole number"),
    ("equal", {"value": 2.0}, ("int64",), "value (=2.0) must be a whole number"),
    ("clip", {"minimum": 0, "maximum": 6.5}, ("int64",), "maximum (=6.5) must be a whole number"),
]


@pytest.mark.parametrize(("key", "attributes", "dtypes", "message"), REFUSED)
def test_numbers_that_do_not_go_together_are_refused(
    key: str, attributes: dict[str, Any], dtypes: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, **attributes).result(*dtypes)
    assert message in str(caught.value)


INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("clip", {}, "needs a minimum or a maximum"),
    ("clip", {"minimum": 3, "maximum": 1}, "minimum (=3) must not be above maximum (=1)"),
    ("add", {"value": True}, "must be a number, not true"),
    ("power", {"value": "two"}, "must be a number, not the text 'two'"),
]


@pytest.mark.parametrize(("key", "attributes", "message"), INVALID)
def test_invalid_attributes_are_refused(key: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace("(", r"\(").replace(")", r"\)")):
        make(key, **attributes)


def spec(step: dict[str, Any], *dtypes: str) -> Spec:
    inputs = {f"x{i}": {"shape": [3, 5], "dtype": dtype} for i, dtype in enumerate(dtypes)}
    layers = [{"name": "y", "from": list(inputs), **step}]
    return Spec.parse(json.dumps({"archspec": 1, "name": "Net", "inputs": inputs, "layers": layers}))


@pytest.mark.parametrize(
    ("step", "dtypes", "message"),
    [
        ({"op": "add", "value": 1}, ("float", "float"), "takes one input, but 2 flow in"),
        ({"op": "subtract"}, ("float",), "takes 2 inputs, but one flows in"),
        ({"op": "maximum"}, ("float", "int64"), "needs inputs of one kind of numbers"),
        ({"op": "mod", "value": 0.5}, ("int64",), "value (=0.5) must be a whole number"),
        ({"op": "exp"}, ("int64",), "takes float numbers, but its input is int64"),
        ({"op": "where"}, ("float", "float", "float"), "takes bool numbers, but input 1 is float"),
        ({"op": "logical_and"}, ("bool", "float"), "takes bool numbers"),
    ],
)
def test_a_spec_is_told(step: dict[str, Any], dtypes: tuple[str, ...], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        _ = spec(step, *dtypes).network().graph
    assert message in str(caught.value)


def test_the_kind_of_what_comes_out() -> None:
    table: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
        ({"op": "greater", "value": 0}, ("int64",), "bool"),
        ({"op": "where"}, ("bool", "int64", "int64"), "int64"),
        ({"op": "multiply", "value": 3}, ("int64",), "int64"),
        ({"op": "clip", "minimum": 0}, ("float",), "float"),
    ]
    for step, dtypes, kind in table:
        graph = spec(step, *dtypes).network().graph
        assert [output.dtype for output in graph.outputs.values()] == [kind]
