"""Hold the generated programs of one network against the reference."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from archspec import reference
from archspec.backend import Program
from archspec.errors import BackendError
from archspec.graph.graph import Graph
from archspec.verify import compare, data, worker
from archspec.verify.compare import Difference
from archspec.verify.report import Culprit, Finding, Outcome, Report, Rung
from archspec.verify.worker import Array
from archspec.verify.workers import Failure, Pool, Result, message

Programs = Mapping[str, Mapping[str, Program]]
"""Backend: dtype: program. Those for float64, and the graph, have their float attributes rounded to float32; those for
float32 have them as shipped."""


def verify(
    graph: Graph, programs: Programs, pool: Pool, *, seed: int = 0, training: bool = False, timeout: float = 300
) -> Report:
    """Runs the programs with equal weights and inputs, and compares every step that they show.

    `training` takes in the outputs that exist only in training. `timeout` limits the seconds of each run.
    """
    seconds: dict[str, float] = {}
    outcomes = {name: Outcome(name) for name in programs}
    with _timed(seconds, "total"):
        with _timed(seconds, "data"):
            task = _Task(graph, pool, seed, training, timeout)
        try:
            # The frameworks are still being imported: that is the time to compute the truth.
            runs = [task.submit(name, dtype, each[dtype]) for dtype in _DTYPES for name, each in programs.items()]
            with _timed(seconds, "reference"):
                task.truth = reference.run(graph, task.parameters, task.inputs, training=training)
            alone = [task.submit_alone(run) for run in runs if run.dtype == "float64" and run.program.inexact]
            _judge(task, runs, outcomes)
            asked = {run.backend for run in alone}
            alone += [
                task.submit_alone(run)
                for run in runs
                if run.dtype == "float64" and _is_wrong(outcomes[run.backend]) and run.backend not in asked
            ]
            for run in alone:
                _judge_alone(task, run, outcomes[run.backend])
        finally:
            task.close()
    for name, outcome in outcomes.items():
        greeting = pool.greet(name).result()
        if not isinstance(greeting, Failure):
            outcome.versions, outcome.import_seconds = greeting.versions, greeting.seconds
    return Report(graph.name, seed, outcomes, seconds)


_DTYPES = ("float64", "float32")


def _is_wrong(outcome: Outcome) -> bool:
    return "float64" in outcome.rungs and bool(outcome.rungs["float64"].wrong)


@dataclass(frozen=True, slots=True)
class _Run:
    backend: str
    dtype: str
    program: Program
    result: Future[Result | Failure]


_Measured = tuple[dict[str, Difference], dict[str, float]]
"""The differences, and the seconds of the run."""


class _Task:
    """One network with weights, inputs and, once it is computed, the truth."""

    def __init__(self, graph: Graph, pool: Pool, seed: int, training: bool, timeout: float) -> None:
        self.graph, self.pool, self.training, self.timeout = graph, pool, training, timeout
        self.tensors = {
            tensor.name: tensor
            for node in graph.nodes if training or not node.training_only for tensor in node.outputs
        }  # fmt: skip
        self.outputs = {n: t for n, t in graph.outputs.items() if training or n not in graph.training_outputs}
        self.parameters, self.inputs = data.parameters(graph, seed), data.inputs(graph, seed)
        self.truth: dict[str, Array] = {}
        self._optional = self.parameters.keys() - graph.parameters(training=training).keys()
        self._size = 8 * sum(prod(t.shape) for t in (*self.tensors.values(), *graph.outputs.values()))
        self._ops = {tensor.name: node.op.key for node in graph.nodes for tensor in node.outputs}
        self._data = self._save({**self.parameters, **self.inputs})
        self._forced: dict[str, Any] | None = None

    def submit(self, backend: str, dtype: str, program: Program, forced: dict[str, Any] | None = None) -> _Run:
        unknown = {seen.tensor for probe in program.probes.values() for seen in probe} - self._ops.keys()
        if unknown:
            raise BackendError(f"{backend}: probes of what the network does not have: {', '.join(sorted(unknown))}")
        into = self.pool.scratch.file(self._size)
        request = message(
            program, dtype, self._data, into, self.outputs, optional=self._optional, training=self.training, forced=forced
        )
        return _Run(backend, dtype, program, self.pool.submit(backend, request, timeout=self.timeout))

    def submit_alone(self, run: _Run) -> _Run:
        """The same again with the truth in place of each step's result, so that each is judged by itself."""
        if self._forced is None:
            self._forced = self._save({name: self.truth[name] for name in self.tensors})
        return self.submit(run.backend, run.dtype, run.program, self._forced)

    def measure(self, run: _Run, outcome: Outcome, *, outputs: bool = True) -> _Measured | None:
        """The differences of all that a run shows; None, and the reason in `outcome`, if it failed."""
        result = run.result.result()
        if isinstance(result, Failure):
            outcome.failure = outcome.failure or result
            return None
        outcome.memory = max(outcome.memory, result.memory)
        found: dict[str, Difference] = {}
        layouts = {seen.tensor: seen.layout for probe in run.program.probes.values() for seen in probe}
        shown = [(name, name, result.steps.get(name), layout) for name, layout in layouts.items() if name in self.tensors]
        if outputs:
            shown += [
                (f"output {name}", tensor.name, result.outputs[name], run.program.outputs[name])
                for name, tensor in self.outputs.items()
            ]
        for key, name, array, layout in shown:
            if array is None:
                found[key] = Difference(float("inf"), "the step did not run")
                continue
            expected = self.truth[name]
            dtype = run.dtype if expected.dtype.kind == "f" else expected.dtype.name
            found[key] = compare.difference(array, worker.arrange(expected, layout), dtype)
        result.steps.clear()  # hundreds of megabytes that nobody needs any more
        return found, result.seconds

    def rung(
        self, name: str, found: Mapping[str, Difference], bounds: Mapping[str, float], seconds: dict[str, float]
    ) -> Rung:
        """The findings about one run, in the order of the graph."""
        findings = []
        for key in (*self.tensors, *(f"output {name}" for name in self.outputs)):
            tensor = self.outputs[key[7:]].name if key not in self.tensors else key
            if key in found:
                error, problem = found[key].error, found[key].problem
                findings.append(Finding(key, self._ops.get(tensor, ""), error, bounds[tensor], problem))
        return Rung(
            name,
            len(findings),
            tuple(tensor for tensor in self.tensors if tensor not in found),
            max(findings, key=lambda f: (bool(f.problem), f.error / f.bound), default=None),
            tuple(f for f in findings if f.wrong),
            seconds,
        )

    def culprit(self, rung: Rung) -> Culprit | None:
        wrong = {f.tensor: f for f in rung.wrong}
        node = compare.culprit(self.graph, wrong.keys(), self.tensors.keys() - set(rung.unseen))
        if node is None:
            return None
        finding = next(wrong[tensor.name] for tensor in node.outputs if tensor.name in wrong)
        return Culprit(node.path, node.op.key, finding)

    def close(self) -> None:
        for stored in (self._data, self._forced):
            if stored is not None:
                self.pool.scratch.remove(Path(stored["path"]))

    def _save(self, arrays: Mapping[str, Array]) -> dict[str, Any]:
        return worker.save(str(self.pool.scratch.file(sum(array.nbytes for array in arrays.values()))), arrays)


