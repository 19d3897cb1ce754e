"""From aligned steps to statements: what a block's function says, whatever a backend's blocks look like.

Which values get a variable, what it is called, and which stay inside others; and in what order of axes values are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from archspec.emit.code import (
    WIDTH,
    Call,
    Code,
    Items,
    LayerName,
    Local,
    Own,
    Probe,
    Style,
    Symbol,
    Template,
    flat,
    literal,
    walk,
)
from archspec.emit.context import Lowered, Spelling, WeightPlace, size_names
from archspec.emit.dialect import Dialect
from archspec.emit.docs import described
from archspec.emit.layouts import Layout, arranged, held, physical_shape
from archspec.emit.merge import MBranches, MCall, Merged, MRepeat, MSequence, MStep, MWhen, Wire, count_reads
from archspec.emit.names import Scope
from archspec.emit.plan import Plan, Spelled, Written
from archspec.emit.reads import check_reads, names_read
from archspec.emit.statements import Assign, Carried, If, Return, Statement, shown
from archspec.emit.variables import Held, Variables
from archspec.expressions import Expr, Name
from archspec.spec.source import Path

LIMIT = WIDTH // 2
"""How long an expression may get before its value gets a line of its own."""


Cycle = tuple[tuple[Carried, ...], list[Code], Callable[[Code], Assign]]
"""What a loop carries, what each call in it is given, and the body for a call."""


@dataclass(slots=True)
class Place:
    """Where a step stands: what follows it, and the branch that it is in."""

    following: Merged | None = None
    label: str = ""
    last: bool = False
    """Whether its value is what the function returns."""
    simple_ok: bool = False
    """Whether a short value may stay inside the join that follows its branch."""


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
    inexact: float = 0.0
    inexact_gradient: float = 0.0
    block: Written | None = None
    """What was written for the block that is called."""

    @classmethod
    def step(cls, item: MStep, lowered: Lowered, name: str | LayerName, key: str | LayerName, **more: Any) -> Placed:
        """Where a step is whose inputs and outputs have their layouts."""
        weights = lowered.weights if item.owner is None else {}
        return cls(name, key, made=lowered.layers, weights=weights, layouts=tuple(wire.layout for wire in item.outputs),
                   inexact=lowered.inexact, inexact_gradient=lowered.inexact_gradient, **more)  # fmt: skip


class Flow(ABC):
    """Writes one block (or the network). Subclasses say how steps, blocks and repeats are written."""

    nest = True
    """Whether activations and the like are written around the call before them."""
    join: str
    """What stands between the parts of a layer's path."""
    separator: str
    """What stands between a layer's path and the name of a weight."""
    owner: str
    """What `probe` gets first."""

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
    def repeat(self, item: MRepeat, place: Place) -> None:
        """Writes what is repeated, as a loop where that can be."""

    @abstractmethod
    def when(self, item: MWhen, place: Place) -> None:
        """Writes an optional step."""

    def comment(self, wire: Wire, inputs: Sequence[Wire]) -> tuple[Expr, ...]:
        """The sizes that a comment says behind a value; nothing for no comment."""
        return ()

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

    def _alias(self, wire: Wire, value: Code) -> Local | None:
        """The variable of a value that nothing else reads, for another value that is the same."""
        same = _bare(value)
        return (
            self.variables.take(wire, same.name) if isinstance(same, Local) and self.variables.free(same.name) else None
        )

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

    def define(
        self, outputs: Sequence[Wire], value: Code, mentioned: tuple[Wire, ...], place: Place,
        inputs: Sequence[Wire] = (), step: str = "",
    ) -> None:  # fmt: skip
        """The value of a step: kept for its only reader, or assigned to variables."""
        if len(outputs) == 1 and self._waits(outputs[0], value, place):
            self.variables.held[outputs[0]] = Held(value, mentioned)
            return
        self.variables.release(mentioned)
        self.variables.reserve(outputs)  # all are set at once, also those that nothing reads
        targets = tuple(self._alias(wire, value) or self._target(wire, place, step, index if len(outputs) > 1 else None)
                        for index, wire in enumerate(outputs))  # fmt: skip
        self.variables.release(outputs)
        self.statements.append(Assign(targets, value, self.comment(outputs[0], inputs) if len(outputs) == 1 else ()))

    def open_when(self, item: MWhen, place: Place) -> Local:
        """The variable that an optional step reads and replaces, holding the step's input."""
        before, output = item.inputs[0], item.outputs[0]
        (code,), mentioned = self.variables.read(item.inputs)
        self.variables.release(mentioned)
        wanted = output.label or place.label
        left, usual = self.variables.left(before), isinstance(code, Local) and code.name in (self.main, "y")
        alone = left == 1 or (usual and left == count_reads(item.item, before))
        if isinstance(code, Local) and alone and wanted in ("", code.name):
            return code  # only the optional step itself reads it from here on
        target = self.variables.take(Wire(before.values), wanted or self._spare() or self.main)
        if isinstance(code, Local) and code.name == target.name:
            return code
        self.copy([(target, code)])
        return target

    def close_when(self, item: MWhen, target: Local) -> Carried:
        """After the optional step: what it gave goes to `target`, which stands for the output from here on."""
        inner, output = item.item.outputs[0], item.outputs[0]
        held = self.variables.held[inner]
        result = Local(target.name, inner)
        if held.code != result:
            self.statements.append(Assign((result,), held.code))
            self.variables.release(held.reads)
        self.variables.owners[target.name] = output
        self.variables.held[output] = Held(Local(target.name, output))
        return Carried(target.name, target.wire, inner, output)

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

    def hand_on(self, inputs: Sequence[Wire], outputs: Sequence[Wire], place: Place) -> tuple[Carried, ...]:
        """The variables in which a loop carries values, holding its inputs: their own where nothing else reads them."""
        codes, mentioned = self.variables.read(inputs)
        self.variables.release(mentioned)
        kept = {
            index for index, (code, wire) in enumerate(zip(codes, inputs, strict=True))
            if isinstance(code, Local) and self.variables.left(wire) <= 0 and place.label in ("", code.name)
            and inputs.index(wire) == index
        }  # fmt: skip
        targets: dict[int, Local] = {}
        self.variables.reserve(outputs)  # those that nothing reads, too, need a variable of their own in the loop
        for index in sorted(range(len(inputs)), key=lambda index: index not in kept):
            code = codes[index]
            name = code.name if index in kept and isinstance(code, Local) else place.label or self.main
            targets[index] = self.variables.take(outputs[index], name)
        self.variables.release(outputs)
        pairs = [(Local(targets[i].name, wire), codes[i]) for i, wire in enumerate(inputs)]
        self.copy(pairs)
        return tuple(
            Carried(local.name, local.wire, after, after) for (local, _), after in zip(pairs, outputs, strict=True)
        )

    def cycle(
        self, calls: Sequence[MCall], inputs: Sequence[Wire], outputs: Sequence[Wire], place: Place,
        unwritten: Sequence[MCall],
    ) -> Cycle:  # fmt: skip
        """Blocks one after another as a loop: what it carries, what each call is given, and the body for a call. What
        all hand on as it is stays where it is; the reads of calls that are not `written` out are done with."""
        passed, around = calls[0].passed, {*inputs, *outputs}
        self.variables.release([wire for call in unwritten for wire in call.inputs if wire in around])
        still = [i for i in range(len(inputs)) if passed.get(i) == i]
        moving = [i for i in range(len(inputs)) if i not in still]
        codes, mentioned = self.variables.read([inputs[i] for i in still])
        carried = self.hand_on([inputs[i] for i in moving], [outputs[i] for i in moving], place)
        self.variables.release(mentioned)
        given = dict(zip(still, codes, strict=True))
        given |= {i: Local(each.name, each.before) for i, each in zip(moving, carried, strict=True)}
        targets = tuple(Local(each.name, each.after) for each in carried)

        def body(call: Code) -> Assign:
            if not any(i in passed for i in moving):
                return Assign(targets, call)
            return Assign(targets, Items(tuple(given[passed[i]] if i in passed else call for i in moving), ""))

        return carried, [given[i] for i in range(len(inputs))], body

    def copy(self, pairs: Sequence[tuple[Local, Code]]) -> None:
        """Sets variables to values, all at once where one is set that another value is computed from."""
        due = [(target, code) for target, code in pairs if not (isinstance(code, Local) and code.name == target.name)]
        for index, (target, _) in enumerate(due):
            later = {part.name for _, code in due[index + 1 :] for part in walk(code) if isinstance(part, Local)}
            if target.name in later:
                self.statements.append(Assign(tuple(t for t, _ in due), Items(tuple(code for _, code in due), "")))
                return
        self.statements += [Assign((target,), code) for target, code in due]

    def _waits(self, wire: Wire, value: Code, place: Place) -> bool:
        if self.variables.left(wire) != 1:
            return False
        if place.last or isinstance(_bare(value), (Own, Local)):  # an attribute or a variable is read where it is used
            return True
        if not self.nest or wire.label or place.following is None:
            return False
        reader = wire.consumers[0] if wire.consumers else None
        if reader is not place.following or not isinstance(reader, MStep):
            return False
        length = len(flat(value, self.style))
        if place.simple_ok and not reader.op.follows:
            return _simple(value) and length <= 30 and len({int(other.shape[0]) for other in reader.inputs}) == 1
        return reader.op.follows and length <= LIMIT

    def _target(self, wire: Wire, place: Place, step: str, index: int | None) -> Local:
        """The variable of a value that a step gives."""
        name = wire.label or place.label
        if not name and index is None:
            name = self._spare() or _variable(step) or self.main
        elif not name:
            name = f"{_variable(step) or self.main}{index}"
        return self.variables.take(wire, name)

    def _spare(self) -> str:
        """The usual variable, or another one while that is needed; nothing if both are."""
        return next((name for name in (self.main, "y") if self.variables.free(name)), "")

    def bind_inputs(self, inputs: dict[str, Wire]) -> None:
        self.inputs = {name: self.variables.take(wire, name) for name, wire in inputs.items()}

    @cached_property
    def reads(self) -> dict[str, None]:
        """The names of params and sizes that the function reads, in order, once all its statements are there."""
        return names_read(self.statements)

    def returned(self, outputs: Mapping[str, Wire]) -> Return:
        """What the function gives."""
        codes, _ = self.variables.read(list(outputs.values()))
        match self.statements[-1:], codes:
            case [Assign((Local() as target,), value)], [code] if _bare(code) == target:
                self.statements.pop()
                return Return(replace(code, value=value) if isinstance(code, Probe) else value)
        return Return(codes[0] if len(codes) == 1 else Items(tuple(codes), ""))

    @property
    def told(self) -> list[str]:
        """What the block can be told: its params, and what follows from neither them nor sizes."""
        return [name for name in (*self.params, *self.context.extras) if name not in self.context.resolved]

    def names_of(self, name: str) -> tuple[str, ...]:
        """What an argument may be called, or a size."""
        base, _, axis = name.partition(".")
        return size_names(base, int(axis), self.body.inputs[base].rank, self.alone) if axis else (name.lstrip("#"),)

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


def _variable(step: str) -> str:
    name = step.rpartition(".")[2]
    return name if name.isidentifier() else ""


def _bare(value: Code) -> Code:
    return value.value if isinstance(value, Probe) else value


def _simple(value: Code) -> bool:
    """A single call on a variable: `self.downsample(x)`."""
    value = _bare(value)
    return isinstance(value, Call) and isinstance(value.target, Own) and all(isinstance(a, Local) for a in value.args)
