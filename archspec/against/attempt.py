"""One step of the reference, computed on what a person's model has, and looked up among what its calls gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from archspec.against.bindings import bindings, pools
from archspec.against.lookup import Hit, Table
from archspec.against.records import Record, Recorded
from archspec.backend import Weight
from archspec.errors import ShapeError
from archspec.graph.graph import Node
from archspec.ops.base import Operation, Parameter, Shape
from archspec.verification.worker import Array
from archspec.weights.layouts import restored


@dataclass(frozen=True, slots=True)
class Known:
    """What a tensor of the spec is in the model."""

    array: Array
    """The model's own numbers, if they were seen, in the spec's order of axes."""
    homes: tuple[Hit, ...]
    """The calls that gave it; none if it was computed here, and seen nowhere."""
    rich: Shape
    """Its shape before its axes were merged: the order of what was merged may be another one in the model."""

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(hit.number for hit in self.homes)


@dataclass(frozen=True, slots=True)
class Formula:
    """What a step may compute: an operation of the spec, or what a model has in its place."""

    compute: Callable[..., Any]
    parameters: Callable[..., Mapping[str, Parameter]]
    key: str
    """Tells formulas of one step apart."""

    @classmethod
    def of(cls, op: Operation) -> Formula:
        return cls(op.reference, op.parameters, repr(op))


@dataclass(frozen=True, slots=True)
class Found:
    """A step that the model has."""

    outputs: tuple[Known, ...]
    weights: tuple[Weight, ...] = ()
    start: int | None = None
    """The call that begins with what the step reads."""
    others: bool = False
    """Whether other weights of the model might be the step's as well."""


@dataclass
class Model:
    """A person's model as it was recorded, and all that was found out of it whatever the walk."""

    recorded: Recorded
    table: Table
    native: Mapping[str, Weight]
    """How the framework's own layers have the spec's weights."""
    keeps_old: bool = False
    """Whether the framework's momentum is the weight of the old statistics."""
    made: dict[Any, Any] = field(default_factory=dict)
    arrays: dict[Any, Array] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, Shape]:
        return {name: array.shape for name, array in self.recorded.weights.items()}

    def canonical(self, hit: Hit, shape: Shape) -> Array:
        key = hit, shape
        if key not in self.arrays:
            self.arrays[key] = self.table.canonical(hit, shape)
        return self.arrays[key]

    def hits(self, number: int, axes: tuple[int, ...]) -> tuple[Hit, ...]:
        """A call, with those that gave the very same: the layer around it, or what it only passes on."""
        value = self.recorded.records[number].value
        return tuple(Hit(each.number, axes) for each in self.recorded.records if each.value == value)

    def restored(self, binding: Sequence[Weight], due: Mapping[str, Shape]) -> dict[str, Array]:
        names = {weight.target for weight in binding}
        return restored({name: self.recorded.weights[name] for name in names}, binding, due)

    def computed(
        self, node: Node, formula: Formula, inputs: Sequence[Known], weights: Mapping[str, Array], key: Any
    ) -> tuple[Known, ...] | None:
        """What a step gives, with the calls that give it, too; None if it cannot be computed."""
        key = (node.path, formula.key, tuple(id(x.array) for x in inputs), key)
        if key not in self.made:
            self.made[key] = (inputs, self._computed(formula, inputs, weights))  # the inputs keep their identities
        return self.made[key][1]  # type: ignore[no-any-return]

    def _computed(
        self, formula: Formula, inputs: Sequence[Known], weights: Mapping[str, Array]
    ) -> tuple[Known, ...] | None:
        arrays = [known.array for known in inputs]
        try:
            with np.errstate(all="ignore"):
                made = formula.compute(*arrays, **weights)
        except (ArithmeticError, LookupError, TypeError, ValueError, AssertionError, ShapeError):
            return None
        results = made if isinstance(made, tuple) else (made,)
        return tuple(self.seen(np.asarray(result), inputs if len(results) == 1 else ()) for result in results)

    def seen(self, array: Array, inputs: Sequence[Known] = ()) -> Known:
        """An array with the calls that gave it, and in their numbers."""
        for known in inputs:  # what only merges or splits axes is where its input is
            reshaped = known.array.size == array.size and known.array.shape != array.shape
            if reshaped and known.homes and np.array_equal(known.array.ravel(), array.ravel()):
                return Known(array, known.homes, known.rich)
        if array.size == 0 or (array == array.reshape(-1)[0]).all():
            return Known(array, (), array.shape)
        homes = tuple(self.table.find(array))
        if homes:
            array = self.canonical(homes[0], array.shape)
        return Known(array, homes, array.shape)


