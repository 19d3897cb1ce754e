"""The walk: each step of the reference is computed on the model's own tensors and looked up among what its calls gave.

A step that is found tells which of the model's weights are its own, and gives the next one its input, so that nothing
adds up. Where one is not found, what the model has in its place is looked for, and the walk goes on from there: all
that differs comes out in one run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from time import process_time

import numpy as np

from archspec.against import expand
from archspec.against.alternatives import Alternative, alternatives, resynchronized
from archspec.against.attempt import Formula, Found, Known, Model, attempts, first_of, have_rivals, parameters_of
from archspec.against.records import Record
from archspec.against.training import hidden, unasked
from archspec.against.variants import relatives, rounded, variants
from archspec.backend import Weight
from archspec.graph.graph import Graph, Node
from archspec.graph.mode import Mode
from archspec.ops.base import Operation
from archspec.verification.match import Deviation
from archspec.verification.worker import Array
from archspec.verification.worker.calls import EDGES

_PATIENCE = 9
"""How many steps that no call gives there may be before one that is found."""
_SECONDS = 6.0
_FLIPS = 24
"""How many other choices are tried where weights might be those of several steps."""


@dataclass
class Walk:
    """What was found of a person's model."""

    mapping: dict[str, Weight] = field(default_factory=dict)
    """Where the model has each weight of the spec."""
    steps: dict[str, str] = field(default_factory=dict)
    """The call that is each step."""
    starts: dict[str, int] = field(default_factory=dict)
    """The number of the call that begins with what the step reads."""
    implied: list[str] = field(default_factory=list)
    """Steps that no call gives, between such that calls give."""
    deviations: list[Deviation] = field(default_factory=list)
    unexercised: list[str] = field(default_factory=list)
    """Steps that bend where no number came; and, in the end, calls that could not be tried there."""
    ties: list[str] = field(default_factory=list)
    """Steps whose weights might as well have been others."""
    exact: dict[str, bool] = field(default_factory=dict)
    """Steps that a framework computes with their numbers as float32 has them."""
    hidden: list[Deviation] = field(default_factory=list)
    """What only training shows, and a call's arguments tell: rates of dropout, momentum of statistics."""
    notes: list[str] = field(default_factory=list)
    outputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The calls that gave the spec's outputs."""
    lost: str = ""
    """The step from which on nothing could be compared."""


