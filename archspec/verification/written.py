"""Files of models, as formats write them, held against the reference."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspec.backend import Interface, Observed, Weight
from archspec.errors import BackendError, SpecError
from archspec.formats import Exported, Format
from archspec.graph.graph import Graph, rounded
from archspec.graph.mode import Mode
from archspec.model import Model
from archspec.verification.cases import Second, other_batch, other_sizes
from archspec.verification.failure import Failure
from archspec.verification.report import Outcome, Report
from archspec.verification.run import examine
from archspec.verification.subject import Written
from archspec.verification.task import Instead
from archspec.verification.workers import Pool


@dataclass(frozen=True)
class _Files:
    """The files of one network in one format."""

    subject: Written
    """In both dtypes, the floats rounded."""
    second: Written
    """In float64, the floats as they are."""
    single: Mapping[str, Sequence[str]]
    paths: Sequence[Path]


def written(
    model: Model, formats: Sequence[Format], pool: Pool, *, sizes: Mapping[str, int], seed: int, timeout: float,
    allow_unproven: bool, instead: Instead | None = None, bits: bool = False,
) -> Report:  # fmt: skip
    """What is found about a network in evaluation, as formats have it: at these sizes, and at another batch and other
    open ones."""
    outcomes: dict[str, Outcome] = {}
    files: dict[str, _Files] = {}
    graph = rounded(model.graph_for(sizes))
    with contextlib.ExitStack() as stack:
        for each in formats:
            try:
                files[each.name] = stack.enter_context(_files(model, each, pool))
            except BackendError as error:
                outcomes[each.name] = Outcome(each.name, failure=Failure("refused", str(error)))
        if not files:
            return Report(graph.name, seed, outcomes)
        report = examine(
            graph, [each.subject for each in files.values()], pool, seed=seed, timeout=timeout,
            allow_unproven=allow_unproven, instead=instead, second=_second(model, [f.second for f in files.values()]),
            bits=bits,
        )  # fmt: skip
    for name, made in files.items():
        outcome = report.outcomes[name]
        if made.single.keys() >= {node.path for node in graph.steps(Mode.EVALUATION)}:  # there is nothing else
            outcome.rungs = {key: rung for key, rung in outcome.rungs.items() if rung.compared or rung.wrong}
            outcome.due = tuple(due for due in outcome.due if due in outcome.rungs or due == "float32")
    report.outcomes |= outcomes
    report.remarks = tuple(_remarks(files))
    return report


def _remarks(files: Mapping[str, _Files]) -> Iterator[str]:
    """What was not compared, or only so far."""
    for name, each in files.items():
        kinds = sorted({kind for kinds in each.single.values() for kind in kinds})
        if kinds:
            steps = f"{len(each.single)} step" + "s" * (len(each.single) > 1)
            yield f"{name}: not compared in float64, which the runtime does not compute: {steps} ({', '.join(kinds)})"


@contextlib.contextmanager
def _files(model: Model, form: Format, pool: Pool) -> Iterator[_Files]:
    """The files of a network, while they are needed. Raises BackendError."""
    kept = rounded(model.graph)
    made = {
        "float64": form.export(model, kept, True),
        "float32": form.export(model, kept, False),
        "second": form.export(model, model.graph, True),
    }
    opened: dict[str, dict[str, Any]] = {}
    paths: list[Path] = []
    try:
        for key, each in made.items():
            path = pool.scratch.file(_ROOM)
            paths.append(path)
            form.unfilled(each, path)
            opened[key] = {"path": str(path), "steps": dict(each.steps)}
        double = made["float64"]
        shows = _interface(kept, double)
        second = Written(form.name, form.name, shows, {"float64": opened.pop("second")})
        yield _Files(Written(form.name, form.name, shows, opened), second, double.single, paths)
    finally:
        for path in paths:
            pool.scratch.remove(path)


_ROOM = 1 << 24


def _interface(graph: Graph, exported: Exported) -> Interface:
    """Everything in the spec's own names and shapes."""
    steps = graph.steps(Mode.EVALUATION)
    single = [t.name for node in steps if node.path in exported.single for t in node.outputs if t.dtype == "float"]
    return Interface(
        weights=tuple(Weight(name, name) for name in graph.parameters(Mode.EVALUATION)),
        inputs=dict.fromkeys(graph.inputs, ()),
        outputs=dict.fromkeys(graph.results(Mode.EVALUATION), ()),
        probes={node.path: tuple(Observed(tensor.name) for tensor in node.outputs) for node in steps},
        single=frozenset(single),
        starts=True,  # the weights in a file are those that the spec draws
    )


def _second(model: Model, subjects: Sequence[Written]) -> Second | None:
    """The same files for another batch, and other open sizes if they are such that the network takes them."""
    batch = other_batch(model, model.graph)
    for sizes in other_sizes(model.open_sizes):
        try:
            return Second(model.graph_for({"batch": batch, **sizes}), tuple(subjects), {})
        except SpecError:
            continue
    return None
