"""What was found once, small enough to be read by people, and what has become of it.

A result is *worse* than its baseline if a framework that passed does not pass, if a comparison is no longer made, or if
the error of one is more than ten times what it was. All else that differs is a change: it is told, and fails nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import floor, isfinite, log10
from pathlib import Path
from typing import Any, Final

from archspec._version import __version__
from archspec.errors import UsageError
from archspec.verification.report import Outcome, Report

FORMAT: Final = 1
MOST_TIMES: Final = 10
"""How many times larger an error may become: between machines and versions, which round otherwise, it was three."""
_LEAST: Final = {"float32": 1e-7}
"""Errors are no smaller in a baseline, by comparison; others, in float64, no smaller than 1e-15."""
_STEPS: Final = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a result differs from its baseline, in sentences."""

    worse: tuple[str, ...]
    changed: tuple[str, ...]

    def __str__(self) -> str:
        lines = [*(f"worse: {text}" for text in self.worse), *(f"changed: {text}" for text in self.changed)]
        return "\n".join([f"baseline: {len(self.worse)} worse, {len(self.changed)} changed", *lines])

    def to_json(self) -> dict[str, Any]:
        """As plain data that JSON can hold."""
        return {"worse": list(self.worse), "changed": list(self.changed)}


class Baseline:
    """What is kept of results."""

    def __init__(self, networks: Mapping[str, Any], frameworks: Mapping[str, Any]) -> None:
        self.networks, self.frameworks = dict(networks), dict(frameworks)

    @classmethod
    def of(cls, reports: tuple[Report, ...], versions: Mapping[str, Mapping[str, str]]) -> Baseline:
        """What is kept of these reports."""
        return cls({_name(report): _entry(report) for report in reports}, versions)

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """The baseline in a file. Raises UsageError if it is none of this form."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != FORMAT:
                raise UsageError(
                    f"{path} is a baseline of form {data['format']}, and this archspec reads form {FORMAT}: "
                    "--update-baseline writes it anew"
                )
            found = cls(data["networks"], data["frameworks"])
            for entry in found.networks.values():
                _check(entry)
            return found
        except OSError as error:
            raise UsageError(f"cannot read the baseline {path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(f"{path} is no baseline, or damaged: --update-baseline writes it anew") from None

    def text(self) -> str:
        """What the file holds: sorted, so that a change of it shows what has changed."""
        data = {
            "format": FORMAT, "archspec": __version__, "frameworks": self.frameworks, "networks": self.networks,
        }  # fmt: skip
        return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def updated(self, new: Baseline) -> Baseline:
        """The same with what is new; networks of specs that were not verified stay as they are."""
        specs = {entry["spec"] for entry in new.networks.values()}
        kept = {name: entry for name, entry in self.networks.items() if entry["spec"] not in specs}
        return Baseline(kept | new.networks, self.frameworks | new.frameworks)

    def compare(self, new: Baseline) -> Comparison:
        """What has become of the networks that were verified."""
        worse: list[str] = []
        changed = [
            f"{name}: {_listed(before)} became {_listed(now)}"
            for name, now in new.frameworks.items()
            if (before := self.frameworks.get(name, now)) != now
        ]
        for name, now in new.networks.items():
            before = self.networks.get(name)
            if before is None:
                changed.append(f"{name} is new")
                continue
            for key in ("parameters", "multiply_adds"):
                if before[key] != now[key]:
                    changed.append(f"{name}: {key.replace('_', '-')} were {before[key]:,} and are {now[key]:,}")
            for backend, outcome in now["frameworks"].items():
                if backend in before["frameworks"]:
                    for is_worse, text in differences(before["frameworks"][backend], outcome):
                        (worse if is_worse else changed).append(f"{name}, {backend}: {text}")
        return Comparison(tuple(worse), tuple(changed))


def _name(report: Report) -> str:
    return f"{report.facts.spec}: {report.model}" if report.facts is not None else report.model


def _entry(report: Report) -> dict[str, Any]:
    facts = report.facts
    return {
        "spec": facts.spec if facts is not None else "",
        "parameters": facts.parameters if facts is not None else 0,
        "multiply_adds": facts.multiply_adds if facts is not None else 0,
        "frameworks": {
            name: kept(outcome, facts.fingerprints.get(name, "") if facts is not None else "")
            for name, outcome in report.outcomes.items()
        },
    }


def kept(outcome: Outcome, code: str) -> dict[str, Any]:
    errors = {name: rung.worst.error for name, rung in outcome.rungs.items() if rung.worst is not None}
    return {
        "status": outcome.status,
        "code": code,
        "errors": {name: rounded(error, _LEAST.get(name, 1e-15)) for name, error in errors.items()},
    }


def rounded(error: float, least: float = 1e-15) -> float | None:
    """The next of 1, 2, 5, 10, ... above an error, so that noise is not seen; None if it is not finite."""
    if not isfinite(error):
        return None
    if error <= least:
        return least
    power = floor(log10(error))
    for step in _STEPS:
        value = float(f"{step}e{power}")
        if error <= value:
            return value
    return float(f"1e{power + 1}")


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """How one framework differs, given as a baseline keeps it, each with whether that is worse."""
    if before["status"] != now["status"]:
        worse = before["status"] == "passed" and now["status"] != "missing"
        yield worse, f"{before['status']} before, {now['status']} now"
    if now["status"] == "missing" or before["status"] == "missing":
        return
    if before["code"] != now["code"]:
        yield False, "other code is generated"
    for name, error in before["errors"].items():
        if name not in now["errors"]:
            if name != "alone":  # which is run where something is wrong
                yield True, f"{name} is no longer compared"
            continue
        found = now["errors"][name]
        if found != error:
            worse = found is None or (error is not None and found > MOST_TIMES * error * (1 + 1e-9))
            yield worse, f"{name}: the error was {_shown(error)} and is {_shown(found)}"
    for name in now["errors"].keys() - before["errors"].keys() - {"alone"}:
        yield False, f"{name} is compared, too"


def _shown(error: float | None) -> str:
    return "not finite" if error is None else f"{error:.0e}"


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _check(entry: Any) -> None:
    """Raises KeyError or TypeError for what is no entry."""
    if not isinstance(entry["spec"], str) or not all(
        isinstance(entry[k], int) for k in ("parameters", "multiply_adds")
    ):
        raise TypeError
    for outcome in entry["frameworks"].values():
        errors = outcome["errors"].values()
        if not isinstance(outcome["status"], str) or not isinstance(outcome["code"], str):
            raise TypeError
        if not all(error is None or isinstance(error, (int, float)) for error in errors):
            raise TypeError
