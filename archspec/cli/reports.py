"""How the report about a network is printed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from archspec._columns import columns, prose
from archspec.cli.output import COLOURS, is_coloured, width
from archspec.results.explain import differing, reasons
from archspec.verification.report import Finding, Outcome, Report

_RUNGS: Final = ("edges", "gradient", "slope", "vjp")
_MOST_SHOWN: Final = 5
_MOST_DIFFERING: Final = 20


def print_report(report: Report) -> None:
    """Prints the table of a verification, and for each framework that did not pass, why."""
    run = dict.fromkeys(name for outcome in report.outcomes.values() for name in outcome.rungs)
    steps = "updates" in run  # of training, where the column says what is compared
    compared = [*run] if steps else ["float64", "float32", *(name for name in _RUNGS if name in run)]
    worst = {"gradient": ["worst"], "slope": [""]}
    heads = [text for name in compared for text in (name, *([] if steps else worst.get(name, ["worst step"])))]
    rows = [_row(outcome, compared, named=not steps) for outcome in report.outcomes.values()]
    aligns = "<" + (">" if steps else "><") * len(compared) + ">>><"
    groups = [1 if steps else 2] * len(compared) + [4]
    table = columns([("", *heads, "agreeing", "time", "memory", ""), *rows], aligns, width(), groups)
    if is_coloured(sys.stdout):
        for status, colour in COLOURS.items():
            table = re.sub(rf"\b{status}$", f"\033[{colour}m{status}\033[0m", table, flags=re.MULTILINE)
    print(f"{prose(f'{report.model}: {_scope(report)}', width())}\n\n{table}\n")
    said = [text for text in (_unproven(report), *report.remarks, *_unseen(report)) if text]
    if said:
        print(prose("\n".join(said), width()), "", sep="\n")
    for outcome in report.outcomes.values():
        print(*reasons(outcome), *_differing(outcome), sep="\n", end="\n" * (outcome.status != "passed"))
        if outcome.match is not None:
            print(*(f"{outcome.subject}: {line}" for line in outcome.match.lines), sep="\n")
    versions = {each.subject: ", ".join(map(" ".join, each.versions.items())) for each in report.outcomes.values()}
    print(prose("; ".join(f"{name}: {text}" for name, text in versions.items() if text), width()))


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


def _differing(outcome: Outcome) -> Iterator[str]:
    """All tensors that differ, if the first alone does not tell all."""
    found = differing(outcome)
    if len(found) < 2:
        return
    yield f"    {len(found)} tensors differ, in the order of the network:"
    named = [(f"{rung}: {each.tensor}", str(each)) for rung, each in found[:_MOST_DIFFERING]]
    width = max(len(name) for name, _ in named)
    yield from (f"      {name:{width}}  {text}" for name, text in named)
    if len(found) > len(named):
        yield f"      and {len(found) - len(named):,} more, which files of results have (-o, --junit, --markdown)"


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
    when = f"cached, {report.cached}" if report.cached else f"{report.seconds.get('total', 0):.1f} s"
    return f"{tensors} tensors compared with the reference, seed {report.seed}, {when}"
