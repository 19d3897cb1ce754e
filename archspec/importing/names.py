"""Names that a spec can have."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection
from typing import Final

RESERVED: Final = frozenset("x index name self super forward training batch".split())


def fitting(name: str) -> str:
    """A name that a step or a param can have, as near as that is."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")[:60]
    if not plain:
        return "step"
    if plain[0].isdigit():
        plain = f"step{plain}"
    return f"{plain}_" if plain in RESERVED or keyword.iskeyword(plain) else plain


def unique(name: str, taken: Collection[str]) -> str:
    """The name, or with a number, that is not taken; notes it, if the names are a set."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}{number}", number + 1
    if isinstance(taken, set):
        taken.add(found)
    return found
