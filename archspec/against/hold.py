"""Holds a person's own model against a network: finds its weights and what differs, then pours weights and compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np

from archspec.against.alternatives import made_of
from archspec.against.attempt import Known, Model
from archspec.against.expand import whole_name
from archspec.against.lookup import Hit, Table, order_of
from archspec.against.pour import pour
from archspec.against.reach import Again, Question, beyond
from archspec.against.records import Recorded
from archspec.against.subject import recording
from archspec.against.target import Target
from archspec.against.trial import Trial
from archspec.against.walk import Walk, Walker
from archspec.backend import Weight
from archspec.errors import BackendError
from archspec.graph.mode import Mode
from archspec.model import Model as Network
from archspec.results.options import Options
from archspec.verification import data, worker
from archspec.verification.cases import smaller
from archspec.verification.failure import Failure
from archspec.verification.match import Deviation, Match
from archspec.verification.report import Outcome, Report
from archspec.verification.worker import Array
from archspec.verification.workers import Pool, Result


class Held:
    """A person's own model, held against a network in each mode in which that is run."""

    def __init__(self, target: Target, network: Network, pool: Pool, options: Options) -> None:
        self._target, self._network, self._pool, self._options = target, network, pool, options
        self._trial: Trial | Failure | None = None

    @property
    def name(self) -> str:
        return self._target.text

    def add(self, report: Report) -> None:
        """Adds what is found to a report about the network."""
        mode = Mode(report.facts.mode) if report.facts is not None else Mode.EVALUATION
        if mode is Mode.AUXILIARY:
            report.remarks += (f"{self._target.text}: not compared with the outputs of training",)
            return
        outcome = report.outcomes[self._target.text] = self.outcome(mode)
        greeting = self._pool.greet(self._target.backend.name).result()
        if not isinstance(greeting, Failure):
            outcome.versions = greeting.versions

    def outcome(self, mode: Mode) -> Outcome:
        """What is found in a mode of evaluation or training."""
        name, options = self._target.text, self._options
        if self._trial is None:
            try:
                self._trial = _recorded(self._network, self._target, self._pool, options)
            except BackendError as error:
                self._trial = Failure("refused", str(error))
            if not isinstance(self._trial, Failure):
                self._trial, self._walk = _walked(self._trial, partial(_again, self._trial, self._pool, options))
        if isinstance(self._trial, Failure):
            return Outcome(name, failure=self._trial)
        outcome = Outcome(name, match=_match(self._trial, self._walk, mode))
        assert outcome.match is not None
        if options.gradients and self._trial.prepared:
            outcome.failure = Failure("refused", "gradients are not available for a model that prepares its input")
            return outcome
        if self._walk.lost or outcome.match.missing or outcome.match.unused:
            outcome.due = ()
            outcome.match.notes.append("outputs were not compared: not all weights have a place")
        else:
            pour(outcome, self._trial, self._walk, self._pool, options, mode)
        locate(outcome.match, self._network)
        return outcome


def locate(match: Match, network: Network) -> None:
    """Says where in the spec the steps stand that differ."""
    origins = {node.path: node.origin for node in network.graph.nodes}
    for place, each in enumerate(match.deviations):
        at = next((path for path in (each.step, each.step.rpartition(".")[0]) if path in origins), None)
        if at is not None:
            where = network.spec.source.diagnostic(origins[at], "").where
            match.deviations[place] = replace(each, position=where)


def _recorded(network: Network, target: Target, pool: Pool, options: Options) -> Trial | Failure:
    """A run, with small images if the model takes them, in float64 if it can be run so."""
    failure: Failure | None = None
    for each in filter(None, (smaller(network), network)):
        graph, program = each.graph_for(options.sizes), target.backend.generate(each)
        inputs = data.inputs(graph, options.seed)
        size = sum(array.nbytes for array in inputs.values())
        stored = worker.save(str(pool.scratch.file(size)), inputs)
        room = 32 * sum(prod(tensor.shape) for node in graph.nodes for tensor in node.outputs)  # calls are about thrice
        for dtype in ("float64", "float32"):
            request = recording(target, dtype, stored, program.inputs, pool.scratch.file(room))
            result = pool.submit(target.backend.name, request, timeout=options.timeout).result()
            if isinstance(result, Result):
                return Trial(target, each, graph, program, Recorded(result, dtype), inputs, dtype, room)
            failure = result
            if result.kind in ("missing", "start", "import", "crashed", "timeout"):
                return result
    assert failure is not None
    return failure


def _again(trial: Trial, pool: Pool, options: Options, questions: Sequence[Question]) -> Sequence[Array | None]:
    """What the model's calls give for other numbers, in another run with the same weights."""
    numbers = {f"again {place}": each.given.astype(trial.precision) for place, each in enumerate(questions)}
    size = sum(array.nbytes for array in (*trial.inputs.values(), *numbers.values()))
    request = recording(
        trial.target, trial.precision, worker.save(str(pool.scratch.file(size)), trial.inputs), trial.program.inputs,
        pool.scratch.file(trial.room + size), [(each.at, each.to, each.other) for each in questions],
        worker.save(str(pool.scratch.file(size)), numbers),
    )  # fmt: skip
    result = pool.submit(trial.target.backend.name, request, timeout=options.timeout).result()
    found = result.arrays if isinstance(result, Result) else {}
    return [found.get(name) for name in numbers]


