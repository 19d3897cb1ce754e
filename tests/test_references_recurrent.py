"""The references of recurrent layers: PyTorch's own layers in float64, and the paper's GRU in plain Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from archspec import ops
from archspec.errors import ShapeError

X = (2, 6, 4)
DEEP = {"hidden_size": 5, "num_layers": 3, "bidirectional": True}


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def values(op: Any, *shapes: tuple[int, ...]) -> tuple[list[Any], dict[str, Any]]:
    rng = np.random.default_rng(7)
    inputs = [rng.standard_normal(shape) for shape in shapes]
    return inputs, {name: rng.standard_normal(p.shape) for name, p in op.parameters(*shapes).items()}


def run(op: Any, inputs: list[Any], weights: dict[str, Any]) -> tuple[Any, ...]:
    found = op.reference(*inputs, **weights)
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize(
    ("key", "attributes"),
    [
        ("rnn", {"hidden_size": 5}),
        ("rnn", {**DEEP, "nonlinearity": "relu"}),
        ("lstm", {"hidden_size": 3, "num_layers": 2, "bias": False}),
        ("lstm", DEEP),
        ("gru", {"hidden_size": 1, "bidirectional": True, "bias": False}),
        ("gru", {**DEEP, "dropout": 0.5}),
    ],
)
def test_equals_pytorch(key: str, attributes: dict[str, Any], start: bool) -> None:
    op = make(key, **attributes, return_state=True)
    state = (2, op.num_layers * (2 if op.bidirectional else 1), op.hidden_size)
    shapes = [X, *[state] * (start * (2 if key == "lstm" else 1))]
    inputs, weights = values(op, *shapes)
    oracle = getattr(nn, key.upper())(X[-1], batch_first=True, dtype=torch.float64, **attributes).eval()
    oracle.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
    assert [*oracle.state_dict()] == [*weights]
    x, *initial = (torch.from_numpy(array) for array in inputs)
    initial = [s.transpose(0, 1).contiguous() for s in initial]
    with torch.no_grad():
        y, states = oracle(x, *(initial if key != "lstm" or not start else [tuple(initial)]))
    states = states if key == "lstm" else (states,)
    found = run(op, inputs, weights)
    assert tuple(array.shape for array in found) == op.infer(*shapes)
    for array, wanted in zip(found, (y, *(s.transpose(0, 1) for s in states)), strict=True):
        np.testing.assert_allclose(array, wanted.numpy(), rtol=1e-12, atol=1e-12)
    short = make(key, **attributes, return_sequence=False)
    assert short.infer(*shapes) == ((2, state[1] // op.num_layers * op.hidden_size),)
    last = np.concatenate([y[:, -1, : op.hidden_size], y[:, 0, op.hidden_size :]], 1)
    np.testing.assert_allclose(run(short, inputs, weights)[0], last, rtol=1e-12, atol=1e-12)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_gru_of_the_paper() -> None:
    """Unit by unit, as Cho et al. write it: the candidate sees the state after the reset."""
    op = make("gru", hidden_size=3, reset_after=False)
    (x,), p = values(op, (1, 5, 2))
    w, u, b, c = (p[f"{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    h = [0.0, 0.0, 0.0]
    for time in range(5):

        def total(row: int, state: list[float], time: int = time) -> float:
            inputs = sum(w[row, k] * x[0, time, k] for k in range(2))
            return float(inputs + b[row] + sum(u[row, k] * state[k] for k in range(3)) + c[row])

        r = [sigmoid(total(i, h)) for i in range(3)]
        z = [sigmoid(total(3 + i, h)) for i in range(3)]
        reset = [r[k] * h[k] for k in range(3)]
        n = [math.tanh(total(6 + i, reset)) for i in range(3)]
        h = [z[i] * h[i] + (1 - z[i]) * n[i] for i in range(3)]
        np.testing.assert_allclose(op.reference(x, **p)[0, time], h, rtol=1e-12)


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
