"""A result as Markdown, as services show it beside a change: GitHub's job summary takes a mebibyte at most."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from archspec._version import __version__
from archspec.results.explain import differing, reasons
from archspec.results.result import Proof
from archspec.results.upgrades import table
from archspec.verification.report import Outcome, Report

_MARKS: Final = {"passed": "✅ passed", "failed": "❌ failed", "unproven": "❌ unproven", "error": "❌ error",
                 "missing": "⚪ missing"}  # fmt: skip
_MOST_ROWS: Final = 2000
_MOST_TOLD: Final = 50
_MOST_TENSORS: Final = 100


def markdown(proof: Proof) -> str:
    """The text of the file: a table of all networks, the worst first, and for those that did not pass, why."""
    names = list(dict.fromkeys(name for report in proof.reports for name in report.outcomes))
    rows = [_row(report, names) for report in sorted(proof.reports, key=lambda report: _passed(proof, report))]
    told = [text for report in proof.reports for outcome in report.outcomes.values() for text in _told(report, outcome)]
    told += [f"- {_code(refused.network)}\n\n{_block(str(refused.error))}\n" for refused in proof.refused]
    told += _missing(proof)
    compared = [f"### Baseline\n\n{_block(_cut(str(proof.comparison)))}\n"] if proof.comparison is not None else []
    changes = [f"### Environments\n\n{_block(_cut(table(proof.upgrades)))}\n"] if proof.upgrades else []
    return "\n".join([
        f"## archspec: {_headline(proof)}", "",
        *([_line(["network", *names, "parameters"]), _line(["---"] * (len(names) + 2))] if rows else []),
        *rows[:_MOST_ROWS], *([f"\nand {len(rows) - _MOST_ROWS:,} more"] if len(rows) > _MOST_ROWS else []), "",
        *changes, *compared,
        *told[:_MOST_TOLD], *([f"and {len(told) - _MOST_TOLD:,} more"] if len(told) > _MOST_TOLD else []),
        _footer(proof), "",
    ])  # fmt: skip


def _headline(proof: Proof) -> str:
    wrong = sum(not _passed(proof, report) for report in proof.reports) + len(proof.refused)
    count = len(proof.reports) + len(proof.refused)
    cached = sum(bool(report.cached) for report in proof.reports)
    shown = f"{wrong} of {count} did not pass" if wrong else f"all {count} passed" if count > 1 else "passed"
    return shown + (f" ({cached} cached)" if cached else "")


def _passed(proof: Proof, report: Report) -> bool:
    """Whether all frameworks passed that are there: at least one, and those that are required."""
    statuses = {name: outcome.status for name, outcome in report.outcomes.items()}
    missing = {name for name, status in statuses.items() if status == "missing"}
    return (
        set(statuses.values()) <= {"passed", "missing"} and missing != statuses.keys() and not missing & proof.required
    )


def _row(report: Report, names: list[str]) -> str:
    cells = []
    for name in names:
        outcome = report.outcomes.get(name)
        rung = outcome.rungs.get("float64") if outcome is not None else None
        error = f" {rung.agreement}" if rung is not None and rung.worst is not None else ""
        cells.append(_MARKS[outcome.status] + error if outcome is not None else "")
    return _line([_code(report.model), *cells, f"{report.facts.parameters:,}" if report.facts is not None else ""])


def _told(report: Report, outcome: Outcome) -> Iterator[str]:
    if outcome.status in ("passed", "missing"):
        return
    yield f"### {_code(report.model)}, {outcome.subject}\n\n{_block(chr(10).join(reasons(outcome)))}\n"
    found = differing(outcome)
    if found:
        lines = [_line(["comparison", "tensor", "error", "bound", "problem"]), _line(["---"] * 5)]
        for rung, each in found[:_MOST_TENSORS]:
            numbers = [f"{each.error:.1e}", f"{each.bound:.1e}"]
            lines.append(_line([rung, _code(each.tensor), *numbers, _escaped(each.problem)]))
        more = len(found) - _MOST_TENSORS
        title = f"{len(found):,} tensors differ, in the order of the network"
        lines += [f"\nand {more:,} more"] if more > 0 else []
        yield "\n".join([f"<details><summary>{title}</summary>\n", *lines, "\n</details>\n"])


def _missing(proof: Proof) -> list[str]:
    """Why each framework that is missing is, once."""
    missing = {
        name: outcome.message for report in proof.reports for name, outcome in report.outcomes.items()
        if outcome.status == "missing"
    }  # fmt: skip
    return [f"- {_escaped(f'{name} is missing: {message}')}\n" for name, message in missing.items()]


def _footer(proof: Proof) -> str:
    versions = {
        name: ", ".join(f"{package} {version}" for package, version in each.items())
        for name, each in proof.versions.items()
    }
    named = [_escaped(f"{name}: {text}") for name, text in versions.items()]
    return "; ".join([f"archspec {__version__}", proof.date, *named])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """A text as it is, within a line, a table, or both."""
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~])", r"\\\1", " ".join(text.split()))


def _cut(text: str) -> str:
    """At most so many lines of a text."""
    lines = text.splitlines()
    more = len(lines) - _MOST_ROWS
    return "\n".join([*lines[:_MOST_ROWS], *([f"and {more:,} more"] if more > 0 else [])])


def _block(text: str) -> str:
    """Text in a block of its own, whose fence is longer than any in it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"
