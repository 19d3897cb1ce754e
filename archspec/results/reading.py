"""Reports as data that can be kept, and back, with every number as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from archspec.verification.failure import Failure
from archspec.verification.report import Culprit, Facts, Finding, Outcome, Report, Rung


def written(report: Report) -> dict[str, Any]:
    """A report as plain data; numbers that are not finite stay so, which Python's JSON can hold."""
    return asdict(report)


def read(data: Mapping[str, Any]) -> Report:
    """The report that was written. Raises KeyError, TypeError or AttributeError for what is none."""
    outcomes = {name: _outcome(each) for name, each in data["outcomes"].items()}
    facts = data["facts"]
    return Report(**{
        **data, "outcomes": outcomes, "remarks": tuple(data["remarks"]), "facts": Facts(**facts) if facts else None
    })  # fmt: skip


def _outcome(data: Mapping[str, Any]) -> Outcome:
    culprit, failure = data["culprit"], data["failure"]
    return Outcome(**{
        **data,
        "rungs": {name: _rung(each) for name, each in data["rungs"].items()},
        "culprit": Culprit(**{**culprit, "finding": Finding(**culprit["finding"])}) if culprit else None,
        "failure": Failure(**failure) if failure else None,
        "due": tuple(data["due"]),
    })  # fmt: skip


def _rung(data: Mapping[str, Any]) -> Rung:
    return Rung(**{
        **data,
        "unseen": tuple(data["unseen"]),
        "worst": Finding(**data["worst"]) if data["worst"] else None,
        "wrong": tuple(Finding(**each) for each in data["wrong"]),
        "unproven": tuple(Finding(**each) for each in data["unproven"]),
    })  # fmt: skip
