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


def test_a_padded_sequence_ends_at_its_length_in_both_directions() -> None:
    """All weights 0.5, as PyTorch computes it from a packed sequence."""
    op = make("lstm", hidden_size=1, bidirectional=True, return_state=True)
    x, lengths = np.array([[[1.0], [2.0], [0.0]]]), np.array([2])
    weights = {name: np.full(p.shape, 0.5) for name, p in op.parameters((1, 3, 1), (1,)).items()}
    y, h, _ = op.reference(x, lengths, **weights)
    assert y[0] == pytest.approx(np.array([[0.5143859, 0.7835451], [0.8280512, 0.6082835], [0, 0]]), abs=1e-7)
    assert h[0, :, 0] == pytest.approx([0.8280512, 0.7835451], abs=1e-7)
    whole, *_ = op.reference(x, **weights)
    assert whole[0, 1:, 1] == pytest.approx([0.7912357, 0.3696064], abs=1e-7)


def test_a_sequence_without_a_step_leaves_the_state_as_it_is_and_longer_ones_are_whole() -> None:
    op = make("gru", hidden_size=5, return_state=True)
    (x, start), weights = values(op, (2, 6, 4), (2, 1, 5))
    y, h = op.reference(x, start, np.array([0, 99]), **weights)
    whole, last = op.reference(x, start, **weights)
    assert not y[0].any()
    assert (h[0] == start[0]).all()
    assert (y[1] == whole[1]).all()
    assert (h[1] == last[1]).all()


@pytest.mark.parametrize(
    ("key", "shapes", "message"),
    [
        ("rnn", [(2, 4)], "needs an input with 3 axes"),
        ("gru", [X, (3, 2, 5)], "the initial state h is [3, 2, 5], not [2, 1, 5]"),
        ("lstm", [X, (2, 1, 5)], "needs the initial states h and c, or none of them"),
        ("lstm", [X, (2, 1, 5), (2, 5)], "the initial state c is [2, 5], not [2, 1, 5]"),
        ("lstm", [X, (2, 1, 5), (2,)], "needs the initial states h and c, or none of them"),
        ("rnn", [X, (3,)], "the lengths are [3], not [2]"),
    ],
)
def test_impossible_shapes_are_refused(key: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, hidden_size=5).infer(*shapes)
    assert message in str(caught.value)
