"""Rows: what has no input."""

from __future__ import annotations

from typing import Final

from .writing import Row, Step, Value


def _constant(step: Step) -> Value:
    return step.writer.constant(step.op.reference(), step.attr("dtype"))


def _range(step: Step) -> Value:
    if step.inputs:
        size = step.size(step.node.inputs[0].shape[step.axis(step.attr("axis"))])
        ends = (step.ints(0), step("Squeeze", size, step.ints([0])), step.ints(1))
    else:
        ends = (step.ints(step.attr("start")), step.ints(step.attr("stop")), step.ints(step.attr("step")))
    found = step("Unsqueeze", step("Range", *ends), step.ints([0]))
    return found if step.attr("dtype") == "int64" else step.cast(found, "float")


ROWS: Final[dict[str, Row]] = {"parameter": lambda step: step.weight(""), "constant": _constant, "range": _range}
