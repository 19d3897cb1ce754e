"""What `archspec report` does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archspec.backend import backends
from archspec.cli.files import check_writable, write_one
from archspec.cli.progress import display
from archspec.errors import UsageError
from archspec.model import Model
from archspec.report import report

_MOST_BYTES = 64 * 2**20


def write(
    model: Model, file: Path, to: Sequence[str], *, verify: bool, result: Path | None, bench: Path | None
) -> int:  # fmt: skip
    """Writes the page, and returns the exit code: that of the verification, if there is one. Raises UsageError."""
    if verify and result is not None:
        raise UsageError("--verify finds a result of its own: give one of --verify and --result")
    if file.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"-o {file}: a report is a page, a file that ends in .html")
    chosen = backends(to)
    check_writable(file)
    found, code = None, 0
    times = _read(bench) if bench is not None else None
    if verify:
        from archspec import proof

        with display() as progress:
            done = proof.verify(model, to=to, watch=progress.show)
        found, code = done.to_json(), done.exit_code
    elif result is not None:
        found = _read(result)
    write_one(file, report(model, chosen, found, times))
    print(file)
    return code


def _read(path: Path) -> dict[str, Any]:
    """A result from a file. Raises UsageError if it cannot be read, or is no JSON object."""
    try:
        with path.open("rb") as stream:
            found = json.loads(stream.read(_MOST_BYTES))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is no result: it is not JSON") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path} is no result of archspec")
    return found
