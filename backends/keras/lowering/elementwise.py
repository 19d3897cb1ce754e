"""Arithmetic between inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Call, Code, Infix, Items, call
from archspec.emit.context import Lowered, Lowering, Site

from .rows import alike, signed, together


def merging(name: str) -> Lowering:
    """A layer that joins inputs element by element."""

    def lower(site: Site) -> Lowered:
        made = call(f"layers.{name}")

        def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
            return Call(own[""], (Items(tuple(alike(site, inputs)), "[]"),))

        return Lowered(apply, {"": made}, layouts=(signed(site, together(site)),))

    return lower


def divide(site: Site) -> Lowered:
    return Lowered(lambda own, inputs: Infix("/", tuple(alike(site, inputs))), layouts=(together(site),))


ROWS: Final[dict[str, Lowering]] = {
    "add": merging("Add"),
    "subtract": merging("Subtract"),
    "multiply": merging("Multiply"),
    "divide": divide,
}
