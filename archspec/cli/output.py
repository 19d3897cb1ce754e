"""How commands show what they found: plain text in files and pipes, colours and tables of rich on a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

from archspec.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from archspec.errors import ArchspecError, Diagnostic
    from archspec.summary import Summary
    from archspec.verification.report import Finding, Outcome, Report

_COLOURS: Final = {"error": "31;1", "warning": "33;1", "failed": "31;1", "unproven": "33;1", "missing": "33;1",
                    "passed": "32;1"}  # fmt: skip
_RUNGS: Final = ("edges", "gradient", "slope", "vjp")
_MAX_RICH_ROWS: Final = 1000  # rich needs a millisecond for each
_MOST_SHOWN: Final = 5


def print_json(value: Any) -> None:
    """Prints a value as JSON, for programs."""
    print_text(json.dumps(value, indent=2, ensure_ascii=False), "\n")


def print_text(*texts: str) -> None:
    """Prints what is read by programs, Python among them: in UTF-8, whatever people's texts are in."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    print(*texts, sep="", end="")


def print_findings(findings: Iterable[Diagnostic], file: TextIO) -> None:
    """Prints findings about a spec, in colours if that is a terminal."""
    colours = is_coloured(file)
    for finding in findings:
        text = str(finding)
        if colours:
            text = re.sub(
                r"^(.*?): (error|warning): (.*)",
                lambda m: f"\033[1m{m[1]}:\033[0m \033[{_COLOURS[m[2]]}m{m[2]}:\033[0m {m[3]}",
                text,
                count=1,
            )
        print(text, file=file)


def print_error(message: str) -> None:
    """Prints why the command cannot do what it was asked for; lines after the first show where in a spec."""
    print("archspec: error:", "\n".join(map(printable, message.split("\n"))), file=sys.stderr)


def print_failure(error: ArchspecError) -> None:
    """Prints why something could not be done."""
    print_findings(error.diagnostics, sys.stderr)
    if not error.diagnostics:
        print_error(str(error))


