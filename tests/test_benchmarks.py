"""The networks that the benchmarks grow are valid, of the size that they say, and the code for them is Python."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from archspec.model import Spec

FOLDER = Path(__file__).parent.parent / "benchmarks"


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COST = _script("compile_cost")


@pytest.mark.slow
@pytest.mark.parametrize("shape", COST.SHAPES)
def test_growing_networks(shape: str) -> None:
    text = COST.SHAPES[shape](120)
    model = Spec.parse(text).network()
    assert model.check() == []
    assert 110 <= len(model.graph.nodes) <= 130
    assert [stage for stage, _, _ in COST.stages(text)] == ["read", "check", "pytorch", "keras", "paddle"]
