"""All instances of a block side by side: what one class or function must say for every one of them.

Instances come from the same steps of the spec, so their trees align; what differs are sizes, arguments, conditions and
counts. A `Wire` is a value in all instances at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from archspec.expressions import Expr
from archspec.graph import tree
from archspec.graph.tree import Module, Value
from archspec.ops.base import Operation, Shape, show
from archspec.spec.source import Path

Key = Hashable
"""Tells instances apart."""


class Differs(Exception):
    """What must be the same in all instances of a class is not; `values` is what it is in those that have it."""

    def __init__(self, message: str, values: Mapping[Key, Any] = MappingProxyType({})) -> None:
        super().__init__(message)
        self.values = values


@dataclass(eq=False, slots=True)
class Wire:
    """A value between steps, in every instance that has it."""

    values: dict[Key, Value]
    label: str = ""
    """The name that the spec refers to it by, if a later step does."""
    uses: int = 0
    """How many steps and outputs read it."""
    consumers: list[Merged] = field(default_factory=list)
    producer: str = ""
    """The operation that gives it; nothing for what a block gets or gives."""
    step: str = ""
    """The path of the step or block that gives it; nothing for an input, and what a repeat or a condition hands on."""
    layout: Any = None
    """How the backend lays the tensor out; None: as the spec."""
    demand: str | None = ""
    """The order of axes that those who read it wish for, once that was asked; see `layouts`."""

    @property
    def shape(self) -> Shape:
        return next(iter(self.values.values())).shape

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def meaning(self) -> str:
        """What it is, for messages."""
        return f"what step '{self.step}' gives" if self.step else f"a value of shape {show(self.shape)}"


@dataclass(eq=False, slots=True)
class MStep:
    path: str
    steps: dict[Key, tree.Step]
    inputs: tuple[Wire, ...]
    outputs: tuple[Wire, ...]
    owner: MStep | None = None
    """The step whose weights this one uses, if it has none of its own."""
    users: list[MStep] = field(default_factory=list)
    """The steps that use the weights of this one, too."""
    choice: str = ""
    """The param that says which operation it is, if that differs between instances."""
    operations: frozenset[str] = frozenset()
    """All that it is then."""
    paths: tuple[str, ...] = ()
    """What it is called in one instance and another: a step without a name is called by its operation, and counted if
    there are several of that."""

    def parts(self) -> list[MStep]:
        """The step in the instances of each operation."""
        found: dict[str, dict[Key, tree.Step]] = {}
        for key, step in self.steps.items():
            found.setdefault(step.op.key, {})[key] = step
        return [replace(self, steps=steps) for steps in found.values()]

    def differs(self) -> Differs:
        """Why there is no code for it that does what each instance does."""
        operations = {key: step.op.key for key, step in self.steps.items()}
        return Differs(f"'{self.path}' is one of several operations", operations)

    @property
    def tied(self) -> bool:
        """Whether it is the product with the table of an embedding."""
        return self.owner is not None and self.owner.op.key != self.op.key

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def op(self) -> Operation:
        op: Operation = next(iter(self.steps.values())).op
        return op

    @property
    def keys(self) -> list[tuple[str, Path]]:
        """What tells it apart from all others in its block: two steps may have one name if their conditions exclude
        each other."""
        origin = next(iter(self.steps.values())).origin
        return [(path, origin) for path in self.paths or (self.path,)]


@dataclass(eq=False, slots=True)
class MCall:
    path: str
    calls: dict[Key, tree.Use]
    inputs: tuple[Wire, ...]
    outputs: tuple[Wire, ...]
    inside: tuple[Wire, ...] = ()
    """The inputs of the block, as the steps in it see them."""
    passed: Mapping[int, int] = field(default_factory=dict)
    """The results of the block, by number, that are nothing but an input, which the code does not hand back."""
    owner: MCall | None = None
    """The call whose weights this one uses, if it has none of its own."""
    users: list[MCall] = field(default_factory=list)
    """The calls that use the weights of this one, too."""

    @property
    def flows(self) -> tuple[Wire, ...]:
        """What the spec says that it gives."""
        own = iter(self.outputs)
        count = len(self.outputs) + len(self.passed)
        return tuple(self.inputs[self.passed[i]] if i in self.passed else next(own) for i in range(count))

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def block(self) -> str:
        return next(iter(self.calls.values())).module.block

    def repeated(self, name: str) -> Expr | None:
        """The expression in `INDEX` that gives an argument in all iterations of a repeat, if all instances have one."""
        first, *others = (call.repeated.get(name) for call in self.calls.values())
        return first if all(other == first for other in others) else None

    @property
    def key(self) -> tuple[str, Path]:
        """Tells it apart from all others in its block: two steps may have one name if their conditions exclude each
        other."""
        return self.path, next(iter(self.calls.values())).origin


@dataclass(eq=False, slots=True)
class MSequence:
    path: str
    name: str
    items: list[Merged]
    inputs: tuple[Wire, ...]
    outputs: tuple[Wire, ...]
    over: tree.Over | None = None
    """Whether it is a block along an axis."""
    longer: tuple[tuple[str, Path], ...] = ()
    """The calls that only some instances have, whose axes are longer; as `MCall.key` tells them."""


@dataclass(eq=False, slots=True)
class MRepeat:
    path: str
    name: str
    iterations: list[Merged]
    repeats: dict[Key, tree.Repeat]
    inputs: tuple[Wire, ...]
    outputs: tuple[Wire, ...]

    @property
    def varies(self) -> bool:
        return len({len(repeat.iterations) for repeat in self.repeats.values()}) > 1

    def differs(self) -> Differs:
        """Why there is no code for it that repeats as often as each instance does."""
        counts = {key: len(repeat.iterations) for key, repeat in self.repeats.items()}
        return Differs(f"'{self.path}' is repeated differently", counts)


@dataclass(eq=False, slots=True)
class MWhen:
    """A step that some instances have and others do not, or may not have."""

    condition: Expr
    taken: dict[Key, bool]
    item: Merged
    inputs: tuple[Wire, ...]
    outputs: tuple[Wire, ...]

    @property
    def path(self) -> str:
        return self.item.path


@dataclass(eq=False, slots=True)
class MBranches:
    names: tuple[str, ...]
    bodies: list[list[Merged]]
    results: tuple[Wire, ...]
    join: MStep
    inputs: tuple[Wire, ...]
    outputs: tuple[Wire, ...]

    @property
    def path(self) -> str:
        return self.join.path


Merged = MStep | MCall | MSequence | MRepeat | MWhen | MBranches


@dataclass(eq=False, slots=True)
class Body:
    """Instances of a block that share a class, aligned."""

    modules: Mapping[Key, Module]
    folded: Mapping[str, Expr]
    """Params that need no argument, because every instance leaves them at their default."""
    inputs: dict[str, Wire]
    items: list[Merged]
    outputs: dict[str, Wire]


def gives(item: Merged) -> tuple[Wire, ...]:
    """What the spec says that a step gives."""
    return item.flows if isinstance(item, MCall) else item.outputs


def count_reads(item: Merged, wire: Wire) -> int:
    """How many steps inside read a wire."""
    return sum(other is wire for leaf in leaves([item]) for other in _read_by(leaf))


def _read_by(leaf: Merged) -> tuple[Wire, ...]:
    return leaf.results if isinstance(leaf, MBranches) else leaf.inputs


def count_uses(items: list[Merged]) -> None:
    """Notes for every wire which steps read it."""
    for item in leaves(items):
        for wire in _read_by(item):
            wire.uses += 1
            wire.consumers.append(item.join if isinstance(item, MBranches) else item)


def leaves(items: list[Merged]) -> Iterator[Merged]:
    """The steps that read wires: operations, calls, joins, conditions."""
    for item in items:
        match item:
            case MStep() | MCall():
                yield item
            case MSequence():
                yield from leaves(item.items)
            case MRepeat():
                yield from leaves(item.iterations)
                if item.varies:
                    yield item
            case MWhen():
                yield from leaves([item.item])
                yield item
            case MBranches():
                for body in item.bodies:
                    yield from leaves(body)
                yield item
