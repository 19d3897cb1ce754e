"""Scopes while a network is elaborated: which names refer to what, and what unnamed steps are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from archspec.expressions import suggestion
from archspec.graph import tree
from archspec.graph.tree import Value
from archspec.spec.document import BlockStep, BranchesStep, BrokenStep, OperationStep, SequenceStep, StepForm
from archspec.spec.source import Path


class LookupFailed(Exception):
    """A reference leads nowhere."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class LeftOut(LookupFailed):
    """A reference leads to a step that is not there, because its condition does not hold."""


@dataclass(slots=True)
class Named:
    """What a name refers to."""

    values: tuple[Value, ...] | None
    """The outputs of a step; None if it failed, so that what depends on it is passed over, or if it is left out."""
    labels: Mapping[str, int] = field(default_factory=dict)
    """The names of its outputs, if they have some."""
    scope: Scope | None = None
    """The names inside it, if it is a named sequence."""
    step: tree.Step | tree.Use | None = None
    """The step itself, if it is a single operation or the call of a block."""
    initial: Any = None
    """The rules by which the weights in a block that is called begin, where they may be others than here."""
    left_out: bool = False
    """Whether its condition does not hold. It passes its input through, but has no parts."""
    repeated: bool = False
    """Whether it is a repeated step."""
    iterations: tuple[Named, ...] = ()
    """The repetitions of such a step."""
    label: str = ""
    """What generated code may call its value, if not after the reference."""
    branch: bool = False
    """Whether it is the label of a branch, which the next branches in this scope may have again."""
    origin: Path = ()
    """The step that brought the name."""


class Scope:
    """The names that references may use at a place; inner scopes see the outer ones."""

    def __init__(self, parent: Scope | None = None) -> None:
        self.named: dict[str, Named] = {}
        self.parent = parent
        self.labels: dict[int, str] = {} if parent is None else parent.labels

    def find(self, reference: str) -> Named:
        """What `conv1`, `pair.first`, `halves.0` or `stem.conv1` refers to. Raises LookupFailed."""
        head, *rest = reference.split(".")
        scope: Scope | None = self
        while scope is not None and head not in scope.named:
            scope = scope.parent
        if scope is None:
            known = list(dict.fromkeys(self.known()))
            hint = suggestion(head, known)
            if not hint:
                hint = f"only what has a name can be referred to; there are: {', '.join(known[:8])}"
                hint += ", ..." if len(known) > 8 else ""
            raise LookupFailed(f"'{head}' is not the name of an input, a branch or an earlier step here", hint)
        named, path = scope.named[head], head
        for part in rest:
            named = _member(named, path, part)
            path = f"{path}.{part}"
        if named.left_out and named.values is None:
            raise LeftOut(f"'{path}' is not there: the condition of its step does not hold here")
        return named

    def known(self) -> Iterator[str]:
        yield from self.named
        if self.parent is not None:
            yield from self.parent.known()

    def label(self, named: Named, reference: str) -> None:
        """Notes that a step refers to values by name, so that generated code can use that name."""
        parts = named.iterations if named.values is not None and not named.repeated else ()
        for part in parts:
            self.label(part, reference)
        for value in () if parts else named.values or ():
            self.labels.setdefault(id(value), named.label or reference.replace(".", "_"))

    def fail(self, step: StepForm | BrokenStep) -> None:
        """Registers all names that a step brings, so that references to them are passed over."""
        names = step.names if isinstance(step, BrokenStep) else _names(step)
        for name in names:
            self.named.setdefault(name, Named(None))

    def leave_out(self, step: StepForm, passed: tuple[Value, ...]) -> None:
        """Registers the names that a step brings whose condition does not hold; its own refers to what it passes on.
        If it is absent, because all that flows into it is, so is what is in it."""
        for name in _names(step):
            self.named.setdefault(name, Named(passed if name == step.name or not passed else None, left_out=True))


