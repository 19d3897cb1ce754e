"""Scopes while a network is elaborated: which names refer to what, and what unnamed steps are called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from archspec.graph.tree import Value
from archspec.spec.document import BlockStep, BranchesStep, OperationStep, SequenceStep, Step


@dataclass(slots=True)
class Wire:
    """What a name refers to: the values of a step, None if the step failed."""

    values: tuple[Value, ...] | None
    labels: dict[str, int] = field(default_factory=dict)
    scope: Scope | None = None


class Scope:
    """The names that references may use at a place; inner scopes see the outer ones."""

    def __init__(self, parent: Scope | None = None) -> None:
        self.wires: dict[str, Wire] = {}
        self.parent = parent
        self.labels: dict[int, str] = {} if parent is None else parent.labels

    def find(self, reference: str) -> Wire | None:
        """What `conv1`, `pair.first`, `halves.0` or `stem.conv1` refers to."""
        head, *rest = reference.split(".")
        scope: Scope | None = self
        while scope is not None and head not in scope.wires:
            scope = scope.parent
        wire = scope.wires[head] if scope is not None else None
        for part in rest:
            wire = _member(wire, part)
        return wire

    def known(self) -> list[str]:
        return [*self.wires, *(self.parent.known() if self.parent is not None else ())]

    def label(self, value: Value, reference: str) -> None:
        """Notes that a step refers to a value by name, so that generated code can use that name."""
        self.labels.setdefault(id(value), reference.replace(".", "_"))


def _member(wire: Wire | None, part: str) -> Wire | None:
    if wire is None or wire.values is None:
        return wire
    if part in wire.labels:
        return Wire((wire.values[wire.labels[part]],))
    if part.isdigit() and int(part) < len(wire.values):
        return Wire((wire.values[int(part)],))
    return wire.scope.wires.get(part) if wire.scope is not None else None


class Names:
    """Gives the steps of one scope their names, in the order of the document.

    In a named sequence an unnamed step is called by its position; elsewhere after what it is, numbered if there are
    several. Steps whose condition does not hold keep their places, so that all instances of a block agree.
    """

    def __init__(self, positional: bool = False) -> None:
        self.positional = positional
        self._entries: list[tuple[Any, str, str | None]] = []

    def open(self, *, positional: bool) -> Names:
        return Names(positional)

    def add(self, item: Any, base: str, name: str | None) -> None:
        self._entries.append((item, base, name))
        if name is not None:
            item.name = name

    def reserve(self, step: Step) -> None:
        """Keeps the places of a step that is not there in this instance."""
        for base, name in _bases(step):
            self._entries.append((None, base, name))

    def close(self) -> None:
        """Names what has no name yet."""
        if self.positional:
            for position, (item, _, name) in enumerate(self._entries):
                if name is None and item is not None:
                    item.name = str(position)
            return
        taken = {name for _, _, name in self._entries if name is not None}
        totals: dict[str, int] = {}
        for _, base, name in self._entries:
            if name is None:
                totals[base] = totals.get(base, 0) + 1
        counts: dict[str, int] = {}
        for item, base, name in self._entries:
            if name is not None:
                continue
            counts[base] = counts.get(base, 0) + 1
            given = base if totals[base] == 1 else f"{base}{counts[base]}"
            while given in taken:
                given += "_"
            if item is not None:
                item.name = given


def _bases(step: Step) -> Iterable[tuple[str, str | None]]:
    match step:
        case OperationStep():
            yield step.op, step.name
        case BlockStep():
            yield step.block, step.name
        case SequenceStep():
            if step.name is not None:
                yield "", step.name
            else:
                for inner in step.layers:
                    yield from _bases(inner)
        case BranchesStep():
            for layers in step.branches.values():
                for inner in layers:
                    yield from _bases(inner)
            yield (step.join if isinstance(step.join, str) else str(step.join.get("op", ""))), step.name
