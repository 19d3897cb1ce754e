"""Weights poured into a person's own model, where the walk found their places: the spec's, and its own from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from archspec.against.expand import whole_name
from archspec.against.records import Recorded
from archspec.against.subject import Own, recording
from archspec.against.trial import Trial
from archspec.against.variants import rounded
from archspec.against.walk import Walk
from archspec.backend import Interface, Weight
from archspec.graph.mode import Mode
from archspec.results.options import Options
from archspec.verification import worker
from archspec.verification.failure import Failure
from archspec.verification.report import Outcome
from archspec.verification.run import examine
from archspec.verification.task import Instead
from archspec.verification.worker import Array
from archspec.verification.workers import Pool
from archspec.weights import files
from archspec.weights.canonical import floats
from archspec.weights.layouts import restored


def pour(outcome: Outcome, trial: Trial, walk: Walk, pool: Pool, options: Options, mode: Mode) -> None:
    """Compares outputs, with the spec's weights where the walk found their places: that decides."""
    program = trial.program
    due = trial.graph.parameters()
    weights = tuple(replace(weight, parameter=whole_name(name, due)) for name, weight in walk.mapping.items())
    shows = Interface(
        weights=weights, inputs=program.inputs, outputs=program.outputs, probes={}, inexact=program.inexact,
        inexact_gradients=program.inexact_gradients, unbiased_variance=program.unbiased_variance,
        keeps_old=program.keeps_old,
    )  # fmt: skip
    given = None
    if trial.prepared:
        size = sum(array.nbytes for array in trial.inputs.values())
        given = worker.save(str(pool.scratch.file(size)), trial.inputs)
    subject = Own(trial.target, shows, given)
    stored = _stored(trial, weights, pool, options) if options.weights is not None else None
    if isinstance(stored, Failure):
        outcome.failure = stored
        return
    nodes = [
        node if walk.exact.get(node.path, True) else replace(node, op=rounded(node.op)) for node in trial.graph.nodes
    ]
    graph = replace(trial.graph, nodes=nodes)
    compared = partial(
        examine, graph, [subject], pool, seed=options.seed, mode=mode, timeout=options.timeout,
        allow_unproven=options.allow_unproven,
    )  # fmt: skip
    found: Outcome = compared(gradients=options.gradients, instead=Instead(trial.prepared)).outcomes[subject.name]
    outcome.rungs = {name: replace(rung, unseen=()) for name, rung in found.rungs.items()}  # the walk saw the steps
    outcome.culprit, outcome.failure = found.culprit, found.failure
    outcome.memory, outcome.due, outcome.import_seconds = found.memory, found.due, found.import_seconds
    outcome.allow_unproven = found.allow_unproven
    if trial.precision == "float32" and found.failure is not None and "float32" in found.rungs:
        outcome.failure, outcome.due = None, ("float32",)
    if stored is not None:
        own = compared(instead=Instead(trial.prepared, stored)).outcomes[subject.name]
        outcome.rungs |= {
            f"own {name}": replace(rung, name=f"own {name}", unseen=()) for name, rung in own.rungs.items()
        }
        outcome.culprit = outcome.culprit or own.culprit
        if trial.precision == "float64" or "float32" not in own.rungs:
            outcome.failure = outcome.failure or own.failure


def _stored(trial: Trial, weights: Sequence[Weight], pool: Pool, options: Options) -> dict[str, Array] | Failure:
    """The weights of a file of the model's own, as the spec has them; the framework reads what only it can name."""
    assert options.weights is not None
    stored: dict[str, Any] = {"path": str(options.weights.resolve()), "arrays": None}
    size = sum(array.nbytes for array in (*trial.inputs.values(), *trial.recorded.weights.values()))
    if trial.target.backend.name != "keras" or not str(options.weights).endswith((".h5", ".keras")):
        arrays = floats(files.read(options.weights).arrays)
        stored["arrays"] = worker.save(str(pool.scratch.file(sum(a.nbytes for a in arrays.values()))), arrays)
    request = recording(
        trial.target, trial.precision, worker.save(str(pool.scratch.file(size)), trial.inputs), trial.program.inputs,
        pool.scratch.file(trial.room + size), stored=stored,
    )  # fmt: skip
    result = pool.submit(trial.target.backend.name, request, timeout=options.timeout).result()
    if isinstance(result, Failure):
        return result
    there = Recorded(result, trial.precision).weights
    shapes = {name: tuple(map(int, each.shape)) for name, each in trial.graph.parameters().items()}
    due = [weight for weight in weights if weight.parameter in shapes]
    return {name: array.astype(np.float32) for name, array in restored(there, due, shapes).items()}
