"""What several families of rows share."""

from __future__ import annotations

from typing import Any

from archspec.emit import windows
from archspec.emit.code import Code, call, literal
from archspec.emit.context import Site
from archspec.ops.base import resolve_axis


def in_channels(site: Site) -> Code:
    return site.size(1)


def axis(name: str = "axis") -> Any:
    """An axis by its number."""
    return lambda site: site.value(lambda step: resolve_axis(getattr(step.op, name), len(step.inputs[0].shape)), name)


def wanted(name: str) -> Any:
    """An `..._attr`: False where the spec has no such weight, left out where it always has."""
    return lambda site: None if site.every(lambda step: getattr(step.op, name)) else site.attr(name)


def pads(site: Site) -> Code:
    """One number, one per axis, or before and after of each axis, the first axis first."""
    return windows.before(site) if site.every(windows.symmetric) else windows.flat_pads(site, last_first=False)


def padded(x: Code, border: Code, rank: int, **options: Code) -> Code:
    if rank != 2:
        options["data_format"] = literal({1: "NCL", 3: "NCDHW"}[rank])
    return call("F.pad", x, border, **options)
