"""Faults to seed into generated code: that verification finds them, and names the right step, is shown with each.

A module for each origin of faults, with `NETWORKS`, and `FAULTS` by backend and network. `python -m tests.faults` tries
every one in every mode, and writes what was found into `docs/faults.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import edges, far, gradients, graphs, numbers, semantics, starts
from .fault import Edit, Fault, Shared, both, laid_out, pattern, swapped, text

__all__ = [
    "FAULTS", "NETWORKS", "SHARED", "Edit", "Fault", "Shared", "both", "laid_out", "pattern", "swapped", "text",
]  # fmt: skip

_MODULES: Final = (semantics, numbers, edges, graphs, gradients, starts, far)

NETWORKS: Final[Mapping[str, str]] = {name: spec for module in _MODULES for name, spec in module.NETWORKS.items()}
"""Small networks, as specs, by name."""

FAULTS: Final[Mapping[str, Mapping[str, list[Fault]]]] = {
    backend: {name: faults for module in _MODULES for name, faults in module.FAULTS[backend].items()}
    for backend in ("pytorch", "keras", "paddle")
}
"""Backend: network: faults."""

SHARED: Final[list[Shared]] = [*numbers.ALIKE, *gradients.ALIKE]
