"""The elaborated network as a tree: what the spec wrote, with every size known, shared where it repeats.

A `Module` is one block with given arguments and input shapes; equal instances share one `Module`. Sizes inside it are
`Dim`s over the block's own names, so that a backend can write a class with arguments. `flatten` (graph.py) turns the
tree into the plain list of steps that the reference runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from archspec.expressions import Expr
from archspec.ops.base import DType, Shape
from archspec.ops.spans import Span
from archspec.spec.initial import Initial
from archspec.spec.source import Path

INDEX: Final = "#index"
"""The number of an iteration of a repeat, as expressions name it: no param can be called so."""


@dataclass(eq=False, slots=True)
class Value:
    """A tensor between steps, inside one module. Compared by identity."""

    shape: Shape
    dtype: DType
    span: Span | None = None
    """How small and large its numbers may be, if that is known of whole ones."""


@dataclass(eq=False, slots=True)
class Step:
    """One operation applied to values."""

    name: str
    op: Any
    """An `Operation`; which one, a lowering knows better than a type checker."""
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    exprs: Mapping[str, Expr]
    """The attributes that the spec gives by an expression over names of the block."""
    origin: Path
    owner: Step | None = None
    """The step whose weights this one uses, if it has none of its own."""
    initial: Mapping[str, Initial] = field(default_factory=dict)
    """How its own weights begin."""
    frozen: bool = False
    """Whether training leaves its weights and statistics alone."""


@dataclass(eq=False, slots=True)
class Use:
    """A block applied to values."""

    name: str
    module: Module
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    arguments: Mapping[str, Expr]
    """What the step passes for the block's params, as expressions over names of the surrounding block."""
    origin: Path
    repeated: Mapping[str, Expr] = field(default_factory=dict)
    """Those that follow from the number of the iteration of a repeat, with `INDEX` for it."""
    owner: Use | None = None
    """The call whose weights this one uses, if it has none of its own."""


@dataclass(frozen=True, slots=True)
class Over:
    """How the steps of a sequence are a block that is called along an axis.

    First come those that give each sample a state that begins the same for all, and those that take each of the
    `sequences` apart; then the calls, which are named by their numbers; then what puts together each of the
    `collected`.
    """

    block: str
    sequences: tuple[int, ...]
    """The numbers of the block's inputs that are one place of a sequence."""
    carried: Mapping[int, int]
    """Of those that are state: the number of the output that goes in at the next place."""
    collected: tuple[int, ...]
    """The numbers of the outputs that are put together."""
    reverse: bool


@dataclass(eq=False, slots=True)
class Sequence:
    """Steps in order. With a name it opens a scope; without, its steps belong to the scope around it."""

    name: str
    items: list[Item]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    origin: Path
    over: Over | None = None
    """Whether it is a block along an axis."""


@dataclass(eq=False, slots=True)
class Repeat:
    """A step given by `repeat` or `each`: one list of items per iteration, each threaded to the next.

    With a name it opens a scope in which the iterations are called 0, 1, ...; `rows` is true for `each`.
    """

    name: str
    iterations: list[Item]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    count: Expr
    rows: bool
    origin: Path


@dataclass(eq=False, slots=True)
class When:
    """A step with a condition known when the network is elaborated. If it does not hold, outputs are the inputs."""

    condition: Expr
    taken: bool
    item: Item | None
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    origin: Path


@dataclass(eq=False, slots=True)
class Branches:
    """Named lists of steps that start from the same values, and the step that joins their results."""

    names: tuple[str, ...]
    bodies: list[list[Item]]
    results: list[Value]
    join: Step
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    origin: Path


Item = Step | Use | Sequence | Repeat | When | Branches


@dataclass(eq=False, slots=True, weakref_slot=True)
class Module:
    """A block (or the whole network) with given arguments and input shapes."""

    block: str
    """The block's name; empty for the network itself."""
    params: Mapping[str, Any]
    inputs: dict[str, Value]
    items: list[Item] = field(default_factory=list)
    outputs: dict[str, Value] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)
    """id of a value: the name that the spec refers to it by, where some later step does."""
    training_outputs: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    """The sizes of inputs, by name, that may be any number when the network runs."""


def leaves(items: Iterable[Item], prefix: str) -> Iterator[tuple[str, Step | Use]]:
    """The steps and calls of one module, with their paths inside it."""
    for item in items:
        match item:
            case Step() | Use():
                yield prefix + item.name, item
            case Sequence():
                yield from leaves(item.items, f"{prefix}{item.name}." if item.name else prefix)
            case Repeat():
                yield from leaves(item.iterations, f"{prefix}{item.name}." if item.name else prefix)
            case When():
                yield from leaves([item.item] if item.item is not None else [], prefix)
            case Branches():
                for body in item.bodies:
                    yield from leaves(body, prefix)
                yield prefix + item.join.name, item.join
