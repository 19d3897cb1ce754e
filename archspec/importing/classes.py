"""What may be one class, where a source tells the modules that a step is in, and not their classes."""

from __future__ import annotations

import re

from archspec.importing.names import fitting
from archspec.importing.tree import Frame, Step


def named(frame: Frame) -> int:
    """Gives modules in this one, of which no class is known, one that is called as they are: `fire2` is a Fire. Those
    that only count others have none, and one step alone is not in one. Returns how deep modules are in each other."""
    height = 0
    for place, item in enumerate(frame.items):
        if isinstance(item, Frame):
            only = item.items[0]
            if not item.kind and len(item.items) == 1 and isinstance(only, Step):
                only.name = item.name
                frame.items[place] = only
                continue
            deep = named(item)
            height = max(height, deep + 1)
            if item.kind or item.whole:
                continue
            if _counts(item):
                item.kind = "List"
            else:
                item.kind = _kind(item.name if not item.name.isdigit() else frame.name)
                item.whole = f"{item.kind} {deep}"
    return height


def _counts(frame: Frame) -> bool:
    """Whether it is a list, of what has numbers."""
    names = [item.name for item in frame.items if item.name or isinstance(item, Frame)]
    return bool(names) and all(name.isdigit() for name in names)


def _kind(name: str) -> str:
    stem = re.match(r"[a-zA-Z]*", name.rpartition(".")[2] or name)
    word = stem.group() if stem else ""
    word = word.removesuffix("s") if len(word) > 3 else word
    return fitting(word[:1].upper() + word[1:]) if word else "Block"
