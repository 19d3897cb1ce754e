"""Files of weights, in the formats of frameworks, read and written without any framework.

A file is data from strangers: what is read runs no code, and takes no more memory than the file has bytes. Files are
written beside their place and then put there, whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from archspec.errors import UsageError
from archspec.weights.files import safetensors
from archspec.weights.files.stored import CANONICAL, Stored

if TYPE_CHECKING:
    from archspec.ops.base import Array


class Format(Protocol):
    """A module that reads and writes one format."""

    def read(self, path: Path) -> Stored: ...

    def write(self, path: Path, arrays: Mapping[str, Array], origin: str, metadata: Mapping[str, str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What the ending of a file's name says."""

    format: Format
    origin: str
    """Whose layouts it has if nothing else is said."""


KINDS = {".safetensors": Kind(safetensors, CANONICAL)}


def kind_of(path: Path) -> Kind:
    """What the ending of a file's name says. Raises UsageError if it says nothing."""
    for ending, kind in KINDS.items():
        if path.name.lower().endswith(ending):
            return kind
    raise UsageError(f"{path}: the name of a file of weights ends in {', '.join(KINDS)}")


def read(path: Path) -> Stored:
    """The arrays of a file. Raises UsageError."""
    return kind_of(path).format.read(path)


def write(path: Path, arrays: Mapping[str, Array], origin: str, metadata: Mapping[str, str]) -> None:
    """Writes arrays that have the layouts of an origin. Raises UsageError."""
    kind_of(path).format.write(path, arrays, origin, metadata)
