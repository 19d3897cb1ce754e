"""One network of each family, its file built and run by the framework alone; `make plain` does so with all networks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from archspec.loading import open_spec
from archspec.model import Model
from archspec.spec.catalogue import files, variants_in
from benchmarks.plain import run, size, smallest

from .programs import BACKENDS

LARGEST = 2**28
"""What takes more bytes takes many seconds, too."""


def _least() -> Iterator[Model]:
    """The smallest network of each family."""
    for path in files():
        spec, _ = open_spec(path)
        yield min(map(spec.network, variants_in(path) or (None,)), key=lambda model: size(smallest(model)))


@pytest.mark.frameworks
@pytest.mark.parametrize("backend", BACKENDS)
def test_files_are_built_and_run_as_they_are(backend: str) -> None:
    models = [model for model in _least() if size(smallest(model)) < LARGEST]
    assert len(models) > 40
    assert run(BACKENDS[backend], models) == {}
