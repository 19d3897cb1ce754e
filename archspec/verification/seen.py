"""What is seen of a framework that trains, held against what the spec says: each by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from math import inf, isfinite, prod
from typing import Any, Final

import numpy as np

from archspec.backend import Program
from archspec.expressions import float32
from archspec.graph.graph import Node
from archspec.training.averages import Averaging, averaging, wrong_averages
from archspec.training.replay import Rules, replay
from archspec.training.suspects import losses, suspects, wrong_losses
from archspec.verification.compare import FLOAT64_BOUND
from archspec.verification.gradients import INEXACT_MULTIPLE
from archspec.verification.report import Finding, Rung
from archspec.verification.trial import Trial
from archspec.verification.worker import Array, arrange, restore
from archspec.verification.worker.steps import sample
from archspec.verification.workers import Result

SLOPE_BOUND: Final = 1e-5
_NOISE: Final = 1e-12
"""The share of the norm of all gradients up to which that of a weight is nothing but rounding."""


class Seen:
    """What was seen of one framework."""

    def __init__(self, trial: Trial, name: str, result: Result) -> None:
        self.trial, self.name, self.program = trial, name, trial.programs[name]
        self.arrays, self.losses, self.rates = result.arrays, result.seen["losses"], result.seen["rates"]
        self.norms, self.steps = result.seen["norms"], result.seen["steps"]
        parameters = trial.graph.parameters()
        self.axes: dict[str, int] = {}
        """Of the variables that training changes by gradients: how many axes they have in canonical order."""
        self.start: dict[str, Array] = {}
        for weight in self.program.weights:
            if weight.parameter in parameters:
                array = arrange(trial.weights[weight.parameter].astype(np.float64), weight.layout)
                self.start[weight.target] = self.start.get(weight.target, 0) + array
                if not parameters[weight.parameter].statistic:
                    self.axes[weight.target] = len(parameters[weight.parameter].shape)
        self.called = {weight.target: weight.parameter for weight in self.program.weights}
        self.shares = {name: trial.share(self.called[name], count) for name, count in self.axes.items()}

    def rungs(self) -> Iterator[Rung]:
        """What the framework is held to by itself."""
        yield Rung.of("rates", [self._rates()], ())
        yield Rung.of("losses", [*self._losses(), self._first()], ())
        yield Rung.of("slope", [self._slope()], ())
        yield from self._updated()
        if self.trial.plan.ema is not None:
            yield Rung.of("averages", list(self._averages(self.trial.plan.ema)), ())
        statistics = list(self._statistics())
        if statistics:
            yield Rung.of("statistics", statistics, ())

    def _rates(self) -> Finding:
        trial, plan = self.trial, self.trial.plan
        if len(self.losses) != trial.batches or self.steps != list(range(trial.batches)):
            return Finding("steps", "", inf, FLOAT64_BOUND, f"took the steps {self.steps}, not {trial.batches} from 0")
        due = [plan.rate(index // plan.accumulate, trial.epoch / plan.accumulate) for index in range(trial.batches)]
        for step, (found, rate) in enumerate(zip(self.rates, due, strict=True)):
            if not abs(found - rate) <= 1e-14 * rate:
                shifts = {"late": [plan.optimizer.learning_rate, *due[:-1]], "early": [*due[1:], due[-1]]}
                why = "".join(f": the schedule is one step {name}" for name, rates in shifts.items()
                              if np.allclose(rates[1:-1], self.rates[1:-1], rtol=1e-12, atol=0))  # fmt: skip
                return Finding(
                    "learning rate", "", inf, FLOAT64_BOUND, f"step {step} has {found:.6g}, not {rate:.6g}{why}"
                )
        return Finding("learning rate", "", 0.0, 1e-14)

    def outputs(self, index: int) -> dict[str, Array]:
        """What the model gave in a step, in canonical order."""
        return {
            name: restore(self.arrays[f"output {index} {number}"], layout, self.trial.graph.outputs[name].shape)
            for number, (name, layout) in enumerate(self.program.outputs.items())
        }

    def _losses(self) -> Iterator[Finding]:
        right = losses(self.trial.plan)
        wrong: list[str] | None = None
        for step, found in enumerate(self.losses):
            outputs, targets = self.outputs(step), self.trial.targets(step)
            due = float(right(outputs, targets))
            error = abs(found - due) / max(1.0, abs(due))
            problem = ""
            if not error <= FLOAT64_BOUND:
                if wrong is None:
                    wrong = list(self._taken_for(found, outputs, targets))
                problem = f"step {step} has a loss of {found:.6g}, and its outputs one of {due:.6g}"
                problem += f": {wrong[0]}" if wrong else ""
            yield Finding(f"loss {step}", "", error if isfinite(error) else inf, FLOAT64_BOUND, problem)

    def _taken_for(self, found: float, outputs: dict[str, Array], targets: dict[str, Array]) -> Iterator[str]:
        """The other losses that give this one."""
        for name, other in wrong_losses(self.trial.plan, self.trial.batch):
            with contextlib.suppress(IndexError):  # an ignored class may be none
                if abs(other(outputs, targets) - found) <= FLOAT64_BOUND * max(1.0, abs(found)):
                    yield name

    def _first(self) -> Finding:
        """The whole network, in training, on the first batch."""
        due = self.trial.first[0]
        error = abs(self.losses[0] - due) / max(1.0, abs(due))
        problem = ""
        if not error <= self.bound:
            problem = f"the first loss is {self.losses[0]:.6g}, and the reference's {due:.6g}"
            for how, what in _MASKS.items() if self.trial.fed else ():
                if abs(self.trial.loss(self.trial.weights, how=how) - self.losses[0]) <= self.bound:
                    problem += f": {what}"
                    break
        return Finding("first loss", "", error if isfinite(error) else inf, self.bound, problem)

    @property
    def bound(self) -> float:
        """What the forward run may be off, whose native operations may be declared inexact."""
        return max(FLOAT64_BOUND, INEXACT_MULTIPLE * max(self.program.inexact.values(), default=0.0))

    def _slope(self) -> Finding:
        """The gradient of the first loss, along a random direction: at a kink the slope is off, so there are three."""
        error, ratios = inf, []
        for number in range(3):
            along, slope = self.trial.slope(number)
            total, size = 0.0, 0.0
            for target, direction in self.arranged(along).items():
                gradient = self.arrays.get(f"gradient {target}")
                if gradient is not None:
                    part = float(np.vdot(gradient, direction))
                    total, size = total + part, size + part**2
            error = min(error, abs(total - slope) / max(abs(slope), size**0.5, 1e-12))
            if error <= SLOPE_BOUND:
                break
            ratios.append(total / slope if slope else inf)
        problem = ""
        if not error <= SLOPE_BOUND and np.ptp(ratios) <= 1e-4 * abs(ratios[0]) and abs(ratios[0] - 1) > 1e-3:
            problem = f"the gradient of the first loss is {ratios[0]:.4g} times what it is"
        return Finding("gradient of the first loss", "", error if isfinite(error) else inf, SLOPE_BOUND, problem)

    def arranged(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Arrays by parameter as those of variables."""
        found: dict[str, Array] = {}
        for weight in self.program.weights:
            if weight.parameter in arrays:
                array = arrange(arrays[weight.parameter], weight.layout)
                found[weight.target] = found.get(weight.target, 0) + array
        return found

    # Updates --------------------------------------------------------------------------------------------------------

    @property
    def gradients(self) -> list[dict[str, Array]]:
        """Of each update, by variable: some elements."""
        return [
            {
                name: self.arrays[key]
                for name in self.axes
                if (key := f"gradient {update} {name}") in self.arrays and not self.shares[name].frozen
            }
            for update in range(self.trial.steps)
        ]

    def weight(self, update: int, name: str) -> Array:
        """Some elements of a variable after an update; before the first one, of -1."""
        return self.arrays[f"weight {update} {name}"] if update >= 0 else sample(name, self.start[name])

    def _updated(self) -> Iterator[Rung]:
        trial, gradients = self.trial, self.gradients
        rules = Rules.of(trial.plan, self.shares, trial.steps, trial.epoch / trial.plan.accumulate)
        start = {name: self.weight(-1, name) for name in self.axes}
        findings, final = [], {}
        for update, (weights, kept) in enumerate(replay(rules, start, gradients, self.norms)):
            for name in self.axes:
                error = self._off(update, name, weights[name])
                findings.append(Finding(f"update {update} of {self.called[name]}", "", error, FLOAT64_BOUND))
            final = kept
        wrong = next((index for index, finding in enumerate(findings) if finding.wrong), None)
        if wrong is not None:
            update, name = wrong // len(self.axes), list(self.axes)[wrong % len(self.axes)]
            frozen = self.shares[name].frozen
            why = "it is frozen" if frozen else self._explained(rules, start, gradients)
            first = findings[wrong]
            problem = f"{first}: {why}" if why else f"{first}: by no rule that is known"
            problem = f"step {update} changes {self.called[name]} in another way, {problem}"
            findings[wrong] = Finding(first.tensor, "", first.error, first.bound, problem)
        yield Rung.of("updates", findings, ())
        yield Rung.of("state", [*self._state(final)], ())

    def _off(self, update: int, name: str, due: Array) -> float:
        """How far a weight is off, in units of what it was changed by."""
        found, before = self.weight(update, name), self.weight(update - 1, name)
        if not found.size:
            return 0.0
        change = max(float(np.abs(due - before).max()), 1e-4 * float(np.abs(due).max()), 1e-30)
        error = float(np.abs(found - due).max()) / change
        return error if isfinite(error) else inf

    def _explained(self, rules: Rules, start: Mapping[str, Array], gradients: Sequence[Mapping[str, Array]]) -> str:
        for name, other in suspects(self.trial.plan, rules, self.shares):
            with np.errstate(all="ignore"):
                made = replay(other, start, gradients, self.norms)
                if all(
                    self._off(update, each, weights[each]) <= FLOAT64_BOUND * 10
                    for update, (weights, _) in enumerate(islice(made, self.trial.steps)) for each in self.axes
                ):  # fmt: skip
                    return name
        return ""

    def _state(self, kept: Mapping[str, Mapping[str, Array]]) -> Iterator[Finding]:
        slots = self.trial.plan.optimizer.kept()
        if not slots:
            yield Finding("nothing is kept", "", 0.0, FLOAT64_BOUND)
        for name, state in kept.items():
            for slot in slots:
                key = f"state {slot} {name}"
                if key not in self.arrays:
                    if name in self.gradients[0]:
                        yield Finding(
                            f"{slot} of {self.called[name]}", "", inf, FLOAT64_BOUND, f"no {slot} is kept of it"
                        )
                    continue
                found, due = sample(name, self.arrays[key]), state[slot]
                size = max(float(np.abs(due).max(initial=0.0)), 1e-30)
                error = float(np.abs(found - due).max(initial=0.0)) / size
                yield Finding(f"{slot} of {self.called[name]}", "", error if isfinite(error) else inf, FLOAT64_BOUND)

    def noise(self) -> set[str]:
        """The weights whose gradients are zero but for rounding (a bias before batch normalization), if the optimizer
        divides gradients by their own size: what it makes of them is as large as of any, and means nothing."""
        if self.trial.plan.optimizer.key == "sgd":
            return set()
        return {
            self.called[name]
            for given, norm in zip(self.gradients, self.norms, strict=False) for name, gradient in given.items()
            if 0 < np.abs(gradient).max(initial=0.0) <= _NOISE * norm
        }  # fmt: skip

    def _averages(self, decay: float) -> Iterator[Finding]:
        """The averages after each update, against those of the framework's own weights."""
        wrong: list[tuple[str, Averaging]] = [("", averaging(decay)), *wrong_averages(decay)]
        for key in self.arrays:
            what, _, name = key.partition(" 0 ")
            if what == "average" and name not in self.axes:
                called = self.called[name]
                yield Finding(f"average of {called}", "", inf, FLOAT64_BOUND, f"{called} is averaged, and not trained")
        for name in (name for name, share in self.shares.items() if not share.frozen):
            weights = [self.weight(update, name) for update in range(self.trial.steps)]
            found = [self.arrays.get(f"average {update} {name}") for update in range(self.trial.steps)]
            called, kept = f"average of {self.called[name]}", [array for array in found if array is not None]
            if len(kept) < len(found):
                yield Finding(called, "", inf, FLOAT64_BOUND, f"no {called} is kept")
                continue
            first = self.weight(-1, name)
            moved = max(float(np.abs(weights - first).max(initial=0.0)), 1e-30)
            gaps = [np.abs(np.subtract(kept, due(first, weights))) for _, due in wrong]
            errors = [float(gap.max(initial=0.0)) / moved for gap in gaps]
            error = errors[0] if isfinite(errors[0]) else inf
            why = [what for (what, _), off in zip(wrong, errors, strict=True) if what and off <= FLOAT64_BOUND]
            problem = f"the {called} is another one: {(*why, 'by no rule that is known')[0]}"
            yield Finding(called, "", error, FLOAT64_BOUND, "" if error <= FLOAT64_BOUND else problem)

    # Statistics -----------------------------------------------------------------------------------------------------

    @cached_property
    def _keepers(self) -> dict[str, list[tuple[Node, str]]]:
        """The steps that keep a statistic of a batch, one after another, and what they call it."""
        found: dict[str, list[tuple[Node, str]]] = {}
        targets = {weight.parameter for weight in self.program.weights}
        for node in self.trial.graph.nodes:
            for part, parameter in node.op.parameters(*(t.shape for t in node.inputs)).items():
                if parameter.statistic and node.momentum and node.parameter(part) in targets:
                    found.setdefault(node.parameter(part), []).append((node, part))
        return found

    def _rule(self, node: Node, part: str) -> tuple[float, float]:
        """The share of the new statistics, and by what a variance is multiplied, where the framework keeps it."""
        unbiased = self.program.unbiased_variance and part == "running_var"
        count = prod(node.inputs[0].shape) // node.inputs[0].shape[1]
        share = 1 - float32(1 - node.momentum) if self.program.keeps_old else node.momentum
        return share, count / (count - 1) if unbiased else 1.0

    def seen_of_batches(self) -> dict[str, list[Array]]:
        """The statistics of each batch, by parameter, as what is kept of them tells; variances with n in the
        denominator. Of what several steps keep, nothing tells."""
        found: dict[str, list[Array]] = {}
        targets = {weight.parameter: weight.target for weight in self.program.weights}
        for name, keepers in self._keepers.items():
            if len(keepers) > 1:
                continue
            share, factor = self._rule(*keepers[0])
            each = []
            old = sample(targets[name], self.start[targets[name]])
            for index in range(self.trial.batches):
                new = self.arrays[f"statistic {index} {targets[name]}"]
                each.append((new - (1 - share) * old) / share / factor)
                old = new
            found[name] = each
        return found

    def kept_by_several(self) -> set[str]:
        """The statistics that several steps keep."""
        return {name for name, keepers in self._keepers.items() if len(keepers) > 1}

    def _statistics(self) -> Iterator[Finding]:
        """Of the first batch, against the reference's."""
        _, new = self.trial.first
        targets = {weight.parameter: weight.target for weight in self.program.weights}
        batches = self.seen_of_batches()
        for name, keepers in self._keepers.items():
            before = kept = old = self.trial.weights[name].astype(np.float64)
            due = old
            for node, part in keepers:
                after = new[f"{node.path}: {part}"]
                due = (after - (1 - node.momentum) * before) / node.momentum
                share, factor = self._rule(node, part)
                before, kept = after, (1 - share) * kept + share * factor * due
            if len(keepers) > 1:
                due, found = sample(targets[name], kept), self.arrays[f"statistic 0 {targets[name]}"]
            else:
                due, found = sample(targets[name], due), batches[name][0]
            error = float(np.abs(found - due).max()) / max(1.0, float(np.abs(due).max()))
            problem = "" if error <= self.bound else _scaled(found, due, name)
            yield Finding(f"{name} of the first batch", "", error if isfinite(error) else inf, self.bound, problem)


