"""The weights' names that a walk found, as a file of rules that `archspec weights convert --names FILE` takes."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.errors import UsageError
from archspec.verification.report import Report
from archspec.weights.names import rules_text


def text(reports: Sequence[Report]) -> str:
    """The file of names of the person's own model that the reports have. Raises UsageError if there can be none."""
    matches = [(each.subject, each.match) for report in reports for each in report.outcomes.values()]
    found = [(subject, match) for subject, match in matches if match is not None]
    if not found or not found[0][1].names:
        raise UsageError("there are no names to save: no weights of the model were found")
    subject, match = found[0]
    if match.nameless:
        raise UsageError(f"no rule of names says how the spec's weights lie in {', '.join(match.nameless)}")
    return rules_text(match.names, f"The weights of {subject}, found by their values.")
