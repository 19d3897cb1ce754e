"""Steps that depend on constants alone, which a class computes once, when it is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from archspec.emit.aligned import MBranches, MCall, Merged, MSequence, MStep, MWhen, Wire
from archspec.graph import tree
from archspec.graph.tree import Module, leaves

Fixed = MStep | MCall


def fixed(items: Sequence[Merged]) -> dict[Wire, Fixed]:
    """What such steps and blocks give, and the constants that only they read. None reads what is needed afterwards, and
    no block gives that: what comes out of one shows only inside of it."""
    found = {item.outputs[0]: item for item in _written(items) if len(item.outputs) == 1 and _is_plain(item)}
    while late := [wire for wire, item in found.items() if _is_late(wire, item, found)]:
        for wire in late:
            del found[wire]
    return found


def is_kept(wire: Wire, found: Mapping[Wire, Fixed]) -> bool:
    """Whether it is needed when the model is called."""
    readers = [reader for reader in wire.consumers if isinstance(reader, (MStep, MCall))]
    return not readers or len(readers) < wire.uses or any(reader.outputs[0] not in found for reader in readers)


def _is_late(wire: Wire, item: Fixed, found: Mapping[Wire, Fixed]) -> bool:
    """Whether it must be computed, or a constant be there, at each call."""
    if (isinstance(item, MCall) or not item.inputs) and is_kept(wire, found):
        return True
    return any(each not in found or is_kept(each, found) for each in item.inputs)


def _written(items: Iterable[Merged]) -> Iterator[Fixed]:
    """The steps and blocks that are written one by one, and not as elements of containers."""
    for item in items:
        match item:
            case MStep() | MCall():
                yield item
            case MSequence(name=""):
                yield from _written(item.items)
            case MBranches():
                for body in item.bodies:
                    yield from _written(body)
            case MWhen(item=MSequence(name="") | MBranches() as inner):
                yield from _written([inner])


def _is_plain(item: Fixed) -> bool:
    """Whether it has no weights, nothing random, and no part in the weights of others."""
    if isinstance(item, MStep):
        return item.owner is None and not item.users and all(map(_computes, item.steps.values()))
    return all(_all_compute(call.module) for call in item.calls.values())


def _all_compute(module: Module) -> bool:
    return all(
        _all_compute(item.module) if isinstance(item, tree.Use) else _computes(item)
        for _, item in leaves(module.items, "")
    )


def _computes(step: tree.Step) -> bool:
    shapes = [value.shape for value in step.inputs]
    return step.owner is None and not step.op.parameters(*shapes) and not step.op.draws(*shapes)
