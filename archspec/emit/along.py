"""A block along an axis: a loop over the places, which carries state and collects what the block gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archspec.emit.aligned import MCall, MSequence, MStep, Wire
from archspec.emit.code import Call, Code, Items, Local, Probe, Raw, Symbol, Template, call, method
from archspec.emit.flow import Flow
from archspec.emit.layouts import held
from archspec.emit.statements import Assign, Carried, Do, For, Statement
from archspec.emit.values import Place
from archspec.errors import BackendError
from archspec.expressions import Name
from archspec.graph.tree import Over


def along(writer: Flow, item: MSequence, place: Place) -> bool:
    """Writes a block along an axis as a loop; False, and nothing, if each call has to stand for itself."""
    over = item.over
    assert over is not None
    calls = [inner for inner in item.items if isinstance(inner, MCall)]
    if len(calls) < 2 or not calls[0].users or calls[0].passed or not writer.in_turn(calls):
        if item.longer:
            raise BackendError(
                f"{item.path} has to call its block once for each place of an axis that may have any size"
            )
        return False
    if item.longer and writer.lists:
        raise BackendError(f"{item.path} calls a block for each place of an axis whose size is open, and calls are "
                           "counted when a model is made: give that axis a size")  # fmt: skip
    _Loop(writer, item, over, calls).write(place)
    writer.placed.update(dict.fromkeys(item.longer, writer.placed[calls[0].key]))
    return True


class _Loop:
    """Writes the loop of one step."""

    def __init__(self, writer: Flow, item: MSequence, over: Over, calls: Sequence[MCall]) -> None:
        self.writer, self.item, self.over, self.calls = writer, item, over, calls
        steps = [inner for inner in item.items if isinstance(inner, MStep)]
        first = len(steps) - len(over.sequences) - len(over.collected)
        self.expanded, steps = steps[:first], steps[first:]
        self.cuts, self.joins = steps[: len(over.sequences)], steps[len(over.sequences) :]
        module = next(iter(calls[0].calls.values())).module
        self.names = list(module.inputs)

    def write(self, place: Place) -> None:
        writer, over, calls = self.writer, self.over, self.calls
        for step in self.expanded:
            writer.step(step, Place())
        wholes, read = self._sequences()
        fixed = [i for i in range(len(self.names)) if i not in over.sequences and i not in over.carried]
        codes, mentioned = writer.variables.read([calls[0].inputs[i] for i in fixed])
        given: dict[int, Code] = dict(zip(fixed, codes, strict=True))
        one = "{0}[-1]" if over.reverse else "{0}[0]"
        first = given | {i: Template(one, (whole,)) for i, whole in zip(over.sequences, wholes, strict=True)}
        before = [self._begun(i) for i in over.carried]
        first |= dict(zip(over.carried, writer.variables.read(before)[0], strict=True))
        apply = writer.callee(calls, self.item.path, self._arranged(first))
        carried = self._carried(before)
        given |= {i: Local(each.name, each.before) for i, each in zip(over.carried, carried, strict=True)}
        given |= {i: Symbol(Name(f"#{self.names[i]}_t")) for i in over.sequences}
        lists, body = self._body(carried, apply(self._arranged(given)))
        variables = tuple(f"#{self.names[i]}_t" for i in over.sequences)
        places = [call("reversed", whole) if over.reverse else whole for whole in wholes]
        iterable = places[0] if len(places) == 1 else call("zip", *places)
        writer.statements.append(For(variables, iterable, body, carried))
        writer.variables.release([*read, *(wire for _ in calls for wire in mentioned)])
        for number, (join, made) in enumerate(zip(self.joins, lists, strict=True)):
            last = number == len(lists) - 1
            self._join(join, made, Place(place.following, place.label, place.last) if last else Place())

    def _sequences(self) -> tuple[list[Code], list[Wire]]:
        """What gives the places of each sequence, and the values that it mentions."""
        wholes: list[Code] = []
        read: list[Wire] = []
        for cut in self.cuts:
            codes, mentioned = self.writer.variables.read(cut.inputs)
            value = self._seen(cut, codes)
            if self.writer.lists:
                variable = Raw(self.writer.scope.spell((cut, "places"), f"{cut.name}_places"))
                self.writer.statements.append(Assign((variable,), value))
                value = variable
            wholes.append(value)
            read += mentioned
        return wholes, read

    def _seen(self, step: MStep, codes: Sequence[Code]) -> Code:
        """The value of a step, as its probe sees it."""
        writer = self.writer
        _, lowered = writer.plan.lowered[step]
        own, placed = writer.hold(step, lowered)
        placed = replace(placed, layouts=placed.layouts[:1])  # instances may have more places
        writer.placed.update(dict.fromkeys(step.keys, placed))
        writer.spelled[step] = lowered, own
        return writer.seen(step, lowered.apply(own, codes))

    def _arranged(self, codes: dict[int, Code]) -> list[Code]:
        """What a call is given, in the order of axes that the block wants."""
        wanted = self.writer.plan.wanted(self.calls[1])
        return [
            codes[i] if layout is None else self.writer.arranged(codes[i], wire, layout)
            for i, (wire, layout) in enumerate(zip(self.calls[1].inputs, wanted, strict=True))
        ]

    def _begun(self, number: int) -> Wire:
        """State as it begins, in the order of axes in which it goes on."""
        writer, wire, layout = self.writer, self.calls[0].inputs[number], held(self.calls[1].inputs[number])
        if held(wire).axes == layout.axes:
            return wire
        (code,), mentioned = writer.variables.read([wire])
        writer.variables.release(mentioned)
        result = Wire(wire.values, uses=1, layout=layout)
        target = writer.variables.take(result, self.names[number])
        writer.statements.append(Assign((target,), writer.arranged(code, wire, layout)))
        return result

    def _carried(self, before: Sequence[Wire]) -> tuple[Carried, ...]:
        """The variables of the state."""
        after = [self.calls[-1].outputs[i] for i in self.over.carried.values()]
        return self.writer.hand_on(before, after, Place(), [self.names[i] for i in self.over.carried])

    def _body(self, carried: Sequence[Carried], value: Code) -> tuple[list[Code], list[Statement]]:
        """The lists of what is collected, and the statements of the loop."""
        writer, outputs = self.writer, self.calls[-1].outputs
        targets: dict[int, Local] = {
            i: Local(each.name, each.after) for i, each in zip(self.over.carried.values(), carried, strict=True)
        }
        lists: list[Code] = []
        appended: list[Statement] = []
        for number, join in zip(self.over.collected, self.joins, strict=True):
            name = f"{join.name}_list" if join.name.endswith("s") else f"{join.name}s"
            made = Raw(writer.scope.spell((join, "list"), name))
            writer.statements.append(Assign((made,), Items((), "[]")))
            targets[number] = writer.variables.fresh(outputs[number], join.name)
            appended.append(Do(method(made, "append", targets[number])))
            lists.append(made)
        writer.variables.release([outputs[number] for number in self.over.collected])
        return lists, [Assign(tuple(targets[i] for i in range(len(outputs))), value), *appended]

    def _join(self, join: MStep, made: Code, place: Place) -> None:
        """What is collected as one value."""
        made = Template("{0}[::-1]", (made,)) if self.over.reverse else made
        value = self._seen(join, [made] * len(join.inputs))
        listed = replace(value, value=_listed(value.value, made)) if isinstance(value, Probe) else _listed(value, made)
        self.writer.define(join.outputs, listed, (), place, (), join.path)


def _listed(value: Code, made: Code) -> Code:
    """What joins values, given a list of them."""
    assert isinstance(value, Call)
    assert isinstance(value.args[0], Items)
    return replace(value, args=(made, *value.args[1:]))
