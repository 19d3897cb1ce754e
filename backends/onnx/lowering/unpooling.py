"""Rows: max pools that tell where each maximum was, and the way back."""

from __future__ import annotations

import math
from typing import Final

from .writing import Row, Step, Value


def _with_indices(step: Step) -> list[Value]:
    """MaxPool counts places through all samples and channels: the rest by the size of one is the place in it."""
    op, padding = step.op, list(step.attr("padding"))
    values, places = step.several(
        "MaxPool", step.x, gives=["float", "int64"], kernel_shape=step.attr("kernel_size"),
        strides=op.steps, pads=padding * 2,
    )  # fmt: skip
    size = math.prod(step.numbers(step.node.inputs[0].shape[2:]))
    return [values, step("Mod", places, step.ints(size))]


def _unpool(step: Step) -> Value:
    x, indices = (step("Reshape", each, step.ints([0, 0, -1])) for each in step.inputs)
    batch, channels, *sizes = step.out
    flat = step.vector((batch, channels, math.prod(step.numbers(sizes))))
    zeros = step("Expand", step.floats(0), flat)
    return step.reshape(step("ScatterElements", zeros, indices, x, axis=2), step.out, of=step.out[:2])


ROWS: Final[dict[str, Row]] = {
    **{f"max_pool{rank}d_with_indices": _with_indices for rank in (1, 2, 3)},
    **{f"max_unpool{rank}d": _unpool for rank in (1, 2, 3)},
}
