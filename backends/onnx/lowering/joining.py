"""Rows: what joins tensors, cuts them, and selects from them."""

from __future__ import annotations

from typing import Final

from .shape import expanded
from .writing import Row, Step, Value


def _concat(step: Step) -> Value:
    batch, parts = step.out[0], []
    for x, tensor in zip(step.inputs, step.node.inputs, strict=True):
        alone = int(tensor.shape[0]) == 1 and int(batch) != 1
        parts.append(expanded(step, x, tensor.shape, (batch, *tensor.shape[1:])) if alone else x)
    return step("Concat", *parts, axis=step.axis(step.attr("axis")))


def _expand_batch(step: Step) -> Value:
    return expanded(step, step.x, step.node.inputs[0].shape, step.out)


def _stack(step: Step) -> Value:
    axis = step.axis(step.attr("axis"), len(step.out))
    return step("Concat", *(step("Unsqueeze", x, step.ints([axis])) for x in step.inputs), axis=axis)


def _cut(step: Step) -> list[Value]:
    axis = step.axis(step.attr("axis"))
    sizes = step.joined([step.writer.size(tensor.shape[axis]) for tensor in step.node.outputs])
    return step.several("Split", step.x, sizes, gives=[step.x.dtype] * len(step.node.outputs), axis=axis)


def _slice(step: Step) -> Value:
    start, end = step.attr("start"), step.attr("end")
    bounds = (step.ints([start]), step.ints([2**63 - 1 if end is None else end]))
    return step("Slice", step.x, *bounds, step.ints([step.axis(step.attr("axis"))]), step.ints([step.attr("step")]))


def _index_select(step: Step) -> Value:
    return step("Gather", step.x, step.ints(list(step.attr("indices"))), axis=step.axis(step.attr("axis")))


def _gather(step: Step) -> Value:
    return step("GatherElements", *step.inputs, axis=step.axis(step.attr("axis")))


ROWS: Final[dict[str, Row]] = {
    "concat": _concat,
    "expand_batch": _expand_batch,
    "stack": _stack,
    "split": _cut,
    "chunk": _cut,
    "slice": _slice,
    "index_select": _index_select,
    "gather": _gather,
}
