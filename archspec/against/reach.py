"""What no number of a run reached: calls that changed none of them, and steps that bend where none came.

They are computed once more, on numbers from beyond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from archspec.against.attempt import Formula, Known, parameters_of
from archspec.against.lookup import Hit
from archspec.against.records import Record, Recorded
from archspec.against.variants import relatives, variants
from archspec.against.walk import Walker
from archspec.errors import ShapeError
from archspec.graph.graph import Node, Tensor
from archspec.verification.match import Deviation
from archspec.verification.worker import Array
from archspec.verification.worker.calls import EDGES

_FACTORS = (1e4, 1e-5)
"""How many times what a run has, numbers beyond are: those of inputs and of weights."""
_CLOSE = 1e-6
_PRODUCTS = ("mul", "rmul", "multiply", "matmul", "mm", "bmm")
"""What frameworks call that gives zeros of zeros, whatever else it is given."""

Again = Callable[[Sequence["Question"]], Sequence[Array | None]]
"""Computes calls of the model once more; None for what cannot be computed."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a call gives if a call before it gave other numbers."""

    at: int
    to: int
    given: Array
    due: tuple[Array, ...]
    """What it may give, in whatever order."""
    node: Node | None
    """The step that gives what it reads, or that it is; None between steps."""
    bends: bool = False
    """Whether it is the step, and not a call after it."""
    other: bool = False
    """Whether it is also given other numbers that do not depend on the call before it."""

    def agrees(self, found: Array) -> bool:
        """Whether a call gives what it may."""
        return any(_alike(found, each) for each in self.due)


def beyond(walker: Walker, again: Again) -> None:
    """Adds to what was found what shows beyond the numbers of the run, and what could not be tried there."""
    walk, records = walker.walk, walker.model.recorded.records
    questions = list(_questions(walker)) if not walk.lost else []
    found = again(questions) if questions else []
    tried: dict[str, list[tuple[Question, Array]]] = {}
    untried, wrong = dict[str, None](), dict[int, int]()
    for question, values in zip(questions, found, strict=True):
        call, node = records[question.to], question.node
        if question.bends and node is not None:
            if values is not None:
                tried.setdefault(node.path, []).append((question, values))
            continue
        before = {question.to, *walker.model.recorded.before(question.to)}
        if any(at == question.at and to in before for to, at in wrong.items()):
            continue  # it may follow from that
        if values is None or (not question.agrees(values) and (node is None or question.other)):
            untried[call.place] = None
        elif not question.agrees(values) and node is not None:
            wrong[question.to] = question.at
            walk.deviations.append(_deviation(question, node, values, call))
    for each in tried.values():  # one of several calls is the step
        question, values = each[-1]
        if not any(one.agrees(other) for one, other in each) and question.node is not None:
            walk.deviations.append(_deviation(question, question.node, values, records[question.to]))
    walk.unexercised = [path for path in walk.unexercised if path not in tried]
    looks = {(look.path, look.line): look.place for look in reversed(walker.model.recorded.looks)}
    walk.unexercised += [*untried, *(f"{place}, which looks at numbers" for place in looks.values())]


def _deviation(question: Question, node: Node, values: Array, call: Record) -> Deviation:
    if question.bends:
        given = question.given.reshape(-1)
        for words, op in (*variants(node.op), *relatives(node.op, [call.arguments])):
            if op.elementwise and _alike(values, np.asarray(op.reference(given))):
                return Deviation(node.path, node.op.key, words, call.place)
        return Deviation(node.path, node.op.key, "", call.place)
    said = f"{call.func} comes after it, which changes numbers that a plain run does not reach"
    return Deviation(node.path, node.op.key, said, call.place)


def _questions(walker: Walker) -> Iterator[Question]:
    tensors = _tensors(walker)
    bent = {node.path: node for node in walker.nodes}
    for path in walker.walk.unexercised:
        yield from _of_step(walker, bent[path])
    for at, to in _unchanging(walker):
        yield from _of_call(walker, at, to, tensors)


def _tensors(walker: Walker) -> dict[int, list[tuple[Tensor, Known, Node | None]]]:
    """By the calls that gave them the tensors of the spec, in its order."""
    found: dict[int, list[tuple[Tensor, Known, Node | None]]] = {}
    made = [(tensor, node) for node in walker.nodes for tensor in node.outputs]
    for tensor, node in (*((tensor, None) for tensor in walker.graph.inputs.values()), *made):
        if id(tensor) in walker.values:
            known = walker.values[id(tensor)]
            for number in known.numbers:
                found.setdefault(number, []).append((tensor, known, node))
    return found


def _unchanging(walker: Walker) -> Iterator[tuple[int, int]]:
    """Calls that give the numbers of a call on which they depend, the first such; not those that only move them."""
    model, recorded = walker.model, walker.model.recorded
    own: dict[str, int] = {}
    needed = {each for number in recorded.returned for each in (number, *recorded.before(number))}
    for record in recorded.records:
        first = own.setdefault(record.value, record.number)
        value = recorded.values[record.number]
        if record.moves or first != record.number or first not in needed or value.dtype.kind != "f" or value.size < 2:
            continue
        same = [number for number in model.table.alike(value) if number < record.number]
        if not same or (value == value.reshape(-1)[0]).all():
            continue
        before = recorded.before(record.number)
        near = [number for number in same if number in before and _alike(recorded.values[number], value)]
        if near:
            yield own[recorded.records[near[0]].value], record.number


