"""Frameworks that train, held against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf, isfinite
from typing import Final

import numpy as np

from archspec.backend import Program
from archspec.verification.compare import FLOAT64_BOUND
from archspec.verification.gradients import INEXACT_MULTIPLE
from archspec.verification.report import Finding, Rung
from archspec.verification.seen import Seen, canonical, shared
from archspec.verification.worker import Array


def others(seen: Mapping[str, Seen], right: set[str]) -> Iterator[tuple[str, Rung]]:
    """Each framework against the first other one that is right by itself, or against the first."""
    for name, own in seen.items():
        rest = [other for other in seen if other != name]
        other = next((each for each in rest if each in right), next(iter(rest), None))
        if other is not None:
            noise = own.noise() | seen[other].noise()
            if noise:  # which a mean of the next batch has in it
                noise |= {name for name in own.seen_of_batches() if name.endswith("running_mean")}
            unseen = shared(own.program) | shared(seen[other].program) | noise | own.kept_by_several()
            inexact = {*declared(own.program).values(), *declared(seen[other].program).values()}
            if inexact:
                bound = INEXACT_MULTIPLE * max(inexact)
                yield name, Rung.of("others", list(_first_step(own, seen[other], bound)), _LATER)
            else:
                yield name, Rung.of("others", list(_against(own, seen[other], unseen)), tuple(sorted(unseen)))


_LATER: Final = ("what follows from the second update on",)


def declared(program: Program) -> dict[str, float]:
    """The tensors whose native operation is known to be less exact than float64, or its gradient."""
    bounds = (*program.inexact.items(), *program.inexact_gradients.items())
    return {name: bound for name, bound in bounds if bound > FLOAT64_BOUND}


def _first_step(own: Seen, other: Seen, bound: float) -> Iterator[Finding]:
    """What can be held to a bound if an operation is inexact: training amplifies that, and more with every kink."""
    for what, ours, yours, steps in (
        ("loss", own.losses, other.losses, 2), ("norm of gradients", own.norms, other.norms, 1)
    ):  # fmt: skip
        for step, (a, b) in enumerate(zip(ours[:steps], yours, strict=False)):
            error = abs(a - b) / max(1.0, abs(b))
            yield Finding(f"{what} {step}", "", error if isfinite(error) else inf, bound)


def _against(own: Seen, other: Seen, unseen: set[str]) -> Iterator[Finding]:
    for what, ours, yours in (("loss", own.losses, other.losses), ("norm of gradients", own.norms, other.norms)):
        for step, (a, b) in enumerate(zip(ours, yours, strict=False)):
            error = abs(a - b) / max(1.0, abs(b))
            yield Finding(f"{what} {step}", "", error if isfinite(error) else inf, FLOAT64_BOUND)
    a_weights, b_weights = canonical(own, "weight"), canonical(other, "weight")
    statistics = own.seen_of_batches()
    for name in sorted((a_weights.keys() & b_weights.keys()) - statistics.keys() - unseen):
        yield _compared(f"{name} at the end", a_weights[name], b_weights[name])
    for slot in own.trial.plan.optimizer.kept():
        mine, theirs = canonical(own, f"state {slot}"), canonical(other, f"state {slot}")
        for name in sorted((mine.keys() & theirs.keys()) - unseen):
            yield _compared(f"{slot} of {name} at the end", mine[name], theirs[name])
    mine, theirs = canonical(own, "average"), canonical(other, "average")
    for name in sorted((mine.keys() & theirs.keys()) - unseen):
        yield _compared(f"average of {name} at the end", mine[name], theirs[name])
    elsewhere = other.seen_of_batches()
    for name, each in statistics.items():
        if name in unseen:
            continue
        for step, (one, two) in enumerate(zip(each, elsewhere.get(name, ()), strict=False)):
            yield _compared(f"{name} of batch {step}", one, two)


def _compared(name: str, a: Array, b: Array) -> Finding:
    if a.shape != b.shape:
        return Finding(name, "", inf, FLOAT64_BOUND, f"shape {a.shape}, and {b.shape} elsewhere")
    error = float(np.abs(a - b).max(initial=0.0)) / max(1.0, float(np.abs(b).max(initial=0.0)))
    return Finding(name, "", error if isfinite(error) else inf, FLOAT64_BOUND)
