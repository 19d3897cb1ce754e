"""What a benchmark found: plain data, a table, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, Final

from archspec._columns import UNBOUNDED, columns, prose
from archspec._version import __version__
from archspec.results.result import environment

KIND: Final = "bench"


@dataclass(slots=True)
class Row:
    """One framework, phase, way of running, and batch."""

    backend: str
    title: str
    phase: str
    """`inference`; or `training`: forward, backward, and an update of all weights."""
    way: str
    """`eager` or `compiled`."""
    batch: int
    runs: list[list[float]] = field(default_factory=list)
    """The seconds of each call that was timed, of each process."""
    first: float = 0.0
    """The seconds of the first call in the first process, with compiling."""
    memory: int = 0
    """The most bytes that a process used until then, the framework included."""
    imported: int = 0
    """The same before the model was made."""
    problem: str = ""
    missing: bool = False

    def add(self, answer: Mapping[str, Any]) -> None:
        """What a process said."""
        if answer.get("problem"):
            self.problem, self.missing = str(answer["problem"]), bool(answer.get("missing"))
            self.runs.clear()
            return
        self.first = self.first or float(answer["first"])
        self.runs.append([float(each) for each in answer["seconds"]])
        self.memory = max(self.memory, int(answer["memory"]))
        self.imported = max(self.imported, int(answer["imported"]))

    @property
    def quarters(self) -> tuple[float, float, float]:
        """The seconds below which a quarter, half, and three quarters of all calls are."""
        times = [each for run in self.runs for each in run]
        low, _, high = quantiles(times, method="inclusive")
        return low, median(times), high

    def to_json(self) -> dict[str, Any]:
        known = {"backend": self.backend, "title": self.title, "phase": self.phase, "way": self.way,
                 "batch": self.batch}  # fmt: skip
        if self.problem:
            return {**known, "problem": self.problem}
        low, middle, high = self.quarters
        return {
            **known, "median": middle, "low": low, "high": high, "first": self.first, "memory": self.memory,
            "imported": self.imported, "runs": self.runs,
        }  # fmt: skip

    @property
    def cells(self) -> tuple[str, ...]:
        """As a row of the table."""
        known = (self.title, self.phase, self.way, str(self.batch))
        if self.problem:
            return (*known, "-", "-", "-", "-", "-")
        low, middle, high = (1e3 * each for each in self.quarters)
        rate = self.batch / middle * 1e3
        each = f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
        memory = f"{(self.memory - self.imported) / 2**20:,.0f} MiB"
        return (*known, f"{middle:.4g} ms", f"{low:.4g} to {high:.4g}", each, f"{self.first:.2f} s", memory)


@dataclass(slots=True)
class Bench:
    """Time and memory of one network. `print` shows the table."""

    network: str
    threads: int
    rounds: int
    date: str
    rows: list[Row] = field(default_factory=list)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    """By backend, the beginning of the SHA-256 of its file."""

    def to_json(self) -> dict[str, Any]:
        """As plain data that JSON can hold."""
        return {
            "kind": KIND, "format": 1, "archspec": __version__, "date": self.date, "network": self.network,
            "rounds": self.rounds, "environment": environment(self.versions) | {"threads": self.threads},
            "fingerprints": self.fingerprints, "rows": [row.to_json() for row in self.rows],
        }  # fmt: skip

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = UNBOUNDED) -> str:
        """As lines of at most so many characters."""
        heads = ("", "", "", "batch", "median", "middle half", "samples/s", "first call", "memory")
        table = columns([heads, *(row.cells for row in self.rows)], "<<<>>>>>>", width, groups=(1, 2, 2, 1), key=3)
        imports = {row.title: row.imported for row in self.rows if row.imported}
        beside = ", ".join(f"{title} {size / 2**20:,.0f} MiB" for title, size in imports.items())
        about = f"{_counted(self.rounds, 'round')} of fresh processes, float32, {_counted(self.threads, 'thread')}"
        below = [
            *([f"memory: the most of a process, beside what the import takes: {beside}"] if beside else []),
            *dict.fromkeys(self._problem(row) for row in self.rows if row.problem),
            ", ".join(f"{name} {text}" for each in self.versions.values() for name, text in each.items()),
        ]  # fmt: skip
        lines = [prose(f"{self.network}: {about}", width), "", table, "", prose("\n".join(below), width)]
        return "\n".join(lines).rstrip()

    def _problem(self, row: Row) -> str:
        if row.missing or not row.phase:
            return f"{row.title}: {row.problem}"
        return f"{row.title}, {row.phase}, {row.way}, batch {row.batch}: {row.problem}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number > 1)}"
