"""Hold the generated programs of one network against the reference."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from time import perf_counter

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from archspec.graph.graph import Graph
from archspec.graph.mode import Mode
from archspec.verification import compare, worker
from archspec.verification import gradients as differentiation
from archspec.verification.cases import Second
from archspec.verification.compare import Difference
from archspec.verification.failure import Failure
from archspec.verification.report import Finding, Outcome, Report, Rung
from archspec.verification.scratch import physical_memory
from archspec.verification.subject import Subject
from archspec.verification.task import Instead, Run, Task, Terms
from archspec.verification.worker import Array
from archspec.verification.workers import Pool, Result


def examine(
    graph: Graph,
    subjects: Sequence[Subject],
    pool: Pool,
    *,
    seed: int = 0,
    mode: Mode = Mode.EVALUATION,
    timeout: float = 300,
    gradients: bool = False,
    allow_unproven: bool = False,
    second: Second | None = None,
    bits: bool = False,
    instead: Instead | None = None,
) -> Report:
    """Runs subjects with equal weights and inputs, and compares every step that they show.

    The float attributes of `graph` are rounded to float32, as those of `Program.rounded` are. `timeout` limits the
    seconds of each run. `instead` replaces what is drawn. With `gradients`, those of a projection of the
    outputs are compared, too. In the mode of training, what is random is left out, and the statistics that are kept
    of the batch are compared.
    `allow_unproven` says that outputs, or gradients, may be NaN, infinite, lost in rounding, or not defined;
    else they are no pass.
    `second` is the network at other values of what its code leaves open; there, the file itself is run in float64, and
    so is each step at its edges.
    With `bits`, each outcome has digests of all tensors, by which those of two environments can be compared.
    """
    names = [subject.name for subject in subjects]
    if len(set(names)) < len(names):
        raise ValueError(f"subjects of one verification have names of their own, not {', '.join(names)}")
    frameworks = len({subject.worker for subject in subjects})
    seconds: dict[str, float] = {}
    failure = _too_large(graph, gradients=gradients)
    if failure is not None:
        return Report(graph.name, seed, {name: Outcome(name, failure=failure) for name in names}, seconds)
    due = ("float64", "float32")
    outcomes = {name: Outcome(name, allow_unproven=allow_unproven, due=due) for name in names}
    crowded = memory(graph, frameworks, gradients=gradients) > physical_memory()
    terms = Terms(pool, seed, timeout, crowded)
    # The frameworks are still being imported, or run: NumPy must not take more than its share of the cores, since
    # its threads wait spinning, and got in each other's way (7 seconds, not 1).
    cores = max(1, (os.cpu_count() or 1) // (1 if crowded else 1 + frameworks))
    with _timed(seconds, "total"), threadpool_limits(cores, "blas"):
        with _timed(seconds, "reference"):
            at_edges = second is None and mode is not Mode.TRAINING
            task = Task(
                graph, terms, mode, instead, gradients=gradients, at_edges=at_edges,
                other=second.graph if second is not None else None,
            )  # fmt: skip
        with contextlib.ExitStack() as stack:
            stack.callback(task.close)
            runs = _submitted(task, subjects, seconds, crowded=crowded, shipped=second is None)
            again = None
            if second is not None and not crowded:  # the frameworks are busy meanwhile
                again = stack.enter_context(_second(second, terms, seconds))
            for run in (run for each in runs for run in each if bits):
                outcomes[run.subject.name].bits[run.dtype] = task.bits(run)
            _judge_all(task, *runs, outcomes)
            if again is not None:
                _judge_second(*again, outcomes)
        if second is not None and crowded:
            with _second(second, terms, seconds) as again:
                _judge_second(*again, outcomes)
    for subject in subjects:
        greeting, outcome = pool.greet(subject.worker).result(), outcomes[subject.name]
        if not isinstance(greeting, Failure):
            outcome.versions, outcome.import_seconds = greeting.versions, greeting.seconds
    return Report(graph.name, seed, outcomes, seconds, tuple(_remarks(task, subjects, gradients=gradients)))


def _remarks(task: Task, subjects: Sequence[Subject], *, gradients: bool) -> Iterator[str]:
    """What was not compared, of all subjects alike."""
    if gradients and not task.wanted:
        yield "no gradients were compared: no output is a floating-point number"
    untold = [subject.name for subject in subjects if not subject.interface.starts]
    if untold:
        yield f"initial values: not compared ({', '.join(untold)})"
    rated = {step for subject in subjects for step in subject.interface.random} - task.drawn
    if rated:
        yield f"of what these drop in training, the rates were compared, not the masks: {', '.join(sorted(rated))}"


def _too_large(graph: Graph, *, gradients: bool) -> Failure | None:
    least, there = least_memory(graph, gradients=gradients), physical_memory()
    if least <= there:
        return None
    small = f"{graph.name} takes more than {least / 2**30:.3g} GiB, and the machine has {there / 2**30:.3g}"
    hint = "less depth or width (--set) may fit, or one sample (--size batch=1)" + ", or no --gradients" * gradients
    return Failure("memory", f"{small}; {hint}")


def memory(graph: Graph, frameworks: int, *, gradients: bool) -> int:
    """How many bytes a verification takes at most, as was measured, with the frameworks side by side."""
    values, weights = _float64(graph)
    each = 2**30 + (2 * values + 5 * weights if gradients else values + 3 * weights)
    return 2 * values + weights + frameworks * each


def least_memory(graph: Graph, *, gradients: bool) -> int:
    """How many bytes a verification takes at least: here all values, and the weights in float32; in a framework the
    weights, and with gradients those of all weights, and what the way back needs of the values; and itself."""
    values, weights = _float64(graph)
    return max(values + weights // 2, 2**28 + (2 * weights + values // 2 if gradients else weights))


def _float64(graph: Graph) -> tuple[int, int]:
    """The bytes of all values, and of all weights."""
    values = 8 * sum(prod(tensor.shape) for node in graph.nodes for tensor in node.outputs)
    return values, 8 * sum(prod(parameter.shape) for parameter in graph.parameters().values())


def _submitted(
    task: Task, subjects: Sequence[Subject], seconds: dict[str, float], *, crowded: bool, shipped: bool
) -> tuple[list[Run], list[Run]]:
    """The runs in float64 and in float32; what is due here is done while the frameworks are busy, unless the memory is
    too small for that."""
    if crowded:
        _first_slope(task, seconds)
        _first_rounding(task, seconds)
        worker.give_back()
    doubles = [task.submit(subject, "float64", shipped=shipped) for subject in subjects]
    singles = [task.submit(subject, "float32") for subject in subjects]
    if not crowded:
        _first_rounding(task, seconds)
        _first_slope(task, seconds)
    return doubles, singles


def _first_rounding(task: Task, seconds: dict[str, float]) -> None:
    with _timed(seconds, "rounding"):
        task.round("float64")


def _first_slope(task: Task, seconds: dict[str, float]) -> None:
    if task.wanted:
        with _timed(seconds, "slope"):
            task.slope()


def _is_wrong(outcome: Outcome) -> bool:
    return "float64" in outcome.rungs and bool(outcome.rungs["float64"].wrong)


@contextlib.contextmanager
def _second(second: Second, terms: Terms, seconds: dict[str, float]) -> Iterator[tuple[Task, list[Run]]]:
    """The network at other values of what its code leaves open, which runs in all frameworks."""
    with _timed(seconds, "second"):
        task = Task(second.graph, terms, Mode.EVALUATION, at_edges=True, arguments=second.arguments)
    try:
        yield task, [task.submit(subject, "float64") for subject in second.subjects]
    finally:
        task.close()


def _judge_second(task: Task, runs: list[Run], outcomes: Mapping[str, Outcome]) -> None:
    for run in runs:
        outcomes[run.subject.name].due += ("second",)
        bounds = dict.fromkeys(run.bounds, compare.SECOND_BOUND)
        _judge(task, replace(run, bounds=bounds), outcomes[run.subject.name], "second")
    _judge_edges(task, runs, outcomes)


def _judge_all(task: Task, doubles: list[Run], singles: list[Run], outcomes: Mapping[str, Outcome]) -> None:
    open_ones = [run for run in doubles if run.subject.interface.probes]  # others have no steps to judge
    alone = [task.submit_alone(run) for run in open_ones if run.subject.interface.inexact or task.wanted]
    for run in doubles:
        _judge(task, run, outcomes[run.subject.name])
    started = {run.subject.name for run in alone}
    others = [run for run in open_ones if run.subject.name not in started]
    alone += [task.submit_alone(run) for run in others if _is_wrong(outcomes[run.subject.name])]
    _judge_edges(task, doubles, outcomes)
    for run in singles:
        _judge(task, run, outcomes[run.subject.name])
    for run in alone:
        _judge_alone(task, run, outcomes[run.subject.name])
    if task.wanted:
        for outcome in outcomes.values():
            outcome.due += ("slope",)
        _judge_gradients(task, doubles, outcomes)


def _judge(task: Task, run: Run, outcome: Outcome, name: str = "") -> None:
    measured = task.measure(run, outcome)
    if measured is not None:
        run = run if name else task.widened(run, measured)
        rung = outcome.rungs[name or run.dtype] = task.rung(name or run.dtype, run, measured)
        outcome.culprit = outcome.culprit or task.culprit(rung, measured)
    graph = task.graph_rung(run) if run.dtype == "float32" else None
    if graph is not None:
        outcome.rungs["graph"] = graph
    random = task.random_rung(run) if run.dtype == "float64" else None
    if random is not None:
        outcome.rungs["random"] = random
        outcome.culprit = outcome.culprit or task.first(random)


def _judge_edges(task: Task, runs: list[Run], outcomes: Mapping[str, Outcome]) -> None:
    for name, rung in task.edge_rungs(runs).items():
        outcomes[name].rungs["edges"] = rung
        outcomes[name].culprit = outcomes[name].culprit or task.first(rung)


def _judge_gradients(task: Task, runs: list[Run], outcomes: Mapping[str, Outcome]) -> None:
    """The frameworks against each other, and each against the slope of the reference."""
    found: dict[str, dict[str, Array]] = {}
    for run in runs:
        result = run.result.result()
        if isinstance(result, Result):
            found[run.subject.name] = differentiation.taken(result.arrays, task.wanted)
    if not found:
        return
    off: dict[str, dict[str, tuple[Difference, float]]] = {name: {} for name in found}
    bounds = {run.subject.name: differentiation.bound(run.subject.interface) for run in runs}
    learned = {
        name: dict(differentiation.learned_rows(task.graph, arrays, task.mode)) for name, arrays in found.items()
    }
    slopes = {name: _slope_finding(task, arrays) for name, arrays in found.items()}
    # One that is wrong by itself is nobody's measure. If all are, none has another one.
    trusted = {
        name for name in found
        if not (learned[name] or slopes[name].wrong or any(rung.wrong for rung in outcomes[name].rungs.values()))
    }  # fmt: skip
    compared = differentiation.differences(found, lambda backend, _: bounds[backend], trusted)
    for backend, name, difference, bound in compared:
        off[backend][name] = difference, bound
    for backend in found:
        outcome = outcomes[backend]
        off[backend] |= {name: (difference, bounds[backend]) for name, difference in learned[backend].items()}
        if off[backend]:
            rung = outcome.rungs["gradient"] = task.gradient_rung(off[backend])
            outcome.culprit = outcome.culprit or task.learner(rung, learned[backend])
        outcome.rungs["slope"] = Rung.of("slope", [slopes[backend]], ())


def _slope_finding(task: Task, gradients: Mapping[str, Array]) -> Finding:
    """The slope along the direction in which it is closest to the reference's; one is enough, if the first will do."""
    found: list[Finding] = []
    for number in range(differentiation.DIRECTIONS):
        slope = task.slope(number)
        off = differentiation.slope_difference(differentiation.along(gradients, slope.direction), slope.total)
        found.append(Finding("slope", "", off.error, slope.bound, off.problem))
        if not found[-1].wrong:
            break
    return min(found, key=lambda finding: (bool(finding.problem), finding.error / finding.bound))


def _judge_alone(task: Task, run: Run, outcome: Outcome) -> None:
    measured = task.measure(run, outcome)
    if measured is None:
        return
    rung = outcome.rungs["alone"] = task.rung("alone", run, measured)
    if _is_wrong(outcome) and outcome.culprit is not None:
        if outcome.culprit.finding.tensor in task.steps:
            confirmed = outcome.culprit.finding.tensor in {finding.tensor for finding in rung.wrong}
            outcome.culprit = replace(outcome.culprit, confirmed=confirmed)
    elif first := task.culprit(rung, measured):
        outcome.culprit = replace(first, confirmed=True)
    result = run.result.result()
    if task.slopes.nodes and isinstance(result, Result):
        rung = outcome.rungs["vjp"] = task.vjp_rung(run.subject.interface, result.arrays)
        outcome.culprit = outcome.culprit or task.first(rung)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = perf_counter()
    yield
    seconds[name] = perf_counter() - started
