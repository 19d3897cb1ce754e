"""Writing generated code: all files or none, each complete or not at all, and nothing outside the folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from archspec.errors import UsageError


def write_all(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Writes texts, given by file name, into a folder, which is made if there is none. Raises UsageError."""
    for name in texts:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise UsageError(f"'{name}' cannot be the name of a file")
    targets = {folder / name: text for name, text in texts.items()}
    written: dict[Path, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target in targets:
            _refuse(target)
        for target, text in targets.items():
            written[target] = _write_beside(target, text)
        for target, temporary in written.items():
            os.replace(temporary, target)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or folder}: {error.strerror}") from None
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)
    return list(targets)


def check_writable(path: Path) -> None:
    """Makes the folder of a file that will be written, while nothing is lost if it cannot be. Raises UsageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _is_stream(path):
            return
        _refuse(path)
        _write_beside(path, "").unlink()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def write_one(path: Path, text: str | bytes) -> None:
    """Writes a text, or bytes, into a file, completely or not at all; into a pipe or device, as it is.

    Raises UsageError.
    """
    try:
        if _is_stream(path):
            path.write_bytes(text.encode() if isinstance(text, str) else text)
            return
        _refuse(path)
        temporary = _write_beside(path, text)
        try:
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def _is_stream(path: Path) -> bool:
    """Whether there is something that cannot be replaced by a file: a pipe, a device."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _refuse(target: Path) -> None:
    if target.is_symlink():
        raise UsageError(f"{target} is a symbolic link; what it points to is not replaced")
    if target.exists() and not target.is_file():
        raise UsageError(f"{target} is not a file")


def _write_beside(target: Path, text: str | bytes) -> Path:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    # O_EXCL does not follow a link that somebody left under this name.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
