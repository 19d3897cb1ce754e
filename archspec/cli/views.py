"""What is shown of a verification, while it runs and at its end: each view shows the same result."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from archspec.cli import output
from archspec.cli.files import check_writable, write_one
from archspec.results.result import Proof, Refused
from archspec.verification.report import Report


class View(Protocol):
    """Somebody who looks at results."""

    def add(self, found: Report | Refused) -> None:
        """Is given every report as soon as it is there."""

    def close(self, proof: Proof) -> None:
        """Is given the whole, once, however the run ended. Raises UsageError if it cannot be written."""


class Tables:
    """Tables on standard output, and what cannot be verified on standard error."""

    def add(self, found: Report | Refused) -> None:
        if isinstance(found, Refused):
            output.print_failure(found.error)
        else:
            from archspec.cli.reports import print_report

            print_report(found)
            sys.stdout.flush()

    def close(self, proof: Proof) -> None:
        if proof.upgrades:
            from archspec.results.upgrades import table

            print(f"\n{table(proof.upgrades, output.width())}", flush=True)
        if proof.comparison is not None:
            print(f"\n{proof.comparison}", flush=True)


class Json:
    """One JSON value on standard output."""

    def add(self, found: Report | Refused) -> None:
        if isinstance(found, Refused):
            output.print_failure(found.error)

    def close(self, proof: Proof) -> None:
        output.print_json(proof.to_json())


class File:
    """A file, which is written at the end."""

    def __init__(self, path: Path, write: Callable[[Proof], str]) -> None:
        """Raises UsageError if there can be no such file."""
        self._path, self._write = path, write
        check_writable(path)

    def add(self, found: Report | Refused) -> None:
        pass

    def close(self, proof: Proof) -> None:
        write_one(self._path, self._write(proof))


def _json(proof: Proof) -> str:
    return json.dumps(proof.to_json(), indent=2, ensure_ascii=False) + "\n"


def _junit(proof: Proof) -> str:
    from archspec.results.junit import junit

    return junit(proof)


def _markdown(proof: Proof) -> str:
    from archspec.results.markdown import markdown

    return markdown(proof)


def _names(proof: Proof) -> str:
    from archspec.against.names import text

    return text(proof.reports)


FILES: Final[Mapping[str, Callable[[Proof], str]]] = {
    "output": _json,
    "junit": _junit,
    "markdown": _markdown,
    "names": _names,
}
"""What is written into a file, by the name of its option."""


def views(as_json: bool, files: Mapping[str, Path | None]) -> list[View]:
    """The views that were asked for; `files` are those of `FILES`. Raises UsageError for a file that cannot be
    written, or that is named twice."""
    shown: list[View] = [Json() if as_json else Tables()]
    return [*shown, *(File(path, FILES[name]) for name, path in files.items() if path is not None)]
