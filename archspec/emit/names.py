"""What things are called in a generated file: one scope inside another, as Python nests them.

A scope knows the names that it and those around it have given, and those that scopes inside have. So nothing hides what
somebody else means, in whatever order names are asked for.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Hashable, Iterable
from itertools import count
from typing import Final

PYTHON: Final = frozenset(dir(builtins)) | frozenset(keyword.kwlist)
"""What Python calls by itself, so that nothing else should be."""


class Scope:
    """The names of a file, a class, a function: what each thing in it is called, unlike all else that is seen there.

    `taken` are names that mean something there already.
    """

    def __init__(self, outer: Scope | None = None, taken: Iterable[str] = ()) -> None:
        self.outer = outer
        self._spellings: dict[Hashable, str] = {}
        self._names = set(taken)
        self._inside: set[str] = set()
        """Names that are used here or in scopes inside, and that may come to mean something else there."""
        for name in self._names:
            self.use(name)

    def has(self, name: str) -> bool:
        """Whether a name has one fixed meaning here or further out."""
        return name in self._names or (self.outer is not None and self.outer.has(name))

    def means_outside(self, name: str) -> bool:
        """Whether a name has a meaning further out."""
        return self.outer is not None and self.outer.has(name)

    def spell(self, key: Hashable, *wanted: str) -> str:
        """What `key` is called: as before, if it was asked for; else the first wanted name that is free, or one like
        it."""
        found = self._spellings.get(key)
        if found is None:
            found = next((name for name in map(word, wanted) if self.free(name)), "") or self.like(word(wanted[0]))
            self._spellings[key] = found
            self._names.add(found)
            self.use(found)
        return found

    def free(self, name: str) -> bool:
        """Whether a name may be given to something new for good."""
        return not self.has(name) and name not in self._inside

    def like(self, name: str) -> str:
        """A free name like one that is not: with an underscore behind it where that means something further out, else
        with a number."""
        if self.means_outside(name) and self.free(f"{name}_"):
            return f"{name}_"
        return next(other for number in count(2) if self.free(other := f"{name}{number}"))

    def use(self, name: str) -> None:
        """Notes that a name is used here: none further out may be given to something new."""
        scope: Scope | None = self
        while scope is not None and name not in scope._inside:
            scope._inside.add(name)
            scope = scope.outer


def word(name: str) -> str:
    """A name made an identifier: `conv_0` of `conv.0`, `layer0` of `0`."""
    name = name.replace(".", "_")
    return name if name.isidentifier() else f"layer{name}"


def snake_case(name: str) -> str:
    """`BasicBlock` as `basic_block`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def pascal_case(name: str) -> str:
    """`basic_block` as `BasicBlock`; what has capitals already stays."""
    return name if name[:1].isupper() else "".join(part[:1].upper() + part[1:] for part in name.split("_"))
