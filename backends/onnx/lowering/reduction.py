"""Rows: reductions, and sums and ranks along an axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from .writing import Row, Step, Value

if TYPE_CHECKING:
    from archspec.ops.base import DType


def _over(step: Step) -> tuple[Value, dict[str, Any]]:
    return step.ints(step.axes(step.attr("axis"))), {"keepdims": int(step.attr("keepdims"))}


def _reduce(op: str) -> Row:
    def row(step: Step) -> Value:
        axes, kept = _over(step)
        return step(op, step.x, axes, **kept)

    return row


def _variance(step: Step) -> Value:
    axes, kept = _over(step)
    off = step("Sub", step.x, step("ReduceMean", step.x, axes))
    squares = step("Mul", off, off)
    if not step.attr("unbiased"):
        return step("ReduceMean", squares, axes, **kept)
    count = step.ints([-1])
    for axis in step.axes(step.attr("axis")):
        size = step.size(step.node.inputs[0].shape[axis])
        count = step("Neg", size) if count.name == step.ints([-1]).name else step("Mul", count, size)
    fewer = step("Sub", step("Neg", count), step.ints([1]))
    total = step("ReduceSum", squares, axes, keepdims=1)
    whole = step("Div", total, step.cast(fewer, "float"))
    return whole if kept["keepdims"] else step("Squeeze", whole, axes)


def _deviation(step: Step) -> Value:
    return step("Sqrt", _variance(step))


def _norm(step: Step) -> Value:
    p, (axes, kept) = step.attr("p"), _over(step)
    if p in (1, 2):
        return step(f"ReduceL{int(p)}", step.x, axes, **kept)
    size = step("Abs", step.x)
    if p == math.inf:
        return step("ReduceMax", size, axes, **kept)
    total = step("ReduceSum", step("Pow", size, step.floats(p)), axes, **kept)
    return step("Pow", total, step.floats(1 / p))


def _place(op: str) -> Row:
    def row(step: Step) -> Value:
        axis, kept = step.axis(step.attr("axis")), int(step.attr("keepdims"))
        return step(op, step.x, axis=axis, keepdims=kept, gives="int64")

    return row


def _cumsum(step: Step) -> Value:
    return step("CumSum", step.x, step.ints(step.axis(step.attr("axis"))))


def _topk(step: Step) -> list[Value]:
    axis, largest = step.axis(step.attr("axis")), int(step.attr("largest"))
    gives: tuple[DType, DType] = (step.x.dtype, "int64")
    return step.several("TopK", step.x, step.ints([step.attr("k")]), gives=gives, axis=axis, largest=largest)


ROWS: Final[dict[str, Row]] = {
    "mean": _reduce("ReduceMean"),
    "sum": _reduce("ReduceSum"),
    "prod": _reduce("ReduceProd"),
    "max": _reduce("ReduceMax"),
    "min": _reduce("ReduceMin"),
    "var": _variance,
    "std": _deviation,
    "logsumexp": _reduce("ReduceLogSumExp"),
    "norm": _norm,
    "argmax": _place("ArgMax"),
    "argmin": _place("ArgMin"),
    "cumsum": _cumsum,
    "topk": _topk,
}