def parameters_of(node: Node, formula: Formula, inputs: Sequence[Known]) -> dict[str, Shape]:
    """The shapes of a step's weights, by the operation's names."""
    try:
        found = formula.parameters(*(known.array.shape for known in inputs))
    except (ArithmeticError, LookupError, TypeError, ValueError, ShapeError):
        return {}
    return {name: tuple(map(int, parameter.shape)) for name, parameter in found.items()}


def attempts(
    model: Model, node: Node, formula: Formula, inputs: Sequence[Known], mapping: Mapping[str, Weight], since: int,
    most: int = 400,
) -> Iterator[Found]:  # fmt: skip
    """The ways in which a model has a step that it has: those whose result was seen."""
    shapes = {node.parameter(name): shape for name, shape in parameters_of(node, formula, inputs).items()}
    names = {node.parameter(name): name for name in parameters_of(node, formula, inputs)}
    due = {name: shape for name, shape in shapes.items() if name not in mapping}
    there = model.restored([mapping[name] for name in shapes if name in mapping], shapes)
    homes = [number for known in inputs for number in known.numbers]
    if not due:
        plain = {names[name]: array for name, array in there.items()}
        outputs = model.computed(node, formula, inputs, plain, tuple(mapping[name] for name in shapes))
        if outputs is not None and is_seen(outputs, homes):
            yield Found(outputs)
        return
    if not inputs:
        yield from _alone(model, node, due, mapping)
        return
    taken = {weight.target for weight in mapping.values()}
    native = [model.native[name] for name in shapes if name in model.native and name in due]
    tried: set[tuple[Weight, ...]] = set()
    for start, pool in pools(model.recorded, homes, len(due), taken, since):
        if taken.issuperset(pool) and not any(mapping[name].shared for name in mapping):
            continue
        rich = inputs[0].rich
        for binding in bindings(native, due, pool, model.shapes, rich):
            if binding in tried or any(w.target in taken and not w.shared for w in binding):
                continue
            tried.add(binding)
            arrays = {names[name]: array for name, array in ({**there, **model.restored(binding, shapes)}).items()}
            outputs = model.computed(node, formula, inputs, arrays, binding)
            if outputs is not None and is_seen(outputs, homes):
                yield Found(outputs, binding, start)
                break  # other layouts of the same weights are no other choice
            if len(tried) >= most:
                return


def _alone(model: Model, node: Node, due: Mapping[str, Shape], mapping: Mapping[str, Weight]) -> Iterator[Found]:
    """The weights that may be a step by themselves: nothing that is read tells which."""
    taken = {weight.target for weight in mapping.values()}
    ((parameter, shape),) = due.items()
    plain = tuple(size for size in shape if size != 1)

    def rank(name: str) -> tuple[bool, bool]:
        there = model.shapes[name]
        return there != shape, there != plain

    fitting = [name for name in model.shapes if prod(model.shapes[name]) == prod(shape) and name not in taken]
    for name in sorted(fitting, key=rank)[:8]:
        moves = () if model.shapes[name] == shape else (("reshape", model.shapes[name]),)
        weight = Weight(parameter, name, moves)
        array = model.restored([weight], due)[parameter]
        key = "alone", weight
        if key not in model.made:
            model.made[key] = Known(array, tuple(model.table.find(array)), array.shape)
        yield Found((model.made[key],), (weight,), None)


def have_rivals(model: Model, found: Found, inputs: Sequence[Known], mapping: Mapping[str, Weight]) -> bool:
    """Whether another call that reads the same has weights of the same sizes, so that it might be the step as well."""
    own = {weight.target for weight in found.weights}
    taken = own | {weight.target for weight in mapping.values()}
    due = sorted(model.recorded.weights[name].size for name in own)
    if not inputs:
        return bool(own) and any(
            array.size == due[0] and name not in taken for name, array in model.recorded.weights.items()
        )
    homes = [number for known in inputs for number in known.numbers]
    if not homes or not own:
        return False
    for number in model.recorded.readers(homes):
        names = [name for name in model.recorded.records[number].weights if name not in taken]
        if names and {model.recorded.weights[name].size for name in names} & set(due[-1:]):
            return True
    return False


def is_seen(outputs: Sequence[Known], homes: Sequence[int] = ()) -> bool:
    """Whether some call gave it. What is the same number all over proves nothing, and is taken as seen."""
    return any(known.homes or _is_constant(known.array) for known in outputs)


def _is_constant(array: Array) -> bool:
    return array.size > 0 and array.dtype.kind != "f" and bool((array == array.reshape(-1)[0]).all())


def first_of(model: Model, found: Found, inputs: Sequence[Known]) -> Record | None:
    """The call that is a step: the first that gave what it gives, and not what it reads."""
    own = {number for known in inputs for number in known.numbers}
    numbers = sorted({number for known in found.outputs for number in known.numbers} - own)
    return model.recorded.records[numbers[0]] if numbers else None
