"""Tries every fault in every mode, and writes what was found: `python -m tests.faults`, or `make faults`. With kinds,
`python -m tests.faults "far away" "a start"`, those alone; the others stay as they were found."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from archspec.verification.report import Outcome
from archspec.verification.workers import Pool

from . import FAULTS, SHARED
from .page import DATA, PAGE, load, page
from .trial import BACKENDS, MODES, alone, together


def main(kinds: Collection[str]) -> None:
    """Writes the data and the page."""
    known = {} if not kinds else {(row["backend"], row["kind"], row["about"]): row for row in load()}
    with Pool({name: backend.runner for name, backend in BACKENDS.items()}) as pool:
        found = list(_tried(pool, {key: row for key, row in known.items() if key[1] not in kinds}))
    DATA.write_text("[\n" + ",\n".join(map(json.dumps, found)) + "\n]\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


def _tried(pool: Pool, known: Mapping[tuple[str, str, str], Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """What every fault comes to, one by one: a fault that several frameworks have alike, in each of them. What is known
    is not tried again."""
    for backend, by_network in FAULTS.items():
        for network, faults in by_network.items():
            for fault in faults:
                if (backend, fault.kind, fault.about) in known:
                    yield known[backend, fault.kind, fault.about]
                    continue
                outcomes = {mode: alone(backend, network, fault, pool, mode).outcomes[backend] for mode in MODES}
                yield _row(fault, backend, outcomes)
    for shared in SHARED:
        rows = [known[key] for name in shared.edits if (key := (name, shared.kind, shared.about)) in known]
        if len(rows) == len(shared.edits):
            yield from rows
            continue
        reports = {mode: together(shared, pool, mode) for mode in MODES}
        for backend in shared.edits:
            yield _row(shared, backend, {mode: report.outcomes[backend] for mode, report in reports.items()})


def _row(fault: Any, backend: str, outcomes: dict[str, Outcome]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": fault.kind, "about": fault.about, "backend": backend, "due": fault.mode, "step": fault.step,
    }  # fmt: skip
    for mode, outcome in outcomes.items():
        wrong = sorted({name for name, rung in outcome.rungs.items() if rung.wrong})
        named = outcome.culprit.step if outcome.culprit is not None else ""
        row[mode] = {"status": outcome.status, "wrong": wrong, "named": named}
    print(fault.about, backend, {mode: row[mode]["named"] for mode in outcomes}, flush=True)
    return row


if __name__ == "__main__":
    main(sys.argv[1:])
