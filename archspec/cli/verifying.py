"""What `archspec verify` does: a run, and all that is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec import proof
from archspec.cli import output
from archspec.cli.progress import display
from archspec.cli.views import View
from archspec.errors import UsageError
from archspec.results.result import Interrupted, Proof, Refused
from archspec.verification.report import Report

UNWRITTEN = 2
"""The exit code of a run that was all right, of which a file could not be written."""


def run(specs: Sequence[str], shown: Sequence[View], **options: Any) -> int:
    """Verifies specs, with the options of `archspec.verify`, and returns the exit code. Raises as that does."""
    with display() as progress:

        def add(found: Report | Refused) -> None:
            with progress.aside():
                for view in shown:
                    view.add(found)

        try:
            found = proof.verify(*specs, watch=progress.show, each=add, **options)
        except Interrupted as interrupted:
            _close(shown, interrupted.proof)
            raise
    written = _close(shown, found)
    return found.exit_code or (0 if written else UNWRITTEN)


def _close(shown: Sequence[View], found: Proof) -> bool:
    """Gives every view the whole, whatever becomes of the others; False if one could not be written."""
    written = True
    for view in shown:
        try:
            view.close(found)
        except UsageError as error:
            output.print_failure(error)
            written = False
    return written
