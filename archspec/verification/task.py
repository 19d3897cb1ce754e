"""One network with weights, inputs and the truth: what runs, and how far what comes out is from the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import inf, prod
from pathlib import Path
from typing import Any

import numpy as np

from archspec import reference
from archspec.backend import Interface, Moves
from archspec.errors import BackendError
from archspec.graph.graph import Graph, Node, settled
from archspec.graph.mode import Mode
from archspec.verification import compare, data, edges, inexact, randomness, rounding, statistics, stopped, vjp, worker
from archspec.verification import gradients as differentiation
from archspec.verification.compare import Difference
from archspec.verification.failure import Failure
from archspec.verification.report import Culprit, Finding, Outcome, Rung
from archspec.verification.request import Given, Pull, Wanted, message
from archspec.verification.subject import Subject
from archspec.verification.worker import Array
from archspec.verification.workers import Pool, Result, Stopped


@dataclass(frozen=True, slots=True)
class Run:
    subject: Subject
    dtype: str
    result: Future[Result | Failure]
    bounds: Mapping[str, float]
    """The largest error that passes, by tensor and statistic."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a network is run, whichever."""

    pool: Pool
    seed: int
    timeout: float
    """The seconds that a run may take."""
    crowded: bool
    """Whether there is too little memory for all frameworks side by side, and for the truth."""


@dataclass(frozen=True, slots=True)
class Instead:
    """What replaces drawn numbers."""

    inputs: Mapping[str, Array] | None = None
    weights: Mapping[str, Array] | None = None
    """All of them, and not leveled."""


Measured = tuple[dict[str, Difference], dict[str, float]]
"""The differences, and the seconds of the run."""