def _judge(task: _Task, runs: list[_Run], outcomes: Mapping[str, Outcome]) -> None:
    """Compares as results arrive: float64 at once, float32 when all are there."""
    singles: dict[str, _Measured] = {}
    for run in runs:
        outcome = outcomes[run.backend]
        measured = task.measure(run, outcome)
        if measured is not None and run.dtype == "float32":
            singles[run.backend] = measured
        elif measured is not None:
            bounds = compare.float64_bounds(task.graph, run.program.inexact)
            outcome.rungs["float64"] = task.rung("float64", measured[0], bounds, measured[1])
            outcome.culprit = task.culprit(outcome.rungs["float64"])
    errors = [found for found, _ in singles.values()]
    if len(errors) == 1:
        errors.append(_numpy_float32(task))
    bounds = compare.float32_bounds(task.graph, errors)
    for name, (found, seconds) in singles.items():
        rung = outcomes[name].rungs["float32"] = task.rung("float32", found, bounds, seconds)
        outcomes[name].culprit = outcomes[name].culprit or task.culprit(rung)


def _numpy_float32(task: _Task) -> dict[str, Difference]:
    """What NumPy makes of the network in float32: the measure for a framework that has no other beside it."""
    steps = reference.steps(task.graph, task.parameters, task.inputs, training=task.training, dtype=np.float32)
    return {
        tensor.name: compare.difference(array, task.truth[tensor.name], array.dtype.name)
        for node, arrays in steps
        for tensor, array in zip(node.outputs, arrays, strict=True)
    }


def _judge_alone(task: _Task, run: _Run, outcome: Outcome) -> None:
    measured = task.measure(run, outcome, outputs=False)
    if measured is None:
        return
    bounds = compare.alone_bounds(task.graph, run.program.inexact)
    rung = outcome.rungs["alone"] = task.rung("alone", measured[0], bounds, measured[1])
    if _is_wrong(outcome) and outcome.culprit is not None:
        confirmed = outcome.culprit.finding.tensor in {finding.tensor for finding in rung.wrong}
        outcome.culprit = replace(outcome.culprit, confirmed=confirmed)
    elif first := task.culprit(rung):
        outcome.culprit = replace(first, confirmed=True)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = perf_counter()
    yield
    seconds[name] = perf_counter() - started
