"""Rows: normalizations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from .writing import Row, Step, Value


def _batch_norm(step: Step) -> Value:
    weights, channels = step.weights(), step.number(step.out[1])
    scale = weights.get("weight") or step.floats(np.ones(channels))
    bias = weights.get("bias") or step.floats(np.zeros(channels))
    return step(
        "BatchNormalization", step.x, scale, bias, weights["running_mean"], weights["running_var"],
        epsilon=step.attr("epsilon"),
    )  # fmt: skip


def _affine(step: Step, y: Value, axes: Sequence[int]) -> Value:
    """Scaled and shifted, by numbers that vary along axes."""
    weights, rank = step.weights(), len(step.out)
    shape = [int(step.out[axis]) if axis in axes else 1 for axis in range(min(axes), rank)]
    for name, op in (("weight", "Mul"), ("bias", "Add")):
        if name in weights:
            each = weights[name]
            y = step(op, y, each if len(shape) == len(axes) else step.reshape(each, shape, of=()))
    return y


def _layer_norm(step: Step) -> Value:
    axes, rank = step.axes(step.attr("axis")), len(step.out)
    weights = step.weights()
    if axes[-1] == rank - 1:
        scale = weights.get("weight") or step.floats(np.ones(step.numbers(step.out[axis] for axis in axes)))
        inputs = (scale, weights["bias"]) if "bias" in weights else (scale,)
        return step("LayerNormalization", step.x, *inputs, axis=axes[0], epsilon=step.attr("epsilon"))
    over = step.ints(axes)
    centred = step("Sub", step.x, step("ReduceMean", step.x, over))
    variance = step("ReduceMean", step("Mul", centred, centred), over)
    deviation = step("Sqrt", step("Add", variance, step.floats(step.attr("epsilon"))))
    return _affine(step, step("Div", centred, deviation), axes)


def _rms_norm(step: Step) -> Value:
    axes = step.axes(step.attr("axis"))
    square = step("ReduceMean", step("Mul", step.x, step.x), step.ints(axes))
    root = step("Sqrt", step("Add", square, step.floats(step.attr("epsilon"))))
    return _affine(step, step("Div", step.x, root), axes)


def _l2_normalize(step: Step) -> Value:
    norm = step("ReduceL2", step.x, step.ints([step.axis(step.attr("axis"))]))
    return step("Div", step.x, step("Max", norm, step.floats(step.attr("epsilon"))))


def _group_norm(step: Step) -> Value:
    """As an instance normalization of groups: GroupNormalization came later."""
    groups, shape = step.attr("num_groups"), step.out
    ones, zeros = step.floats(np.ones(groups)), step.floats(np.zeros(groups))
    flat = step("Reshape", step.x, step.ints([0, groups, -1]))
    y = step("InstanceNormalization", flat, ones, zeros, epsilon=step.attr("epsilon"))
    return _affine(step, step.reshape(y, shape, of=shape[:1]), [1])


def _instance_norm(step: Step) -> Value:
    weights, channels = step.weights(), step.number(step.out[1])
    scale = weights.get("weight") or step.floats(np.ones(channels))
    bias = weights.get("bias") or step.floats(np.zeros(channels))
    return step("InstanceNormalization", step.x, scale, bias, epsilon=step.attr("epsilon"))


def _local_response_norm(step: Step) -> Value:
    size, rank = step.attr("size"), len(step.out)
    if size % 2 and rank == 4:
        return step("LRN", step.x, alpha=step.attr("alpha"), beta=step.attr("beta"), bias=step.attr("k"), size=size)
    channels = step.number(step.out[1])  # of an even number of channels, LRN begins one later
    j, c = np.arange(channels)[:, None], np.arange(channels)
    near = (j >= c - size // 2) & (j <= c + (size - 1) // 2)
    order = [0, *range(2, rank), 1]
    squares = step("Transpose", step("Mul", step.x, step.x), perm=order)
    total = step("Transpose", step("MatMul", squares, step.floats(near)), perm=[0, rank - 1, *range(1, rank - 1)])
    inner = step("Add", step("Mul", total, step.floats(step.attr("alpha") / size)), step.floats(step.attr("k")))
    return step("Div", step.x, step("Pow", inner, step.floats(step.attr("beta"))))


ROWS: Final[dict[str, Row]] = {
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "l2_normalize": _l2_normalize,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "local_response_norm": _local_response_norm,
}
