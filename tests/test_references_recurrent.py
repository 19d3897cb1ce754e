"""The references of recurrent layers: weights and cost, large sums, and what the operations refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from archspec import ops
from archspec.errors import ShapeError

X = (2, 6, 4)


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def values(op: Any, *shapes: tuple[int, ...]) -> tuple[list[Any], dict[str, Any]]:
    rng = np.random.default_rng(7)
    inputs = [rng.standard_normal(shape) for shape in shapes]
    return inputs, {name: rng.standard_normal(p.shape) for name, p in op.parameters(*shapes).items()}


def test_weights_and_cost_of_an_lstm() -> None:
    """4 (n m + n^2 + 2 n) weights, and 4 (n m + n^2) multiply-adds a time step, for m features and n units."""
    op = make("lstm", hidden_size=7)
    x = (3, 11, 5)
    assert sum(math.prod(p.shape) for p in op.parameters(x).values()) == 4 * (7 * 5 + 7 * 7 + 2 * 7)
    assert op.cost([x], op.infer(x)) == 3 * 11 * 4 * (7 * 5 + 7 * 7)
    both = make("lstm", hidden_size=7, num_layers=2, bidirectional=True)
    assert both.cost([x], both.infer(x)) == 3 * 11 * 2 * 4 * ((7 * 5 + 7 * 7) + (7 * 14 + 7 * 7))


def test_large_sums_saturate() -> None:
    op = make("lstm", hidden_size=2)
    (x,), weights = values(op, (1, 3, 2))
    with np.errstate(over="raise"):
        assert np.isfinite(op.reference(1e6 * x, **weights)).all()


@pytest.mark.parametrize(
    ("key", "shapes", "message"),
    [
        ("rnn", [(2, 4)], "needs an input with 3 axes"),
        ("gru", [X, (3, 2, 5)], "the initial state h is [3, 2, 5], not [2, 1, 5]"),
        ("lstm", [X, (2, 1, 5)], "needs the initial states h and c, or none of them"),
        ("lstm", [X, (2, 1, 5), (2, 5)], "the initial state c is [2, 5], not [2, 1, 5]"),
    ],
)
def test_impossible_shapes_are_refused(key: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, hidden_size=5).infer(*shapes)
    assert message in str(caught.value)
