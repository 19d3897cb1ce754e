"""Whether scripts train alike, and as the spec says: what `archspec verify --steps N` does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from archspec.training.script import Script, common
from archspec.verification import worker
from archspec.verification.failure import Failure
from archspec.verification.peers import declared, others
from archspec.verification.report import Outcome, Report
from archspec.verification.seen import Seen, shared
from archspec.verification.trial import Trial
from archspec.verification.workers import Pool

DUE: Final = ("rates", "losses", "slope", "updates", "state")
"""What a framework is held to by itself; `statistics`, `averages` and `others` where there are any."""


def examine(trial: Trial, scripts: Sequence[Script], pool: Pool, timeout: float) -> Report:
    """Trains in every framework, and compares what is seen with the rules of the spec, and among frameworks."""
    started = time.perf_counter()
    names = [script.backend for script in scripts]
    with threadpool_limits(max(1, (os.cpu_count() or 1) // 2), "blas"):
        stored = pool.scratch.save({**trial.weights, **{f"data {name}": array for name, array in trial.data.items()}})
        waiting = {
            script.backend: pool.submit(script.backend, request(trial, script, stored, pool), timeout=timeout)
            for script in scripts
        }
        outcomes = {name: Outcome(name, due=DUE) for name in names}
        seen: dict[str, Seen] = {}
        for name, future in waiting.items():
            result = future.result()
            if isinstance(result, Failure):
                outcomes[name].failure = result
            else:
                seen[name] = Seen(trial, name, result)
                outcomes[name].memory = result.memory
                outcomes[name].rungs = {rung.name: rung for rung in seen[name].rungs()}
        for name, rung in others(seen, {name for name in seen if not _wrong(outcomes[name])}):
            outcomes[name].rungs["others"] = rung
        pool.scratch.remove(Path(stored["path"]))
    for name, outcome in outcomes.items():
        greeting = pool.greet(name).result()
        if not isinstance(greeting, Failure):
            outcome.versions, outcome.import_seconds = greeting.versions, greeting.seconds
    seconds = {"total": time.perf_counter() - started}
    title = f"{trial.model.name}, {trial.steps} steps"
    return Report(title, trial.seed, outcomes, seconds, tuple(remarks(trial, scripts, seen)))


def _wrong(outcome: Outcome) -> bool:
    return any(rung.wrong for rung in outcome.rungs.values())


def request(trial: Trial, script: Script, stored: dict[str, Any], pool: Pool) -> dict[str, Any]:
    """What a worker is asked to do."""
    program, parameters = script.program, trial.graph.parameters()
    return {
        "source": program.rounded,
        "script": trial.scripts[script.backend],
        "common": common(),
        "module": script.module,
        "trainer": str(script.spelling.folder / "runner.py"),
        "dtype": "float64",
        "data": stored,
        "weights": [(w.parameter, w.target, w.layout, False, w.shared) for w in program.weights],
        "arrays": list(trial.data),
        "masks": trial.masks(program),
        "frozen": [
            w.target
            for w in program.weights
            if w.parameter in parameters and trial.share(w.parameter, len(parameters[w.parameter].shape)).frozen
        ],
        "idle": len(trial.random) > len(trial.fed),
        "statistics": [
            w.target for w in program.weights if w.parameter in parameters and parameters[w.parameter].statistic
        ],
        "seed": trial.seed,
        "batches": trial.batches,
        "accumulate": trial.plan.accumulate,
        "batch_size": trial.batch,
        "into": str(pool.scratch.file(1 << 20)),
    }


def remarks(trial: Trial, scripts: Sequence[Script], seen: Mapping[str, Seen]) -> Iterator[str]:
    """What was done to make frameworks comparable, and what was not compared."""
    yield "floats of the spec are rounded to float32 in all, as frameworks keep many of them"
    if trial.fed:
        yield f"fed with the same masks: {', '.join(node.path for node in trial.fed)}"
    idle = [node.path for node in trial.random if node not in trial.fed]
    if idle:
        yield f"random, not fed, and set idle: {', '.join(idle)}"
    unbiased = [name for name, each in seen.items() if each.program.unbiased_variance and each.seen_of_batches()]
    if unbiased:
        yield f"running variances, corrected by (n - 1) / n: {', '.join(unbiased)}"
    for script in scripts:
        if corrected := script.program.inexact_gradients.keys() - trial.programs[script.backend].inexact_gradients:
            which = ", ".join(sorted(corrected))
            yield f"{script.backend}'s gradients of averages, corrected from a float32 1 / n to float64: {which}"
    for name, each in seen.items():
        if found := declared(each.program):
            which = ", ".join(f"{tensor} ({bound:.0e})" for tensor, bound in found.items())
            yield f"{name} is held against others for one step only, since training amplifies what is inexact: {which}"
    joint = {name: sorted(shared(each.program)) for name, each in seen.items() if shared(each.program)}
    for name, parameters in joint.items():
        yield f"{name} has one variable for several, which training moves as one: {', '.join(parameters)}"
    large = max((array.size for each in seen.values() for array in each.start.values()), default=0)
    if large > worker.SAMPLE:
        yield f"the rules of updates are compared at {worker.SAMPLE} elements of each weight, drawn by its name"