def print_summary(summary: Summary) -> None:
    """Prints the table of a network's steps, and the totals."""
    if is_coloured(sys.stdout) and len(summary.rows) <= _MAX_RICH_ROWS:
        from rich.console import Console

        console, table = Console(), summary.table()
        if _width(console, table) <= console.width:  # else the terminal wraps better than rich cuts
            console.print(table)
            print(summary.totals)
            return
    print(summary)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Gives a function that shows on standard error what is happening, if that is a terminal; with no text, nothing,
    so that other things can be printed."""
    if not is_coloured(sys.stderr):
        yield lambda stage: None
        return
    from rich.console import Console

    status = Console(stderr=True).status("")

    def show(stage: str) -> None:
        status.update(stage)
        (status.start if stage else status.stop)()

    try:
        yield show
    finally:
        status.stop()


def print_report(report: Report) -> None:
    """Prints the table of a verification, and for each framework that did not pass, why."""
    from archspec.summary import columns

    run = dict.fromkeys(name for outcome in report.outcomes.values() for name in outcome.rungs)
    steps = "updates" in run  # of training, where the column says what is compared
    compared = [*run] if steps else ["float64", "float32", *(name for name in _RUNGS if name in run)]
    worst = {"gradient": ["worst"], "slope": [""]}
    heads = [text for name in compared for text in (name, *([] if steps else worst.get(name, ["worst step"])))]
    rows = [_row(outcome, compared, named=not steps) for outcome in report.outcomes.values()]
    columns_ = "<" + (">" if steps else "><") * len(compared) + ">>><"
    table = columns([("", *heads, "agreeing", "time", "memory", ""), *rows], columns_)
    if is_coloured(sys.stdout):
        for status, colour in _COLOURS.items():
            table = re.sub(rf"\b{status}$", f"\033[{colour}m{status}\033[0m", table, flags=re.MULTILINE)
    print(f"{report.model}: {_scope(report)}\n\n{table}\n")
    said = [text for text in (_unproven(report), *report.remarks, *_unseen(report)) if text]
    if said:
        print(*said, "", sep="\n")
    for outcome in report.outcomes.values():
        print(*_reasons(outcome), sep="\n", end="\n" * (outcome.status != "passed"))
    versions = {each.subject: ", ".join(map(" ".join, each.versions.items())) for each in report.outcomes.values()}
    print("; ".join(f"{name}: {text}" for name, text in versions.items() if text))


def _row(outcome: Outcome, names: Sequence[str], *, named: bool) -> tuple[str, ...]:
    cells = [outcome.subject]
    for name in names:
        rung = outcome.rungs.get(name)
        worst = rung.worst.tensor if rung is not None and rung.worst is not None and name != "slope" else ""
        cells += [rung.agreement if rung is not None else "-", *([worst.removeprefix("gradient of ")] * named)]
    rungs = [outcome.rungs[name] for name in names if name in outcome.rungs]
    compared, wrong = sum(rung.compared for rung in rungs), sum(len(rung.wrong) for rung in rungs)
    seconds = sum(sum(rung.seconds.values()) for rung in rungs)
    return (
        *cells,
        f"{compared - wrong}/{compared}" if compared else "-",
        f"{seconds:.2f} s" if rungs else "-",
        f"{outcome.memory / 2**20:,.0f} MiB" if outcome.memory else "-",
        outcome.status,
    )


def _reasons(outcome: Outcome) -> Iterator[str]:
    """Why a framework did not pass: the first step that differs and where it stands, or how it broke down."""
    culprit = outcome.culprit
    if outcome.status == "passed":
        return
    where = f"{culprit.position}: " if culprit is not None and culprit.position else ""
    yield f"{outcome.subject}: {where}{outcome.message}"
    if culprit is not None and culprit.confirmed is not None:
        alone = "also" if culprit.confirmed else "not"
        yield f"    this is the first step that differs; given the right inputs it is {alone} wrong by itself"
    if outcome.failure is not None and outcome.failure.detail and outcome.status == "error":
        yield from (f"    {line}" for line in outcome.failure.detail.rstrip().splitlines()[-12:])


def _unproven(report: Report) -> str:
    """How many values prove nothing; they are those of the reference, so that one framework speaks for all."""
    found: dict[str, Finding] = {}
    for outcome in report.outcomes.values():
        for rung in outcome.rungs.values():
            for finding in rung.unproven:
                found.setdefault(finding.tensor, finding)
    tensors = [finding for finding in found.values() if not finding.tensor.startswith("output ")]
    if not tensors:
        tensors = list(found.values())
    if not tensors:
        return ""
    count = sum(finding.unproven for finding in tensors)
    shown = _some([finding.share for finding in tensors])
    what = "NaN, infinite, lost in rounding, or not defined, which proves nothing"
    return f"{what}: {count:,} values of {len(tensors)} tensors: {shown}"


def _unseen(report: Report) -> Iterator[str]:
    """What could not be compared, though the rest was."""
    for outcome in report.outcomes.values():
        names = list(dict.fromkeys(name for rung in outcome.rungs.values() for name in rung.unseen))
        if names:
            yield f"{outcome.subject}: not compared: {_some(names)}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_SHOWN]) + f", and {len(names) - _MOST_SHOWN:,} more" * (len(names) > _MOST_SHOWN)


def _scope(report: Report) -> str:
    tensors = max((rung.compared for each in report.outcomes.values() for rung in each.rungs.values()), default=0)
    return f"{tensors} tensors compared with the reference, seed {report.seed}, {report.seconds.get('total', 0):.1f} s"


def _width(console: Console, table: Table) -> int:
    return console.measure(table, options=console.options.update(width=1000)).maximum


def is_coloured(file: TextIO) -> bool:
    """Whether colours and boxes are welcome (https://no-color.org)."""
    return file.isatty() and "NO_COLOR" not in os.environ
