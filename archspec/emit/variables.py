"""The local variables of a function: what they hold, and who still reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from archspec.emit.aligned import Wire
from archspec.emit.code import Code, Local
from archspec.emit.names import Scope


@dataclass(slots=True)
class Held:
    """What stands for a wire: a variable, or an expression that waits for its only reader."""

    code: Code
    reads: tuple[Wire, ...] = ()
    """The wires whose variables a waiting expression mentions."""


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

    def drop(self, wire: Wire) -> Local:
        """The variable for one of several values that nothing reads, as people write it."""
        local = Local("_", wire)
        self.held[wire] = Held(local)
        return local

    def fresh(self, wire: Wire, name: str) -> Local:
        """Gives a wire a variable that nothing was called before."""
        while name in self.owners or not self.free(name):
            name = self._like(name)
        return self.take(wire, name)

    def _like(self, name: str) -> str:
        if self.scope.means_outside(name) and self.free(f"{name}_"):
            return f"{name}_"
        return next(other for k in count(2) if self.free(other := f"{name}{k}"))
