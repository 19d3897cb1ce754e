"""What only training shows, as the arguments of recorded calls tell it: rates of dropout, momentum of statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from archspec.against.attempt import Found, Known, Model
from archspec.against.records import Record
from archspec.graph.graph import Node
from archspec.verification.match import Deviation

_RATES = ("p", "rate", "dropout_prob")


def hidden(model: Model, node: Node, inputs: Sequence[Known], found: Found) -> Iterator[Deviation]:
    """How a step that is found differs in training."""
    shapes = [known.array.shape for known in inputs]
    if node.op.draws(*shapes) and len(inputs) == 1 and hasattr(node.op, "p"):
        calls = [record for record in _of(model, (*inputs, *found.outputs)) if _rate(record) is not None]
        rate = _rate(calls[0]) if calls else 0.0
        if rate is not None and abs(rate - node.op.p) > 1e-6:
            place = calls[0].place if calls else ""
            yield Deviation(node.path, node.op.key, f"p is {rate:g}, not {node.op.p:g}", place)
    momentum = getattr(node.op, "momentum", None)
    if isinstance(momentum, float):
        for record in _of(model, found.outputs):
            told = record.arguments.get("momentum")
            if isinstance(told, float):
                share = 1 - told if model.keeps_old else told
                if abs(share - momentum) > 1e-6:
                    yield Deviation(node.path, node.op.key, f"momentum is {share:g}, not {momentum:g}", record.place)
                return


def unasked(
    model: Model, seen: Sequence[Deviation], nodes: Sequence[Node], values: Mapping[int, Known]
) -> Iterator[Deviation]:
    """The calls that drop something where the spec has no step that does."""
    due: set[int] = set()
    for node in nodes:
        there = [values[id(tensor)] for tensor in (*node.inputs, *node.outputs) if id(tensor) in values]
        if there and len(node.inputs) == 1 and node.op.draws(there[0].array.shape):
            due |= {record.number for record in _of(model, there)}
    told = {each.place for each in seen}
    for record in model.recorded.records:
        rate = _rate(record)
        if rate and record.number not in due and record.place not in told and record.layer:
            yield Deviation(record.path, "dropout", f"p is {rate:g}, and the spec has no such step", record.place)


def _of(model: Model, known: Sequence[Known]) -> list[Record]:
    """The calls that gave some values, or were given them."""
    numbers = [number for each in known for number in each.numbers]
    return [model.recorded.records[number] for number in sorted({*numbers, *model.recorded.readers(numbers)})]


def _rate(record: Record) -> float | None:
    """The share that a call drops in training; None if it is no such call."""
    if "drop" not in record.func.lower():
        return None
    told = [record.arguments[name] for name in _RATES if name in record.arguments]
    return float(told[0]) if told and isinstance(told[0], (int, float)) else None
