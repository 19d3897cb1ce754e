"""Rows: pools. Where the last window reaches beyond the border (`ceil_mode`), the padding is told in numbers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from archspec.ops.base import window_pads

from .writing import Row, Step, Value, along


def _geometry(step: Step) -> tuple[list[int], list[int], list[tuple[int, int]], list[int]]:
    """The kernel, the stride, the padding as it is said, and what windows need beyond it."""
    kernel = list(step.attr("kernel_size"))
    stride = list(step.attr("stride") or kernel)
    spacing = list(getattr(step.op, "dilation", (1,) * len(kernel)))
    sizes, counts = step.numbers(step.node.inputs[0].shape[2:]), step.numbers(step.out[2:])
    pads = list(window_pads(step.attr("padding"), sizes, kernel, stride, spacing))
    beyond = [
        max(0, (count - 1) * s + (k - 1) * d + 1 - size - before - after)
        for size, count, k, s, d, (before, after) in zip(sizes, counts, kernel, stride, spacing, pads, strict=True)
    ]
    return kernel, stride, pads, beyond


def _open(step: Step) -> dict[str, Any]:
    """The attributes of a pool of a sequence whose length is open."""
    if getattr(step.op, "ceil_mode", False):
        raise_open(step)
    stride = step.attr("stride") or step.attr("kernel_size")
    padding = step.attr("padding")
    if padding == "same":
        return {"kernel_shape": step.attr("kernel_size"), "strides": stride, "auto_pad": "SAME_UPPER"}
    pads = [before for before, _ in padding] + [after for _, after in padding]
    return {"kernel_shape": step.attr("kernel_size"), "strides": stride, "pads": pads}


def raise_open(step: Step) -> None:
    step.numbers(step.node.inputs[0].shape[2:])


def _around(pads: list[tuple[int, int]], beyond: list[int]) -> list[int]:
    return [before for before, _ in pads] + [after + more for (_, after), more in zip(pads, beyond, strict=True)]


def _border(step: Step, x: Value, pads: list[int], value: float) -> Value:
    rank = len(pads) // 2
    whole = [0, 0, *pads[:rank], 0, 0, *pads[rank:]]
    return step("Pad", x, step.ints(whole), step.floats(value))


def _max_pool(step: Step) -> Value:
    spacing = list(step.attr("dilation"))
    if step.is_open(*step.node.inputs[0].shape[2:]):
        return step("MaxPool", step.x, dilations=spacing, **_open(step))
    kernel, stride, pads, beyond = _geometry(step)
    around, x = _around(pads, beyond), step.x
    if any(pad >= k for pad, k in zip(around, kernel * 2, strict=True)):  # which runtimes refuse
        x, around = _border(step, x, around, -np.inf), [0] * len(around)
    return step("MaxPool", x, kernel_shape=kernel, strides=stride, pads=around, dilations=spacing)


def _avg_pool(step: Step) -> Value:
    counted = bool(step.attr("count_include_pad"))
    if step.is_open(*step.node.inputs[0].shape[2:]):
        return step("AveragePool", step.x, count_include_pad=int(counted), **_open(step))
    kernel, stride, pads, beyond = _geometry(step)
    return _averaged(step, step.x, kernel, stride, pads, beyond, counted=counted)


def _averaged(
    step: Step, x: Value, kernel: list[int], stride: list[int], pads: list[tuple[int, int]], beyond: list[int], *,
    counted: bool,
) -> Value:  # fmt: skip
    """Means, of which zeros in the padding count, or do not; what is beyond the padding never does."""
    around = _around(pads, beyond)
    if counted and any(beyond):
        x, around, counted = _border(step, x, _around(pads, [0] * len(pads)), 0.0), [0] * len(pads) + beyond, False
    if any(pad >= k for pad, k in zip(around, kernel * 2, strict=True)):
        raise_small(step)
    return step("AveragePool", x, kernel_shape=kernel, strides=stride, pads=around, count_include_pad=int(counted))


def raise_small(step: Step) -> None:
    from archspec.errors import BackendError

    raise BackendError("its padding is as large as its window, which ONNX Runtime refuses")


def _lp_pool(step: Step) -> Value:
    """(sum of |x|^p)^(1/p): a mean times how many there are; LpPool has whole p alone."""
    kernel, stride, pads, beyond = _geometry(step)
    p = step.attr("norm_type")
    powers = step("Pow", step("Abs", step.x), step.floats(p))
    if any(map(any, pads)) or any(beyond):
        powers = _border(step, powers, _around(pads, beyond), 0.0)
    mean = step("AveragePool", powers, kernel_shape=kernel, strides=stride)
    total = step("Mul", mean, step.floats(float(np.prod(kernel))))
    return step("Pow", total, step.floats(1 / p))


def _adaptive(largest: bool) -> Row:
    def row(step: Step) -> Value:
        outs, x, shape = list(step.attr("output_size")), step.x, step.node.inputs[0].shape
        if all(out == 1 for out in outs):
            return step("ReduceMax" if largest else "ReduceMean", x, step.ints(list(range(2, len(shape)))))
        sizes = step.numbers(shape[2:])
        if all(size % out == 0 for size, out in zip(sizes, outs, strict=True)):
            kernel = [size // out for size, out in zip(sizes, outs, strict=True)]
            return step("MaxPool" if largest else "AveragePool", x, kernel_shape=kernel, strides=kernel)
        for axis, (size, out) in enumerate(zip(sizes, outs, strict=True), 2):
            bounds = [(j * size // out, -(-(j + 1) * size // out)) for j in range(out)]
            x = (_largest_of if largest else _mean_of)(step, x, axis, len(shape), size, bounds)
        return x

    return row


def _mean_of(step: Step, x: Value, axis: int, rank: int, size: int, bounds: list[tuple[int, int]]) -> Value:
    matrix = np.zeros((size, len(bounds)))
    for column, (start, end) in enumerate(bounds):
        matrix[start:end, column] = 1 / (end - start)
    return along(step, x, axis, rank, matrix)


def _largest_of(step: Step, x: Value, axis: int, rank: int, size: int, bounds: list[tuple[int, int]]) -> Value:
    where = step.ints([axis])
    parts = [
        step("ReduceMax", step("Slice", x, step.ints([start]), step.ints([end]), where), where) for start, end in bounds
    ]
    return step("Concat", *parts, axis=axis)


def _global(op: str) -> Row:
    def row(step: Step) -> Value:
        axes = step.ints(list(range(2, len(step.node.inputs[0].shape))))
        return step(op, step.x, axes, keepdims=int(step.attr("keepdims")))

    return row


ROWS: Final[dict[str, Row]] = {
    **{f"max_pool{rank}d": _max_pool for rank in (1, 2, 3)},
    **{f"avg_pool{rank}d": _avg_pool for rank in (1, 2, 3)},
    **{f"lp_pool{rank}d": _lp_pool for rank in (1, 2, 3)},
    **{f"adaptive_avg_pool{rank}d": _adaptive(largest=False) for rank in (1, 2, 3)},
    **{f"adaptive_max_pool{rank}d": _adaptive(largest=True) for rank in (1, 2, 3)},
    **{f"global_avg_pool{rank}d": _global("ReduceMean") for rank in (1, 2, 3)},
    **{f"global_max_pool{rank}d": _global("ReduceMax") for rank in (1, 2, 3)},
}
