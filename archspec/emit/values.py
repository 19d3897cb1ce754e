"""Which values of a function get a variable, what it is called, and which stay inside others."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from archspec.emit.aligned import MCall, Merged, MStep, MWhen, Wire, count_reads
from archspec.emit.code import Call, Code, Items, Local, Own, Probe, walk
from archspec.emit.printing import WIDTH, Style, flat
from archspec.emit.statements import Assign, Carried, Return, Statement
from archspec.emit.variables import Held, Variables
from archspec.expressions import Expr

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


class Values(ABC):
    """The statements of a function, and its variables."""

    nest = True
    """Whether activations and the like are written around the call before them."""
    variables: Variables
    statements: list[Statement]
    style: Style
    main: str
    """The usual variable."""

    def comment(self, wire: Wire, inputs: Sequence[Wire]) -> tuple[Expr, ...]:
        """The sizes that a comment says behind a value; nothing for no comment."""
        return ()

    def spelled_twice(self, wire: Wire) -> bool:
        """Whether code of a step that reads a value has it in two places: a probe must see it in one."""
        return False

    def define(
        self, outputs: Sequence[Wire], value: Code, mentioned: tuple[Wire, ...], place: Place,
        inputs: Sequence[Wire] = (), step: str = "",
    ) -> None:  # fmt: skip
        """The value of a step: kept for its only reader, or assigned to variables."""
        if len(outputs) == 1 and self._waits(outputs[0], value, place):
            self.variables.held[outputs[0]] = Held(value, mentioned)
            return
        self.variables.release(mentioned)
        several = len(outputs) > 1
        unread = [wire for wire in outputs if several and self.variables.left(wire) <= 0]
        self.variables.reserve(outputs)  # all are set at once
        targets = tuple(
            self.variables.drop(wire) if wire in unread
            else self._alias(wire, value) or self._target(wire, place, step, index if several else None)
            for index, wire in enumerate(outputs)
        )  # fmt: skip
        self.variables.release(outputs)
        self.statements.append(Assign(targets, value, self.comment(outputs[0], inputs) if len(outputs) == 1 else ()))

    def _alias(self, wire: Wire, value: Code) -> Local | None:
        """The variable of a value that nothing else reads, for another value that is the same."""
        same = bare(value)
        return (
            self.variables.take(wire, same.name) if isinstance(same, Local) and self.variables.free(same.name) else None
        )

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

    def hand_on(
        self, inputs: Sequence[Wire], outputs: Sequence[Wire], place: Place, names: Sequence[str] = ()
    ) -> tuple[Carried, ...]:  # fmt: skip
        """The variables in which a loop carries values, holding its inputs: their own where nothing else reads them, or
        else called by `names`."""
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
            name = names[index] if names and index not in kept else name
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
        if place.last:
            return True
        if isinstance(bare(value), (Own, Local)):  # an attribute or a variable is read where it is used
            return not self.spelled_twice(wire)
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

    def returned(self, outputs: Mapping[str, Wire]) -> Return:
        """What the function gives."""
        codes, _ = self.variables.read(list(outputs.values()))
        match self.statements[-1:], codes:
            case [Assign((Local() as target,), value)], [code] if bare(code) == target:
                self.statements.pop()
                return Return(replace(code, value=value) if isinstance(code, Probe) else value)
        return Return(codes[0] if len(codes) == 1 else Items(tuple(codes), ""))


def _variable(step: str) -> str:
    name = step.rpartition(".")[2]
    return name if name.isidentifier() else ""


def bare(value: Code) -> Code:
    return value.value if isinstance(value, Probe) else value


def _simple(value: Code) -> bool:
    """A single call on a variable: `self.downsample(x)`."""
    value = bare(value)
    return isinstance(value, Call) and isinstance(value.target, Own) and all(isinstance(a, Local) for a in value.args)
