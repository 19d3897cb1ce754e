"""The references of reductions, against loops in plain Python and closed forms; and what the operations refuse."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable
from itertools import accumulate, permutations
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError, SpecError
from archspec.model import Spec

SHAPE = (2, 3, 5, 4)


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


TABLE: list[tuple[str, dict[str, Any], Callable[[list[float]], float]]] = [
    ("mean", {}, statistics.fmean),
    ("sum", {}, math.fsum),
    ("prod", {}, math.prod),
    ("max", {}, max),
    ("min", {}, min),
    ("var", {}, statistics.pvariance),
    ("var", {"unbiased": True}, statistics.variance),
    ("std", {}, statistics.pstdev),
    ("std", {"unbiased": True}, statistics.stdev),
    ("logsumexp", {}, lambda xs: math.log(sum(map(math.exp, xs)))),
    ("norm", {}, lambda xs: math.hypot(*xs)),
    ("norm", {"p": 1}, lambda xs: math.fsum(map(abs, xs))),
    ("norm", {"p": 2.5}, lambda xs: sum(abs(x) ** 2.5 for x in xs) ** 0.4),
    ("norm", {"p": "inf"}, lambda xs: max(map(abs, xs))),
]


@pytest.mark.parametrize(("key", "attributes", "oracle"), TABLE)
def test_reductions_are_what_loops_give(
    key: str, attributes: dict[str, Any], oracle: Callable[[list[float]], float]
) -> None:
    x = np.random.default_rng(3).standard_normal(SHAPE)
    along_height = [[[oracle(x[n, c, :, w].tolist()) for w in range(4)] for c in range(3)] for n in range(2)]
    over_two = [[oracle(x[n, :, h].ravel().tolist()) for h in range(5)] for n in range(2)]
    for axis, wanted, kept in (("height", along_height, (2, 3, 1, 4)), ([-1, "channels"], over_two, (2, 1, 5, 1))):
        op, keeping = make(key, axis=axis, **attributes), make(key, axis=axis, keepdims=True, **attributes)
        np.testing.assert_allclose(op.reference(x), wanted, rtol=1e-13)
        np.testing.assert_allclose(keeping.reference(x).ravel(), np.ravel(wanted), rtol=1e-13)
        assert op.infer(SHAPE) == (np.shape(wanted),)
        assert keeping.infer(SHAPE) == (kept,) == (keeping.reference(x).shape,)
        assert op.reference(x.astype(np.float32)).dtype == np.float32


def test_logsumexp_does_not_overflow() -> None:
    assert make("logsumexp", axis=1).reference(np.array([[1000.0, 1000.0]])) == pytest.approx([1000 + math.log(2)])
    assert make("logsumexp", axis=1).reference(np.array([[-1000.0, -1000.0]])) == pytest.approx([-1000 + math.log(2)])


def test_places_are_those_of_the_first() -> None:
    x = np.array([[3.0, 1.0, 3.0, 1.0]])
    assert make("argmax", axis=1).reference(x).tolist() == [0]
    assert make("argmin", axis=-1, keepdims=True).reference(x).tolist() == [[1]]
    assert make("argmax", axis=2).infer(SHAPE) == ((2, 3, 4),)
    assert make("argmin", axis="width", keepdims=True).infer(SHAPE) == ((2, 3, 5, 1),)


def test_cumsum_adds_up() -> None:
    x = np.random.default_rng(3).standard_normal(SHAPE)
    found = make("cumsum", axis="height").reference(x)
    for n, c, w in np.ndindex(2, 3, 4):
        np.testing.assert_allclose(found[n, c, :, w], list(accumulate(x[n, c, :, w].tolist())), rtol=1e-13)


@pytest.mark.parametrize("largest", [True, False])
def test_topk_sorts(largest: bool) -> None:
    x = np.random.default_rng(3).standard_normal(SHAPE)
    op = make("topk", k=3, axis="height", largest=largest)
    values, places = op.reference(x)
    assert op.infer(SHAPE) == ((2, 3, 3, 4),) * 2 == (values.shape, places.shape)
    for n, c, w in np.ndindex(2, 3, 4):
        row = x[n, c, :, w].tolist()
        assert values[n, c, :, w].tolist() == sorted(row, reverse=largest)[:3]
        assert [row[place] for place in places[n, c, :, w]] == values[n, c, :, w].tolist()


REFUSED: list[tuple[str, dict[str, Any], tuple[int, ...], str]] = [
    ("sum", {"axis": 0}, SHAPE, "must not be the batch axis"),
    ("max", {"axis": [1, "channels"]}, SHAPE, "must not name an axis twice"),
    ("norm", {"axis": "depth"}, SHAPE, "has no axis 'depth'"),
    ("cumsum", {"axis": "batch"}, SHAPE, "must not be the batch axis"),
    ("argmax", {"axis": 4}, SHAPE, "out of range"),
    ("topk", {"k": 6, "axis": 2}, SHAPE, "k (=6) must be at most 5, the size of axis 2"),
    ("var", {"axis": [1, 2], "unbiased": True}, (2, 1, 1), "unbiased (=true) needs two elements or more"),
    ("std", {"axis": 1, "unbiased": True}, (2, 1), "unbiased (=true) needs two elements or more"),
]


@pytest.mark.parametrize(("key", "attributes", "shape", "message"), REFUSED)
def test_impossible_shapes_are_refused(
    key: str, attributes: dict[str, Any], shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, **attributes).infer(shape)
    assert message in str(caught.value)


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"p": 0}, "greater than 0"),
    ({"p": -1.5}, "greater than 0"),
    ({"p": "two"}, "must be a number or inf, not the text 'two'"),
    ({"p": True}, "must be a number, not true"),
]


@pytest.mark.parametrize(("attributes", "message"), INVALID)
def test_invalid_orders_are_refused(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make("norm", axis=1, **attributes)


def test_topk_gives_numbers_and_places() -> None:
    layers: list[dict[str, Any]] = [
        {"op": "topk", "name": "top", "k": 2},
        {"op": "multiply", "from": ["top.0", "top.0"]},
    ]
    document = {"archspec": 1, "name": "Net", "inputs": {"x": [3, 5]}, "layers": layers}
    graph = Spec.parse(json.dumps({**document, "outputs": {"values": "top.0", "places": "top.1"}})).network().graph
    assert {name: output.dtype for name, output in graph.outputs.items()} == {"values": "float", "places": "int64"}
    layers[1]["from"] = ["top.0", "top.1"]
    with pytest.raises(SpecError, match="needs inputs of one kind of numbers"):
        _ = Spec.parse(json.dumps(document)).network().graph


@pytest.mark.parametrize("largest", [True, False])
def test_the_places_of_equal_elements_are_not_defined(largest: bool) -> None:
    """They are those that change if equal elements stand in another order."""
    x = np.random.default_rng(0).integers(0, 4, (40, 5, 2)).astype(float)
    op = make("topk", k=3, axis=1, largest=largest)
    values, places = op.reference(x)
    changes = np.zeros(places.shape, bool)
    for order in map(list, permutations(range(5))):
        other_values, other_places = op.reference(x[:, order])
        np.testing.assert_array_equal(other_values, values)
        changes |= np.array(order)[other_places] != places
    of_values, of_places = op.undefined(x)
    assert of_values is None
    np.testing.assert_array_equal(of_places, changes)