def _member(named: Named, path: str, part: str) -> Named:
    if named.left_out:
        return Named(None if named.values else named.values, left_out=True)
    if named.values is None:
        return named
    if part in named.labels:
        return Named((named.values[named.labels[part]],))
    if named.scope is not None and part in named.scope.named:
        return named.scope.named[part]
    if named.repeated:
        return _iteration(named, path, part)
    count = len(named.values)
    if part.isdecimal() and part.isascii():
        if count > 1 and len(part) < 6 and int(part) < count:
            return Named((named.values[int(part)],))
        raise LookupFailed(f"'{path}' has {count} outputs, numbered from 0" if count > 1 else
                           f"'{path}' has one output", f"write {path}" if count == 1 else "")  # fmt: skip
    known = [*named.labels, *(named.scope.named if named.scope is not None else ())]
    hint = suggestion(part, known) or (f"it has: {', '.join(known[:8])}" if known else "")
    raise LookupFailed(f"'{path}' has no output or step '{part}'", hint)


_NUMBER: Final = re.compile("-?[0-9]{1,5}", re.ASCII)


def _iteration(named: Named, path: str, part: str) -> Named:
    """One iteration of a repeated step, by its number, which may count from the end; or all of them, `*`."""
    count = len(named.iterations)
    if part == "*" and count:
        there = tuple(each for each in named.iterations if not each.left_out)
        return Named(tuple(value for each in there for value in each.values or ()), iterations=there)
    if _NUMBER.fullmatch(part) and -count <= int(part) < count:
        return named.iterations[int(part)]
    found = f"they are 0 to {count - 1}, or -1 for the last one, or * for all" if count else "there are none here"
    raise LookupFailed(f"'{path}' is repeated, and has no iteration '{part}'", found)


def _names(step: StepForm) -> Iterator[str]:
    """The names that a step brings into the scope around it."""
    if step.name is not None:
        yield step.name
    match step:
        case BranchesStep():
            for label, layers in step.branches.items():
                yield label
                for inner in layers:
                    yield from _all_names(inner)
        case SequenceStep() if step.name is None:
            for inner in step.layers:
                yield from _all_names(inner)


def _all_names(step: StepForm | BrokenStep) -> Iterator[str]:
    yield from step.names if isinstance(step, BrokenStep) else _names(step)


class Names:
    """Gives the steps of one scope their names, in the order of the document.

    In a named sequence an unnamed step is called by its position; elsewhere after what it is, numbered if there are
    several. In a block, steps whose condition does not hold keep their places, so that all its instances agree.
    """

    def __init__(self, positional: bool = False) -> None:
        self.positional = positional
        self._entries: list[tuple[Any, str, str | None]] = []
        self._aside: list[tuple[Any, str]] = []

    def add(self, item: Any, base: str, name: str | None) -> None:
        """An item that is called `name`, or else after its position or after `base`."""
        self._entries.append((item, base, name))
        if name is not None:
            item.name = name

    def aside(self, item: Any, base: str) -> None:
        """An item that no step of the document is: it has no place of its own, and others have their names first."""
        self._aside.append((item, base))

    def reserve(self, step: StepForm, values: Mapping[str, Any]) -> None:
        """Keeps the places of a step that is not there in this instance."""
        for base, name in _bases(step, values):
            self._entries.append((None, base, name))

    def close(self) -> None:
        """Names what has no name yet."""
        self._name_entries()
        taken = {name or (item.name if item is not None else "") for item, _, name in self._entries}
        for item, base in self._aside:
            number = 1
            while (given := base if number == 1 else f"{base}{number}") in taken:
                number += 1
            item.name = given
            taken.add(given)

    def _name_entries(self) -> None:
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


def snake(name: str) -> str:
    """A block's name as its instances are called: `InvertedResidual` gives `inverted_residual`."""
    import re

    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _bases(step: StepForm, values: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    match step:
        case OperationStep():
            yield str(values.get(step.op, step.op)), step.name
        case BlockStep():
            yield snake(str(values.get(step.block, step.block))), step.name
        case SequenceStep():
            if step.name is not None:
                yield "", step.name
            else:
                for inner in step.layers:
                    yield from _bases(inner, values)
        case BranchesStep():
            for layers in step.branches.values():
                for inner in layers:
                    yield from _bases(inner, values)
            yield str(values.get(step.joined.op, step.joined.op)), step.name
