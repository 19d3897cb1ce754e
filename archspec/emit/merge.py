"""Aligns the trees of all instances of a block: which steps are one and the same in all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from archspec.emit.aligned import (
    Body,
    Differs,
    Key,
    MBranches,
    MCall,
    Merged,
    MRepeat,
    MSequence,
    MStep,
    MWhen,
    Wire,
    count_uses,
    gives,
)
from archspec.expressions import Expr
from archspec.graph import tree
from archspec.graph.tree import Module, Value
from archspec.graph.tree import leaves as leaves_of


@dataclass(slots=True)
class Merger:
    """Aligns trees. `said` tells of a condition that holds in all instances whether the class says it all the same, for
    others that it may have; `passed` which results of a block are nothing but inputs (see `MCall`); `labels` are the
    names of values that later steps refer to."""

    said: Callable[[Expr], bool]
    passed: Callable[[str], Mapping[int, int]]
    modules: Mapping[Key, Module]
    labels: Mapping[tuple[Key, int], str] = field(default_factory=dict)
    wires: dict[tuple[Key, int], Wire] = field(default_factory=dict)
    repeats: int = 0
    """How many repeats there are around the step that is being aligned."""
    steps: dict[int, MStep] = field(default_factory=dict)
    """id of a step of a tree: what it was aligned to."""
    calls: dict[int, MCall] = field(default_factory=dict)
    """id of a call of a block in a tree: what it was aligned to."""

    def wire(self, values: dict[Key, Value]) -> Wire:
        """A new wire for these values. Raises Differs if they differ in more than their sizes."""
        if len({(len(value.shape), value.dtype) for value in values.values()}) > 1:
            raise Differs("its instances have values of different kinds")
        label = next((self.labels[key, id(v)] for key, v in values.items() if (key, id(v)) in self.labels), "")
        wire = Wire(values, label)
        for key, value in values.items():
            self.wires[key, id(value)] = wire
        return wire

    def _inputs(self, items: Mapping[Key, tree.Item]) -> tuple[Wire, ...]:
        return self.found({key: item.inputs for key, item in items.items()})

    def found(self, values: Mapping[Key, tuple[Value, ...]]) -> tuple[Wire, ...]:
        """The wires of values that are there already."""
        found = {key: tuple(self.wires[key, id(value)] for value in row) for key, row in values.items()}
        first = next(iter(found.values()))
        if any(row != first for row in found.values()):
            raise Differs("its instances are wired differently")
        return first

    def _outputs(self, items: Mapping[Key, tree.Item], known: Mapping[int, Wire] = MappingProxyType({})) -> list[Wire]:
        """The wires of what comes out, those that are there already by number."""
        rows = {key: item.outputs for key, item in items.items()}
        count = {len(row) for row in rows.values()}
        if len(count) > 1:
            raise Differs("its instances have different numbers of outputs")
        for i, wire in known.items():
            self.wires.update(((key, id(row[i])), wire) for key, row in rows.items())
        return [known.get(i) or self.wire({key: row[i] for key, row in rows.items()}) for i in range(count.pop())]

    def _call(self, items: Mapping[Key, tree.Use], prefix: str) -> MCall:
        inputs, passed = self._inputs(items), self.passed(next(iter(items.values())).module.block)
        outputs = self._outputs(items, {i: inputs[j] for i, j in passed.items()})
        own = tuple(wire for i, wire in enumerate(outputs) if i not in passed)
        call = MCall(prefix + _name(items), dict(items), inputs, own, passed=passed)
        for wire in own:
            wire.step = call.path
        owners = {self.calls[id(item.owner)] if item.owner else None for item in items.values()}
        if len(owners) > 1:
            raise Differs("its instances share weights in different ways")
        call.owner = owners.pop()
        if call.owner is not None:
            call.owner.users.append(call)
        self.calls.update((id(item), call) for item in items.values())
        return call

    def items(self, lists: Mapping[Key, list[tree.Item]], prefix: str) -> list[Merged]:
        """The steps of one scope, aligned."""
        lengths = {len(items) for items in lists.values()}
        if len(lengths) > 1:
            raise Differs("its instances have different steps")
        merged = (self.item({key: items[i] for key, items in lists.items()}, prefix) for i in range(lengths.pop()))
        return [item for item in merged if item is not None]

    def item(self, items: Mapping[Key, Any], prefix: str) -> Merged | None:
        """One step of all instances; None for one that no instance has."""
        kinds = {type(item) for item in items.values()}
        if len(kinds) > 1:
            raise Differs("its instances have different steps")
        match kinds.pop():
            case tree.Step:
                return self._step(items, prefix)
            case tree.Use:
                if len({call.module.block for call in items.values()}) > 1:
                    raise Differs("its instances contain different blocks")
                return self._call(items, prefix)
            case tree.Sequence if len({len(item.items) for item in items.values()}) > 1:
                return self._over(items, prefix)
            case tree.Sequence:
                inputs, name = self._inputs(items), _name(items)
                inner = f"{prefix}{name}." if name else prefix
                body = self.items({key: item.items for key, item in items.items()}, inner)
                outputs = self.found({key: item.outputs for key, item in items.items()})
                return MSequence(prefix + name, name, body, inputs, outputs, next(iter(items.values())).over)
            case tree.Repeat:
                return self._repeat(items, prefix)
            case tree.When:
                return self._when(items, prefix)
        return self._branches(items, prefix)

    def _over(self, items: Mapping[Key, tree.Sequence], prefix: str) -> MSequence:
        """A block along axes that are not equally long: what is written is a loop, told by calls that all have."""
        first = next(iter(items.values()))
        counts = {key: sum(isinstance(each, tree.Use) for each in item.items) for key, item in items.items()}
        if first.over is None or min(counts.values()) < 2:
            raise Differs("its instances have different steps")
        found = self.item({key: _shortened(item, min(counts.values())) for key, item in items.items()}, prefix)
        assert isinstance(found, MSequence)
        there = {call.key for call in found.items if isinstance(call, MCall)}
        inner = f"{found.path}." if found.name else prefix
        calls = [each for item in items.values() for each in item.items if isinstance(each, tree.Use)]
        for step in (each for each in found.items if isinstance(each, MStep)):  # whole again, with all their places
            step.steps.update({key: next(s for s in item.items if isinstance(s, tree.Step) and s.name == step.name)
                               for key, item in items.items()})  # fmt: skip
        found.longer = tuple(dict.fromkeys(key for c in calls if (key := (inner + c.name, c.origin)) not in there))
        return found

    def _step(self, items: Mapping[Key, tree.Step], prefix: str) -> MStep:
        step = MStep(prefix + _name(items), dict(items), self._inputs(items), tuple(self._outputs(items)))
        step.paths = tuple(dict.fromkeys(prefix + item.name for item in items.values()))
        operations = frozenset(item.op.key for item in items.values())
        if len(operations) > 1:
            step.choice, step.operations = self._choice(items), operations
            step.path = prefix + self._called(step)
        for wire in step.outputs:
            wire.producer, wire.step = "" if step.choice else step.op.key, step.path
        owners = {self.steps[id(item.owner)] if item.owner else None for item in items.values()}
        if len(owners) > 1:
            raise Differs("its instances share weights in different ways")
        step.owner = owners.pop()
        if step.owner is not None:
            step.owner.users.append(step)
        self.steps.update((id(item), step) for item in items.values())
        return step

    def _choice(self, items: Mapping[Key, tree.Step]) -> str:
        """The param that says which function of single numbers a step is."""
        for param, value in next(iter(self.modules.values())).params.items():
            if isinstance(value, str) and all(self.modules[key].params[param] == s.op.key for key, s in items.items()):
                break
        else:
            raise Differs("its instances apply different operations")
        for step in items.values():
            shapes = [value.shape for value in step.inputs]
            if not step.op.elementwise or len(shapes) > 1 or step.op.parameters(*shapes):
                raise Differs("its instances apply different operations")
        return param

    def _called(self, step: MStep) -> str:
        """What a step is called that has no name and several operations: by the param that says which."""
        if len(step.paths) == 1:
            return step.name
        found = step.choice + step.name.removeprefix(step.op.key)
        names = {path.rpartition(".")[2] for module in self.modules.values() for path, _ in leaves_of(module.items, "")}
        while found in names:
            found += "_"
        return found

    def _repeat(self, items: Mapping[Key, tree.Repeat], prefix: str) -> MRepeat | None:
        inputs, name = self._inputs(items), _name(items)
        inner = f"{prefix}{name}." if name else prefix
        iterations: list[Merged] = []
        self.repeats += 1
        for index in range(max(len(item.iterations) for item in items.values())):
            there = {key: item.iterations[index] for key, item in items.items() if index < len(item.iterations)}
            merged = self.item(there, inner)
            if merged is not None:
                iterations.append(merged)
        self.repeats -= 1
        if not iterations:
            self._pass(items)
            return None
        result = MRepeat(prefix + name, name, iterations, dict(items), inputs, ())
        if result.varies and len(iterations) < max(len(item.iterations) for item in items.values()):
            raise result.differs()  # a condition leaves out one that no instance has, which a count does not say
        if result.varies:
            last = gives(iterations[-1])
            result.outputs = tuple(self._outputs(items, {i: w for i, w in enumerate(inputs) if last[i] is w}))
        else:
            result.outputs = self.found({key: item.outputs for key, item in items.items()})
        return result

    def _pass(self, items: Mapping[Key, tree.Repeat | tree.When]) -> None:
        """Notes that what comes out of a step that no instance has is what goes in."""
        for key, item in items.items():
            for before, after in zip(item.inputs, item.outputs, strict=True):
                self.wires[key, id(after)] = self.wires[key, id(before)]

    def _when(self, items: Mapping[Key, tree.When], prefix: str) -> Merged | None:
        taken = {key: item.item for key, item in items.items() if item.item is not None}
        if not taken:
            self._pass(items)
            return None
        inputs = self._inputs(items)
        body = self.item(taken, prefix)
        if body is None:
            self._pass(items)
            return None
        condition = next(iter(items.values())).condition
        if len(taken) == len(items) and not (self._may_be_left_out(inputs, body) and self.said(condition)):
            return body
        return MWhen(condition, {key: key in taken for key in items}, body, inputs, tuple(self._outputs(items)))

    def _may_be_left_out(self, inputs: tuple[Wire, ...], body: Merged) -> bool:
        """Whether other instances may do without a step: it gives one value for one of its kind, and is not one of the
        iterations that are written out, whose number and conditions belong together."""
        kinds = [[(wire.rank, next(iter(wire.values.values())).dtype) for wire in wires]
                 for wires in (inputs, body.outputs)]  # fmt: skip
        return not self.repeats and len(inputs) == 1 and kinds[0] == kinds[1]

    def _branches(self, items: Mapping[Key, tree.Branches], prefix: str) -> MBranches:
        inputs = self._inputs(items)
        first = next(iter(items.values()))
        bodies = [self.items({key: item.bodies[i] for key, item in items.items()}, prefix)
                  for i in range(len(first.names))]  # fmt: skip
        results = self.found({key: tuple(item.results) for key, item in items.items()})
        join = self._step({key: item.join for key, item in items.items()}, prefix)
        return MBranches(first.names, bodies, results, join, inputs, join.outputs)


def _shortened(item: tree.Sequence, count: int) -> tree.Sequence:
    """A block along an axis with this many calls: the first of them, and the last, which takes their state."""
    over = item.over
    assert over is not None
    calls = [each for each in item.items if isinstance(each, tree.Use)]
    before, last = calls[count - 2], calls[-1]
    state = {number: before.outputs[output] for number, output in over.carried.items()}
    last = replace(last, inputs=tuple(state.get(number, value) for number, value in enumerate(last.inputs)))
    kept = [*calls[: count - 1], last if len(calls) > count else calls[-1]]
    start = item.items.index(calls[0])

    def some(values: tuple[Value, ...]) -> tuple[Value, ...]:
        return (values[0], *values[len(values) - count + 1 :]) if over.reverse else (*values[: count - 1], values[-1])

    steps = [each for each in item.items if isinstance(each, tree.Step)]
    cuts = start - len(over.sequences)
    return replace(item, items=[
        *steps[:cuts],
        *(replace(step, outputs=some(step.outputs)) for step in steps[cuts:start]),
        *kept,
        *(replace(step, inputs=some(step.inputs)) for step in steps[start:]),
    ])  # fmt: skip


def _name(items: Mapping[Key, Any]) -> str:
    return str(next(iter(items.values())).name)


def merge(
    modules: Mapping[Key, Module], folded: Mapping[str, Expr], passed: Callable[[str], Mapping[int, int]],
    said: Callable[[Expr], bool] = lambda condition: False,
) -> Body | str:  # fmt: skip
    """The instances of a block, aligned, or why they cannot be; for `passed` and `said` see Merger."""
    labels = {(key, value): label for key, module in modules.items() for value, label in module.labels.items()}
    merger = Merger(said, passed, modules, labels)
    first = next(iter(modules.values()))
    try:
        inputs = {name: merger.wire({key: m.inputs[name] for key, m in modules.items()}) for name in first.inputs}
        items = merger.items({key: module.items for key, module in modules.items()}, "")
        wires = merger.found({key: tuple(module.outputs.values()) for key, module in modules.items()})
    except Differs as reason:
        return str(reason)
    handed = passed(first.block) if first.block else {}
    outputs = {name: wire for i, (name, wire) in enumerate(zip(first.outputs, wires, strict=True)) if i not in handed}
    body = Body(modules, folded, inputs, items, outputs)
    count_uses(body.items)
    for wire in outputs.values():
        wire.uses += 1
    return body
