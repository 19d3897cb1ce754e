"""Arithmetic, activations, and reductions."""

from __future__ import annotations

from collections.abc import Callable
from math import isclose
from typing import Any

from archspec.importing.raising import Call, Refusal, View
from archspec.importing.rows import numbers
from archspec.importing.trace import Size

Row = Callable[[Call], None]


def simple(op: str, **names: tuple[str, Any]) -> Row:
    """An operation of one input, whose attributes are these of the node, with their defaults there."""

    def row(call: Call) -> None:
        call.simple(op, **{ours: call.get(theirs, default=default) for ours, (theirs, default) in names.items()})

    return row


def argument(call: Call, place: int) -> Any:
    """What is given at a place, None if nothing is."""
    args = call.event["args"]
    return args[place] if place < len(args) else None


def listed(call: Call, name: str, place: int) -> list[int] | None:
    """Whole numbers that are an attribute in old files, an input in newer ones. Raises Refusal for what is neither."""
    found = call.get(name, default=argument(call, place))
    if found is None:
        return None
    found = found if isinstance(found, list) else [found]
    if not all(type(each) in (int, Size) for each in found):
        raise Refusal(f"'{name}' follows from numbers of an input")
    return found


def whole(call: Call, name: str, place: int) -> list[int] | None:
    """The same, of what does not follow from sizes."""
    found = listed(call, name, place)
    if found is not None and any(isinstance(each, Size) for each in found):
        raise Refusal(f"'{name}' follows from the size of an input")
    return found


def chained(op: str) -> Row:
    """An operator of any number of inputs."""

    def row(call: Call) -> None:
        args = call.event["args"]
        if len(args) < 3:
            (numbers.binary(op) if len(args) == 2 else numbers.same)(call)
            return
        views = [call.raiser.view(each) for each in args]
        like = max(views, key=lambda view: view.rank)
        tensor = like.tensor
        for number, each in enumerate(args):
            other = call.operand(each, like)
            tensor = other if number == 0 else call.step(op, tensor, other)[0]
        call.give(View(tensor, like.batch))

    return row


def along(op: str) -> Row:
    """A softmax: along an axis."""

    def row(call: Call) -> None:
        view = call.view()
        axis = view.axis(call.get("axis", default=-1))
        if view.batch is not None and axis == 0:
            raise Refusal(f"{call.func} along the samples of a batch")
        call.simple(op, axis=-1 if axis == len(view.tensor.shapes[0]) - 1 else axis)

    return row


def clip(call: Call) -> None:
    bounds = [call.get(name, default=argument(call, place)) for place, name in ((1, "min"), (2, "max"))]
    if any(call.is_tensor(each) for each in bounds):
        raise Refusal("bounds that follow from numbers of an input")
    found = {name: float(each) for name, each in zip(("minimum", "maximum"), bounds, strict=True) if each is not None}
    if found == {"minimum": 0.0, "maximum": 6.0}:
        call.simple("relu6")
    elif found:
        call.simple("clip", **found)
    else:
        numbers.same(call)


def hard_sigmoid(call: Call) -> None:
    slope, shift = call.get("alpha", default=0.2), call.get("beta", default=0.5)
    if isclose(slope, 1 / 6, rel_tol=1e-6) and shift == 0.5:
        call.simple("hard_sigmoid")
        return
    view = call.view()
    (tensor,) = call.step("multiply", view, value=slope)
    (tensor,) = call.step("add", tensor, value=shift)
    call.give(View(call.step("clip", tensor, minimum=0.0, maximum=1.0)[0], view.batch))


def shrink(call: Call) -> None:
    threshold, bias = call.get("lambd", default=0.5), call.get("bias", default=0.0)
    if bias not in (0, threshold):
        raise Refusal("a Shrink whose bias is neither 0 nor its threshold")
    call.simple("soft_shrink" if bias else "hard_shrink", threshold=threshold)


def _axes(call: Call) -> tuple[list[int], bool]:
    view, axes = call.view(), whole(call, "axes", 1)
    if not axes:
        raise Refusal(f"{call.func} over all numbers of a batch")
    return [axis % view.rank for axis in axes], bool(call.get("keepdims", default=1))


def reduced(op: str, **more: Any) -> Row:
    def row(call: Call) -> None:
        axes, keep = _axes(call)
        if not more:
            numbers.reduced(op)(call.said(call.event["args"][0], dim=axes, keepdim=keep))
            return
        view = call.view()
        if view.batch in axes:
            raise Refusal(f"{call.func} over the samples of a batch")
        found = sorted(map(view.axis, axes))
        (tensor,) = call.step(op, view, axis=found[0] if len(found) == 1 else found, keepdims=keep, **more)
        batch = view.batch
        if batch is not None and not keep:
            batch -= sum(axis < batch for axis in axes)
        call.give(View(tensor, batch))

    return row


def sum_square(call: Call) -> None:
    view, (axes, keep) = call.view(), _axes(call)
    if view.batch != 0 or 0 in axes:
        raise Refusal(f"{call.func} over the samples of a batch")
    (squares,) = call.step("square", view)
    call.give(*call.step("sum", squares, axis=axes[0] if len(axes) == 1 else sorted(axes), keepdims=keep))


def extreme_place(op: str) -> Row:
    def row(call: Call) -> None:
        if call.get("select_last_index", default=0):
            raise Refusal("the last of equal elements")
        keep = bool(call.get("keepdims", default=1))
        numbers.reduced(op)(call.said(call.event["args"][0], dim=call.get("axis", default=0), keepdim=keep))

    return row


def cumsum(call: Call) -> None:
    axis = whole(call, "axis", 1)
    if call.get("exclusive", default=0) or call.get("reverse", default=0) or axis is None:
        raise Refusal("a cumulative sum that is exclusive, or from the end")
    numbers.axiswise("cumsum")(call.said(call.event["args"][0], dim=axis[0]))


def topk(call: Call) -> None:
    view, count = call.view(), whole(call, "k", 1)
    axis = view.axis(call.get("axis", default=-1))
    if count is None or (axis == 0 and view.batch is not None) or not call.get("sorted", default=1):
        raise Refusal("a TopK over samples, or in no order")
    if view.tensor.dtype != "float":
        raise Refusal("a TopK of whole numbers")
    tensors = call.step("topk", view, k=count[0], axis=axis, largest=bool(call.get("largest", default=1)))
    call.give(*(View(each, view.batch) for each in tensors))


def where(call: Call) -> None:
    condition, one, other = call.event["args"]
    if call.is_tensor(one) and call.is_tensor(other):
        numbers.where(call)
        return
    if not call.is_tensor(condition) or not (call.is_tensor(one) or call.is_tensor(other)):
        raise Refusal("where with two numbers")
    first = call.is_tensor(one)
    view = call.raiser.view(one if first else other)
    value: Any = other if first else one
    mask = call.operand(condition, view)
    if first:
        (mask,) = call.step("logical_not", mask)
    if isinstance(value, dict):
        value = float(value["float"])
    call.give(View(call.step("masked_fill", view, mask, value=float(value))[0], view.batch))


def einsum(call: Call) -> None:
    numbers.einsum(call.said(call.get("equation"), *call.event["args"]))
