"""What files of weights hold, and how one is put in its place."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from archspec.errors import UsageError

if TYPE_CHECKING:
    from archspec.ops.base import Array

CANONICAL = "canonical"
"""The origin of arrays that have the names and shapes of a spec."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The arrays of a file, and what it says of them."""

    arrays: dict[str, Array]
    origin: str = ""
    """Whose layouts they have: `canonical`, or the name of a backend; empty if the file does not say."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    """Where the file has each array, if not under its name."""


class Refused(Exception):
    """A file, or a part of it, is not complete, or wants what weights do not need."""


CUT: Final = "it is cut off or damaged"


class BrokenFile(UsageError):
    """A file is not what it should be, or asks for what is not allowed."""

    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(f"{path}: {why}")


@contextlib.contextmanager
def put(path: Path) -> Iterator[Path]:
    """A path beside this one to write to, which takes its place if nothing is raised. Raises UsageError for what cannot
    be written."""
    if path.is_symlink():
        raise UsageError(f"{path} is a symbolic link; what it points to is not replaced")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is not a file")
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))  # follows no link of this name
            yield aside
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
