"""Rows: what rearranges and resizes images."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from archspec.ops.base import window_pads

from .writing import Row, Step, Value, node


def _upsample(step: Step) -> Value:
    op, sizes, outs = step.op, step.node.inputs[0].shape[2:], step.out[2:]
    if op.copies:
        return _copied(step, sizes, outs)
    more: dict[str, Any] = {"mode": "linear"}
    if step.attr("mode") == "bicubic":
        more = {"mode": "cubic", "cubic_coeff_a": -0.75}
    more["coordinate_transformation_mode"] = "align_corners" if step.attr("align_corners") else "half_pixel"
    return step("Resize", step.x, None, None, _sizes(step), **more)


def _sizes(step: Step) -> Value:
    return step.joined([step.writer.size(size, axis) for axis, size in enumerate(step.out)])


def _copied(step: Step, sizes: tuple[int, ...], outs: tuple[int, ...]) -> Value:
    """Copies: a node where a scale repeats each element, else one index after the other, as floats would miss some."""
    if step.attr("scale") is not None and step.op.repeats:
        factors = step.op.factors(step.node.inputs[0].shape)
        scales = step.writer.scales([1, 1, *map(int, factors)])
        return step(
            "Resize", step.x, None, scales, mode="nearest", coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )  # fmt: skip
    x, late = step.x, int(step.attr("mode") == "nearest_exact")
    for axis, (n, m) in enumerate(zip(sizes, outs, strict=True), 2):
        if step.is_open(n, m):
            x = step("Gather", x, _places(step, step.size(n), step.size(m), late), axis=axis)
        elif n != m:
            x = step("Gather", x, step.ints([(2 * j + late) * n // (2 * m) for j in range(m)]), axis=axis)
    return x


def _places(step: Step, n: Value, m: Value, late: int) -> Value:
    """(2 j + late) n // (2 m) for each j below m."""
    j = step("Range", step.ints(0), step("Squeeze", m, step.ints([0])), step.ints(1))
    middles = step("Add", step("Mul", j, step.ints(2)), step.ints(late))
    return step("Div", step("Mul", middles, n), step("Mul", m, step.ints(2)))


def _moved(step: Step, cut: list[Any], order: list[int], to: list[Any]) -> Value:
    """The image in pieces, in another order, and put together."""
    pieces = step("Transpose", step("Reshape", step.x, step.ints(cut)), perm=order)
    return step("Reshape", pieces, step.ints(to))


def _channel_shuffle(step: Step) -> Value:
    groups, channels = step.attr("groups"), step.number(step.out[1])
    mixed = step(
        "Transpose", step("Reshape", step.x, step.ints([0, groups, channels // groups, -1])), perm=[0, 2, 1, 3]
    )
    return step.reshape(mixed, step.out, of=step.out[:1])


def _pixel_unshuffle(step: Step) -> Value:
    r = step.attr("downscale_factor")
    _, channels, height, width = step.numbers_of(step.node.inputs[0].shape)
    cut = [0, channels, height // r, r, width // r, r]
    return _moved(step, cut, [0, 1, 3, 5, 2, 4], [0, channels * r * r, height // r, width // r])


def _patches(step: Step) -> Value:
    rows, columns = step.attr("patch_size")
    _, channels, height, width = step.numbers_of(step.node.inputs[0].shape)
    cut = [0, channels, height // rows, rows, width // columns, columns]
    features, count = channels * rows * columns, (height // rows) * (width // columns)
    return _moved(step, cut, [0, 2, 4, 1, 3, 5], [0, count, features])


def _unfold(step: Step) -> Value:
    """Each place of the padded image by its number, row by row."""
    _, channels, height, width = step.numbers_of(step.node.inputs[0].shape)
    kernel, stride, gaps = step.attr("kernel_size"), step.attr("stride"), step.attr("dilation")
    pads = window_pads(step.attr("padding"), (height, width), kernel, stride, gaps)
    (top, bottom), (left, right) = pads
    x = step.x
    if any(map(any, pads)):
        x = step("Pad", x, step.ints([0, 0, top, left, 0, 0, bottom, right]))
    wide = width + left + right
    counts = step.op.counts(height, width)
    lines, columns = (
        np.arange(k)[:, None] * gap + np.arange(n) * s
        for k, gap, n, s in zip(kernel, gaps, counts, stride, strict=True)
    )  # [taps, windows]
    places = lines[:, None, :, None] * wide + columns[None, :, None, :]
    flat = step("Reshape", x, step.ints([0, channels, -1]))
    taken = step("Gather", flat, step.ints(places.reshape(kernel[0] * kernel[1], -1)), axis=2)
    return step("Reshape", taken, step.ints([0, channels * kernel[0] * kernel[1], places.shape[2] * places.shape[3]]))


def _fold(step: Step) -> Value:
    pads = step.attr("padding")
    return step(
        "Col2Im", step.x, step.ints(list(step.attr("output_size"))), step.ints(list(step.attr("kernel_size"))),
        dilations=step.attr("dilation"), strides=step.attr("stride"),
        pads=[before for before, _ in pads] + [after for _, after in pads],
    )  # fmt: skip


ROWS: Final[dict[str, Row]] = {
    "upsample": _upsample,
    "channel_shuffle": _channel_shuffle,
    "pixel_shuffle": lambda step: step("DepthToSpace", step.x, blocksize=step.attr("upscale_factor"), mode="CRD"),
    "pixel_unshuffle": _pixel_unshuffle,
    "space_to_depth": node("SpaceToDepth", blocksize="block_size"),
    "depth_to_space": node("DepthToSpace", blocksize="block_size", mode="mode"),
    "patches": _patches,
    "unfold": _unfold,
    "fold": _fold,
}
