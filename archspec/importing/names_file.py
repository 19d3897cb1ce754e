"""The file of names of an imported model: what each weight of it is called in the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def names_text(names: Mapping[str, Any], source: str) -> str:
    """As `archspec weights convert --names` reads it."""
    lines = [f"# The names of {source} become the spec's."]
    for theirs, ours in names.items():
        if isinstance(ours, str):
            lines.append(f"{theirs}: {ours}")
        else:
            lines += [f"{theirs}:", *(f"  - {each}" for each in ours)]
    return "\n".join(lines) + "\n"
