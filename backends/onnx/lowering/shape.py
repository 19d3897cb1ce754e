"""Rows: shapes, borders, and kinds of numbers."""

from __future__ import annotations

from typing import Final

from archspec.expressions import Const, expr_of

from .writing import Row, Step, Value

_END: Final = 2**63 - 1


def _reshape(step: Step) -> Value:
    return step.reshape(step.x, step.out)


def _merge_batch(step: Step) -> Value:
    x, axis = step.x, step.axis(step.attr("axis"))
    if axis > 1:
        order = [0, axis, *(other for other in range(1, len(step.out) + 1) if other != axis)]
        x = step("Transpose", x, perm=order)
    return step("Reshape", x, _sizes(step, -1, *step.out[1:]))


def _split_batch(step: Step) -> Value:
    rank = len(step.out)
    axis = step.axis(step.attr("axis"), rank)
    if len(step.inputs) == 1:
        made = step("Unsqueeze", step.x, step.ints([0]))
    else:
        made = step("Reshape", step.x, _sizes(step, -1, step.out[axis], *step.node.inputs[0].shape[1:]))
    order = [other for other in range(rank) if other != 1]
    order.insert(axis, 1)
    return made if axis == 1 else step("Transpose", made, perm=order)


def _sizes(step: Step, first: int, *others: int) -> Value:
    return step.joined([first, *(step.writer.size(size) for size in others)])


def _squeeze(step: Step) -> Value:
    return step("Squeeze", step.x, step.ints(step.axes(step.attr("axis"))))


def _unsqueeze(step: Step) -> Value:
    return step("Unsqueeze", step.x, step.ints(step.axes(step.attr("axis"), len(step.out))))


def _permute(step: Step) -> Value:
    return step("Transpose", step.x, perm=list(step.op.order(len(step.out))))


def expanded(step: Step, x: Value, before: tuple[int, ...], to: tuple[int, ...]) -> Value:
    """Axes of size 1 stretched; those that stay are not told."""
    same = [
        bool(a == b and (axis == 0 or expr_of(a) == expr_of(b)))
        for axis, (a, b) in enumerate(zip(before, to, strict=True))
    ]
    parts = [
        1 if kept else step.writer.size(size, axis) for axis, (kept, size) in enumerate(zip(same, to, strict=True))
    ]
    return step("Expand", x, step.joined(parts))


def _expand(step: Step) -> Value:
    return expanded(step, step.x, step.node.inputs[0].shape, step.out)


def _tile(step: Step) -> Value:
    return step("Tile", step.x, step.ints([1, *step.attr("repeats")]))


def _roll(step: Step) -> Value:
    x = step.x
    for axis, shift in zip(step.axes(step.attr("axis")), step.op.moves(), strict=True):
        size = step.out[axis]
        shift = shift % int(size) if isinstance(expr_of(size), Const) else shift
        if step.is_open(size) and abs(shift) > 1:
            step.number(size)  # a shift may be larger than the axis
        if shift:
            where, cut = step.ints([axis]), step.ints([-shift])
            head = step("Slice", x, cut, step.ints([_END]), where)
            x = step("Concat", head, step("Slice", x, step.ints([0]), cut, where), axis=axis)
    return x


def _flip(step: Step) -> Value:
    axes = step.axes(step.attr("axis"))
    count = len(axes)
    return step(
        "Slice", step.x, step.ints([-1] * count), step.ints([-_END] * count), step.ints(axes), step.ints([-1] * count)
    )


def _pad(step: Step) -> Value:
    pairs = [(0, 0)] * (len(step.out) - len(step.attr("padding"))) + list(step.attr("padding"))
    pads = step.ints([before for before, _ in pairs] + [after for _, after in pairs])
    mode = {"replicate": "edge", "circular": "wrap"}.get(step.attr("mode"), step.attr("mode"))
    if step.x.dtype == "bool":
        inner = step.cast(step.x, "int64")
        return step.cast(step("Pad", inner, pads, *_border(step, inner), mode=mode), "bool")
    return step("Pad", step.x, pads, *_border(step, step.x), mode=mode)


def _border(step: Step, x: Value) -> tuple[Value, ...]:
    value = step.attr("value")
    return (step.like(value if x.dtype == "float" else int(bool(value)), x),) if value else ()


def _cast(step: Step) -> Value:
    dtype = step.attr("dtype")
    return step.x if dtype == step.x.dtype else step.cast(step.x, dtype)


def _one_hot(step: Step) -> Value:
    return step("OneHot", step.x, step.ints(step.attr("num_classes")), step.floats([0, 1]), gives="float")


ROWS: Final[dict[str, Row]] = {
    "flatten": _reshape,
    "reshape": _reshape,
    "merge_batch": _merge_batch,
    "split_batch": _split_batch,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "permute": _permute,
    "expand": _expand,
    "tile": _tile,
    "roll": _roll,
    "flip": _flip,
    "pad": _pad,
    "cast": _cast,
    "one_hot": _one_hot,
}
