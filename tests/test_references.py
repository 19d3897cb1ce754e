"""The NumPy references against judges who did not write them: every operation has one.

The reference defines the right answer, so nothing of a judge shares code with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (as PyTorch's own documentation has it)

from archspec import ops
from archspec.ops.base import Operation

from .operation_judges import JUDGES, fuzz
from .operation_judges.trials import evaluated, listed, make, objections, problem, trials


def test_every_operation_has_a_judge() -> None:
    assert set(JUDGES) == set(ops.names())


def test_training_is_judged_wherever_it_is_another_thing() -> None:
    other = [
        key
        for key in ops.names()
        if any(getattr(ops.get(key), name) is not getattr(Operation, name) for name in ("train", "draws"))
    ]
    assert [key for key in ops.names() if JUDGES[key].train is not None] == other


@pytest.mark.parametrize("key", ops.names())
def test_the_judge_agrees(key: str) -> None:
    found = list(objections(key))
    if found:
        pytest.fail(f"{JUDGES[key].by} objects:\n" + "\n".join(found), pytrace=False)


@pytest.mark.slow
def test_the_judges_agree_about_steps_that_nobody_has_seen() -> None:
    """Four of each operation; `make steps` has more."""
    assert not [text for key in fuzz.KEYS for seed in range(4) for text in fuzz.objections(key, seed)]
    assert sum(fuzz.drawn(key, seed) is not None for key in fuzz.KEYS for seed in range(4)) > 3.9 * len(fuzz.KEYS)


def test_a_judge_objects_to_what_is_wrong() -> None:
    trial = trials("conv2d")[0]
    (y,) = trial.verdict
    for wrong in (y * (1 + 1e-11), y[:, ::-1], y[:, :1], np.where(y == y.max(), np.nan, y), y.astype(np.int64)):
        assert evaluated(replace(trial, verdict=[wrong]))
        assert problem([wrong], trial.verdict, JUDGES["conv2d"].tolerance)


@pytest.mark.parametrize("key", ops.names())
def test_keeps_the_dtype_and_the_inputs(key: str) -> None:
    for trial in trials(key):
        op = make(key, **trial.case.attributes)
        single = [x.astype(np.float32) if x.dtype == np.float64 else x for x in trial.inputs]
        weights = {name: w.astype(np.float32) for name, w in trial.weights.items()}
        before = [x.copy() for x in (*single, *weights.values())]
        with np.errstate(all="ignore"):
            found = listed(op.reference(*single, **weights))
        assert not problem(found, trial.verdict, 1e-4), trial
        for y, due in zip(found, trial.verdict, strict=True):
            floats = (*single, *weights.values())
            wanted = np.float32 if due.dtype.kind == "f" and any(x.dtype == np.float32 for x in floats) else due.dtype
            assert y.dtype == wanted, trial
        for x, kept in zip((*single, *weights.values()), before, strict=True):
            np.testing.assert_array_equal(x, kept)


def test_what_is_said_of_signs() -> None:
    for trial in (trial for key in ops.names() for trial in trials(key)):
        op = make(trial.case.op, **trial.case.attributes)
        for lowest, inputs in ((False, trial.inputs), (True, [np.abs(x) for x in trial.inputs])):
            if op.nonnegative(*[lowest] * len(inputs)):
                with np.errstate(all="ignore"):
                    assert not any((y < 0).any() for y in listed(op.reference(*inputs, **trial.weights))), trial


def test_free_attributes_are_there() -> None:
    assert [key for key in ops.names() if not ops.get(key).free <= ops.get(key).model_fields.keys()] == []


# Training -----------------------------------------------------------------------------------------------------------

RATES: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    (key, attributes, shape)
    for key, shape in {
        "dropout": (100, 100),
        "dropout1d": (100, 100, 2),
        "dropout2d": (100, 100, 2, 1),
        "dropout3d": (100, 100, 1, 2, 1),
        "alpha_dropout": (100, 100),
        "drop_path": (10_000, 2),
    }.items()
    for attributes in ({}, {"p": 0.2})
]


@pytest.mark.parametrize(("key", "attributes", "shape"), RATES)
def test_as_much_is_kept_as_the_judge_keeps(key: str, attributes: dict[str, Any], shape: tuple[int, ...]) -> None:
    """Of ten thousand draws; five standard deviations are 0.025 at most."""
    train = JUDGES[key].train
    assert train is not None
    _, told = train(attributes, torch.ones(shape))
    (draw,) = make(key, **attributes).draws(shape).values()
    assert draw.keep == pytest.approx(told["kept"].double().mean().item(), abs=0.025)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("key", ["rnn", "lstm", "gru"])
def test_layers_keep_as_much_of_each_other_as_the_judge_keeps(key: str, dropout: float) -> None:
    attributes = {"hidden_size": 50, "num_layers": 2} | ({"dropout": dropout} if dropout else {})
    op, train = make(key, **attributes), JUDGES[key].train
    assert train is not None
    weights = {name: torch.zeros(p.shape).double() for name, p in op.parameters((20, 10, 1)).items()}
    _, told = train(attributes, torch.zeros(20, 10, 1).double(), **weights)
    draws = op.draws((20, 10, 1))
    assert draws.keys() == told.keys()
    for name, draw in draws.items():
        assert draw.keep == pytest.approx(told[name].double().mean().item(), abs=0.025)


def test_what_is_not_drawn_is_left_out() -> None:
    for key in ops.names():
        for trial in trials(key):
            op = make(key, **trial.case.attributes)
            if op.draws(*(x.shape for x in trial.inputs)):
                found, learned = op.train(*trial.inputs, **trial.weights)
                assert not problem(listed(found), trial.verdict, JUDGES[key].tolerance)
                assert not learned


@pytest.mark.parametrize("row", [None, 0, 2])
def test_a_frozen_row_gets_no_gradient(row: int | None) -> None:
    weight = torch.ones(4, 3, requires_grad=True)
    F.embedding(torch.arange(4), weight, padding_idx=row).sum().backward()
    assert weight.grad is not None
    (still,) = (weight.grad == 0).all(1).nonzero().flatten().tolist() or [None]
    attributes = {} if row is None else {"padding_index": row}
    parameter = make("embedding", num_embeddings=4, embedding_dim=3, **attributes).parameters((1, 4))["weight"]
    assert parameter.frozen == still
