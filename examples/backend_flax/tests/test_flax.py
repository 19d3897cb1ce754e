"""Every row and some networks on Flax itself, step by step against the reference: `make flax`."""

from __future__ import annotations

from typing import Any

import pytest
from archspec_flax.rows import ROWS

from archspec.loading import open_spec
from archspec.model import Model
from archspec.proof import verify
from tests.cases import CASES, alone


def network(name: str, **params: Any) -> Model:
    spec, variant = open_spec(name)
    return spec.network(variant, params)


def found(*models: Model, training: bool = False) -> list[tuple[str, str]]:
    """How each model came out, and why."""
    reports = verify(*models, to="flax", gradients=True, training=training, timeout=900).reports
    return [(outcome.status, str(outcome.message)) for report in reports for outcome in report.outcomes.values()]


@pytest.mark.parametrize("op", ROWS)
def test_a_row_says_what_the_operation_means_or_refuses(op: str) -> None:
    results = found(*(alone(case) for case in CASES if case.op == op))
    assert [status for status, _ in results].count("passed") >= len(results) / 5
    assert not [each for each in results if each[0] != "passed" and "Flax cannot express this" not in each[1]]


@pytest.mark.parametrize(
    "model",
    [
        network("lenet5"),
        network("vgg").resized({"image": (3, 64, 64)}),  # which is VGG-11, of which no sizes are expected
        network("resnet18"),
        network("mobilenet_v2"),
        network("gpt2", width=32, depth=2, num_heads=4, vocabulary=50),
    ],
    ids=lambda model: model.name,
)
def test_networks_are_what_their_specs_say(model: Model) -> None:
    assert [status for status, _ in found(model)] == ["passed"]


@pytest.mark.parametrize("model", [network("lenet5"), network("resnet18")], ids=lambda model: model.name)
def test_in_training_too(model: Model) -> None:
    assert {status for status, _ in found(model, training=True)} == {"passed"}
