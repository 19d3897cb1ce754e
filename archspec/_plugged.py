"""What distributions bring as backends and formats, found once: to look through all that is installed takes as long as
the rest of a small command."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points


@cache
def plugged(group: str) -> dict[str, EntryPoint]:
    """By name what there is of a group, `backends` or `formats`, none of which is loaded."""
    return {point.name: point for point in entry_points(group=f"archspec.{group}")}
