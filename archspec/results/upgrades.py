"""What becomes of the same code in other versions of its framework: each environment held against the one before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from archspec._columns import UNBOUNDED, columns
from archspec.results.baseline import differences, kept
from archspec.verification.report import Outcome, Report


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What is different in a network, in one environment and the next of the same framework."""

    network: str
    before: str
    now: str
    worse: tuple[str, ...]
    changed: tuple[str, ...]
    """What differs as well; errors as baselines have them, rounded up."""
    tensors: int
    """How many were seen in both, in float64 and float32."""
    same: int
    """How many of them have the same bits."""
    first: str
    """The first of the others, in the order of the network."""

    @property
    def bits(self) -> str:
        """How many tensors have the same bits, and from where on they do not."""
        return f"{self.same}/{self.tensors}" + (f", not {self.first}" if self.first else "") if self.tensors else "-"

    def to_json(self) -> dict[str, Any]:
        """As plain data that JSON can hold."""
        return asdict(self) | {"worse": list(self.worse), "changed": list(self.changed)}


def upgrades(reports: Sequence[Report], groups: Mapping[str, Sequence[str]]) -> tuple[Upgrade, ...]:
    """What changes in each network from one to the next in each group: the names under which one framework runs."""
    return tuple(
        _upgrade(report, report.outcomes[before], report.outcomes[now])
        for report in reports for names in groups.values()
        for before, now in pairwise(name for name in names if _ran(report, name))
    )  # fmt: skip


def _ran(report: Report, name: str) -> bool:
    return name in report.outcomes and report.outcomes[name].status != "missing"


def _upgrade(report: Report, before: Outcome, now: Outcome) -> Upgrade:
    found = list(differences(kept(before, ""), kept(now, "")))
    pairs = list(_pairs(before, now))
    first = next((name for name, old, new in pairs if old != new), "")
    same = sum(old == new for _, old, new in pairs)
    worse, changed = (tuple(text for is_worse, text in found if is_worse is wanted) for wanted in (True, False))
    return Upgrade(report.model, before.subject, now.subject, worse, changed, len(pairs), same, first)


def _pairs(before: Outcome, now: Outcome) -> Iterator[tuple[str, str, str]]:
    for name, digests in before.bits.items():
        others = now.bits.get(name, {})
        yield from ((f"{name}: {tensor}", bits, others[tensor]) for tensor, bits in digests.items() if tensor in others)


def table(found: Sequence[Upgrade], width: int = UNBOUNDED) -> str:
    """What changes as text, a row for each network and pair; below it what is worse or else, in sentences."""
    rows = [("", "from", "to", "same bits", "errors", "")]
    for each in found:
        verdict = f"{len(each.worse)} worse" if each.worse else "as before"
        rows.append((each.network, each.before, each.now, each.bits, _count(each.changed), verdict))
    told = [
        f"{each.network}, {each.before} to {each.now}: {kind}: {text}"
        for each in found for kind, texts in (("worse", each.worse), ("changed", each.changed)) for text in texts
    ]  # fmt: skip
    return "\n".join([columns(rows, "<<<<<<", width, key=3), *(["", *told] if told else [])])


def _count(changed: Sequence[str]) -> str:
    return f"{len(changed)} changed" if changed else "the same"
