"""What is settled before a block's first statement: how steps are spelled, which blocks are called and with what, and
in what order of axes values are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from archspec.backend import Network
from archspec.emit.aligned import Body, MBranches, MCall, Merged, MRepeat, MStep, MWhen, Wire, gives, leaves
from archspec.emit.choice import chosen
from archspec.emit.code import Call, Code
from archspec.emit.context import Context, Lowered, Site
from archspec.emit.dialect import Dialect
from archspec.emit.layouts import Layout, canonical, held, usual, wanted_by
from archspec.emit.names import Scope
from archspec.errors import BackendError

Spelled = tuple[Lowered, Mapping[str, Code]]
"""How a step is spelled, and the code for its layers."""


Wrote = TypeVar("Wrote")
"""What writes blocks: a `Flow`."""


@dataclass(slots=True)
class Written(Generic[Wrote]):
    """A block that has been written."""

    block: str
    name: str
    body: Body
    flow: Wrote
    """What wrote it."""
    defaults: dict[str, object]
    doc: str
    arguments: tuple[str, ...] = ()
    """What must be given, in order: sizes of inputs, params, and what follows from neither."""


class Blocks(Protocol):
    """What a block asks of what writes them all, about the file and the other blocks."""

    model: Network
    dialect: Dialect
    support: Mapping[str, str]
    file: Scope
    entry: str
    blocks: list[Written[Any]]
    """Those that are written, from the innermost."""
    training_outputs: frozenset[str]
    again: set[int]
    """The ids of modules whose layers are called several times."""
    sized: bool

    def lower(self, site: Site) -> Lowered:
        """How a step is spelled."""

    def lent(self, site: Site, lowered: Lowered, spelled: Mapping[MStep, Spelled]) -> Mapping[str, Code]:
        """The layers of the step whose weights a step uses."""

    def check_lent(self, context: Context, item: MCall, plan: Plan) -> None:
        """Raises BackendError if a call of a block cannot use the layers of another one."""

    def located(self, site: Site, message: str) -> str:
        """A message about a step, with the step's position in the spec."""

    def written(self, item: MCall, layouts: tuple[Any, ...]) -> Written[Any]:
        """The class or function of a block for inputs that are laid out so."""

    def construct(self, context: Context, item: MCall, written: Written[Any]) -> Call:
        """The code that makes a block's layers (or calls its function), with its arguments."""


