"""From aligned steps to statements: which values get a variable, what it is called, and which stay inside others."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from archspec.emit.code import WIDTH, Assign, Call, Code, Own, Probe, Raw, Statement, Style, flat
from archspec.emit.merge import MBranches, MCall, Merged, MRepeat, MSequence, MStep, MWhen, Wire

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
    """The local variables of one function."""

    held: dict[Wire, Held] = field(default_factory=dict)
    owners: dict[str, Wire] = field(default_factory=dict)
    reserved: set[str] = field(default_factory=set)

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
        """These wires have been read once by code that is now in a statement."""
        for wire in wires:
            wire.uses -= 1

    def free(self, name: str) -> bool:
        owner = self.owners.get(name)
        return name not in self.reserved and (owner is None or owner.uses <= 0)

    def take(self, wire: Wire, name: str) -> str:
        """Gives a wire the variable `name`, or one like it if that is still needed."""
        chosen = name if self.free(name) else next(n for k in count(2) if self.free(n := f"{name}{k}"))
        self.owners[chosen] = wire
        self.held[wire] = Held(Raw(chosen))
        return chosen


class Flow:
    """Writes the statements of one function. Subclasses say how steps, blocks and repeats are written."""

    nest = True
    """Whether activations and the like are written around the call before them."""

    def __init__(self, style: Style, main: str) -> None:
        self.style = style
        self.main = main
        self.variables = Variables()
        self.statements: list[Statement] = []

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
        names = tuple(self._name(wire, inputs, place, step, index if len(outputs) > 1 else None)
                      for index, wire in enumerate(outputs))  # fmt: skip
        self.statements.append(Assign(names, value, self.comment(outputs[0], inputs) if len(outputs) == 1 else ""))

    def open_when(self, item: MWhen, place: Place) -> str:
        """The variable that an optional step reads and replaces, holding the step's input."""
        before, output = item.inputs[0], item.outputs[0]
        codes, mentioned = self.variables.read(item.inputs)
        self.variables.release(mentioned)
        held = flat(codes[0], self.style)
        wanted = output.label or place.label
        if isinstance(codes[0], Raw) and before.uses == 1 and wanted in ("", held):
            return held  # only the optional step itself reads it from here on
        target = self.variables.take(output, safe(wanted or self._spare() or self.main))
        if target != held:
            self.statements.append(Assign((target,), codes[0]))
        self.variables.owners.pop(target)
        return target

    def close_when(self, item: MWhen, target: str) -> None:
        """After the optional step: what it gave goes to `target`, which stands for the output from here on."""
        held = self.variables.held[item.item.outputs[0]]
        if flat(held.code, self.style) != target:
            self.statements.append(Assign((target,), held.code))
            self.variables.release(held.reads)
        self.variables.owners[target] = item.outputs[0]
        self.variables.held[item.outputs[0]] = Held(Raw(target))

    def _waits(self, wire: Wire, value: Code, place: Place) -> bool:
        if wire.uses == 1 and (place.last or isinstance(_bare(value), Own)):  # an attribute is read where it is used
            return True
        if not self.nest or wire.uses != 1 or wire.label or place.following is None:
            return False
        reader = wire.consumers[0] if wire.consumers else None
        if reader is not place.following or not isinstance(reader, MStep):
            return False
        length = len(flat(value, Style(names=self.style.names)))
        if place.simple_ok and not reader.op.follows:
            return _simple(value) and length <= 30 and len({int(other.shape[0]) for other in reader.inputs}) == 1
        return reader.op.follows and length <= LIMIT

    def _name(self, wire: Wire, inputs: Sequence[Wire], place: Place, step: str, index: int | None) -> str:
        taken = self.variables
        name = wire.label or place.label
        if not name and index is None:
            name = self._spare() or _variable(step) or self.main
        elif not name:
            name = f"{_variable(step) or self.main}{index}"
        return taken.take(wire, safe(name))

    def _spare(self) -> str:
        """The usual variable, or another one while that is needed; nothing if both are."""
        return next((name for name in (self.main, "y") if self.variables.free(name)), "")

    def bind_inputs(self, inputs: dict[str, Wire]) -> None:
        for name, wire in inputs.items():
            self.variables.take(wire, safe(name))


def _variable(step: str) -> str:
    name = step.rpartition(".")[2]
    return name if name.isidentifier() else ""


def _bare(value: Code) -> Code:
    return value.value if isinstance(value, Probe) else value


def _simple(value: Code) -> bool:
    """A single call on a variable: `self.downsample(x)`."""
    value = _bare(value)
    return isinstance(value, Call) and isinstance(value.target, Own) and all(isinstance(a, Raw) for a in value.args)


TAKEN = frozenset(dir(builtins)) | {
    "F", "self", "torch", "paddle", "keras", "layers", "ops", "np", "nn", "probe", "nearest"
}  # fmt: skip


def safe(name: str) -> str:
    """A name that generated code may use for a variable."""
    return f"{name}_" if keyword.iskeyword(name) or name in TAKEN else name
