"""The networks that come along, and what the backends make of them. Generated once, for several tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from archspec.backend import Generated, Program, backends
from archspec.loading import open_spec
from archspec.model import Model
from archspec.spec.catalogue import files, variants_in

BACKENDS: Final = {backend.name: backend for backend in backends()}
NETWORKS: Final = {(variants_in(path) or (path.stem,))[0]: path for path in files()}
"""The first variant of each family: the file with its spec."""
MORE: Final = {path.stem: path for path in sorted((Path(__file__).parent / "networks").glob("*.yaml"))}
"""Networks that are made for tests alone."""


@cache
def model(name: str) -> Model:
    """A network by its name."""
    path = {**MORE, **NETWORKS}[name]
    spec, _ = open_spec(path)
    return spec.network(name if name in spec.document.variants else None)


@cache
def generated(name: str, backend: str) -> Generated:
    """What a backend makes of a network, of which tests take its text or all."""
    return BACKENDS[backend].generator(model(name))


@cache
def program(name: str, backend: str) -> Program:
    """What a backend makes of a network, with all that a runner needs."""
    return generated(name, backend).program()
