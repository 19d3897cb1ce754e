"""The networks that the benchmarks grow are valid, of the size that they say, and the code for them is Python."""

from __future__ import annotations

import pytest

from archspec.model import Spec

from .scripts import script

COST = script("compile_cost")


@pytest.mark.slow
@pytest.mark.parametrize("shape", COST.SHAPES)
def test_growing_networks(shape: str) -> None:
    text = COST.SHAPES[shape](120)
    model = Spec.parse(text).network()
    assert model.check() == []
    assert 110 <= len(model.graph.nodes) <= 130
    assert [stage for stage, _, _ in COST.stages(text)] == ["read", "check", "pytorch", "keras", "paddle"]
