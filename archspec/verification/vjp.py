"""Each step's own gradients: its vector-Jacobian product, held against the slope of the reference of that step alone.

A forced run of a program gives every step the reference's own inputs, and cuts the way back at each, so that what a
step's gradients are depends on no other step. They have a truth: along a random direction of all that the step is
computed from, their sum is the slope of the projected outputs of the reference, by finite differences. That is two
evaluations of each step. Outputs that have a kink within the difference have no slope; they are projected with zero.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING

import numpy as np

from archspec import reference
from archspec.graph.graph import Graph, Node, unreachable
from archspec.graph.mode import Mode
from archspec.verification import data
from archspec.verification.request import Pull

if TYPE_CHECKING:
    from archspec.verification.worker import Array

STEP = 2.0**-24
"""How far to go along a direction, which has the size of what it changes: rounding makes errors of 1e-9 to 1e-7, and
few kinks are crossed."""

KINK = 1e-4
"""How much an output may bend, relative to how it and others change, before it counts as one with a kink: what is
smooth bends by the length of the step."""

HIDDEN = 2.0**-10
"""How large a share of the usual slope rounding may make of an output's, before that counts as none."""

BOUND = 1e-6
"""What a slope may be off, relative to what the outputs change; or six times its doubt, if that is more."""

INEXACT_MULTIPLE = 16.0
"""How many times what is declared of a step's values or gradients these may be off: a sum along a random direction."""


def wanted(graph: Graph, nodes: Sequence[Node]) -> list[Node]:
    """The steps that have gradients: a floating-point number comes out of what is one or has weights."""
    dead = unreachable(graph)
    return [
        node for node in nodes
        if node.path not in dead and any(t.dtype == "float" for t in node.outputs) and sources(node)
    ]  # fmt: skip


def _inputs(node: Node) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tensor.name for tensor in node.inputs if tensor.dtype == "float"))


def _weights(node: Node) -> tuple[str, ...]:
    return tuple(name for name, parameter in node.parameters().items() if parameter.trainable)


def sources(node: Node) -> tuple[str, ...]:
    """The inputs and weights by which a step has gradients."""
    return (*_inputs(node), *_weights(node))


def pull(node: Node, seen: Collection[str]) -> Pull | None:
    """What a forced run is asked for; None if the program does not show all that the step takes and gives."""
    values = {tensor.name: _cotangent(tensor.name) for tensor in node.outputs if tensor.dtype == "float"}
    if not {*values, *_inputs(node)} <= set(seen):
        return None
    along = {name: _direction(node, name) for name in sources(node)}
    return Pull(values, _inputs(node), _weights(node), f" of {node.path}", along)


def _cotangent(tensor: str) -> str:
    return f"cotangent {tensor}"


def _direction(node: Node, name: str) -> str:
    """What a step reads is moved in the same way wherever it is read, unless some of it must not be moved for it."""
    frozen = any(key == name and parameter.frozen is not None for key, parameter in node.parameters().items())
    return f"direction {name} of {node.path}" if frozen or _keeps_edges(node) else f"direction {name}"


def _keeps_edges(node: Node) -> bool:
    """Whether what stands at an edge of its operation is not moved. A kink that is alike on both sides does not show,
    and at the edge itself frameworks may give any slope between."""
    return not node.op.linear and not node.op.steep


@dataclass(frozen=True)
class Slope:
    """How the projected outputs of a step change along a direction."""

    total: float
    scale: float
    """The norm of what is added up."""
    doubt: float
    """What is left of kinks, and rounding, make of it: the norm of the second differences, divided by twice the step.
    The numbers that outputs are multiplied with are normal: this is the standard deviation of the error."""
    smooth: int
    """How many outputs have a slope."""
    broken: int
    """How many have none, by a kink or because they are NaN or infinite."""

    def bound(self, declared: float) -> float:
        """What a slope may be off, relative to what is added up."""
        return max(BOUND, INEXACT_MULTIPLE * declared, 6 * self.doubt / (self.scale or 1.0))

    def off(self, found: float) -> float:
        """How much a slope is off, as `bound` has it."""
        return abs(found - self.total) / (self.scale or 1.0) if isfinite(found) else inf