class Plan:
    """A block, or the network, with all that its code needs to be told: each step is lowered once, and each block that
    it calls is written by then.

    Raises BackendError for what the backend cannot express; Differs if these instances cannot have one code.
    """

    def __init__(self, generator: Blocks, body: Body, *, root: bool) -> None:
        self.generator = generator
        self.context = Context(body.modules, body.folded)
        self.body = body
        self.root = root
        self.lowered: dict[MStep, tuple[Site, Lowered]] = {}
        self.blocks: dict[MCall, Written[Any]] = {}
        self.calls: dict[MCall, Call] = {}
        """The code that makes the layers of a block, or calls its function."""
        self.last = bool(generator.dialect.transpose)
        """Whether channels are last."""
        if root and self.last:
            for wire in body.inputs.values():
                wire.layout = usual(wire)
        training = generator.training_outputs if root else frozenset()
        others = [wire for name, wire in body.outputs.items() if name not in training]
        late = _needless(body.items, others) if training else set()
        self.main = [item for item in body.items if id(item) not in late]
        self.late = [item for item in body.items if id(item) in late]
        """The steps that only outputs of training need."""
        for item in leaves([*self.main, *self.late]):
            match item:
                case MStep():
                    self._lower(item)
                case MBranches():
                    self._lower(item.join)
                case MCall():
                    self._settle(item)
                case MWhen() if self.last:
                    _hand_on(item)
                case MRepeat():
                    for wire, inner in zip(item.outputs, gives(item.iterations[-1]), strict=True):
                        wire.layout = inner.layout

    def _lower(self, item: MStep) -> None:
        site = Site(self.context, item, item.path)
        if item.choice:
            ways = [self.generator.lower(Site(self.context, part, item.path)) for part in item.parts()]
            lowered = chosen(self.context, item, ways)
        else:
            lowered = self.generator.lower(site)
        self.lowered[item] = site, lowered
        if self.last:
            for wire, layout in zip(item.outputs, lowered.layouts or _as_before(item), strict=True):
                wire.layout = layout

    def frozen(self, item: MStep) -> set[str]:
        """Those layers of a step whose weights training leaves alone."""
        site, lowered = self.lowered[item]
        return {place.layer for place in lowered.weights.values()} if site.frozen else set()

    def _settle(self, item: MCall) -> None:
        self.blocks[item] = written = self.generator.written(item, self.wanted(item))
        for wire, inner in zip(item.outputs, written.body.outputs.values(), strict=True):
            wire.layout = inner.layout
        self.calls[item] = self.generator.construct(self.context, item, written)
        if item.owner is not None:
            self.generator.check_lent(self.context, item, self)

    def wanted(self, item: MCall) -> tuple[Layout | None, ...]:
        """How a block's inputs are to be laid out; None: as the spec."""
        inputs = (item.owner or item).inputs
        return tuple(wanted_by(item.owner or item, wire) if self.last else None for wire in inputs)

    def fits(self, item: MCall) -> bool:
        """Whether a block gets its inputs as they are laid out."""
        pairs = zip(item.inputs, self.wanted(item), strict=True)
        return all(wanted is None or held(wire).axes == wanted.axes for wire, wanted in pairs)

    def chain(self, item: MRepeat) -> list[MCall]:
        """The iterations of a repeat, if each is a block that takes just what the one before gives; else nothing."""
        current = item.inputs
        calls: list[MCall] = []
        for inner in item.iterations:
            if not isinstance(inner, MCall) or inner.inputs != current or not self.fits(inner):
                return []
            current = inner.flows
            calls.append(inner)
        read = Counter(wire for call in calls for wire in call.inputs)
        given = {wire for call in calls for wire in call.outputs}.difference(calls[-1].flows)
        if any(wire.uses > read[wire] for wire in given):
            return []  # something else reads what an iteration gives, too
        passed = calls[0].passed
        if any(i != j for i, j in passed.items()) and len(calls[0].outputs) > 1:
            return []  # an input that becomes another one has no place beside a call of several results
        return calls if all(call.passed == passed for call in calls) else []

    def again(self, item: MRepeat) -> list[MCall]:
        """The iterations of a repeat, if each calls the same layers; else nothing."""
        calls = self.chain(item)
        alike = len({id(call.owner or call) for call in calls}) == 1
        return calls if alike and (calls[0].owner is not None or calls[0].users) else []


def _hand_on(item: MWhen) -> None:
    """An optional step gives what it takes in the order in which it takes it."""
    before, after = held(item.inputs[0]), held(item.item.outputs[0])
    if len(after.axes) != len(before.axes) or after.flattened != before.flattened:
        raise BackendError("a condition that changes the order of axes")
    item.outputs[0].layout = before if after.nonnegative else before.plain()


def _as_before(item: MStep) -> list[Layout]:
    """The layouts of a step whose row says nothing of them: the order of its first input, where that can be."""
    before = held(item.inputs[0]).plain() if item.inputs else canonical(0)
    return [before if len(before.axes) == wire.rank else canonical(wire.rank) for wire in item.outputs]


def _reads(item: Merged) -> set[int]:
    """The ids of the wires that steps inside read."""
    return {id(wire) for leaf in leaves([item]) for wire in leaf.inputs}


def _needless(items: Sequence[Merged], outputs: Sequence[Wire]) -> set[int]:
    """The ids of the top-level steps that these outputs do not need."""
    needed = set(map(id, outputs))
    late: set[int] = set()
    for item in reversed(items):
        gives = {id(wire) for leaf in leaves([item]) for wire in leaf.outputs} | {id(wire) for wire in item.outputs}
        if gives & needed:
            needed |= _reads(item) | {id(wire) for wire in item.inputs}
        else:
            late.add(id(item))
    return late
