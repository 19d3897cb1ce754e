"""Rows: convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from archspec.ops.base import window_pads

from .writing import Row, Step, Value


def padded(step: Step, stride: Sequence[int], dilation: Sequence[int]) -> dict[str, Any]:
    """The attributes that say how a window's input is padded."""
    padding, sizes, kernel = step.attr("padding"), step.node.inputs[0].shape[2:], step.attr("kernel_size")
    if padding == "same" and step.is_open(*sizes):
        return {"auto_pad": "SAME_UPPER"}
    pads = window_pads(padding, [int(size) for size in sizes], kernel, stride, dilation)
    return {"pads": [before for before, _ in pads] + [after for _, after in pads]}


def _convolved(step: Step, weight: Value, bias: Value | None, groups: int) -> Value:
    stride, dilation = step.attr("stride"), step.attr("dilation")
    return step(
        "Conv", step.x, weight, *(() if bias is None else (bias,)), kernel_shape=step.attr("kernel_size"),
        strides=stride, dilations=dilation, group=groups, **padded(step, stride, dilation),
    )  # fmt: skip


def _conv(step: Step) -> Value:
    weights = step.weights()
    return _convolved(step, weights["weight"], weights.get("bias"), step.attr("groups"))


def _masked(step: Step) -> Value:
    height, width = step.attr("kernel_size")
    centre = height // 2 * width + width // 2
    seen = (np.arange(height * width) < centre + (step.attr("mask") == "B")).reshape(height, width)
    weights = step.weights()
    return _convolved(step, step("Mul", weights["weight"], step.floats(seen)), weights.get("bias"), step.attr("groups"))


def _channels(step: Step) -> int:
    return step.number(step.node.inputs[0].shape[1])


def _depthwise(step: Step) -> Value:
    weights = step.weights()
    return _convolved(step, weights["weight"], weights.get("bias"), _channels(step))


def _separable(step: Step) -> Value:
    weights = step.weights()
    inner = _convolved(step, weights["depthwise_weight"], None, _channels(step))
    bias = weights.get("bias")
    return step("Conv", inner, weights["pointwise_weight"], *(() if bias is None else (bias,)))


def _transposed(step: Step) -> Value:
    weights, pads = step.weights(), step.attr("padding")
    bias = weights.get("bias")
    if any(more >= s for more, s in zip(step.attr("output_padding"), step.attr("stride"), strict=True)):
        return _transposed_and_padded(step)
    return step(
        "ConvTranspose", step.x, weights["weight"], *(() if bias is None else (bias,)),
        kernel_shape=step.attr("kernel_size"), strides=step.attr("stride"), dilations=step.attr("dilation"),
        group=step.attr("groups"), output_padding=step.attr("output_padding"),
        pads=[before for before, _ in pads] + [after for _, after in pads],
    )  # fmt: skip


def _transposed_and_padded(step: Step) -> Value:
    """Where a dilation allows more output padding than ONNX Runtime takes: all that the kernel reaches, then the border
    that is cut off or added, and then the bias."""
    weights, pads = step.weights(), step.attr("padding")
    y = step(
        "ConvTranspose", step.x, weights["weight"], kernel_shape=step.attr("kernel_size"), strides=step.attr("stride"),
        dilations=step.attr("dilation"), group=step.attr("groups"),
    )  # fmt: skip
    ends = [more - after for more, (_, after) in zip(step.attr("output_padding"), pads, strict=True)]
    found: Value = step("Pad", y, step.ints([0, 0, *(-before for before, _ in pads), 0, 0, *ends]))
    if "bias" not in weights:
        return found
    shape = (step.attr("out_channels"), *(1 for _ in pads))
    return step("Add", found, step.reshape(weights["bias"], shape, of=()))


ROWS: Final[dict[str, Row]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _conv),
    "masked_conv2d": _masked,
    **dict.fromkeys(("depthwise_conv1d", "depthwise_conv2d"), _depthwise),
    **dict.fromkeys(("separable_conv1d", "separable_conv2d"), _separable),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
}
