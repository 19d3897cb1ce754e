"""Tries every fault in every mode, and writes what was found: `python -m tests.faults`, or `make faults`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from archspec.verification.report import Outcome
from archspec.verification.workers import Pool

from . import FAULTS, SHARED
from .page import DATA, PAGE, page
from .trial import BACKENDS, MODES, alone, together


def main() -> None:
    """Writes the data and the page."""
    with Pool({name: backend.runner for name, backend in BACKENDS.items()}) as pool:
        found = list(_tried(pool))
    DATA.write_text("[\n" + ",\n".join(map(json.dumps, found)) + "\n]\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


def _tried(pool: Pool) -> Iterator[dict[str, Any]]:
    """What every fault comes to, one by one: a fault that several frameworks have alike, in each of them."""
    for backend, by_network in FAULTS.items():
        for network, faults in by_network.items():
            for fault in faults:
                outcomes = {mode: alone(backend, network, fault, pool, mode).outcomes[backend] for mode in MODES}
                yield _row(fault, backend, outcomes)
    for shared in SHARED:
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
    main()