class Slopes:
    """Those of the steps of a reference, on its own values."""

    def __init__(
        self, nodes: Sequence[Node], parameters: Mapping[str, Array], values: Mapping[str, Array], seed: int, *,
        mode: Mode = Mode.EVALUATION,
    ) -> None:  # fmt: skip
        self.nodes = nodes
        self._parameters, self._values, self._seed, self._mode = parameters, values, seed, mode
        self.found: dict[str, Slope] = {}
        """By the path of the step; filled by `arrays`."""

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """The directions, and what each output is multiplied with, by the name in a forced run's data."""
        given = set()
        for node in self.nodes:
            directions = self._directions(node)
            slope, cotangents = self._measured(node, directions)
            moved = all(direction.any() for direction in directions.values())
            self.found[node.path] = slope if moved else replace(slope, smooth=0)
            yield from ((_cotangent(name), array) for name, array in cotangents.items())
            for name, array in directions.items():
                if (key := _direction(node, name)) not in given:
                    given.add(key)
                    yield key, array

    def judge(self, node: Node, arrays: Mapping[str, Array], declared: float) -> tuple[float, float, str] | None:
        """How much the slope of a step's gradients, which a run gave, is off, what it may be, and what is wrong; None
        if there is nothing to compare."""
        slope, names = self.found[node.path], sources(node)
        found = {name: float(arrays[key]) for name in names if (key := f"slope {name} of {node.path}") in arrays}
        if not slope.smooth or len(found) < len(names):
            return None
        if not all(map(isfinite, found.values())):
            return self._beside_special(node, found, arrays, declared)
        total = sum(found.values())
        off, bound = slope.off(total), slope.bound(declared)
        if off > bound and abs(total) <= abs(slope.total) and self._vanishes(node):
            return 0.0, bound, ""
        return off, bound, "" if off <= bound else self._wrong(node, found, declared)

    def _vanishes(self, node: Node) -> bool:
        """Whether there is no slope, but what is left of a cube or more, such as the product of three zeros: it grows
        with the step."""
        directions = self._directions(node)
        whole = self._measured(node, directions)[1]
        near, far = (self._measured(node, directions, whole, step)[0].total for step in (STEP, 2 * STEP))
        return abs(far) >= 2 * abs(near)

    def _wrong(self, node: Node, found: Mapping[str, float], declared: float) -> str:
        """By which inputs and weights the gradients are wrong."""
        directions = self._directions(node)
        whole = self._measured(node, directions)[1]
        texts = []
        for name, own in found.items():
            slope, _ = self._measured(node, {name: directions[name]}, whole)
            if slope.off(own) > slope.bound(declared):
                texts.append(f"the gradient by {name} has the slope {own:g}, that of the reference is {slope.total:g}")
        return "; ".join(texts) or "the gradients have another slope than the reference"

    def _beside_special(
        self, node: Node, found: Mapping[str, float], arrays: Mapping[str, Array], declared: float
    ) -> tuple[float, float, str]:
        """As `judge`, of gradients of which some are NaN or infinite: these do not count if the reference has no slope,
        either, by what they are gradients of."""
        directions = self._directions(node)
        whole = self._measured(node, directions)[1]
        total, rest = 0.0, {}
        for name, own in found.items():
            rest[name] = directions[name]
            if isfinite(own):
                total += own
                continue
            gradient = arrays[f"gradient {name} of {node.path}"]
            usual = np.isfinite(gradient)
            everywhere = self._directions(node, everywhere=True)[name]
            special, _ = self._measured(node, {name: np.where(usual, 0, everywhere)})
            if not special.broken:
                return inf, BOUND, f"the gradient by {name} has {np.count_nonzero(~usual)} values NaN or infinite"
            rest[name] = np.where(usual, directions[name], 0)
            total += float(np.sum(gradient * directions[name], where=usual))
        slope, _ = self._measured(node, rest, whole)
        return slope.off(total), slope.bound(declared), ""

    def _directions(self, node: Node, *, everywhere: bool = False) -> dict[str, Array]:
        """A random direction by each input and weight; `everywhere`: also by what stands at an edge."""
        arrays = {name: self._values[name] for name in _inputs(node)}
        arrays |= {name: self._parameters[name] for name in _weights(node)}
        found = {name: data.direction(array, self._seed, _direction(node, name)) for name, array in arrays.items()}
        if _keeps_edges(node) and not everywhere:
            for name in _inputs(node):
                for edge in (0.0, *node.op.kinks()):
                    found[name][arrays[name] == edge] = 0
        for name, parameter in node.parameters().items():
            if parameter.frozen is not None and name in found:
                found[name][parameter.frozen] = 0  # the slope of the reference knows of no frozen row
        return found

    def _measured(
        self,
        node: Node,
        directions: Mapping[str, Array],
        given: Mapping[str, Array] | None = None,
        size: float = STEP,
    ) -> tuple[Slope, dict[str, Array]]:
        """The slope, and the cotangents: those `given`, or random ones that are zero where an output has a kink, or a
        slope that is hidden by rounding."""
        ahead, behind = (self._evaluated(node, directions, step) for step in (size, -size))
        cotangents: dict[str, Array] = {}
        total, square, bent, smooth, broken = 0.0, 0.0, 0.0, 0, 0
        for tensor, high, low in zip(node.outputs, ahead, behind, strict=True):
            if tensor.dtype != "float":
                continue
            with np.errstate(all="ignore"):
                here = self._values[tensor.name]
                change, bend = (high - low) / (2 * size), np.abs((high - here) + (low - here)) / (2 * size)
                usual = sqrt(float(np.mean(np.square(change), where=np.isfinite(change)))) if change.size else 0.0
                allowed = KINK * (np.abs(change) + usual) + 2.0**-49 / STEP * np.abs(here)
                flat = (bend <= allowed) & np.isfinite(change)
                noise = 2.0**-52 / STEP * np.abs(here)  # what rounding makes of it
                told = noise <= HIDDEN * usual if usual else np.ones_like(flat)
            if given is None:
                cotangent = data.normal(tensor.shape, self._seed, _cotangent(tensor.name))
                cotangent[~(flat & told)] = 0
                for mask in node.op.undefined(*(self._values[x.name] for x in node.inputs)):
                    if mask is not None and mask.shape == tensor.shape:  # of equal elements any may get the gradient
                        cotangent[mask] = 0
            else:
                cotangent = given[tensor.name]
            cotangents[tensor.name] = cotangent
            counted = cotangent != 0
            added = np.multiply(change, cotangent, where=counted, out=np.zeros_like(change))
            total += float(added.sum())
            square += float(np.vdot(added, added))
            bent += float(np.sum(np.square(np.maximum(bend, noise)), where=counted))  # few may have no bend by chance
            smooth += int(np.count_nonzero(counted))
            broken += int(flat.size - np.count_nonzero(flat))
        return Slope(total, sqrt(square), sqrt(bent), smooth, broken), cotangents

    def _evaluated(self, node: Node, directions: Mapping[str, Array], step: float) -> tuple[Array, ...]:
        given = {tensor.name: self._values[tensor.name] for tensor in node.inputs}
        if node.op.cuts:  # it has a slope, of which gradients know nothing
            directions = {}
        parameters = {name: self._parameters[name] for name in node.parameters()}
        for arrays in (given, parameters):
            for name in arrays.keys() & directions.keys():
                arrays[name] = (
                    arrays[name].astype(np.float64) + np.float64(step) * directions[name]
                )  # float32 ends at 1e-38
        inputs = [given[tensor.name] for tensor in node.inputs]
        return reference.step(node, inputs, parameters, mode=self._mode)[0]
