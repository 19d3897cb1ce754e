"""Blocks that are called for each place along an axis, with state that goes from one call to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from archspec import ops
from archspec.errors import ShapeError
from archspec.expressions import Dim
from archspec.graph import tree
from archspec.graph.calls import expr_of_size
from archspec.graph.frames import Failed, Findings
from archspec.graph.references import Here
from archspec.graph.tree import Item, Value
from archspec.ops._shapes import inner_axis
from archspec.ops.base import show
from archspec.spec.document import Block, BlockStep

Call = Callable[[int, tuple[Value, ...], tuple[Value, ...], "tree.Use | None"], tree.Use]
"""Calls the block for the number of a call, with these inputs and what is known of them at every place, and the weights
of an earlier call."""

_STATE: Final = "an input that has the name of an output is state: what one call gives, the next one takes"


def goes_along(module: tree.Module) -> bool:
    """Whether a block is called along an axis somewhere in a module."""

    def inside(item: Item) -> bool:
        match item:
            case tree.Sequence():
                return item.over is not None or any(map(inside, item.items))
            case tree.Repeat():
                return any(map(inside, item.iterations))
            case tree.When():
                return item.item is not None and inside(item.item)
            case tree.Branches():
                return any(inside(each) for body in item.bodies for each in body)
            case tree.Use():
                return goes_along(item.module)
        return False

    return any(map(inside, module.items))


class Along:
    """A step that calls a block along an axis: which of the block's inputs are sequences, and which are state."""

    def __init__(
        self, findings: Findings, step: BlockStep, called: str, block: Block, inputs: tuple[Value, ...], here: Here
    ) -> None:  # fmt: skip
        self.findings, self.here, self.called = findings, here, called
        self.inputs = inputs
        self.names = block.inputs[: len(inputs)]
        self.outputs = list(block.outputs) if isinstance(block.outputs, dict) else ["output"]
        self.carried = {i: self.outputs.index(name) for i, name in enumerate(self.names) if name in self.outputs}
        self.collected = tuple(i for i in range(len(self.outputs)) if i not in self.carried.values())
        if not self.carried:
            raise self._error(f"block {called} carries no state along an axis", _STATE)
        over = step.over if isinstance(step.over, dict) else {self.names[0]: step.over}
        self.axes = {self._number(name): self._axis(name, axis) for name, axis in over.items()}
        self.size = self._size()

    def sequence(self, call: Call, reverse: bool) -> tree.Sequence:
        """The steps. Raises Failed after an error."""
        cuts = [self._cut(number, axis) for number, axis in self.axes.items()]
        starts = {number: self._start(number) for number in self.carried}
        state = {
            number: start.outputs[0] if isinstance(start, tree.Step) else start for number, start in starts.items()
        }
        expanded: list[Item] = [start for start in starts.values() if isinstance(start, tree.Step)]
        calls: list[tree.Use] = []
        for number in range(self.size):
            place = self.size - 1 - number if reverse else number
            moment = {index: cut.outputs[place] for index, cut in zip(self.axes, cuts, strict=True)}
            given = {**dict(enumerate(self.inputs)), **state, **moment}
            values = tuple(given[index] for index in range(len(self.inputs)))
            known = tuple(Value(v.shape, v.dtype) if i in self.carried else v for i, v in enumerate(values))
            made = call(number, values, known, calls[0] if calls else None)
            if not calls:
                self._check(made)
            calls.append(made)
            state = {index: made.outputs[output] for index, output in self.carried.items()}
        joins = {number: self._join(number, calls[::-1] if reverse else calls) for number in self.collected}
        last = calls[-1].outputs
        outputs = tuple(joins[i].outputs[0] if i in joins else last[i] for i in range(len(self.outputs)))
        over = tree.Over(self.called, tuple(self.axes), self.carried, self.collected, reverse)
        items: list[Item] = [*expanded, *cuts, *calls, *joins.values()]
        return tree.Sequence("", items, self.inputs, outputs, self.here.path, over)

    def _number(self, name: str) -> int:
        """The number of an input that is named as a sequence."""
        if name not in self.names:
            raise self._error(f"block {self.called} has no input '{name}'", f"it has: {', '.join(self.names)}")
        number = self.names.index(name)
        if number in self.carried:
            raise self._error(f"'{name}' is state of block {self.called}, and no sequence", _STATE)
        return number

    def _axis(self, name: str, axis: int | str | None) -> int:
        try:
            return inner_axis(axis or 0, len(self.inputs[self.names.index(name)].shape), "over")
        except ShapeError as error:
            raise self._error(f"block {self.called}: {error}", error.hint) from None

    def _size(self) -> int:
        """How many places there are."""
        sizes = [self.inputs[number].shape[axis] for number, axis in self.axes.items()]
        if any(size != sizes[0] for size in sizes):
            raise self._error(f"the sequences have {' and '.join(str(expr_of_size(size)) for size in sizes)} places")
        return int(sizes[0])

    def _start(self, number: int) -> Value | tree.Step:
        """State as it begins; what is the same for all samples, for each."""
        value, like = self.inputs[number], self.inputs[next(iter(self.axes))]
        if int(value.shape[0]) != 1 or (int(like.shape[0]) == 1 and isinstance(value.shape[0], Dim)):
            return value
        made = Value((like.shape[0], *value.shape[1:]), value.dtype, value.span)
        return self._step("expand_batch", self.names[number], (value, like), (made,))

    def _cut(self, number: int, axis: int) -> tree.Step:
        """What takes a sequence apart."""
        whole = self.inputs[number]
        shape = (*whole.shape[:axis], *whole.shape[axis + 1 :])
        places = tuple(Value(shape, whole.dtype, whole.span) for _ in range(self.size))
        return self._step("unbind", self.names[number], (whole,), places, axis=axis)

    def _join(self, number: int, calls: list[tree.Use]) -> tree.Step:
        """What puts together what all calls give."""
        first, sequence = next(iter(self.axes.items()))
        size = self.inputs[first].shape[sequence]
        values = tuple(call.outputs[number] for call in calls)
        shape = values[0].shape
        if sequence > len(shape):
            raise self._error(f"'{self.outputs[number]}' has the shape {show(shape)}, and no place for axis {sequence}")
        made = Value((*shape[:sequence], size, *shape[sequence:]), values[0].dtype)
        return self._step("stack", self.outputs[number], values, (made,), axis=sequence)

    def _check(self, call: tree.Use) -> None:
        """Raises Failed if an output is not there, or if state does not come out as it goes in."""
        if missing := [name for name in self.outputs if name not in call.module.outputs]:
            raise self._error(f"block {self.called} gives no '{missing[0]}' here, which it would along an axis")
        for number, output in self.carried.items():
            before, after = call.inputs[number], call.outputs[output]
            if before.shape != after.shape or before.dtype != after.dtype:
                shapes = [f"{value.dtype} {show(value.shape)}" for value in (before, after)]
                message = f"state '{self.names[number]}' goes in as {shapes[0]} and comes out as {shapes[1]}"
                raise self._error(message, "it must stay as it is")

    def _step(
        self, key: str, name: str, inputs: tuple[Value, ...], outputs: tuple[Value, ...], **attributes: int
    ) -> tree.Step:  # fmt: skip
        return tree.Step(name, ops.get(key).model_validate(attributes), inputs, outputs, {}, self.here.path)

    def _error(self, message: str, hint: str = "") -> Failed:
        return self.findings.error((*self.here.path, "over"), message, hint=hint, frame=self.here.frame)
