"""What `archspec fmt` does for the files that it is given."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspec.cli.files import write_one
from archspec.errors import ArchspecError, SpecError, UsageError, understood
from archspec.spec.formatting import formatted
from archspec.spec.source import MAX_BYTES, Source

_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Formatted:
    """One file: whether its text is another in the style, or why that cannot be said."""

    file: str
    changed: bool = False
    failure: ArchspecError | None = None

    def to_json(self) -> dict[str, Any]:
        return {"file": self.file, "changed": self.changed, "error": str(self.failure) if self.failure else None}


def files(names: Iterable[str]) -> Iterator[Path]:
    """The files that are meant: each that is named, and in folders, and those inside them, all that are YAML.

    Raises UsageError.
    """
    for name in names:
        path = Path(name)
        if path.is_dir():
            found = sorted(each for each in path.rglob("*") if each.suffix in _ENDINGS and each.is_file())
            if not found:
                raise UsageError(f"{name}: there is no .yaml file in this folder")
            yield from found
        elif path.suffix == ".json":
            raise UsageError(f"{name}: only YAML is formatted; JSON has no comments, and tools of its own")
        else:
            yield path


def format_file(path: Path, *, write: bool) -> Formatted:
    """Brings a file into the style, completely or not at all; one that cannot be, and a link, is left as it is."""
    try:
        Source.read(path)  # which says what is wrong, and bounds what is read
        text = path.read_bytes().decode("utf-8-sig")
        result = formatted(text, str(path))
        if write and result != text:
            write_one(path, result)
        return Formatted(str(path), result != text)
    except SpecError as error:
        return Formatted(str(path), failure=ArchspecError(str(error).splitlines()[0]))
    except Exception as error:
        return Formatted(str(path), failure=understood(error))


def format_stream() -> str:
    """The text of standard input in the style. Raises SpecError, ArchspecError."""
    raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        return formatted(raw.decode("utf-8-sig"), "<stdin>")
    except UnicodeDecodeError:
        raise UsageError("<stdin>: the text is not UTF-8") from None
