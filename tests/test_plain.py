"""Files that are built and run by the framework alone: of small networks, and of one of each family; `make plain` does
so with all networks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from archspec.loading import open_spec
from archspec.model import Model, Spec
from archspec.spec.catalogue import files, variants_in

from .programs import BACKENDS
from .scripts import script

PLAIN = script("plain")

LARGEST = 2**28
"""What takes more bytes takes many seconds, too."""


def _size(model: Model) -> int:
    return int(PLAIN.size(PLAIN.smallest(model)))


@cache
def _least() -> list[Model]:
    """The smallest network of each family, but for those of which all are large."""
    found = []
    for path in files():
        spec, _ = open_spec(path)
        sizes = [(_size(model), model) for model in map(spec.network, variants_in(path) or (None,))]
        size, model = min(sizes, key=lambda each: each[0])
        if size < LARGEST:
            found.append(model)
    return found


@pytest.mark.frameworks
@pytest.mark.parametrize("backend", BACKENDS)
def test_small_networks(backend: str) -> None:
    models = [Spec.read(path).network() for path in sorted((Path(__file__).parent / "networks").glob("*.yaml"))]
    assert len(models) > 15
    assert PLAIN.run(BACKENDS[backend], models) == {}


@pytest.mark.frameworks
@pytest.mark.long
@pytest.mark.xdist_group("plain")
@pytest.mark.parametrize("backend", BACKENDS)
def test_one_of_each_family(backend: str) -> None:
    assert len(_least()) > 40
    assert PLAIN.run(BACKENDS[backend], _least()) == {}
