"""What `archspec import` does."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archspec.cli import output
from archspec.cli.files import check_writable, write_one
from archspec.errors import UsageError
from archspec.importing.model import Imported
from archspec.importing.source import source
from archspec.importing.trace import ImportRefused, PartlyImported, Problem
from archspec.verification.workers import Pool
from archspec.weights.exchange import save
from archspec.weights.names import rules_text


def run(
    text: str, name: Path, inputs: Sequence[str], backend: str, arguments: Mapping[str, Any], timeout: float, *,
    force: bool, as_json: bool, partial: bool = False,
) -> int:  # fmt: skip
    """Imports a model, writes its files, and returns the exit code. Raises UsageError, ImportRefused."""
    what = source(text, inputs, backend, arguments)
    files = [name.with_name(f"{name.name}{ending}") for ending in (".yaml", ".safetensors", ".names.yaml")]
    for file in files:
        if file.exists() and not force:
            raise UsageError(f"{file} is there already; --force writes over it")
        check_writable(file)

    def tell(stage: str) -> None:
        print(f"{text}: {stage}", file=sys.stderr, flush=True)

    try:
        with Pool(what.runners, patience=timeout) as pool:
            imported = what.imported(pool, timeout=timeout, tell=tell, partial=partial)
    except PartlyImported as part:
        write_one(files[0], part.text)
        raise ImportRefused(
            [*part.problems, Problem(f"{files[0]} has steps that are unknown in their place")]
        ) from None
    names = imported.names
    written = (files if names else files[:2]) if imported.ok else []
    if as_json:
        output.print_json(_json(imported, written))
    else:
        _show(imported)
    if not imported.ok:
        print(f"{text}: nothing is written: the spec is not proven to be the model", file=sys.stderr)
        return 1
    write_one(files[0], imported.text)
    save(imported.model, files[1], imported.weights)
    if names:
        write_one(files[2], rules_text(names, f"The names of {text} become the spec's."))
    else:
        files[2].unlink(missing_ok=True)  # of an earlier import, which --force writes over
    if not as_json:
        print(*written, sep="\n")
    return 0


def _show(imported: Imported) -> None:
    for what, report in imported.reports.items():
        (outcome,) = report.outcomes.values()
        errors = ", ".join(f"{rung.name}: {rung.agreement}" for rung in outcome.rungs.values())
        print(
            f"{what}: {outcome.status}"
            + (f" ({errors})" if errors else "")
            + (f": {outcome.message}" if outcome.message else "")
        )
    for note in imported.notes:
        print(f"note: {note}")


def _json(imported: Imported, files: Sequence[Path]) -> dict[str, Any]:
    return {
        "ok": imported.ok, "spec": imported.text, "notes": list(imported.notes),
        "files": [str(file) for file in files],
        "reports": {what: report.to_json() for what, report in imported.reports.items()},
    }  # fmt: skip