def _walked(trial: Trial, again: Again) -> tuple[Trial, Walk]:
    """The walk from what the model is given; or, if it differs at once, from what the model makes of that, with which
    nothing differs."""
    recorded = trial.recorded
    table = Table(recorded.values, trial.precision)
    native = {weight.parameter: weight for weight in trial.program.weights}
    model = Model(recorded, table, native, trial.program.keeps_old)
    given = entered(recorded, table, {name: trial.inputs[name] for name in trial.program.inputs})
    walker = Walker(trial.graph, model, given)
    walk = walker.run()
    first = {node.path for node in trial.graph.nodes if set(node.inputs) & set(trial.graph.inputs.values())}
    if walk.deviations and walk.deviations[0].step in first and len(given) == 1:
        ((name, raw),) = given.items()
        for record, prepared in made_of(model, raw, 8):
            if Walker(trial.graph, model, {name: prepared}, until=walk.deviations[0].step).run().lost:
                continue
            other = Walker(trial.graph, model, {name: prepared})
            if not other.run().deviations:
                other.walk.notes.append(f"the model prepares its input: compared from {record.place} on")
                beyond(other, again)
                return replace(trial, prepared={name: prepared.array}), other.walk
    beyond(walker, again)
    return trial, walker.walk


def entered(recorded: Recorded, table: Table, inputs: Mapping[str, Array]) -> dict[str, Known]:
    """What a model is given, in the order in which it is, as a walk begins with it."""
    given: dict[str, Known] = {}
    for number, (name, array) in enumerate(inputs.items()):
        array = array.astype(np.float64) if array.dtype.kind == "f" else array
        axes = order_of(recorded.values[number], array, 1e-6)
        homes = tuple(table.find(array)) or ((Hit(number, axes),) if axes is not None else ())
        given[name] = Known(array, homes, array.shape)
    return given


def _match(trial: Trial, walk: Walk, mode: Mode) -> Match:
    """What was found, in words."""
    deviations = [*walk.deviations, *_returned(trial, walk), *(walk.hidden if mode is Mode.TRAINING else ())]
    due = trial.graph.parameters(Mode.EVALUATION)
    mapping = {whole_name(name, due): weight for name, weight in walk.mapping.items()}
    steps = trial.graph.steps(Mode.EVALUATION)
    wrong = {each.step for each in deviations}
    match = Match(
        trial.precision, len([node for node in steps if node.path not in wrong]), len(steps), deviations,
        {name: weight.target for name, weight in mapping.items()}, unexercised=walk.unexercised,
    )  # fmt: skip
    match.notes += walk.notes
    if mode is not Mode.TRAINING:
        match.notes += [f"in training only (--training): {each}" for each in walk.hidden]
    _name(match, trial, mapping)
    if walk.lost:
        match.found = next(place for place, node in enumerate(steps) if walk.lost.startswith(node.path))
        match.notes.append(f"what comes after '{walk.lost}' could not be compared")
    else:
        used = {weight.target for weight in mapping.values()}
        match.unused = [name for name in trial.recorded.weights if name not in used]
        match.missing = [name for name in due if name not in mapping]
    if trial.precision == "float32":
        match.notes.append("the model could not be made in float64: float32 hides what is smaller than 1e-5")
    return match


def _name(match: Match, trial: Trial, mapping: Mapping[str, Weight]) -> None:
    """Finds what a file of names says of each weight of the model."""
    native = {weight.parameter: weight for weight in trial.program.weights}
    theirs: dict[str, list[Weight]] = {}
    for name, weight in mapping.items():
        theirs.setdefault(weight.target, []).append(replace(weight, parameter=name))
    for target, parts in theirs.items():
        ours = [native.get(weight.parameter) for weight in parts]
        if all(n is not None and n.layout == w.layout for n, w in zip(ours, parts, strict=True)) and (
            len({n.target for n in ours if n is not None}) == 1
        ):
            match.names[target] = next(n.target for n in ours if n is not None)
        elif len(parts) == 1 and parts[0].layout in ((), (("transpose", (1, 0)),)):
            match.names[target] = parts[0].parameter + ("^T" if parts[0].layout else "")
        else:
            match.nameless.append(target)


def _returned(trial: Trial, walk: Walk) -> list[Deviation]:
    """What is wrong with what the model gives, though all of its steps are found."""
    outputs = trial.graph.results(Mode.EVALUATION)
    count, due = len(trial.recorded.returned), len(outputs)
    if count != due:
        name = next(iter(outputs))
        return [Deviation(name, "output", f"the model gives {count} tensors, not {due}: {', '.join(outputs)}")]
    found = []
    ops = {tensor.name: node for node in trial.graph.nodes for tensor in node.outputs}
    for (name, tensor), number in zip(outputs.items(), trial.recorded.returned, strict=True):
        there = walk.outputs.get(name, ())
        node = ops.get(tensor.name)
        if not there or number in there or node is None or walk.lost:
            continue
        between = [trial.recorded.records[each] for each in sorted(trial.recorded.between(there, number))]
        made = ", ".join(record.place for record in between if not record.layer) or "something else"
        found.append(
            Deviation(node.path, node.op.key, f"is not what the model gives as '{name}': {made} comes after it")
        )
    return found