def _scaled(found: Array, due: Array, name: str) -> str:
    """What is wrong with the statistics of a batch, if they are all too large or small by a factor."""
    ratio = found / due
    if np.ptp(ratio) > 1e-6 * abs(ratio.mean()):
        return ""
    return f"{name} is {ratio.mean():.6g} times what it is: the variance is corrected by n - 1, or not"


_MASKS: Final = {
    "idle": "nothing is dropped",
    "unpermuted": "the mask is in another order of axes than what it is for",
    "inverted": "what is kept, and what is dropped, are swapped",
}


def canonical(seen: Seen, what: str) -> dict[str, Array]:
    """Arrays of variables by parameter, in canonical order; but for parameters that are one variable together."""
    parameters, summed = seen.trial.graph.parameters(), shared(seen.program)
    return {
        weight.parameter: restore(array, weight.layout, tuple(map(int, parameters[weight.parameter].shape)))
        for weight in seen.program.weights
        if weight.parameter in parameters and weight.parameter not in summed
        and (array := seen.arrays.get(f"{what} {weight.target}")) is not None
    }  # fmt: skip


def shared(program: Program) -> set[str]:
    """Parameters that are added up in one variable: what training makes of it, it makes of none of them."""
    places: dict[tuple[str, Any], list[str]] = {}
    for weight in program.weights:
        if weight.shared:
            places.setdefault((weight.target, weight.layout), []).append(weight.parameter)
    return {name for names in places.values() if len(names) > 1 for name in names}
