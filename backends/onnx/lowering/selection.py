"""Rows: elements brought into order, put to places, and taken from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .shape import expanded
from .writing import Row, Step, Value

if TYPE_CHECKING:
    from archspec.ops.base import DType


def _ordered(step: Step) -> list[Value]:
    axis, largest = step.axis(step.attr("axis")), int(step.attr("descending"))
    gives: tuple[DType, DType] = (step.x.dtype, "int64")
    return step.several("TopK", step.x, step.size(step.out[axis]), gives=gives, axis=axis, largest=largest)


def _scatter(reduction: str) -> Row:
    def row(step: Step) -> Value:
        return step("ScatterElements", *step.inputs, axis=step.axis(step.attr("axis")), reduction=reduction)

    return row


def _gather_rows(step: Step) -> Value:
    x, index = step.inputs
    return step("GatherND", x, step("Unsqueeze", index, step.ints([2])), batch_dims=1)


def _scatter_add_rows(step: Step) -> Value:
    x, index, source = step.inputs
    shape = step.node.inputs[2].shape
    more = list(range(2, len(shape)))
    wide = step("Unsqueeze", index, step.ints(more))
    wide = expanded(step, wide, (*shape[:2], *(1 for _ in more)), shape)
    return step("ScatterElements", x, wide, source, axis=1, reduction="add")


def _masked_fill(step: Step) -> Value:
    x, mask = step.inputs
    return step("Where", mask, step.floats(step.attr("value")), x, gives="float")


def _triangle(upper: int) -> Row:
    def row(step: Step) -> Value:
        return step("Trilu", step.x, step.ints(step.attr("diagonal")), upper=upper)

    return row


def _repeat_interleave(step: Step) -> Value:
    axis, count = step.axis(step.attr("axis")), step.attr("repeats")
    shape = step.node.inputs[0].shape
    wide = step("Unsqueeze", step.x, step.ints([axis + 1]))
    times = [1] * (len(shape) + 1)
    times[axis + 1] = count
    return step.reshape(step("Expand", wide, step.ints(times)), step.out, of=shape[: axis + 1])


def _unbind(step: Step) -> list[Value]:
    axis = step.axis(step.attr("axis"))
    count = step.number(step.node.inputs[0].shape[axis])
    return [step("Squeeze", part, step.ints([axis])) for part in step.parts(step.x, count, axis)]


ROWS: Final[dict[str, Row]] = {
    "sort": lambda step: _ordered(step)[0],
    "argsort": lambda step: _ordered(step)[1],
    "scatter": _scatter("none"),
    "scatter_add": _scatter("add"),
    "gather_rows": _gather_rows,
    "scatter_add_rows": _scatter_add_rows,
    "masked_fill": _masked_fill,
    "tril": _triangle(0),
    "triu": _triangle(1),
    "repeat_interleave": _repeat_interleave,
    "unbind": _unbind,
}
