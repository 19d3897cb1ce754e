"""What was found about one or more networks: the one thing that all views show."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from archspec._version import __version__
from archspec.errors import ArchspecError, UsageError
from archspec.results.baseline import Comparison
from archspec.results.options import Options
from archspec.results.upgrades import Upgrade, upgrades
from archspec.verification.report import Report

FORMAT: Final = 1
"""The version of the form in which results are written; another one if what is there changes its meaning, or goes."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What could not be verified, and why: a spec that is not valid, or not there; or archspec failed at it."""

    network: str
    error: ArchspecError

    def to_json(self) -> dict[str, Any]:
        return {"network": self.network, **self.error.to_json()}


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found about one or more networks."""

    reports: tuple[Report, ...]
    required: frozenset[str]
    """The backends that must not be missing."""
    refused: tuple[Refused, ...] = ()
    options: Options = field(default_factory=Options)
    date: str = ""
    """When it was found, in UTC: `2026-11-30T17:40:30Z`."""
    comparison: Comparison | None = None
    """How it differs from a baseline, if it was compared with one."""

    @property
    def ok(self) -> bool:
        """Whether everything that was compared agrees, and nothing that is required is missing."""
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        """1 if anything differs, is not proven, broke down, or is worse than a baseline; else 2 if there is no such
        spec; else 3 if a required framework is missing, or all; else 0."""
        statuses = [(name, each.status) for report in self.reports for name, each in report.outcomes.items()]
        if any(status not in ("passed", "missing") for _, status in statuses):
            return 1
        if self.comparison is not None and self.comparison.worse:
            return 1
        if self.refused:
            return 2 if all(isinstance(each.error, UsageError) for each in self.refused) else 1
        missing = {name for name, status in statuses if status == "missing"}
        return 3 if missing & self.required or missing == {name for name, _ in statuses} else 0

    def to_json(self) -> dict[str, Any]:
        """As plain data that JSON can hold, of the form that `archspec schema result` prints."""
        return {
            "format": FORMAT,
            "archspec": __version__,
            "date": self.date,
            "options": self.options.to_json(),
            "environment": environment(self.versions),
            "exit_code": self.exit_code,
            "required": sorted(self.required),
            "reports": [report.to_json() for report in self.reports],
            "refused": [refused.to_json() for refused in self.refused],
            "upgrades": [each.to_json() for each in self.upgrades],
            "baseline": self.comparison.to_json() if self.comparison is not None else None,
        }

    @property
    def upgrades(self) -> tuple[Upgrade, ...]:
        """What changes in each network from one environment of a framework to the next, as they were named."""
        if not self.options.env:
            return ()
        from archspec.environments import groups

        return upgrades(self.reports, groups(self.options.env))

    @property
    def versions(self) -> dict[str, dict[str, str]]:
        """By backend, the versions of its framework and its Python, where they are known."""
        found = {name: each.versions for report in self.reports for name, each in report.outcomes.items()}
        return {name: dict(versions) for name, versions in found.items() if versions}


class Interrupted(KeyboardInterrupt):
    """The user has seen enough; what was found until then."""

    def __init__(self, proof: Proof) -> None:
        super().__init__()
        self.proof = proof


def environment(versions: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Where something was found: versions, and the kind of machine."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        numpy = version("numpy")
    except PackageNotFoundError:
        numpy = ""
    return {
        "python": platform.python_version(),
        "numpy": numpy,
        "system": platform.system(),
        "machine": platform.machine(),
        "frameworks": {name: dict(each) for name, each in versions.items()},
    }