def _of_call(
    walker: Walker, at: int, to: int, tensors: Mapping[int, list[tuple[Tensor, Known, Node | None]]]
) -> Iterator[Question]:
    """What a call that changed nothing gives of what the spec may have there."""
    recorded = walker.model.recorded
    value, steps = recorded.values[at], tensors.get(at, [])
    after = recorded.after([at])
    others = [
        n for n in recorded.records[to].reads if n != at and n not in after and recorded.values[n].dtype.kind in "fb"
    ]
    other = any(recorded.after([n]) >= {to} and _depends(recorded, n) for n in others)
    for factor in _FACTORS:
        given: Array = value * factor
        due: list[Array] = []
        node = None
        if steps:
            tensor, known, node = steps[-1]
            array = _reached(walker, tensor, factor)
            if array is None:
                continue
            hit = next(hit for hit in known.homes if hit.number == at)
            given = _placed(array, hit, known, value)
            there = {id(each): each for each, _, _ in (*steps, *tensors.get(to, []))}
            due = [x for x in (_reached(walker, each, factor) for each in there.values()) if x is not None]
        for varied in (False, True) if other else (False,):
            yield Question(at, to, given, (given, *due), node, other=varied)


def _depends(recorded: Recorded, number: int) -> bool:
    """Whether a call depends on what the model is given: what is multiplied by zeros that never are others does not."""
    found = set[int]()
    for record in recorded.records[: number + 1]:
        if record.func == "input" or (found.intersection(record.reads) and not _is_naught(recorded, record, found)):
            found.add(record.number)
    return number in found


def _is_naught(recorded: Recorded, record: Record, depending: Set[int]) -> bool:
    """Whether a call gives zeros whatever the model is given, as a step of a recurrent layer that begins with zeros."""
    product = record.func.strip("_").lower() in _PRODUCTS
    return product and any(n not in depending and not recorded.values[n].any() for n in record.reads)


def _of_step(walker: Walker, node: Node) -> Iterator[Question]:
    """What a step of one tensor gives on both sides of where it bends."""
    (known,) = (walker.values[id(tensor)] for tensor in node.inputs)
    result = walker.values.get(id(node.outputs[0]))
    if not node.op.elementwise or not known.homes or result is None:
        return
    after = walker.model.recorded.after(known.numbers)
    for number in result.numbers:
        if number in after and number not in known.numbers:
            at = known.homes[0].number
            given = np.resize(EDGES, walker.model.recorded.values[at].shape)
            yield Question(at, number, given, (np.asarray(node.op.reference(given)),), node, bends=True)


def _reached(walker: Walker, tensor: Tensor, factor: float) -> Array | None:
    """What a tensor of the spec may be, if what the last step with weights before it takes is so many times as large,
    with its weights."""
    node, known = walker.makers.get(id(tensor)), walker.values[id(tensor)]
    if node is None:
        return known.array * factor if known.array.dtype.kind == "f" else known.array
    inputs = [walker.values[id(each)] for each in node.inputs]
    shapes = parameters_of(node, Formula.of(node.op), inputs)
    names = {name: node.parameter(name) for name in shapes}
    if not all(name in walker.mapping for name in names.values()):
        return None
    there = walker.model.restored(
        [walker.mapping[name] for name in names.values()], {names[name]: shape for name, shape in shapes.items()}
    )
    arrays = [
        (x.array * factor if x.array.dtype.kind == "f" else x.array) if shapes else _reached(walker, each, factor)
        for x, each in zip(inputs, node.inputs, strict=True)
    ]  # fmt: skip
    given = [array for array in arrays if array is not None]
    if len(given) < len(arrays):
        return None
    try:
        with np.errstate(all="ignore"):
            made = node.op.reference(*given, **{name: there[full] * factor for name, full in names.items()})
    except (ArithmeticError, LookupError, TypeError, ValueError, AssertionError, ShapeError):
        return None
    results = made if isinstance(made, tuple) else (made,)
    found = np.asarray(results[[id(each) for each in node.outputs].index(id(tensor))])
    return found if np.isfinite(found).all() else None


def _placed(array: Array, hit: Hit, known: Known, value: Array) -> Array:
    """An array of the spec as a call has it."""
    return np.ascontiguousarray(array.reshape(known.rich).transpose(hit.axes)).reshape(value.shape)


def _alike(one: Array, other: Array) -> bool:
    """Whether they have the same numbers, in whatever order; those that are lost in one of them prove nothing."""
    if one.size != other.size:
        return False
    a, b = (np.sort(each, None).astype(np.float64) for each in (one, other))
    with np.errstate(all="ignore"):
        limit = _CLOSE * np.abs(b) + 1e-12 * np.abs(b).max(initial=0)
        return bool((np.abs(a - b) <= limit).all())
