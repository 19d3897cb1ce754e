"""Rows: layers whose weights flow in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from . import convolution, linear
from .writing import Row, Step, Value


def _with(row: Row) -> Row:
    """The row of the layer that has such weights of its own."""

    def written(step: Step) -> Value | Sequence[Value]:
        values = zip(("weight", "bias"), step.inputs[1:], strict=False)
        weights = {name: step("Squeeze", value, step.ints([0])) for name, value in values}
        op: Any = step.op
        step.become(op.layer(*(tensor.shape for tensor in step.node.inputs)), weights)
        return row(step)

    return written


ROWS: Final[dict[str, Row]] = {
    "linear_with": _with(linear.ROWS["linear"]),
    **{f"{key}_with": _with(convolution.ROWS[key]) for key in ("conv1d", "conv2d", "conv3d")},
    **{f"{key}_with": _with(convolution.ROWS[key]) for key in ("conv_transpose1d", "conv_transpose2d")},
}
