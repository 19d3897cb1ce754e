"""Whole networks in all frameworks: the smallest of every family, and small ones that use all of the language."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest

from archspec.backend import backends
from archspec.errors import SpecError
from archspec.model import Model, Spec
from archspec.proof import reports
from archspec.verification.workers import Pool

ROOT = Path(__file__).parent
BACKENDS = backends()
SMALL = [(64, 48), (99, 83), (128, 96)]
"""Sizes of images, the smallest that a network takes coming first; the published sizes are verified by `make zoo`."""


def _networks() -> list[tuple[Path, str | None]]:
    small = sorted((ROOT / "networks").glob("*.yaml"))
    every = [(file, variant) for file in small for variant in Spec.read(file).document.variants or [None]]
    return [(file, _least(file)) for file in sorted((ROOT.parent / "specs").glob("*.yaml"))] + every


def _least(file: Path) -> str | None:
    """The variant with the fewest parameters, by what the spec expects."""
    variants = Spec.read(file).document.variants
    return min(variants, key=lambda name: _parameters(variants[name].expect.parameters), default=None)


def _parameters(expected: Any) -> float:
    return expected if isinstance(expected, int) else getattr(expected, "evaluation", inf)


def _small(model: Model) -> Model:
    """The network with smaller images, if it takes them."""
    for height, width in SMALL:
        shapes = {
            name: (int(tensor.shape[1]), height, width)
            for name, tensor in model.graph.inputs.items()
            if len(tensor.shape) == 4 and min(tensor.shape[2:]) > height
        }
        small = model.resized(shapes)
        try:
            small.graph  # noqa: B018
        except SpecError:
            continue
        return small
    return model


@pytest.mark.frameworks
@pytest.mark.parametrize(("file", "variant"), _networks(), ids=lambda value: getattr(value, "stem", value))
def test_all_frameworks_agree(file: Path, variant: str | None, pool: Pool) -> None:
    for report in reports(_small(Spec.read(file).network(variant)), BACKENDS, pool, gradients=True):
        assert report.exit_code == 0, {name: outcome.message for name, outcome in report.outcomes.items()}
        for outcome in report.outcomes.values():
            assert {"float64", "float32"} <= outcome.rungs.keys()
            assert all(rung.compared > 1 for name, rung in outcome.rungs.items() if name != "slope")
