"""Reports: one page about a network, for people who were not there.

facts      what is known of it, with the lines that each step is in
lines      from steps to lines of generated code
verdict    what a result says
times      what a benchmark says
charts, page    the views
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archspec.backend import Backend
    from archspec.model import Model


def report(
    model: Model, chosen: Sequence[Backend], result: Mapping[str, Any] | None = None,
    times: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """The page about a network, with the code of these backends, and what the result of a verification says, and that
    of a benchmark.

    Raises SpecError if the spec is not valid, UsageError for a result that is none, or about another network.
    """
    from archspec.report.facts import Facts
    from archspec.report.page import page
    from archspec.report.times import Times
    from archspec.report.verdict import verdict

    facts = Facts.of(model, chosen)
    timed = Times.of(model, times, facts.codes) if times is not None else None
    return page(facts, verdict(model, result, facts.codes), timed)
