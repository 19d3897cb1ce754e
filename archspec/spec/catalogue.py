"""The specs that come along, and what a SPEC on the command line or in `archspec.load` means."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from archspec.errors import UsageError, printable

SUFFIXES: Final = (".yaml", ".yml", ".json")


class Location(NamedTuple):
    """A file, and the variant in it that was asked for, if one was."""

    path: Path
    variant: str | None
    shown: str
    """The path as messages give it."""


def locate(spec: str | Path) -> Location:
    """The file that `spec` names: a path, or the name of a spec or variant that comes along (`resnet`, `resnet50`).

    Raises UsageError if there is no such file, spec or variant.
    """
    if not isinstance(spec, (str, Path)):
        hint = "; Spec.from_dict takes what is read already" if isinstance(spec, Mapping) else ""
        from archspec.ops.base import describe

        raise UsageError(f"a spec is named by a text or a path, not by {describe(spec)}{hint}")
    text = str(spec)
    path = Path(spec)
    if "\n" in text and _problem(path, ""):
        raise UsageError("a spec is named by its file, or by a name that comes along; Spec.parse takes its text")
    if isinstance(spec, Path) or "/" in text or "\\" in text or path.suffix.lower() in SUFFIXES or text in (".", ".."):
        if problem := _problem(path, text):
            raise UsageError(problem)
        return Location(path, None, printable(text))
    found = _by_stem(text) or _by_variant(text)
    if found is not None:
        return found
    if not _problem(path, text):
        return Location(path, None, printable(text))
    from archspec.expressions import suggestion

    known = [name for file in files() for name in (file.stem, *variants_in(file))]
    hint = suggestion(text, known) or "archspec list shows those that come along"
    raise UsageError(f"there is no spec '{text}', neither a file nor one that comes along; {hint}")


def _problem(path: Path, shown: str) -> str:
    """Why there is no file at a path; empty if there is one."""
    try:
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return f"{shown} is a symbolic link to nothing" if path.is_symlink() else f"there is no file {shown}"
    except OSError as error:
        return f"{shown[:200]} cannot be read: {error.strerror}"
    return f"{shown} is a folder" if stat.S_ISDIR(kind) else ""


def files() -> list[Path]:
    """The spec files that come along, in alphabetical order."""
    return sorted(folder().glob("*.yaml"))


@cache
def variants_in(path: Path) -> tuple[str, ...]:
    """The names of the variants of a file that comes along, found without parsing it."""
    section = re.search(r"^variants:\n((?:[ #].*\n|\n)*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return tuple(re.findall(r"^  (\w+):", section[1], re.MULTILINE)) if section else ()


def shown(path: Path) -> str:
    """A path as messages give it: relative if it is below the current folder."""
    here = Path.cwd()
    return printable(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _by_stem(name: str) -> Location | None:
    path = folder() / f"{name}.yaml"
    if not name.isidentifier() or not path.is_file():
        return None
    return Location(path, name if name in variants_in(path) else None, shown(path))


def _by_variant(name: str) -> Location | None:
    return next(_with_variant(name), None)


def _with_variant(name: str) -> Iterator[Location]:
    for path in files():
        if name in variants_in(path):
            yield Location(path, name, shown(path))


@cache
def folder() -> Path:
    package = Path(__file__).resolve().parents[1]
    installed, checkout = package / "specs", package.parent / "specs"
    return installed if installed.is_dir() else checkout
