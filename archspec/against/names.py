"""The weights' names that a walk found, as a file of rules that `archspec weights convert --names FILE` takes."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from archspec.errors import UsageError
from archspec.verification.report import Report


def text(reports: Sequence[Report]) -> str:
    """The file of names of the person's own model that the reports have. Raises UsageError if there can be none."""
    matches = [(each.subject, each.match) for report in reports for each in report.outcomes.values()]
    found = [(subject, match) for subject, match in matches if match is not None]
    if not found or not found[0][1].names:
        raise UsageError("there are no names to save: no weights of the model were found")
    subject, match = found[0]
    if match.nameless:
        raise UsageError(f"no rule of names says how the spec's weights lie in {', '.join(match.nameless)}")
    made = yaml.safe_dump(rules(match.names), sort_keys=False, width=120)
    return f"# The weights of {subject}, found by their values.\n{made}"


def rules(names: dict[str, str]) -> dict[str, str]:
    """Rules that rename all at once, though they are applied one after the other: where a new name is also an old one,
    by way of names that nobody has."""
    if not names.keys() & {new for old, new in names.items() if new != old}:
        return dict(names)
    between = {old: f"@{number}" for number, old in enumerate(names)}
    return between | {between[old]: new for old, new in names.items()}