class Walker:
    """Walks through a graph once, with `choices` among weights that fit equally well."""

    def __init__(
        self, graph: Graph, model: Model, inputs: Mapping[str, Known], choices: Mapping[str, int] | None = None,
        until: str = "",
    ) -> None:  # fmt: skip
        self.graph, self.model, self.inputs = graph, model, inputs
        self.choices = dict(choices or {})
        self.until = until
        self.fruitless: set[tuple[str, ...]] = set()
        """Steps for whose weights other choices did not help."""
        self._begin()

    def _begin(self) -> None:
        self.nodes = list(self.graph.steps(Mode.EVALUATION))
        self.walk = Walk()
        self.values = {id(tensor): self.inputs[name] for name, tensor in self.graph.inputs.items()}
        self.makers: dict[int, Node] = {}
        self.pending: dict[str, Node] = {}
        self.latest = 0

    def run(self) -> Walk:
        """Walks to the end, or to where nothing can be compared any more."""
        at = 0
        while at < len(self.nodes) and not self.walk.lost:
            node = self.nodes[at]
            if self._take(node):
                if node.path == self.until:
                    return self.walk
                at += 1
                continue
            inner = expand.parts(node)
            if inner:
                self.nodes[at : at + 1] = inner
                continue
            if self._wait(node):
                at += 1
                continue
            at = self._failed(node)
        while self.pending and not self.walk.lost and self._unsettled():
            at = self._failed(None)
            while at < len(self.nodes) and not self.walk.lost:
                node = self.nodes[at]
                at = at + 1 if self._take(node) or self._wait(node) else self._failed(node)
        if not self.walk.lost:
            self.walk.hidden += unasked(self.model, self.walk.hidden, self.nodes, self.values)
        outputs = self.graph.results(Mode.EVALUATION).items()
        self.walk.outputs = {
            name: self.values[id(tensor)].numbers for name, tensor in outputs if id(tensor) in self.values
        }
        return self.walk

    @property
    def mapping(self) -> dict[str, Weight]:
        return self.walk.mapping

    def _inputs(self, node: Node) -> list[Known]:
        return [self.values[id(tensor)] for tensor in node.inputs]

    def _take(self, node: Node) -> bool:
        """Notes a step if the model has it."""
        inputs = self._inputs(node)
        for op in dict.fromkeys((repr(node.op), repr(rounded(node.op)))):
            exact = op == repr(node.op)
            formula = Formula.of(node.op if exact else rounded(node.op))
            found = self._chosen(node, formula, inputs)
            if found is not None:
                self.walk.exact[node.path] = exact
                self._note(node, found, inputs)
                return True
        return False

    def _chosen(self, node: Node, formula: Formula, inputs: Sequence[Known]) -> Found | None:
        """One of the ways in which the model has a step: by default the first."""
        due = self.choices.get(node.path, 0)
        waiting = attempts(self.model, node, formula, inputs, self.walk.mapping, self.latest)
        for number, found in enumerate(waiting):
            if number == due:
                tied = due > 0 or have_rivals(self.model, found, inputs, self.walk.mapping)
                return replace(found, others=tied)
        return None

    def _note(self, node: Node, found: Found, inputs: Sequence[Known], *, bent: bool = True) -> None:
        self.walk.mapping.update({weight.parameter: weight for weight in found.weights})
        if found.others:
            self.walk.ties.append(node.path)
        for tensor, known in zip(node.outputs, found.outputs, strict=True):
            self.values[id(tensor)] = known
            self.makers[id(tensor)] = node
            if known.numbers:
                self.latest = max(self.latest, min(known.numbers))
        if found.outputs[0].homes:
            for before in self._waiting_for(node):
                self.pending.pop(before.path, None)
                self.walk.implied.append(before.path)
        elif not found.weights:
            self.pending[node.path] = node
        record = first_of(self.model, found, inputs)
        if record is not None:
            self.walk.steps[node.path] = record.place
            self.walk.starts[node.path] = record.number if found.start is None else found.start
        if bent:
            self._bent(node, inputs, found)
        self.walk.hidden += hidden(self.model, node, inputs, found)

    def _bent(self, node: Node, inputs: Sequence[Known], found: Found) -> None:
        """Holds what bends against the model's function at numbers that the run did not have."""
        kinks = node.op.kinks()
        records = [self.model.recorded.records[hit.number] for known in found.outputs for hit in known.homes]
        own = {number for known in inputs for number in known.numbers}
        calls = [(r, r.bends) for r in records if r.bends is not None and own.intersection(r.reads)]
        makers = {r.value for r in records if r.number not in own}
        if node.op.elementwise and len(inputs) == 1 and calls and len(makers) == 1:
            call, theirs = calls[0]
            given = np.resize(EDGES, theirs.shape)
            if not _agree(_on(node.op, given), theirs):
                self._deviates(node, _bend_reason(node, given, theirs, call), call.place)
            return
        if node.op.elementwise and len(inputs) == 1 and len(makers) > 1:  # it is several calls, or one of them
            self.walk.unexercised.append(node.path)
            return
        x = inputs[0].array if inputs else np.zeros(0)
        if kinks and x.size and not all((x > kink).any() and (x < kink).any() for kink in kinks):
            self.walk.unexercised.append(node.path)

    def _wait(self, node: Node) -> bool:
        """Computes a step that no call gives, if it has no weights: one after it may be found."""
        inputs = self._inputs(node)
        formula = Formula.of(node.op)
        if parameters_of(node, formula, inputs) or len(self._waiting_for(node)) >= _PATIENCE:
            return False
        outputs = self.model.computed(node, formula, inputs, {}, ())
        if outputs is None:
            return False
        for tensor, known in zip(node.outputs, outputs, strict=True):
            self.values[id(tensor)] = known
            self.makers[id(tensor)] = node
        self.pending[node.path] = node
        return True

    def _waiting_for(self, node: Node) -> list[Node]:
        """The steps before one that were not seen, in order."""
        found: dict[str, Node] = {}
        waiting = [node]
        while waiting:
            for tensor in waiting.pop().inputs:
                maker = self.makers.get(id(tensor))
                if maker is not None and maker.path in self.pending and maker.path not in found:
                    found[maker.path] = maker
                    waiting.append(maker)
        return [each for each in self.nodes if each.path in found]

    def _unsettled(self) -> bool:
        """Whether an output was not seen."""
        outputs = self.graph.results(Mode.EVALUATION).values()
        return any(
            not self.values[id(tensor)].homes and id(tensor) in self.makers
            and self.makers[id(tensor)].path in self.pending
            for tensor in outputs if id(tensor) in self.values
        )  # fmt: skip

    def _failed(self, node: Node | None) -> int:
        """Finds out what the model has in place of a step that no call gives, or of one before it that was not seen;
        gives the place of the step to go on with."""
        suspects = [*(self._waiting_for(node) if node is not None else self.pending.values())]
        suspects += [node] if node is not None else []
        if self.until:
            self.walk.lost = suspects[0].path
            return len(self.nodes)
        if any(self._flipped(each) for each in dict.fromkeys((suspects[0], suspects[-1]))):
            return 0
        for suspect in suspects:
            inputs = self._inputs(suspect)
            for found in alternatives(self, suspect, inputs):
                return self._replaced(suspect, found, inputs)
        suspect = suspects[0]
        likely = resynchronized(self, suspect, self._inputs(suspect))
        if likely is None:
            self._deviates(suspect, "", "")
            self.walk.lost = suspect.path
            return len(self.nodes)
        return self._replaced(suspect, likely, self._inputs(suspect))

    def _replaced(self, node: Node, found: Alternative, inputs: Sequence[Known]) -> int:
        """Goes on after a step in whose place the model has another."""
        at = next(place for place, each in enumerate(self.nodes) if each.path == node.path)
        for later in self.nodes[at:]:
            self.pending.pop(later.path, None)
        self._deviates(node, found.reason, found.place)
        self._note(node, found.found, inputs, bent=False)
        self.pending.pop(node.path, None)
        return at + 1

    def _deviates(self, node: Node, reason: str, place: str) -> None:
        unknown = any(not each.reason for each in self.walk.deviations)
        self.walk.deviations.append(Deviation(node.path, node.op.key, reason, place, unknown))

    def follows(self, node: Node, known: Known) -> bool:
        """Whether what comes after a step is found if the step gives this."""
        tensors = {id(node.outputs[0]): known}
        for _ in range(3):
            readers = [each for each in self.nodes if any(id(tensor) in tensors for tensor in each.inputs)]
            for reader in readers:
                inputs = [tensors.get(id(tensor)) or self.values.get(id(tensor)) for tensor in reader.inputs]
                if any(each is None for each in inputs):
                    continue
                given = [each for each in inputs if each is not None]
                formula = Formula.of(reader.op)
                found = next(attempts(self.model, reader, formula, given, self.walk.mapping, self.latest, 60), None)
                new = {number for each in given for number in each.numbers}
                if found is not None and not new.issuperset(found.outputs[0].numbers):
                    return True
                if not parameters_of(reader, formula, given):
                    outputs = self.model.computed(reader, formula, given, {}, ())
                    if outputs is not None and id(reader.outputs[0]) not in tensors:
                        tensors[id(reader.outputs[0])] = outputs[0]
        return False

    def _flipped(self, node: Node) -> bool:
        """Tries other choices among weights that fit equally well, and keeps those with which the step is found."""
        tied = [path for path in self._before(node) if path in self.walk.ties][:4]
        if not tied or tuple(tied) in self.fruitless:
            return False
        chosen = [self.choices.get(path, 0) for path in tied]
        started = process_time()
        for numbers in sorted(product(range(3), repeat=len(tied)), key=sum)[: _FLIPS * 2]:
            if list(numbers) == chosen or process_time() - started > _SECONDS:
                continue
            choices = {**self.choices, **dict(zip(tied, numbers, strict=True))}
            trial = Walker(self.graph, self.model, self.inputs, choices, node.path)
            if trial.run().lost == "" and len(trial.walk.deviations) <= len(self.walk.deviations):
                self.choices = choices
                self._begin()
                return True
        self.fruitless.add(tuple(tied))
        return False

    def _before(self, node: Node) -> list[str]:
        """The steps on which one depends, the nearest first."""
        order = {each.path: place for place, each in enumerate(self.nodes)}
        found: dict[str, None] = {}
        waiting = [node]
        while waiting:
            for tensor in waiting.pop().inputs:
                maker = self.makers.get(id(tensor))
                if maker is not None and maker.path not in found:
                    found[maker.path] = None
                    waiting.append(maker)
        return sorted(found, key=lambda path: -order[path])


def _on(op: Operation, given: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(op.reference(given))


def _agree(ours: Array, theirs: Array) -> bool:
    """Far from zero exponentials overflow in code that is right otherwise: what is lost proves nothing."""
    if ours.shape != theirs.shape:
        return False
    lost = ~np.isfinite(theirs) & (np.abs(np.resize(EDGES, theirs.shape)) > 100)
    return bool(np.allclose(ours[~lost], theirs[~lost], rtol=1e-6, atol=1e-6))


def _bend_reason(node: Node, given: Array, theirs: Array, call: Record) -> str:
    """What a function is that agrees with another one as far as a run goes, by numbers beyond."""
    for words, op in (*variants(node.op), *relatives(node.op, [call.arguments])):
        if op.elementwise and _agree(_on(op, given), theirs):
            return words
    return ""
