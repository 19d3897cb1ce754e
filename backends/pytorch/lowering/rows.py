"""What several families of rows share."""

from __future__ import annotations

from typing import Any

from archspec.emit.code import Code
from archspec.emit.context import Site
from archspec.ops.base import resolve_axis


def in_channels(site: Site) -> Code:
    return site.size(1)


def axis(name: str = "axis") -> Any:
    """An axis by its number."""
    return lambda site: site.value(lambda step: resolve_axis(getattr(step.op, name), len(step.inputs[0].shape)), name)
