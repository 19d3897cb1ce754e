"""A spec's `training` section with every number known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from pydantic import BaseModel

from archspec.errors import ShapeError, SpecError
from archspec.expressions import Const, Dim, float32, free_names
from archspec.graph.frames import Evaluator, Failed, Findings, Frame, plain
from archspec.graph.graph import flatten
from archspec.graph.operations import validated
from archspec.graph.tree import Module, Value
from archspec.ops.base import describe
from archspec.spec import hints
from archspec.spec.document import Training
from archspec.spec.lint import literal_texts
from archspec.spec.source import Path, Source
from archspec.training import rules
from archspec.training.base import Data, Loss, Optimizer, Schedule
from archspec.training.groups import Share, Weights, shares

AnyRule = TypeVar("AnyRule", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a network is trained."""

    losses: dict[str, Loss]
    """By the output that they judge, in the order of the network's outputs."""
    targets: dict[str, Data]
    """What the data must have beside the inputs."""
    inputs: dict[str, Data]
    optimizer: Optimizer
    shares: Mapping[str, Share]
    """How the weights of groups are trained, by canonical name."""
    schedule: Schedule
    clip_norm: float | None
    clip_value: float | None
    accumulate: int
    ema: float | None
    """The share of the old in the averages of weights, if there are any."""
    batch_size: int
    epochs: int

    def rate(self, update: int, epoch: float) -> float:
        """The learning rate of an update, counted from 0, of which a pass has `epoch`."""
        return self.schedule.at(self.optimizer.learning_rate, update, self.batch_size * self.accumulate, epoch)

    def share(self, weight: str, axes: int) -> Share:
        """How a weight of so many axes is trained, with what its weight decay is multiplied by."""
        own = self.shares.get(weight, Share())
        if own.decay is not None:
            return own
        return replace(own, decay=0.0 if self.optimizer.decays == "matrices" and axes < 2 else 1.0)

    def optimizer_for(self, share: Share) -> Optimizer:
        """The optimizer as it treats weights that are trained so."""
        if share.momentum is None:
            return self.optimizer
        return self.optimizer.model_copy(update={"momentum": share.momentum})

    def rounded(self) -> Plan:
        """The same with every float rounded to the nearest float32, as frameworks keep many of them."""
        return replace(
            self,
            losses={name: _rounded(loss) for name, loss in self.losses.items()},
            optimizer=_rounded(self.optimizer),
            shares={name: Share(*map(_nearest, astuple(share))) for name, share in self.shares.items()},
            schedule=_rounded(self.schedule),
            clip_norm=_nearest(self.clip_norm),
            clip_value=_nearest(self.clip_value),
            ema=_nearest(self.ema),
        )


def _nearest(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_nearest, value))
    return float32(value) if isinstance(value, float) else value


def _rounded(rule: AnyRule) -> AnyRule:
    return rule.model_copy(update={name: _nearest(value) for name, value in rule})


def plan(
    section: Training, source: Source, params: Mapping[str, Any], network: Module | None, sizes: Collection[str],
    limits: Mapping[str, int], declared: Collection[str] = (),
) -> Plan | None:  # fmt: skip
    """The plan of a network, whose `sizes` are open, and whose inputs have these `limits`; those of its `declared`
    outputs that are not there with these params have no loss. None for a network that could not be made: then the
    section alone is looked at. Raises SpecError with everything that is wrong with the section."""
    return _Planner(section, source, params, network, frozenset(sizes), limits, frozenset(declared)).plan()


