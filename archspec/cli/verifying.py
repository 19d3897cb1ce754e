"""What `archspec verify` does: a run, and all that is shown of it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archspec import proof
from archspec.cli import output
from archspec.cli.files import check_writable, write_one
from archspec.cli.progress import display
from archspec.cli.views import View
from archspec.errors import UsageError
from archspec.results.baseline import Baseline
from archspec.results.result import Interrupted, Proof, Refused
from archspec.verification.report import Report

UNWRITTEN = 2
"""The exit code of a run that was all right, of which a file could not be written."""


def run(
    specs: Sequence[str], shown: Sequence[View], *, baseline: Path | None = None, update_baseline: Path | None = None,
    **options: Any,
) -> int:  # fmt: skip
    """Verifies specs, with the options of `archspec.verify`, compares the result with a baseline, or writes it as one,
    and returns the exit code. Raises as that does, and UsageError for a baseline that is none."""
    before = Baseline.read(baseline) if baseline is not None else None
    old = None
    if update_baseline is not None:
        check_writable(update_baseline)
        old = _old(update_baseline)
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
    now = Baseline.of(found.reports, found.versions)
    if before is not None:
        found = replace(found, comparison=before.compare(now))
    written = _close(shown, found)
    if old is not None and update_baseline is not None:
        write_one(update_baseline, old.updated(now).text())
    if hint := _hint(found, options.get("python") or {}):
        print(hint, file=sys.stderr)
    return found.exit_code or (0 if written else UNWRITTEN)


def _hint(found: Proof, elsewhere: Collection[str]) -> str:
    """How to get the frameworks that are missing here, in a line; empty if none is, or it cannot be said."""
    from importlib.metadata import PackageNotFoundError, metadata

    missing = {name for report in found.reports for name, each in report.outcomes.items() if each.status == "missing"}
    if not missing:
        return ""
    try:
        extras = metadata("archspec-nn").get_all("Provides-Extra") or []
    except PackageNotFoundError:
        return ""
    ours = sorted(missing.intersection(extras) - set(elsewhere))
    return f"hint: pip install 'archspec-nn[{','.join(ours)}]' brings what is missing" if ours else ""


def _old(path: Path) -> Baseline:
    """The baseline that is updated: an empty one if there is none, or none that can be read."""
    with contextlib.suppress(UsageError):
        return Baseline.read(path)
    return Baseline({}, {})


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
