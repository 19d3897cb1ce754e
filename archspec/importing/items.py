"""What a spec's lists of steps hold, before it is text: operations, blocks that are called, and sequences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from archspec.importing.tree import Frame, Step, Tensor


class Expression(str):
    """A text that is an expression."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class First:
    """What the first of a repeat has, and the others."""

    first: Any
    others: Any


@dataclass(frozen=True, slots=True)
class Growing:
    """What grows with the index of a repeat."""

    start: Any
    step: Any


@dataclass(eq=False, slots=True)
class Item:
    """A step of a spec, of any form."""

    form: str
    """`op`, `block`, `layers`; or `join`, where what comes in is joined to what its only item makes of it."""
    head: str
    """The operation, also of a join, or the block; of a sequence the class that it was written as, with its module."""
    values: dict[str, Any] = field(default_factory=dict)
    """Attributes of the operation, arguments of the block; `repeat`, if it is one."""
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    name: str = ""
    items: list[Item] = field(default_factory=list)
    when: Expression | None = None
    each: list[dict[str, Any]] = field(default_factory=list)
    """Rows, one for each time."""
    kind: str = ""
    """The class alone."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """What the class was made with."""
    gives: tuple[str, ...] = ()
    """The names of a block's outputs, if it has several."""
    lender: Item | None = None
    """The earlier use of the block that lends it its weights."""
    step: Step | None = None

    def everything(self) -> Iterator[Item]:
        """It, and all that is in it."""
        yield self
        for item in self.items:
            yield from item.everything()


def of(frame: Frame) -> Item:
    """A module as a sequence of what it does."""
    items = [_operation(item) if isinstance(item, Step) else of(item) for item in frame.items]
    items = _lists([item for item in items if item.form != "layers" or item.items])
    return Item("layers", frame.whole, name=frame.name, items=items, kind=frame.kind, arguments=dict(frame.arguments))


def _lists(items: list[Item]) -> list[Item]:
    """`blocks.0`, `blocks.1`, ... in a chain as a sequence called `blocks`; others that have dots in their names are
    called with all of them."""
    found: list[Item] = []
    for item in items:
        outer, dot, number = item.name.rpartition(".")
        group = found[-1] if found else None
        if (
            dot
            and number.isdigit()
            and group is not None
            and group.name == outer
            and not group.head
            and group.form == "layers"
        ):
            following = result(group)
            if following is not None and first_input(item) is following and int(number) == len(group.items):
                item.name = number
                group.items.append(item)
                continue
        if dot and number == "0":
            item.name = number
            item = Item("layers", "", name=outer, items=[item])
        found.append(item)
    for each in found:
        if each.form == "layers" and not each.head and not each.kind and len(each.items) == 1:  # a list of one
            each.items[0].name, each.name = f"{each.name}.0", ""
    return [
        each.items[0] if each.form == "layers" and not each.name and len(each.items) == 1 else each for each in found
    ]


def _operation(step: Step) -> Item:
    return Item("op", step.op, dict(step.attributes), list(step.inputs), list(step.outputs), step.name, step=step)


def made(items: Iterable[Item]) -> Iterator[Tensor]:
    """What is given somewhere in these."""
    for item in items:
        yield from item.outputs
        yield from made(item.items)


def read(items: Iterable[Item]) -> Iterator[Tensor]:
    """What is read somewhere in these."""
    for item in items:
        yield from item.inputs
        yield from read(item.items)


def outside(item: Item) -> list[Tensor]:
    """What a sequence reads that is not of it, in order."""
    own = set(made(item.items))
    return list(dict.fromkeys(tensor for tensor in read(item.items) if tensor not in own))


def result(item: Item) -> Tensor | None:
    """What a step gives to the next one."""
    if item.form == "layers":
        return result(item.items[-1]) if item.items else None
    return item.outputs[0] if len(item.outputs) == 1 else None


def first_input(item: Item) -> Tensor | None:
    """What a step is given by the one before it, if it takes one."""
    if item.form == "layers":
        return first_input(item.items[0]) if item.items else None
    return item.inputs[0] if len(item.inputs) == 1 else None