class _Planner:
    def __init__(
        self, section: Training, source: Source, params: Mapping[str, Any], network: Module | None,
        sizes: frozenset[str], limits: Mapping[str, int], declared: frozenset[str],
    ) -> None:  # fmt: skip
        self.section, self.network, self.sizes, self.limits = section, network, sizes, limits
        self.outputs: Mapping[str, Value] = network.outputs if network is not None else {}
        self.inputs: Mapping[str, Value] = network.inputs if network is not None else {}
        self.declared = declared
        self.findings = Findings(source)
        self.evaluator = Evaluator(self.findings)
        self.frame = Frame(dict(params), {name: Const(value) for name, value in params.items()}, network=True)

    def plan(self) -> Plan | None:
        section = self.section
        losses = self._losses()
        optimizer = self._rule("optimizer", section.optimizer.optimizer, section.optimizer, ("training", "optimizer"))
        schedule = self._rule("schedule", section.schedule.schedule, section.schedule, ("training", "schedule"))
        norm = self._number(section.clip.norm, ("training", "clip", "norm"))
        value = self._number(section.clip.value, ("training", "clip", "value"))
        if norm is not None and value is not None:
            self.findings.error(("training", "clip"), "clip has a norm or a value, not both")
        counts = {name: self._count(name) for name in ("accumulate", "batch_size", "epochs")}
        ema = self._number(section.ema, ("training", "ema"))
        if ema is not None and ema >= 1:
            self.findings.error(("training", "ema"), f"ema must be below 1, not {ema}")
        targets = self._targets(losses)
        groups = [self._group(index, optimizer) for index in range(len(section.groups))]
        if self.network is not None and not losses and not self.findings.errors:
            message = "none of the outputs that have losses is there: their conditions do not hold"
            self.findings.error(("training", "losses"), message)
        if self.findings.errors:
            raise SpecError(list(self.findings.found))
        if self.network is None:
            return None
        inputs = {
            name: self._plain(Data(value.shape[1:], value.dtype, self.limits.get(name)))
            for name, value in self.inputs.items()
        }
        return Plan(losses, targets, inputs, optimizer, shares(groups), schedule, norm, value, ema=ema, **counts)

    def _losses(self) -> dict[str, Loss]:
        """Of the outputs that are there."""
        outputs, found = self.outputs, {}
        for name, form in self.section.losses.items():
            path: Path = ("training", "losses", name)
            loss = self._rule("loss", form.loss, form, path)
            if name not in outputs:
                if self.network is not None and name not in self.declared:
                    hint = hints.one_of(name, outputs)
                    self.findings.error(path, f"there is no output '{name}'", hint=hint, key=True)
            elif outputs[name].dtype != "float":
                message = f"{form.loss}: a loss needs an output that has a slope, but {name} is {outputs[name].dtype}"
                self.findings.error(path, message)
            elif loss is not None:
                found[name] = loss
        return {name: found[name] for name in outputs if name in found}

    def _targets(self, losses: Mapping[str, Loss]) -> dict[str, Data]:
        targets: dict[str, Data] = {}
        for name, loss in losses.items():
            path: Path = ("training", "losses", name)
            try:
                dues = {each: self._plain(due) for each, due in loss.dues(self.outputs[name].shape).items()}
            except ShapeError as error:
                where = (*path, error.attribute) if error.attribute else path
                self.findings.error(where, f"{loss.key}: {error}", hint=error.hint)
                continue
            for attribute, due in dues.items():
                array = getattr(loss, attribute)
                if array in self.inputs:
                    message = f"'{array}' is an input; a target needs a name of its own"
                    self.findings.error((*path, attribute), message)
                elif targets.setdefault(array, due) != due:
                    message = f"the target '{array}' is {_shown(targets[array])} for another loss, and "
                    self.findings.error((*path, attribute), f"{message}{_shown(due)} for this one")
        return targets

    def _plain(self, due: Data) -> Data:
        def plain(size: Any) -> int | None:
            opened = isinstance(size, Dim) and free_names(size.expr) & self.sizes
            return None if size is None or opened else int(size)

        return replace(due, shape=tuple(map(plain, due.shape)), below=plain(due.below))

    def _rule(self, kind: str, key: str, form: BaseModel, path: Path) -> Any:
        known = rules(kind)
        if key not in known:
            self.findings.error((*path, kind), f"there is no {kind} '{key}'", hint=hints.rule(key, known))
            return None
        values, failed = {}, False
        given = form.__pydantic_extra__ or {}
        for attribute, raw in given.items():
            if attribute not in known[key].model_fields:
                hint = hints.rule_attribute(attribute, known[key].model_fields)
                self.findings.error((*path, attribute), f"{key}: unknown attribute '{attribute}'", key=True, hint=hint)
                failed = True
                continue
            try:
                value, _ = self.evaluator.value(
                    raw, self.frame, (*path, attribute), literal_texts(known[key], attribute)
                )
                values[attribute] = plain(value)
            except Failed:
                failed = True
        if failed:
            return None
        return validated(self.findings, known[key], values, given, key, self.frame, path)

    @cached_property
    def weights(self) -> Weights | None:
        return None if self.network is None else Weights(self.network, flatten(self.network, ""))

    def _group(self, index: int, optimizer: Optimizer | None) -> tuple[Share, list[str]]:
        """How the weights of a group are trained, and which these are."""
        form, path = self.section.groups[index], ("training", "groups", index)
        rate = self._number(form.rate_factor, (*path, "rate_factor"))
        decay = self._number(form.decay_factor, (*path, "decay_factor"), zero=True)
        momentum = self._momentum(form.momentum, (*path, "momentum"), optimizer)
        try:
            frozen = self.evaluator.truth(form.frozen, self.frame, (*path, "frozen"))[0]
        except Failed:
            frozen = False
        names: list[str] = []
        for number, key in enumerate(form.of if self.weights is not None else ()):
            long = isinstance(self.findings.source.data["training"]["groups"][index]["of"], list)
            if self.weights is not None and not self.weights.known(key):
                where = (*path, "of", number) if long else (*path, "of")
                hint = hints.one_of(key, self.weights.names())
                message = f"'{key}' is no kind of weights, operation, block or step of the network"
                self.findings.error(where, message, hint=hint)
            elif self.weights is not None:
                names += self.weights.chosen(key)
        return Share(rate or 1.0, decay, frozen, momentum), names

    def _momentum(self, raw: Any, path: Path, optimizer: Optimizer | None) -> float | None:
        """A momentum that is another one than the optimizer's."""
        momentum, usual = self._number(raw, path), getattr(optimizer, "momentum", 0.0)
        if momentum is None or optimizer is None:
            return None
        if momentum >= 1:
            self.findings.error(path, f"momentum must be below 1, not {momentum:g}")
        elif not usual:
            message = f"a group has a momentum of its own where the optimizer has one, and {optimizer.key} has none"
            rules_with = "`sgd` and `rmsprop` may have one: give it there, too"
            self.findings.error(path, message, hint=rules_with)
        return None if momentum == usual else momentum

    def _number(self, raw: Any, path: Path, *, zero: bool = False) -> float | None:
        """A number above zero, or `zero`; None where there is none."""
        try:
            value = None if raw is None else self.evaluator.value(raw, self.frame, path)[0]
        except Failed:
            return None
        if value is None:
            return None
        if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0 or not (value or zero):
            least = "from 0" if zero else "above 0"
            self.findings.error(path, f"{path[-1]} must be a number {least}, not {describe(value)}")
            return None
        return float(value)

    def _count(self, name: str) -> int:
        try:
            return int(self.evaluator.whole(getattr(self.section, name), self.frame, ("training", name), name)[0])
        except Failed:
            return 1


def _shown(target: Data) -> str:
    classes = f"classes below {target.below}" if target.below is not None else "numbers"
    classes = f"counts from {target.least}" if target.least else classes
    return f"{classes} of shape [{', '.join(['batch', *map(str, target.shape)])}]"
