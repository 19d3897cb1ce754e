"""What a model has in place of a step that none of its calls is: tried on the same input, and looked up like a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import prod
from time import process_time
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from archspec.against.attempt import Formula, Found, Known, Model, attempts, first_of, parameters_of
from archspec.against.bindings import bindings, pools
from archspec.against.lookup import Hit, order_of
from archspec.against.records import Record
from archspec.against.variants import relatives, rounded, told, variants
from archspec.graph.graph import Node

if TYPE_CHECKING:
    from archspec.backend import Weight
    from archspec.ops.base import Array

_SECONDS = 6.0
"""How long is looked for what is in the place of a step, of this process's own time: others take nothing from it."""


class Way(Protocol):
    """How far a walk has come."""

    model: Model
    nodes: list[Node]
    values: dict[int, Known]
    """What tensors of the spec are in the model, by their identity."""
    latest: int
    """The last call that is known to be a step."""

    @property
    def mapping(self) -> dict[str, Weight]:
        """Where the model has the weights that are found so far."""

    def follows(self, node: Node, known: Known) -> bool:
        """Whether what comes after a step is found if the step gives this."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """What a model has in place of a step, and its values."""

    reason: str
    place: str
    found: Found


def alternatives(way: Way, node: Node, inputs: Sequence[Known]) -> Iterator[Alternative]:
    """What was found in place of a step, the best reason first."""
    model, started = way.model, process_time()
    homes = [number for known in inputs for number in known.numbers]
    after = model.recorded.after(homes) if homes else set(range(len(model.recorded.records)))
    shape = tuple(map(int, node.outputs[0].shape))
    for words, formula, given, certain in _tried(way, node, inputs):
        if process_time() - started > _SECONDS:
            return
        for found in attempts(model, node, formula, given, way.mapping, way.latest, 24):
            own = {number for known in given for number in known.numbers}
            new = {number for known in found.outputs for number in known.numbers} - set(homes) - own
            whole = certain and found.outputs[0].array.shape == shape  # of another one, it may be part of a larger step
            if not (new & after if whole else way.follows(node, found.outputs[0])):
                continue
            record = first_of(model, found, inputs)
            yield Alternative(words, record.place if record is not None else "", found)
    yield from _others(way, node, inputs)


_Try = tuple[str, Formula, Sequence[Known], bool]
"""Words, what to compute, on what, and whether its result, if it is there, is enough of a proof."""


def _tried(way: Way, node: Node, inputs: Sequence[Known]) -> Iterator[_Try]:
    seen = {Formula.of(node.op).key}
    calls = [record.arguments for record in _near(way, inputs)]
    told_ones = [each for arguments in calls for each in told(node.op, arguments)]
    for words, op in (*told_ones, *variants(node.op), *relatives(node.op, calls)):
        for formula in map(Formula.of, (op, rounded(op))):
            if formula.key in seen:
                continue
            seen.add(formula.key)
            yield words, formula, inputs, True
            if len(inputs) == 2 and op.key != node.op.key:  # a difference, say, in the other order
                yield words, formula, inputs[::-1], True
    yield from _by_kind(node, inputs)
    yield from _of_other_inputs(way, node, inputs)


def _near(way: Way, inputs: Sequence[Known]) -> list[Record]:
    """The calls that may be a step: those that read what it reads, and those right after."""
    recorded = way.model.recorded
    homes = [number for known in inputs for number in known.numbers]
    first = recorded.readers(homes)
    second = recorded.readers(first)
    return [recorded.records[number] for number in dict.fromkeys((*first[:12], *second[:8]))]


def _by_kind(node: Node, inputs: Sequence[Known]) -> Iterator[_Try]:
    """What is particular to kinds of operations."""
    op = node.op
    if op.key == "batch_norm":
        yield ("uses the statistics of the batch, as in training",
               Formula(lambda *x, **w: op.train(*x, **w)[0], op.parameters, "in training"), inputs, True)  # fmt: skip
    if len(inputs) > 1 and op.arity[1] is None:
        for order in permutations(range(len(inputs))):
            if len(inputs) < 5 and order != tuple(range(len(inputs))):
                said = ", ".join(str(place + 1) for place in order)
                yield f"its inputs come in the order {said}", Formula.of(op), [inputs[place] for place in order], True
        for left in range(len(inputs)):
            rest = [known for place, known in enumerate(inputs) if place != left]
            if len(rest) > 1:
                yield (f"input {left + 1}, '{node.inputs[left].name}', is left out", Formula.of(op), rest, True)
    if op.key in ("scaled_dot_product_attention",):
        scale = inputs[0].array.shape[-1]
        for factor, said in ((1.0, "are not scaled"), (scale**-1.0, "are divided by d, not by its root")):
            other = op.model_copy(update={"scale": factor})
            yield f"the scores {said}", Formula.of(other), inputs, True


def _of_other_inputs(way: Way, node: Node, inputs: Sequence[Known]) -> Iterator[_Try]:
    """The step itself, of something else than it should read: what the model makes of that, or another tensor."""
    model, op = way.model, node.op
    for place, known in enumerate(inputs):
        for record, other in made_of(model, known):
            given = [*inputs[:place], other, *inputs[place + 1 :]]
            yield f"{record.place} comes before it", Formula.of(op), given, True
    tensors = {id(tensor): tensor.name for each in way.nodes for tensor in (*each.inputs, *each.outputs)}
    for place, known in enumerate(inputs):
        there = [
            (tensors[key], other) for key, other in way.values.items()
            if key in tensors and other.homes and other.array.shape == known.array.shape
            and other.array is not known.array
        ]  # fmt: skip
        for name, other in there[:-25:-1]:
            given = [*inputs[:place], other, *inputs[place + 1 :]]
            yield f"reads '{name}' in place of '{node.inputs[place].name}'", Formula.of(op), given, True


def made_of(model: Model, known: Known, calls: int = 3) -> Iterator[tuple[Record, Known]]:
    """What so many calls after a tensor make of it, without weights, that has its shape. A sum of it and of what
    a layer made of it is none of these."""
    recorded = model.recorded
    numbers, own, after = known.numbers, set(known.numbers), recorded.after(known.numbers)
    alone = set(own)
    for _ in range(calls):
        readers = (recorded.records[number] for number in recorded.readers(numbers))
        plain = [each.number for each in readers if not each.weights and alone.issuperset(after & {*each.reads})]
        numbers = tuple(plain[:12])
        alone.update(numbers)
        for number in numbers:
            value = recorded.values[number]
            if number in own or value.size != known.array.size or value.dtype.kind != "f":
                continue
            for hit in known.homes[:2]:
                if model.recorded.values[hit.number].shape == value.shape:
                    array = model.canonical(Hit(number, hit.axes), known.rich)
                    homes = model.hits(number, hit.axes)
                    yield recorded.records[number], Known(array.reshape(known.array.shape), homes, known.rich)
                    break


def _others(way: Way, node: Node, inputs: Sequence[Known]) -> Iterator[Alternative]:
    """What is a step's result but for its scale or order; that it is left out comes last of all, since its result, the
    input, always is there."""
    result = _result(way, node, inputs)
    if result is not None:
        yield from _nearly(way, node, inputs, result)
    if not parameters_of(node, Formula.of(node.op), inputs) or node.op.key.endswith("_norm"):
        for place, known in enumerate(inputs):
            if known.array.shape == tuple(map(int, node.outputs[0].shape)) and way.follows(node, known):
                said = "is left out" if len(inputs) == 1 else f"gives '{node.inputs[place].name}' alone"
                yield Alternative(said, "", Found((known,)))


def _result(way: Way, node: Node, inputs: Sequence[Known]) -> Known | None:
    """What a step without weights gives, or one with weights that are found already."""
    formula = Formula.of(node.op)
    names = {node.parameter(name): name for name in parameters_of(node, formula, inputs)}
    if not names.keys() <= way.mapping.keys():
        return None
    shapes = {node.parameter(name): shape for name, shape in parameters_of(node, formula, inputs).items()}
    there = way.model.restored([way.mapping[name] for name in names], shapes)
    outputs = way.model.computed(
        node, formula, inputs, {names[name]: array for name, array in there.items()}, tuple(names)
    )
    return outputs[0] if outputs is not None else None


def _nearly(way: Way, node: Node, inputs: Sequence[Known], result: Known) -> Iterator[Alternative]:
    model = way.model
    homes = [number for known in inputs for number in known.numbers]
    after = model.recorded.after(homes)
    for number in model.table.alike(result.array):
        if number in after and number not in homes:
            record = model.recorded.records[number]
            value = model.recorded.values[number]
            if value.shape == result.array.shape:
                homes_there = model.hits(number, tuple(range(value.ndim)))
                known = Known(value.astype(np.float64), homes_there, value.shape)
                yield Alternative("gives the same numbers in another order", record.place, Found((known,)))
    if result.array.dtype.kind != "f":
        return
    for number in sorted(after)[:30]:
        value = model.recorded.values[number]
        if value.size != result.array.size or value.dtype.kind != "f" or number in homes:
            continue
        words, axes = _multiple(value, result.array, model)
        if words:
            hit = Hit(number, axes)
            known = Known(model.canonical(hit, result.array.shape), model.hits(number, axes), result.array.shape)
            yield Alternative(words, model.recorded.records[number].place, Found((known,)))


def _multiple(value: Array, result: Array, model: Model) -> tuple[str, tuple[int, ...]]:
    """Words for a value that is another times a number, or part of it zeros; and the order of axes."""
    scale, there = float(np.abs(result).max()), float(np.abs(value).max())
    if not (scale > 0 and there > 0 and np.isfinite(scale) and np.isfinite(there)):
        return "", ()
    for sign in (1.0, -1.0):
        axes = order_of(value.astype(np.float64) * (sign * scale / there), result, 1e-6)
        if axes is not None:
            return f"gives it times {sign * there / scale:.6g}", axes
    return "", ()


def resynchronized(way: Way, node: Node, inputs: Sequence[Known]) -> Alternative | None:
    """The call that is a step most likely, where what it computes is not known: it reads what the step reads, has
    weights that might be the step's, and gives something of its size."""
    model = way.model
    recorded = model.recorded
    homes = [number for known in inputs for number in known.numbers]
    size = prod(map(int, node.outputs[0].shape))
    mapping = way.mapping
    shapes = {node.parameter(n): s for n, s in parameters_of(node, Formula.of(node.op), inputs).items()}
    due = {name: shape for name, shape in shapes.items() if name not in mapping}
    weights: tuple[Any, ...] = ()
    if due:
        native = [model.native[name] for name in shapes if name in model.native]
        taken = {weight.target for weight in mapping.values()}
        for _, pool in pools(recorded, homes, len(due), taken, way.latest):
            free = [name for name in pool if name not in taken]
            weights = next(bindings(native, due, free, model.shapes, inputs[0].rich if inputs else ()), ())
            if weights:
                break
    reading = recorded.readers(homes)
    candidates = [*reading, *recorded.readers(reading), *recorded.readers(recorded.readers(reading))]
    fitting = [n for n in candidates if recorded.values[n].size == size and recorded.values[n].dtype.kind == "f"]
    targets = {weight.target for weight in weights}
    fitting.sort(key=lambda n: (not recorded.records[n].layer, not targets <= set(recorded.records[n].weights)))
    for number in fitting:
        known = _assumed(model, number, tuple(map(int, node.outputs[0].shape)), inputs)
        if known is not None and len(node.outputs) == 1:
            return Alternative("", recorded.records[number].place, replace(Found((known,), weights), start=number))
    return None


def _assumed(model: Model, number: int, shape: tuple[int, ...], inputs: Sequence[Known]) -> Known | None:
    """A call's value in the order of axes that the step's input has in the model."""
    value = model.recorded.values[number]
    orders = [hit.axes for known in inputs for hit in known.homes if len(hit.axes) == len(shape)]
    for axes in (*orders, tuple(range(len(shape)))):
        if tuple(shape[axis] for axis in axes) == value.shape:
            hit = Hit(number, axes)
            return Known(model.canonical(hit, shape), model.hits(number, axes), shape)
    return None
