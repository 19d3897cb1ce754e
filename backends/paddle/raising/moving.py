"""Functions that others have otherwise: what moves axes, products, and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from archspec.importing.raising import Call, Refusal, Static
from archspec.importing.rows import numbers, shapes

from .layers import Row


def unsqueeze(call: Call) -> None:
    axis = call.number("axis", 1)
    axes = axis if isinstance(axis, list) else [axis]
    known = call.raiser.known(call.get("x", 0))
    if isinstance(known, Static) or len(axes) == 1:
        shapes.unsqueeze(call.said(call.get("x", 0), dim=axes[0]))
        return
    for number in axes:
        known = shapes.with_axis(call, known, number % (known.rank + 1))
    call.give(known)


def matmul(call: Call) -> None:
    if call.get("transpose_x", 2) or not call.get("transpose_y", 3):
        if call.get("transpose_x", 2):
            raise Refusal("a product of matrices with transpose_x")
        numbers.matmul(call.said(call.get("x", 0), other=call.get("y", 1)))
        return
    view = call.raiser.view(call.get("y", 1))
    if view.batch is None or view.batch >= view.rank - 2:
        raise Refusal("a product of matrices over the batch")
    axes = list(range(1, view.rank))
    axes[-1], axes[-2] = axes[-2], axes[-1]
    other = view.of(call.step("permute", view, axes=axes)[0])
    numbers.product(call, call.raiser.view(call.get("x", 0)), other)


def where(call: Call) -> None:
    given = [call.get("condition", 0), call.get("x", 1), call.get("y", 2)]
    numbers.where(call.said(*given))


def scaled(call: Call) -> None:
    """`x * scale + bias`"""
    view, scale, bias = call.view(), call.number("scale", 1, 1.0), call.number("bias", 2, 0.0)
    if call.get("act") is not None or not (isinstance(scale, (int, float)) and isinstance(bias, (int, float))):
        raise Refusal("scale with a tensor, or an activation")
    steps = [("multiply", scale, 1), ("add", bias, 0)]
    for op, value, nothing in steps if call.get("bias_after_scale", 3, True) else steps[::-1]:
        if value != nothing:
            view = view.of(call.step(op, view, value=value)[0])
    call.give(view)


def swapped(call: Call) -> None:
    one, other = call.get("axis0", 1), call.get("axis1", 2)
    shapes.permuted(shapes.transposed)(call.said(call.get("x", 0), dim0=one, dim1=other))


PADS: Final = {"constant": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def padded(call: Call) -> None:
    """Pairs from the last axis to the first, or for all axes from the first to the last."""
    view, sizes, mode = call.view(), call.number("pad", 1, call.number("padding")), call.get("mode", 2, "constant")
    if not isinstance(sizes, list) or mode not in PADS:
        raise Refusal(f"a padding with mode={mode!r} that is one number, or one of another kind")
    pairs = [list(pair) for pair in zip(sizes[::2], sizes[1::2], strict=True)]
    if len(pairs) < view.rank or call.get("pad_from_left_axis", default=True) is False:
        pairs = pairs[::-1]
    whole: list[Any] = [[0, 0]] * (view.rank - len(pairs)) + pairs
    if view.batch is not None and whole[view.batch] != [0, 0]:
        raise Refusal("it pads the batch")
    pairs = [whole[axis] for axis in range(view.rank) if axis != view.batch]
    while len(pairs) > 1 and pairs[0] == [0, 0]:
        del pairs[0]
    attributes: dict[str, Any] = {"padding": pairs}
    if mode != "constant":
        attributes["mode"] = mode
    elif value := call.number("value", 3, 0.0):
        attributes["value"] = float(value)
    call.give(view.of(call.step("pad", view, **attributes)[0]))


ROWS: Final[Mapping[str, Row]] = {
    "unsqueeze": unsqueeze,
    "matmul": matmul,
    "bmm": matmul,
    "where": where,
    "scale": scaled,
    "swapaxes": swapped,
    "pad": padded,
    **{f"nn.{kind}{rank}D": padded for kind in ("Pad", "ZeroPad") for rank in (1, 2, 3)},
}
