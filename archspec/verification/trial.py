"""A short training run to compare: data, weights and masks that every framework gets alike, and what the reference
makes of the first batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from archspec import reference
from archspec.backend import Program
from archspec.graph.graph import Graph, Node, Tensor, rounded
from archspec.graph.mode import Mode
from archspec.model import Model
from archspec.ops.base import Operation
from archspec.training.base import Data, Loss
from archspec.training.groups import Share
from archspec.training.plan import Plan
from archspec.training.script import Script
from archspec.training.suspects import losses
from archspec.verification import data as drawing
from archspec.verification.worker import Array, arrange
from archspec.verification.worker.steps import mask

BATCH: Final = 4
"""Samples of a batch: few, since NumPy computes the first one, and more than two, for the statistics of a batch."""
_DROPS: Final = {"dropout", "dropout1d", "dropout2d", "dropout3d", "drop_path"}
"""What multiplies with a mask of zeros and 1 / (1 - p), and so can be given one."""
_REACH: Final = 2.0**-28
"""How far weights are moved along a direction, in units of their size: few kinks lie within."""


@dataclass(frozen=True)
class Trial:
    """What is run, and with what."""

    model: Model
    steps: int
    seed: int
    batch: int
    programs: dict[str, Program]
    scripts: dict[str, str]
    slopes: list[tuple[dict[str, Array], float]] = field(default_factory=list)
    """Those that were computed so far."""

    @classmethod
    def of(
        cls, model: Model, scripts: Sequence[Script], steps: int, seed: int, sizes: Mapping[str, int] | None
    ) -> Trial:
        """A trial of a network with these scripts; `sizes` as for `verify`."""
        batch = (sizes or {}).get("batch", BATCH)
        texts = {script.backend: script.text(rounded=True) for script in scripts}
        programs = {script.backend: replace(script.program, inexact_gradients=amplified(script)) for script in scripts}
        return cls(model, steps, seed, batch, programs, texts)

    @cached_property
    def plan(self) -> Plan:
        found = self.model.training
        assert found is not None
        return replace(found.rounded(), batch_size=self.batch)

    @cached_property
    def graph(self) -> Graph:
        """The network for one batch, with floats rounded to float32, as the programs have them."""
        return rounded(self.model.graph_for({"batch": self.batch}))

    def share(self, name: str, axes: int) -> Share:
        """How a weight of so many axes is trained: one that the spec freezes is in no group."""
        parameter = self.graph.parameters()[name]
        still = not parameter.trainable and not parameter.statistic
        return Share(frozen=True) if still else self.plan.share(name, axes)

    # Data -----------------------------------------------------------------------------------------------------------

    @property
    def batches(self) -> int:
        """How many batches all updates take."""
        return self.steps * self.plan.accumulate

    @property
    def epoch(self) -> int:
        """How many batches a pass has: there are two passes, so that the end of one is seen."""
        return self.plan.accumulate * -(-self.steps // 2)

    @cached_property
    def data(self) -> dict[str, Array]:
        """The arrays of the data: two passes' worth of batches, and a sample that is left over."""
        count = self.epoch * self.batch + 1
        graph = self.model.graph_for({"batch": count})
        found = drawing.inputs(graph, self.seed)
        for name, loss in self.plan.losses.items():
            shape = graph.outputs[name].shape
            random = np.random.default_rng([self.seed, 1, len(found)])
            for attribute, due in loss.dues(shape).items():
                sizes = ((int(shape[1]) + 1) // 2 if size is None else size for size in due.shape)
                if attribute == "target":
                    found[loss.target] = _target(loss, due, (count, *sizes), random)
                else:
                    found[getattr(loss, attribute)] = _counts(attribute, int(shape[1]), count)
        return found

    def chosen(self, index: int) -> Array:
        """The samples of a batch."""
        epoch, at = divmod(index, self.epoch)
        count = self.epoch * self.batch + 1
        order = np.random.default_rng([self.seed, epoch]).permutation(count)
        return order[at * self.batch : (at + 1) * self.batch]

    @cached_property
    def weights(self) -> dict[str, Array]:
        """Those to begin with, such that signals neither vanish nor explode."""
        drawn = drawing.parameters(self.graph, self.seed)
        first = {name: self.data[name][self.chosen(0)] for name in self.graph.inputs}
        return drawing.leveled(self.graph, drawn, first, mode=Mode.TRAINING)[0]

    # Masks ----------------------------------------------------------------------------------------------------------

    @cached_property
    def random(self) -> list[Node]:
        """The steps that are random in training."""
        return [node for node in self.graph.nodes if node.op.draws(*(tensor.shape for tensor in node.inputs))]

    @cached_property
    def fed(self) -> list[Node]:
        """Those of them that get the same masks in all frameworks; the others are set idle."""
        return [
            node for node in self.random
            if node.op.key in _DROPS and all(
                len(program.random.get(node.path, ())) == 1 and node.outputs[0].name in program.shown
                for program in self.programs.values()
            )
        ]  # fmt: skip

    def masks(self, program: Program) -> dict[str, dict[str, Any]]:
        """What a worker needs to make them, by layer."""
        return {
            program.random[node.path][0]: {
                "step": node.path,
                "p": _rate(node.op),
                "mask": list(_mask(node)),
                "shape": list(map(int, node.outputs[0].shape)),
                "layout": program.shown[node.outputs[0].name],
            }
            for node in self.fed
        }

    # The reference --------------------------------------------------------------------------------------------------

    def forward(
        self, weights: Mapping[str, Array], *, how: str = "", still: bool = False
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Outputs of the first batch in training, and new statistics, by name. `how` is a wrong way to use masks:
        `idle`, `unpermuted` or `inverted`. With `still` no change flows through what stops gradients."""
        fed = {node.path for node in self.fed}

        def masked(node: Node, result: Array) -> Array:
            return result * self._factor(node, how) if node.path in fed else result

        wanted: dict[int, str] = {id(tensor): name for name, tensor in self.graph.outputs.items()}
        outputs, statistics = {}, {}
        first = {name: self.data[name][self.chosen(0)] for name in self.graph.inputs}
        then = reference.still(self.graph, self.weights, first, Mode.TRAINING, masked) if still else masked
        for node, results, kept in reference.steps(self.graph, weights, first, mode=Mode.TRAINING, then=then):
            statistics.update({node.parameter(name): np.array(value) for name, value in kept.items()})
            statistics.update({f"{node.path}: {name}": np.array(value) for name, value in kept.items()})
            for tensor, value in zip(node.outputs, results, strict=True):
                if id(tensor) in wanted:
                    outputs[wanted[id(tensor)]] = np.array(value)
        for name, tensor in self.graph.outputs.items():
            if name not in outputs:
                outputs[name] = first[tensor.name]
        return outputs, statistics

    def _factor(self, node: Node, how: str) -> Array:
        p = _rate(node.op)
        found = mask(self.seed, node.path, 0, _mask(node), p)
        if how == "idle":
            return np.ones(())
        if how == "inverted":
            return (found == 0) / p if p else found
        if how == "unpermuted":
            shape = node.outputs[0].shape
            for tensor in self._before(node):
                layouts = [program.shown.get(tensor.name, ()) for program in self.programs.values()]
                for layout in filter(None, layouts):
                    moved = arrange(np.zeros(tensor.shape), layout).shape
                    if np.prod(moved) == np.prod(shape) and found.shape == shape:
                        axes = next((argument for step, argument in layout if step == "transpose"), None)
                        if axes is not None and len(moved) == len(axes):
                            return found.reshape(moved).transpose(np.argsort(axes)).reshape(shape)
        return found

    def _before(self, node: Node) -> list[Tensor]:
        """What a step computes from, as far back as the same elements are there, or are elsewhere."""
        makers = {id(tensor): each for each in self.graph.nodes for tensor in each.outputs}
        found, tensor = [], node.inputs[0]
        while tensor is not None and np.prod(tensor.shape) == np.prod(node.outputs[0].shape):
            found.append(tensor)
            maker = makers.get(id(tensor))
            tensor = maker.inputs[0] if maker is not None and maker.inputs else None  # type: ignore[assignment]
        return found

    def targets(self, index: int) -> dict[str, Array]:
        """Those of a batch."""
        return reference.doubles({name: self.data[name][self.chosen(index)] for name in self.plan.targets})

    @cached_property
    def first(self) -> tuple[float, dict[str, Array]]:
        """The first loss, and the statistics that are kept of the first batch; also, by step and `: running_mean`, as
        each step leaves them."""
        outputs, statistics = self.forward(self.weights)
        return float(losses(self.plan)(outputs, self.targets(0))), statistics

    def loss(self, weights: Mapping[str, Array], *, how: str = "", still: bool = False) -> float:
        """Of the first batch."""
        return float(losses(self.plan)(self.forward(weights, how=how, still=still)[0], self.targets(0)))

    def slope(self, number: int) -> tuple[dict[str, Array], float]:
        """A random direction of all weights, and the slope of the first loss along it."""
        while number >= len(self.slopes):
            self.slopes.append(self._slope(len(self.slopes)))
        return self.slopes[number]

    def _slope(self, number: int) -> tuple[dict[str, Array], float]:
        along, moved = {}, []
        for name, parameter in self.graph.parameters().items():
            if parameter.trainable and not self.share(name, len(parameter.shape)).frozen:
                along[name] = drawing.direction(self.weights[name], self.seed + number, f"step {name}").astype(float)
        for sign in (1, -1):
            moved.append({
                name: array.astype(np.float64) + sign * _REACH * along[name] if name in along else array
                for name, array in self.weights.items()
            })  # fmt: skip
        ahead, behind = (self.loss(each, still=True) for each in moved)
        return along, (ahead - behind) / (2 * _REACH)


def amplified(script: Script) -> dict[str, float]:
    """What of the gradients stays inexact where the script trains, by tensor."""
    kinds = {each.name: node.op.key for node in script.model.graph.nodes for each in node.outputs}
    known = script.program.inexact_gradients.items()
    return {name: bound for name, bound in known if kinds.get(name) not in script.spelling.corrected}


def _rate(op: Operation) -> float:
    return float(op.p)  # type: ignore[attr-defined]


def _mask(node: Node) -> tuple[int, ...]:
    return tuple(map(int, node.op.mask(node.inputs[0].shape)))  # type: ignore[attr-defined]


def _target(loss: Loss, due: Data, shape: Sequence[Any], random: np.random.Generator) -> Array:
    sizes = tuple(map(int, shape))
    if due.dtype == "int64":
        found = random.integers(0, due.below, sizes)
        ignored = getattr(loss, "ignore_index", None)
        if ignored is not None:  # a third of all, so that there are some in every few
            found.reshape(-1)[1::3] = ignored
        if loss.key == "ctc":  # classes but the first, some of them equal neighbours, and zeros after them
            found = 1 + found % (int(due.below or 2) - 1)
            found[::2, 1:2] = found[::2, :1]
            if loss.lengths is None:  # type: ignore[attr-defined]
                found[np.arange(sizes[1]) >= 1 + np.arange(sizes[0])[:, None] % sizes[1]] = 0
        return found
    drawn = random.standard_normal(sizes)
    if loss.key == "binary_cross_entropy":
        return np.asarray(random.random(sizes), np.float32)
    if loss.key == "kl_divergence":
        axis = loss.axis(len(sizes))  # type: ignore[attr-defined]
        share = np.exp(drawn)
        return np.asarray(share / share.sum(axis, keepdims=True), np.float32)
    return drawn.astype(np.float32)


def _counts(what: str, times: int, samples: int) -> Array:
    """How many times count, or classes of targets, which have half as many: such that all have an alignment."""
    columns, number = (times + 1) // 2, np.arange(samples)
    return 1 + number % columns if what == "lengths" else times - number % max(1, times - columns)
