"""From aligned steps to statements: which values get a variable, what it is called, and which stay inside others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any

from archspec.emit.code import WIDTH, Call, Code, Items, Local, Own, Probe, Style, flat, walk
from archspec.emit.context import Context, Lowered, Site
from archspec.emit.merge import MBranches, MCall, Merged, MRepeat, MSequence, MStep, MWhen, Wire
from archspec.emit.names import Scope
from archspec.emit.reads import names_read
from archspec.emit.statements import Assign, Carried, Return, Statement

if TYPE_CHECKING:
    from archspec.emit.program import Generator

LIMIT = WIDTH // 2
"""How long an expression may get before its value gets a line of its own."""


@dataclass(slots=True)
class Held:
    """What stands for a wire: a variable, or an expression that waits for its only reader."""

    code: Code
    reads: tuple[Wire, ...] = ()
    """The wires whose variables a waiting expression mentions."""


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
class Variables:
    """The local variables of one function, which take over the names of values that nothing reads again."""

    scope: Scope
    held: dict[Wire, Held] = field(default_factory=dict)
    owners: dict[str, Wire] = field(default_factory=dict)
    _left: dict[Wire, int] = field(default_factory=dict)

    def left(self, wire: Wire) -> int:
        """How many steps and outputs still read a value."""
        return self._left.get(wire, wire.uses)

    def reserve(self, wires: Sequence[Wire]) -> None:
        """These wires are read by what is not in the graph, too."""
        for wire in wires:
            self._left[wire] = self.left(wire) + 1

    def read(self, wires: Sequence[Wire]) -> tuple[list[Code], tuple[Wire, ...]]:
        """The code of wires that a step reads, and the wires whose variables that code mentions."""
        codes: list[Code] = []
        mentioned: list[Wire] = []
        for wire in wires:
            held = self.held[wire]
            codes.append(held.code)
            mentioned.extend(held.reads or (wire,))
        return codes, tuple(mentioned)

    def release(self, wires: Sequence[Wire]) -> None:
        """These wires have been read once: by code that is now in a statement, or by what is not written out."""
        for wire in wires:
            self._left[wire] = self.left(wire) - 1

    def free(self, name: str) -> bool:
        owner = self.owners.get(name)
        return not self.scope.has(name) and (owner is None or self.left(owner) <= 0)

    def take(self, wire: Wire, name: str) -> Local:
        """Gives a wire the variable `name`, or one like it if that has another meaning or is still needed."""
        if not self.free(name):
            name = self._like(name)
        self.scope.use(name)
        self.owners[name] = wire
        local = Local(name, wire)
        self.held[wire] = Held(local)
        return local

    def _like(self, name: str) -> str:
        if self.scope.means_outside(name) and self.free(f"{name}_"):
            return f"{name}_"
        return next(other for k in count(2) if self.free(other := f"{name}{k}"))


class Flow:
    """Writes the statements of one function. Subclasses say how steps, blocks and repeats are written."""

    nest = True
    """Whether activations and the like are written around the call before them."""

    generator: Generator
    context: Context

    def __init__(self, style: Style, scope: Scope, main: str) -> None:
        self.style = style
        self.scope = scope
        self.main = main
        self.variables = Variables(scope)
        self.statements: list[Statement] = []
        self.inputs: dict[str, Local] = {}
        self._lowered: dict[MStep, tuple[Site, Lowered]] = {}

    # What subclasses define -----------------------------------------------------------------------------------------

    def step(self, item: MStep, place: Place) -> None:
        raise NotImplementedError

    def call(self, item: MCall, place: Place) -> None:
        raise NotImplementedError

    def sequence(self, item: MSequence, place: Place) -> None:
        self.run(item.items, place)

    def repeat(self, item: MRepeat, place: Place) -> None:
        raise NotImplementedError

    def when(self, item: MWhen, place: Place) -> None:
        raise NotImplementedError

    def comment(self, wire: Wire, inputs: Sequence[Wire]) -> str:
        return ""

    def wanted(self, item: MCall) -> tuple[Any, ...]:
        """How a block's inputs are to be laid out; None: as the spec."""
        return (None,) * len(item.inputs)

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
        targets = tuple(self._target(wire, place, step, index if len(outputs) > 1 else None)
                        for index, wire in enumerate(outputs))  # fmt: skip
        self.variables.release(outputs)
        self.statements.append(Assign(targets, value, self.comment(outputs[0], inputs) if len(outputs) == 1 else ""))

    def open_when(self, item: MWhen, place: Place) -> Local:
        """The variable that an optional step reads and replaces, holding the step's input."""
        before, output = item.inputs[0], item.outputs[0]
        (code,), mentioned = self.variables.read(item.inputs)
        self.variables.release(mentioned)
        wanted = output.label or place.label
        if isinstance(code, Local) and self.variables.left(before) == 1 and wanted in ("", code.name):
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
        if place.last or isinstance(_bare(value), Own):  # an attribute is read where it is used
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
        return Return(codes[0] if len(codes) == 1 else Items(tuple(codes), ""))

    def lowered(self, item: MStep) -> tuple[Site, Lowered]:
        """How the backend spells a step, which it is asked once."""
        if item not in self._lowered:
            site = Site(self.context, item, item.path)
            self._lowered[item] = site, self.generator.lower(site)
        return self._lowered[item]


def _variable(step: str) -> str:
    name = step.rpartition(".")[2]
    return name if name.isidentifier() else ""


def _bare(value: Code) -> Code:
    return value.value if isinstance(value, Probe) else value


def _simple(value: Code) -> bool:
    """A single call on a variable: `self.downsample(x)`."""
    value = _bare(value)
    return isinstance(value, Call) and isinstance(value.target, Own) and all(isinstance(a, Local) for a in value.args)
