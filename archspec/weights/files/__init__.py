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
from archspec.weights.files import keras, paddle, pytorch, safetensors, sharded
from archspec.weights.files.libraries import needs
from archspec.weights.files.stored import CANONICAL, BrokenFile, Stored

if TYPE_CHECKING:
    from archspec.ops.base import Array

__all__ = ["KINDS", "Kind", "Stored", "kind_of", "needs", "read", "write"]


class Format(Protocol):
    """A module that reads and writes one format."""

    def read(self, path: Path) -> Stored: ...

    def write(
        self, path: Path, arrays: Mapping[str, Array], origin: str, metadata: Mapping[str, str],
        places: Mapping[str, str],
    ) -> None: ...  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """What the ending of a file's name says."""

    format: Format
    origin: str
    """Whose layouts it has if nothing else is said."""


KINDS = {
    ".safetensors": Kind(safetensors, CANONICAL),
    ".pt": Kind(pytorch, "pytorch"),
    ".pth": Kind(pytorch, "pytorch"),
    ".bin": Kind(pytorch, "pytorch"),
    ".pdparams": Kind(paddle, "paddle"),
    ".h5": Kind(keras, "keras"),
    ".keras": Kind(keras, "keras"),
}


def kind_of(path: Path) -> Kind:
    """What the ending of a file's name says. Raises UsageError if it says nothing."""
    for ending, kind in KINDS.items():
        if path.name.lower().endswith(ending):
            return kind
    raise UsageError(f"{path}: the name of a file of weights ends in {', '.join(KINDS)}")


def read(path: Path) -> Stored:
    """The arrays of a file, whose format its content says. Raises UsageError."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for, and a device has no end
            raise UsageError(f"cannot read {path}: it is no file")
        with open(path, "rb") as file:
            first = file.read(16)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if path.suffix == ".json":
        return sharded.read(path, read)
    if first.startswith(keras.START) or (first.startswith(b"PK") and path.suffix == ".keras"):
        return keras.read(path)
    if first.startswith((b"PK", pytorch.LEGACY_START)):
        return pytorch.read(path)
    if first.startswith(b"\x80") and first[4:9] != b"\0\0\0\0{":  # which is the length of a header, and the header
        return paddle.read(path)
    if first[8:9] != b"{" and path.suffix != ".safetensors":
        raise BrokenFile(path, "no file of weights: it begins as none of them does")
    return safetensors.read(path)


def write(
    path: Path, arrays: Mapping[str, Array], origin: str, metadata: Mapping[str, str], places: Mapping[str, str]
) -> None:
    """Writes arrays that have the layouts of an origin. `places` are where a file that has no names of weights has
    each. Raises UsageError."""
    kind_of(path).format.write(path, arrays, origin, metadata, places)
