"""What is said of a framework that did not pass, in words that all views share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from archspec.verification.report import Finding, Outcome

_ABOUT_VALUES: Final = frozenset({"float64", "alone"})
_ABOUT_GRADIENTS: Final = frozenset({"gradient", "slope", "vjp"})


def reasons(outcome: Outcome) -> Iterator[str]:
    """Why a framework did not pass, in lines: the first step that differs, where it stands in the spec and in the
    generated file, and what the numbers hint at; or how it broke down."""
    culprit = outcome.culprit
    if outcome.status == "passed":
        return
    where = f"{culprit.position}: " if culprit is not None and culprit.position else ""
    yield f"{outcome.subject}: {where}{outcome.message}"
    if culprit is not None and culprit.code:
        yield f"    generated {culprit.code}"
    if culprit is not None and culprit.confirmed is not None:
        alone = "also" if culprit.confirmed else "not"
        yield f"    this is the first step that differs; given the right inputs it is {alone} wrong by itself"
    hint = likely(outcome)
    if hint:
        yield f"    {hint}"
    if outcome.failure is not None and outcome.failure.detail and outcome.status == "error":
        yield from (f"    {line}" for line in outcome.failure.detail.rstrip().splitlines()[-12:])


def likely(outcome: Outcome) -> str:
    """Where to look, as far as what agrees and what does not tells; empty if it tells nothing."""
    wrong = {name for name, rung in outcome.rungs.items() if rung.wrong}
    right = outcome.rungs.keys() - wrong
    if wrong == {"float32"} and "float64" in right:
        return "float64 agrees, float32 does not: look at constants and defaults"
    if wrong == {"second"} and "float64" in right:
        return "another batch, size or argument differs, and nothing else: look at what the code takes for granted"
    if wrong == {"edges"}:
        return "numbers that were drawn agree, ties, bends and what is large do not: look at comparisons and limits"
    if wrong == {"random"}:
        return "nothing differs but what is random in training: look at rates and axes"
    if wrong and wrong <= _ABOUT_GRADIENTS:
        return "values agree, gradients do not: look at what stops them, or has some of its own"
    culprit = outcome.culprit
    if culprit is not None and culprit.finding.problem.startswith("shape"):
        return "the shape differs: look at axes, padding and strides"
    if wrong & _ABOUT_VALUES and culprit is not None and culprit.confirmed is False:
        return "the step is right by itself: look at what it is given, and at its weights"
    return ""


def differing(outcome: Outcome) -> list[tuple[str, Finding]]:
    """All tensors that differ, each with the comparison that shows it; of each comparison in the order of the
    network."""
    return [(rung.name, finding) for rung in outcome.rungs.values() for finding in rung.wrong]
