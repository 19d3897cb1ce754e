"""From aligned steps to statements: what a block's function says, whatever a backend's blocks look like.

Which values get a variable is said by `values`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archspec.emit.aligned import MBranches, MCall, Merged, MRepeat, MSequence, MStep, MWhen, Wire
from archspec.emit.code import (
    Code,
    LayerName,
    Local,
    Probe,
    Symbol,
    Template,
    literal,
    walk,
)
from archspec.emit.context import Lowered, Spelling, WeightPlace, size_names
from archspec.emit.dialect import Dialect
from archspec.emit.docs import described
from archspec.emit.layouts import Layout, arranged, held, physical_shape
from archspec.emit.names import Scope
from archspec.emit.plan import Plan, Spelled, Written
from archspec.emit.printing import Style
from archspec.emit.reads import check_reads, names_read
from archspec.emit.statements import Assign, Carried, If, Statement, shown
from archspec.emit.values import Place, Values
from archspec.emit.variables import Variables
from archspec.expressions import Name
from archspec.spec.source import Path


@dataclass(slots=True)
class Placed:
    """Where a step, or a block that is called, is in generated code."""

    name: str | LayerName
    """Its layer, or the block: the path of an attribute, `features.0`, or the name of a layer."""
    key: str | LayerName = ""
    """What its probe is called."""
    hooked: bool = False
    """Whether it runs inside a container, so that only a hook sees its value."""
    layers: dict[str, Any] = field(default_factory=dict)
    """Suffix of a layer: that layer, where a step holds several."""
    made: Mapping[str, Code] = field(default_factory=dict)
    """Suffix of a layer: what makes it."""
    weights: Mapping[str, WeightPlace] = field(default_factory=dict)
    layouts: tuple[Layout | None, ...] = ()
    """Those of what it gives; one may stand for all."""
    inexact: float = 0.0
    inexact_gradient: float = 0.0
    block: Written[Flow] | None = None
    """What was written for the block that is called."""

    @classmethod
    def step(cls, item: MStep, lowered: Lowered, name: str | LayerName, key: str | LayerName, **more: Any) -> Placed:
        """Where a step is whose inputs and outputs have their layouts."""
        weights = lowered.weights if item.owner is None else {}
        return cls(name, key, made=lowered.layers, weights=weights, layouts=tuple(wire.layout for wire in item.outputs),
                   inexact=lowered.inexact, inexact_gradient=lowered.inexact_gradient, **more)  # fmt: skip


class Flow(Values):
    """Writes one block (or the network). Subclasses say how steps, blocks and repeats are written."""

    join: str
    """What stands between the parts of a layer's path."""
    separator: str
    """What stands between a layer's path and the name of a weight."""
    owner: str
    """What `probe` gets first."""
    lists: bool
    """Whether a list that a loop goes over gets a variable first, because layers are made for what is in it."""

    def __init__(self, plan: Plan, style: Style, scope: Scope, main: str) -> None:
        self.plan = plan
        self.generator = plan.generator
        self.dialect = plan.generator.dialect
        self.context = plan.context
        self.body = plan.body
        self.root = plan.root
        self.style = style
        self.scope = scope
        self.main = main
        self.variables = Variables(scope)
        self.statements: list[Statement] = []
        self.inputs: dict[str, Local] = {}
        self.placed: dict[tuple[str, Path], Placed] = {}
        """Where each step is, by its path inside the block and its place in the document."""
        self.spelled: dict[MStep, Spelled] = {}
        self.alone = len(self.body.inputs) == 1
        self.params = next(iter(self.context.modules.values())).params.keys()

    @property
    @abstractmethod
    def maps(self) -> tuple[str, str]:
        """How the docstring of the network begins, and when there are the outputs of training."""

    # What subclasses define -----------------------------------------------------------------------------------------

    @abstractmethod
    def hold(self, item: MStep, lowered: Lowered) -> tuple[dict[str, Code], Placed]:
        """Has the layers that a step has; the code for each, and where the step is."""

    @abstractmethod
    def key(self, item: MStep) -> str | LayerName:
        """What the probe of a step is called."""

    @abstractmethod
    def call(self, item: MCall, place: Place) -> None:
        """Calls a block."""

    def sequence(self, item: MSequence, place: Place) -> None:
        self.run(item.items, place)

    @abstractmethod
    def callee(self, calls: Sequence[MCall], path: str, given: Sequence[Code]) -> Callable[[Sequence[Code]], Code]:
        """The layers that all these calls have in common, held under a path, and how they are called; what the first is
        `given`."""

    def in_turn(self, calls: Sequence[MCall]) -> bool:
        """Whether calls run in their order by themselves."""
        return True

    @abstractmethod
    def repeat(self, item: MRepeat, place: Place) -> None:
        """Writes what is repeated, as a loop where that can be."""

    @abstractmethod
    def when(self, item: MWhen, place: Place) -> None:
        """Writes an optional step."""

    def sources(self, item: MStep) -> tuple[Wire, ...]:
        """What a step is called with."""
        return item.inputs

    def may_measure(self, name: str, axis: int) -> bool:
        """Whether the function may ask an input for a size that it computes with. Raises BackendError if it must not
        compute with that."""
        return True

    @staticmethod
    def always(dialect: Dialect) -> frozenset[str]:
        """The arguments that every block has."""
        return frozenset()

    @staticmethod
    @abstractmethod
    def named(block: str) -> str:
        """What a block is called."""

    def summary(self) -> str:
        """The docstring of the network."""
        lead, when = self.maps
        inputs, outputs = (
            {
                name: shown(map(self.context.told, physical_shape(wire.layout, wire.shape)))
                for name, wire in wires.items()
            }
            for wires in (self.body.inputs, self.body.outputs)
        )
        return described(lead, inputs, outputs, self.generator.training_outputs, when)

    @property
    def whole(self) -> list[Statement]:
        """All statements of the block."""
        return self.statements

    def unwritten(self) -> frozenset[str]:
        """Steps of the network that the generated model does not have."""
        return frozenset()

    def training_arguments(self) -> dict[str, Any]:
        """What the network must be given for outputs that only training has."""
        return {}

    @abstractmethod
    def write(self, training: Mapping[str, Wire]) -> None:
        """Writes the whole function; `training` are the outputs that exist only in training."""

    @abstractmethod
    def argument(self, name: str) -> str:
        """What an argument of the block is called: a param, a size of an input, or the variable of a loop."""

    @abstractmethod
    def arguments(self, defaults: Mapping[str, object]) -> list[str]:
        """What the block must be told: sizes of inputs, params, and what follows from neither."""

    @staticmethod
    def handed(dialect: Dialect) -> tuple[tuple[str, Code], ...]:
        """Arguments that a block gets besides, and hands on."""
        return ()

    @abstractmethod
    def mentioned(self, defaults: Mapping[str, object]) -> Iterator[str]:
        """What the block needs of its file and of Python."""

    @abstractmethod
    def spelling(self, name: Any) -> str:
        """A layer's path or name, inside the block."""

    def below(self, own: str, name: Any) -> str:
        """A layer's path or name, as the runner knows it, if that of the block is `own`."""
        return self.join.join(filter(None, (own, self.spelling(name))))

    @abstractmethod
    def lines(self, name: str, doc: str, defaults: Mapping[str, object], style: Style) -> list[str]:
        """The block as text."""

    def count(self, item: MRepeat) -> Code:
        """How many times something is repeated."""
        if item.varies:
            return self.context.condition(next(iter(item.repeats.values())).count)
        return literal(len(item.iterations))

    # The order of axes ----------------------------------------------------------------------------------------------

    def given(self, item: MCall) -> tuple[list[Code], tuple[Wire, ...]]:
        """A block's inputs in the order of axes that it wants."""
        codes, mentioned = self.variables.read(item.inputs)
        pairs = zip(codes, item.inputs, self.plan.wanted(item), strict=True)
        return [
            code if wanted is None else self.arranged(code, wire, wanted) for code, wire, wanted in pairs
        ], mentioned

    def arranged(self, code: Code, wire: Wire, wanted: Layout) -> Code:
        """A value in another order of axes."""
        return arranged(code, held(wire), wanted, self.dialect.transpose)

    # Steps ----------------------------------------------------------------------------------------------------------

    def step(self, item: MStep, place: Place) -> None:
        site, lowered = self.plan.lowered[item]
        own, placed = self.hold(item, lowered)
        self.placed.update(dict.fromkeys(item.keys, placed))
        self.spelled[item] = lowered, own
        layers = own if item.owner is None else self.generator.lent(site, lowered, self.spelled)
        self._name_what_is_said_twice(self.sources(item), lowered, layers)
        codes, mentioned = self.variables.read(self.sources(item))
        for first in lowered.first:
            codes, mentioned = self._first(first, lowered.condition, layers, codes, item, mentioned, place)
        value = self.seen(item, lowered.apply(layers, codes))
        self.define(item.outputs, value, mentioned, place, item.inputs, item.path)

    def seen(self, item: MStep, value: Code) -> Code:
        """The value of a step, as its probe sees it."""
        key = self.key(item)
        return Probe(self.owner, literal(key) if isinstance(key, str) else key, value)

    def _name_what_is_said_twice(self, wires: Sequence[Wire], lowered: Lowered, layers: Mapping[str, Code]) -> None:
        """An expression that waits for its reader gets a variable if the reader says it more than once."""
        codes, _ = self.variables.read(wires)
        if all(isinstance(code, Local) for code in codes):
            return
        said = list(walk(lowered.first[0](layers, codes) if lowered.first else lowered.apply(layers, codes)))
        for wire, code in zip(wires, codes, strict=True):
            if not isinstance(code, Local) and sum(part is code for part in said) > 1:
                self.variables.release(self.variables.held[wire].reads)
                target = self._alias(wire, code) or self.variables.take(wire, wire.label or self._spare() or self.main)
                self.statements.append(Assign((target,), code))

    def _first(
        self, first: Spelling, condition: Code | None, own: Mapping[str, Code], codes: list[Code], item: MStep,
        mentioned: tuple[Wire, ...], place: Place,
    ) -> tuple[list[Code], tuple[Wire, ...]]:  # fmt: skip
        """What comes before a step in a statement of its own: padding."""
        result = Wire(item.inputs[0].values, uses=1)
        self.variables.release(mentioned)
        target = self._target(result, place, item.path, None)
        if condition is None:
            self.statements.append(Assign((target,), first(own, codes)))
            return [target], (result,)
        code = codes[0]
        same = isinstance(code, Local) and code.name == target.name
        plain = code if same and isinstance(code, Local) else Local(target.name, Wire(item.inputs[0].values))
        self.copy([(plain, code)])
        carried = Carried(target.name, plain.wire, result, result)
        self.statements.append(If(condition, [Assign((target,), first(own, [plain]))], (carried,)))
        return [target], (result,)

    # The walk -------------------------------------------------------------------------------------------------------

    def run(self, items: Sequence[Merged], place: Place) -> None:
        """Writes steps in order; `place` is that of the last one."""
        for index, item in enumerate(items):
            final = index == len(items) - 1
            following = place.following if final else items[index + 1]
            here = Place(following, place.label, place.last and final, place.simple_ok and final)
            match item:
                case MStep():
                    self.step(item, here)
                case MCall():
                    self.call(item, here)
                case MSequence():
                    self.sequence(item, here)
                case MRepeat():
                    self.repeat(item, here)
                case MWhen():
                    self.when(item, here)
                case MBranches():
                    self.branches(item, here)

    def branches(self, item: MBranches, place: Place) -> None:
        for index, (label, body) in enumerate(zip(item.names, item.bodies, strict=True)):
            final = index == len(item.bodies) - 1
            self.run(body, Place(item.join if final else None, label, simple_ok=final and len(item.names) == 2))
        self.step(item.join, Place(place.following, place.label, place.last))

    def optional(self, item: MWhen, place: Place) -> tuple[list[Statement], Carried]:
        """The body of a condition, in which an optional step replaces what stands for its input."""
        target = self.open_when(item, place)
        outer, self.statements = self.statements, []
        self.run([item.item], Place(None, target.name))
        carried = self.close_when(item, target)
        before, after = held(item.inputs[0]), held(item.item.outputs[0])
        if after.axes != before.axes:
            result = Local(target.name, carried.within)
            self.statements.append(Assign((result,), self.arranged(result, item.item.outputs[0], before)))
        body, self.statements = self.statements, outer
        return body, carried

    def bind_inputs(self, inputs: dict[str, Wire]) -> None:
        self.inputs = {name: self.variables.take(wire, name) for name, wire in inputs.items()}

    @cached_property
    def reads(self) -> dict[str, None]:
        """The names of params and sizes that the function reads, in order, once all its statements are there."""
        return names_read(self.statements)

    @property
    def told(self) -> list[str]:
        """What the block can be told: its params, and what follows from neither them nor sizes."""
        return [name for name in (*self.params, *self.context.extras) if name not in self.context.resolved]

    def names_of(self, name: str) -> tuple[str, ...]:
        """What an argument may be called, or a size."""
        base, _, axis = name.partition(".")
        return size_names(base, int(axis), self.body.inputs[base], self.alone) if axis else (name.lstrip("#"),)

    def sizes(self) -> list[Statement]:
        """The sizes that only the inputs themselves know, read at the top."""
        used = self.reads
        found: dict[str, Statement] = {}
        for base, wire in self.body.inputs.items():
            for axis, size in enumerate(wire.shape):
                symbol = getattr(size, "expr", None)
                position = held(wire).position(axis)
                shown = -1 if wire.layout is not None and position == wire.rank - 1 else position
                for name in (symbol.id if isinstance(symbol, Name) else "", f"{base}.{axis}"):
                    if name in used and name not in found and self.may_measure(name, axis):
                        read = Template(f"{{0}}.shape[{shown}]", (self.inputs[base],))
                        found[name] = Assign((Symbol(Name(name)),), read)
        return list(found.values())

    def check(self) -> None:
        """Raises Misread if a variable does not hold what is meant by it."""
        inputs = zip((local.name for local in self.inputs.values()), self.body.inputs.values(), strict=True)
        check_reads(dict(inputs), [*self.sizes(), *self.statements])