class Task:
    """One network with weights, inputs, and the truth."""

    def __init__(
        self, graph: Graph, terms: Terms, mode: Mode, instead: Instead | None = None, *,
        gradients: bool = False, at_edges: bool = False, arguments: Mapping[str, Any] | None = None,
        other: Graph | None = None,
    ) -> None:  # fmt: skip
        """Models are made with `arguments`, and `other` is the network with inputs of other sizes."""
        self.graph, self.mode, self._terms, self._other = graph, mode, terms, other or graph
        self._arguments, seed, crowded, instead = dict(arguments or {}), terms.seed, terms.crowded, instead or Instead()
        inputs, weights = instead.inputs or {}, instead.weights
        self._nodes = graph.steps(mode)
        self.steps = {tensor.name: tensor for node in self._nodes for tensor in node.outputs}
        self.outputs = graph.results(mode)
        self.statistics = (
            {name: node for node in self._nodes for name, p in node.parameters().items() if p.statistic}
            if mode is Mode.TRAINING
            else {}
        )
        """The parameters that training changes by what it sees, and their steps, the last of those that do so."""
        self.inputs = {**data.inputs(graph, seed), **inputs}
        self.parameters, self.truth = (
            self._leveled(inputs)
            if weights is None
            else (dict(weights), reference.run(graph, weights, self.inputs, mode=mode))
        )
        self._slopes: list[differentiation.Slope] = []
        self._scales: dict[str, dict[str, Array]] = {}
        """By dtype, for each tensor how large its values are, or what they are made of."""
        self._roundings: Counter[str] = Counter()
        self._files: list[Path] = []
        self._undefined = undefined(self._nodes, self.truth)
        """Where tensors may have other values as well: programs go on with the truth there, and what they had proves
        nothing if it is another."""
        self._optional = self.parameters.keys() - graph.parameters(mode).keys()
        self._size = 8 * sum(prod(t.shape) for t in (*self.steps.values(), *self.outputs.values()))
        self.wanted = differentiation.wanted(graph, self.outputs, mode) if gradients else []
        """The inputs and parameters by which gradients are compared."""
        arrays = {**self.parameters, **self.inputs}
        self._size += 8 * sum(arrays[name].size for name in self.wanted)
        self._ops = {tensor.name: node.op.key for node in graph.nodes for tensor in node.outputs}
        projections = differentiation.projections(self.outputs, seed, self.truth) if self.wanted else {}
        self._pulls = [differentiation.pull(graph, self.wanted, projections)] if self.wanted else []
        self._random = randomness.samples(graph, seed)
        self.drawn = {name.removeprefix("random ") for name in self._random}
        """The random steps that are run by themselves."""
        self._data = self._save({**arrays, **projections, **self._random})
        self._forced: dict[str, Any] | None = None
        """The truth in a file."""
        self._free = {name: mask if self.truth[name].dtype.kind == "f" else np.ones(mask.shape, bool)
                      for name, mask in self._undefined.items()}  # fmt: skip
        """Which elements of these are not defined; all of whole numbers, since others may follow from one."""
        self._pinned: dict[frozenset[str], dict[str, Any]] = {}
        """What programs go on with, in files; for those that compute some tensors in float32 alone, with these."""
        self._numbers: dict[str, Any] | None = None
        """What gradients of single steps take, in another."""
        if crowded:  # the system may take the memory of what is mapped
            self._forced = self._save(self.truth)
            self.truth = worker.load(**self._forced)
        constant = settled(graph)
        varying = [node for node in self._nodes if node.path not in constant]
        self.slopes = vjp.Slopes(
            vjp.wanted(graph, varying) if gradients else [], self.parameters, self.truth, seed, mode=mode
        )
        """Of the steps, each by itself."""
        self.edges = edges.choose(graph, varying if at_edges else [], self.truth, seed)
        self._given = self._save(self.edges.given) if self.edges.nodes else None
        self._size += 8 * sum(prod(tensor.shape) for node in self.edges.nodes for tensor in node.outputs)

    def _leveled(self, given: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
        """The weights and the truth, from inputs of which the reference can make something: where a mask that was drawn
        hides everything from attention, with truth values that are all true, or all false."""
        drawn = data.parameters(self.graph, self._terms.seed)
        problem: reference.StepError | None = None
        for value in (None, True, False):
            if value is not None:
                masks = {
                    n: np.full_like(a, value) for n, a in self.inputs.items() if a.dtype == bool and n not in given
                }
                self.inputs.update(masks)
            try:
                return data.leveled(self.graph, drawn, self.inputs, mode=self.mode)
            except reference.StepError as error:
                problem = error
        assert problem is not None
        raise problem

    def submit(
        self, subject: Subject, dtype: str, forced: dict[str, Any] | None = None, pulls: Sequence[Pull] = (), *,
        shipped: bool = True,
    ) -> Run:  # fmt: skip
        """Hands a subject over to run; if it is not forced, and `shipped`, the file itself as well."""
        shows = subject.interface
        unknown = shows.shown.keys() - self._ops.keys()
        if unknown:
            raise BackendError(
                f"{subject.name}: probes of what the network does not have: {', '.join(sorted(unknown))}"
            )
        doubles, free = dtype == "float64", forced is None
        given = Given(
            data=self._data,
            forced=forced,
            pinned=self._pins(shows.single if doubles else frozenset()) if free else None,
            numbers=None if free else self._numbers,
            edges=self._given if doubles and free else None,
        )
        wanted = Wanted(
            outputs=self.outputs,
            optional=self._optional,
            statistics=self.statistics if free else (),
            pulls=self._pulls if doubles and free else pulls,
            at_edges=self.edges.shown(self._seen(shows)),
            shipped=self.graph if free and shipped else None,
            other=self._other,
        )
        terms, into = self._terms, self._terms.pool.scratch.file(self._size)
        request = message(subject, dtype, given, wanted, into, mode=self.mode, arguments=self._arguments)
        result = terms.pool.submit(subject.worker, request, timeout=terms.timeout, alone=terms.crowded)
        bounds = compare.bounds(self.graph, dtype, shows.inexact, alone=forced is not None)
        bounds |= {name: bounds[node.outputs[0].name] for name, node in self.statistics.items()}
        return Run(subject, dtype, result, bounds)

    def _pins(self, single: frozenset[str]) -> dict[str, Any] | None:
        """What takes the place of values of which others would be right, too, and where: floats are the program's own
        elsewhere, so that gradients flow there."""
        names = [name for name in self.steps if name in single or name in self._undefined]
        if names and single not in self._pinned:
            floats = {f"free {n}": mask for n, mask in self._free.items() if n not in single and not mask.all()}
            self._pinned[single] = self._save({name: self.truth[name] for name in names} | floats)
        return self._pinned.get(single)

    def submit_alone(self, run: Run) -> Run:
        """The same again with the truth in place of each step's result, so that each is judged by itself; with its
        gradients, if gradients are wanted."""
        if self._forced is None:
            self._forced = self._save({name: self.truth[name] for name in self.steps})
        if self.slopes.nodes and self._numbers is None:
            self._numbers = self._save(self.slopes.arrays(), self._size)
        return self.submit(run.subject, run.dtype, self._forced, self._alone(run.subject.interface))

    def _alone(self, shows: Interface) -> list[Pull]:
        """The gradients of each step that is shown."""
        pulls = [vjp.pull(node, self._seen(shows)) for node in self.slopes.nodes]
        return [pull for pull in pulls if pull is not None]

    def _seen(self, shows: Interface) -> set[str]:
        """The inputs, and the tensors that are shown."""
        return shows.shown.keys() | self.graph.inputs.keys()

    def edge_rungs(self, runs: Sequence[Run]) -> dict[str, Rung]:
        """The findings about runs at the edges of steps, by subject."""
        given = {}
        for run in runs:
            result = run.result.result()
            if isinstance(result, (Result, Stopped)):
                given[run.subject.name] = run.subject.interface, result.arrays
        found: dict[str, list[Finding]] = {}
        for name, finding in self.edges.findings(self.graph, self.parameters, given):
            found.setdefault(name, []).append(finding)
        due = [tensor.name for node in self.edges.nodes for tensor in node.outputs]
        shown = {name: {finding.tensor for finding in findings} for name, findings in found.items()}
        return {
            name: Rung.of("edges", findings, tuple(tensor for tensor in due if tensor not in shown[name]))
            for name, findings in found.items()
        }

    def slope(self, number: int = 0) -> differentiation.Slope:
        """The slope of the reference along one of the directions."""
        if number == len(self._slopes):
            found = differentiation.slope(
                self.graph, self.parameters, self.inputs, self.outputs, self._terms.seed,
                mode=self.mode, number=number, truth=self.truth, pinned=self._free,
            )  # fmt: skip
            self._slopes.append(found)
        return self._slopes[number]

    def round(self, dtype: str) -> bool:
        """Takes in once more what rounding alone makes of the values; False if that was done often enough.

        One run of the reference tells it within a factor, but for a few of many values, which hardly move by chance;
        another one, which is made for what is wrong without, moves them. In float32, where kinks and jumps may lie
        between the truth and what is right all the same, it moves values by as much; float64's first run comes first.
        """
        number = self._roundings[dtype]
        units = rounding.UNITS[dtype] if dtype == "float64" else (None, *rounding.UNITS[dtype])
        if number == len(units):
            return False
        self._roundings[dtype] += 1
        unit = units[number]
        if unit is None:
            self._scales[dtype] = self._scales["float64"]
            return True
        found = rounding.magnitudes(
            self.graph, self.parameters, self.inputs, self.truth, unit, self._terms.seed + number, mode=self.mode,
            pinned=self._free,
        )  # fmt: skip
        before = self._scales.get(dtype)
        if before is not None:
            found = ((name, np.maximum(before[name], array)) for name, array in found)
        self._scales[dtype] = self._streamed(found) if self._terms.crowded else dict(found)
        return True

    def _streamed(self, arrays: Iterable[tuple[str, Array]]) -> dict[str, Array]:
        """The arrays, in a file into which they go one by one: the system may take the memory of what is mapped."""
        stored = self._save(arrays, self._size)
        self._files.append(Path(stored["path"]))
        return worker.load(**stored)

    def measure(self, run: Run, outcome: Outcome) -> Measured | None:
        """The differences of all that a run shows; None, and the reason in `outcome`, if it failed."""
        result = run.result.result()
        if isinstance(result, Stopped):
            outcome.failure = outcome.failure or result.plain()
            found = self._until(run, result)
            return (found, {}) if found else None
        if isinstance(result, Failure):
            outcome.failure = outcome.failure or result
            outcome.culprit = outcome.culprit or stopped.dead(
                self._nodes, self._shown(run.subject.interface), run.subject.interface, result
            )
            return None
        outcome.memory = max(outcome.memory, result.memory)
        found = {}
        for key, (name, layout) in self._shown(run.subject.interface, run.dtype).items():
            array = result.arrays.pop(key, None)
            if array is None:
                found[key] = Difference(inf, "the step did not run")
            else:
                found[key] = self._difference(run, array, name, layout)
        return found, result.seconds

    def _difference(self, run: Run, array: Array, name: str, layout: Moves) -> Difference:
        expected = self.truth[name]
        whole = expected.dtype.kind != "f"
        if whole and (run.dtype == "float64" or name in self._undefined):
            free = self._undefined.get(name)
            free = free if free is None else worker.arrange(free, layout)
            return compare.difference(array, worker.arrange(expected, layout), expected.dtype.name, free)
        if name in self.statistics:
            expected = self._kept(name, expected, run.subject.interface)
        expected = worker.arrange(expected, layout)
        if not whole and name in self._undefined and array.shape == expected.shape:
            free = worker.arrange(self._undefined[name], layout)
            array = np.where(free, expected, array).astype(array.dtype)
        if not self._roundings[run.dtype]:
            self.round(run.dtype)
        while True:
            scale = worker.arrange(self._scales[run.dtype][name], layout)
            found = compare.difference(array, expected, expected.dtype.name if whole else run.dtype, scale)
            if (found.problem and not whole) or found.within(run.bounds[name]) or not self.round(run.dtype):
                return found

    def widened(self, run: Run, measured: Measured) -> Run:
        """The run with bounds that follow from what its inexact steps may come to, if it needs them to be right."""
        declared, shown = run.subject.interface.inexact, self._shown(run.subject.interface, run.dtype)
        if run.dtype != "float64" or not declared or all(
            off.problem or off.within(run.bounds[shown[key][0]]) for key, off in measured[0].items()
        ):  # fmt: skip
            return run
        found = inexact.bounds(
            self.graph, self.parameters, self.inputs, self.truth, self._scales["float64"], declared,
            mode=self.mode, pinned=self._free,
        )  # fmt: skip
        return replace(run, bounds={name: max(bound, found.get(name, 0.0)) for name, bound in run.bounds.items()})

    def _kept(self, name: str, new: Array, shows: Interface) -> Array:
        """A running statistic as the framework keeps it, from what the reference makes of it. Several steps may go on
        from one another's."""
        node = self.statistics[name]
        kept = old = self.parameters[name].astype(np.float64)
        steps = [each for each in self._nodes if (each.owner or each.path) == (node.owner or node.path)]
        for each in steps if node.momentum else ():
            kept = statistics.moved(kept, name, each, old, new if len(steps) == 1 else self._after(each, name), shows)
        return kept if node.momentum else new

    def _after(self, node: Node, name: str) -> Array:
        """What a step by itself makes of a statistic, by the reference."""
        inputs = [self.truth[tensor.name] if tensor.name in self.truth else self.inputs[tensor.name]
                  for tensor in node.inputs]  # fmt: skip
        _, found = reference.step(node, inputs, self.parameters, mode=Mode.TRAINING)
        return next(array for part, array in found.items() if node.parameter(part) == name)

    def _until(self, run: Run, result: Stopped) -> dict[str, Difference]:
        """The differences of what a program showed before it raised, and why it did, at the step where it did."""
        found: dict[str, Difference] = {}
        shown = self._shown(run.subject.interface, run.dtype)
        for key, (name, layout) in shown.items():
            if key in result.arrays:
                found[key] = self._difference(run, result.arrays.pop(key), name, layout)
            elif key in result.shapes:
                due = worker.arrange(self.truth[name], layout).shape
                shape = result.shapes[key]
                if len(shape) != len(due) or any(a not in (None, b) for a, b in zip(shape, due, strict=True)):
                    found[key] = Difference(inf, f"shape ({', '.join(map(str, shape))}) instead of {due}")
        for node in self._nodes:
            for name in node.parameters():
                if name in result.parameters:
                    found.update((t.name, Difference(inf, result.parameters[name])) for t in node.outputs)
        found.update((name, Difference(inf, problem)) for name, problem in result.tensors.items())
        if result.kind == "run" or (result.kind == "build" and "probe(" in result.at):
            blamed = stopped.first(self._nodes, shown, found.keys() | result.shapes.keys())
        else:
            blamed = stopped.constructed(self._nodes, run.subject.interface, result.lines)
        for tensor in blamed:
            found.setdefault(tensor, Difference(inf, result.message))
        return {name: found[name] for name in shown if name in found}

    def _shown(self, shows: Interface, dtype: str = "") -> dict[str, tuple[str, Moves]]:
        """What is shown, in the order of the graph. Key of the array: name of the tensor, and its layout. With a dtype,
        what is to be compared in it."""
        probed, single = shows.shown, shows.single if dtype == "float64" else ()
        shown = {name: (name, probed[name]) for name in self.steps if name in probed and name not in single}
        for name, tensor in self.outputs.items():
            if tensor.name not in single:
                shown[f"output {name}"] = tensor.name, shows.outputs[name]
        layouts = {weight.parameter: weight.layout for weight in shows.weights}
        return shown | {name: (name, layouts[name]) for name in self.statistics if name in layouts}

    def bits(self, run: Run) -> dict[str, str]:
        """A digest of each tensor that a run shows, in the order of the graph, as the framework lays it out. It must be
        asked for before the run is measured, which gives the arrays back."""
        result = run.result.result()
        arrays = result.arrays if isinstance(result, Result) else {}
        shown = self._shown(run.subject.interface)
        return {
            key: blake2b(np.ascontiguousarray(arrays[key]).tobytes(), digest_size=8).hexdigest()
            for key in shown
            if key in arrays
        }

    def rung(self, name: str, run: Run, measured: Measured) -> Rung:
        """The findings about one run, in the order of the graph."""
        found, seconds = measured
        kept = {statistic: node.op.key for statistic, node in self.statistics.items()}
        findings = [
            Finding.of(key, kept.get(tensor) or self._ops.get(tensor, ""), found[key], run.bounds[tensor])
            for key, (tensor, _) in self._shown(run.subject.interface).items()
            if key in found and (name != "alone" or key in self.steps)  # outputs of a forced run are the truth itself
        ]
        shown = self._shown(run.subject.interface, run.dtype)
        return Rung.of(name, findings, tuple(tensor for tensor in self.steps if tensor not in shown), seconds)

    def gradient_rung(self, found: Mapping[str, tuple[Difference, float]]) -> Rung:
        """The findings about the gradients of one run, given with their bounds, in the order of the graph."""
        ops = {name: node.op.key for node in self._nodes for name in node.parameters()}
        findings = [
            Finding.of(f"gradient of {name}", ops.get(name, ""), difference, bound)
            for name in self.wanted if name in found for difference, bound in [found[name]]
        ]  # fmt: skip
        return Rung.of("gradient", findings, tuple(name for name in self.wanted if name not in found))

    def random_rung(self, run: Run) -> Rung | None:
        """The findings about layers that are random in training; None if there are none."""
        result = run.result.result()
        nodes = [node for node in self._nodes if node.path in run.subject.interface.random]
        if not isinstance(result, Result) or not any(key.startswith(("random ", "rate ")) for key in result.arrays):
            return None
        found = {node.path: randomness.finding(node, result.arrays, self._random) for node in nodes}
        unseen = tuple(node.path for node in nodes if found[node.path] is None)
        return Rung.of("random", [finding for finding in found.values() if finding is not None], unseen)

    def graph_rung(self, run: Run) -> Rung | None:
        """The findings about the outputs of the file itself, run as one graph; None if its framework has no such thing,
        or if the file, which goes on with what it computed, may give others."""
        result = run.result.result()
        if not isinstance(result, Result) or self._undefined:
            return None
        findings, layouts = [], run.subject.interface.outputs
        for name, tensor in self.outputs.items():
            array = result.arrays.get(f"graph {name}")
            if array is not None:
                found = self._difference(run, array, tensor.name, layouts[name])
                op = self._ops.get(tensor.name, "")
                findings.append(Finding.of(f"output {name}", op, found, run.bounds[tensor.name]))
        return Rung.of("graph", findings, ()) if findings else None

    def vjp_rung(self, shows: Interface, arrays: Mapping[str, Array]) -> Rung:
        """The findings about the gradients of each step alone, of which a run gave the slopes."""
        findings, unseen = [], []
        for node in self.slopes.nodes:
            declared = max(bounds.get(t.name, 0.0) for t in node.outputs
                           for bounds in (shows.inexact, shows.inexact_gradients))  # fmt: skip
            judged = self.slopes.judge(node, arrays, declared)
            if judged is None:
                unseen.append(node.outputs[0].name)
            else:
                findings.append(Finding(node.outputs[0].name, node.op.key, *judged))
        return Rung.of("vjp", findings, tuple(unseen))

    def first(self, rung: Rung) -> Culprit | None:
        """The first step that is wrong, where each is judged by itself."""
        wrong = {finding.tensor: finding for finding in rung.wrong}
        for node in self._nodes:
            for name in (tensor.name for tensor in node.outputs if tensor.name in wrong):
                return Culprit(node.path, node.op.key, wrong[name], confirmed=True)
        return None

    def learner(self, rung: Rung, tables: Collection[str]) -> Culprit | None:
        """The first step with one of these tables, of which a row has a gradient that must have none."""
        findings = {finding.tensor: finding for finding in rung.wrong}
        for node in self._nodes:
            for name in node.parameters().keys() & tables:
                return Culprit(node.path, node.op.key, findings[f"gradient of {name}"], confirmed=True)
        return None

    def culprit(self, rung: Rung, measured: Measured) -> Culprit | None:
        """The first step that is wrong; if all that are seen are right, the one whose value the model returns wrong."""
        wrong = {f.tensor: f for f in rung.wrong}
        node = compare.culprit(self.graph, wrong.keys(), measured[0].keys())
        if node is not None:
            finding = next(wrong[tensor.name] for tensor in node.outputs if tensor.name in wrong)
            return Culprit(node.path, node.op.key, finding)
        for statistic, node in self.statistics.items():
            if statistic in wrong:
                return Culprit(node.path, node.op.key, wrong[statistic])
        for name, tensor in self.outputs.items():
            last = next((node for node in self._nodes if tensor in node.outputs), None)
            if f"output {name}" in wrong and last is not None:
                return Culprit(last.path, last.op.key, wrong[f"output {name}"])
        return None

    def close(self) -> None:
        files = (self._data, self._forced, self._numbers, self._given, *self._pinned.values())
        stored = [Path(each["path"]) for each in files if each is not None]
        for path in (*stored, *self._files):
            self._terms.pool.scratch.remove(path)

    def _save(self, arrays: Mapping[str, Array] | Iterable[tuple[str, Array]], size: int = 0) -> dict[str, Any]:
        return self._terms.pool.scratch.save(arrays, size)


def undefined(nodes: Iterable[Node], truth: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors of which some elements are not defined, and which."""
    found = {}
    for node in nodes:
        masks = node.op.undefined(*(truth[tensor.name] for tensor in node.inputs))
        for tensor, mask in zip(node.outputs, masks, strict=False):
            if mask is not None and mask.any():
                found[tensor.name] = mask
    return found
