"""Operations of `keras.ops`, and layers that do the same, given to rows that all sources share."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Final

from archspec.importing.raising import Call, Refusal, Static, View
from archspec.importing.rows import numbers, shapes

from .views import alike, plain, plainly

Row = Callable[[Call], None]


def through(row: Row, *names: str, **named: str) -> Row:
    """Another row, which takes these arguments after the input, and by its own names those that have others here."""

    def given(call: Call) -> None:
        more = {theirs: call.get(ours) for theirs, ours in named.items()}
        row(call.said(call.event["args"][0], *(call.get(name) for name in names), **more))

    return given


def _tensors(call: Call) -> list[Any]:
    """Of a layer that takes a list, or several tensors."""
    given = call.event["args"]
    return list(given[0]) if len(given) == 1 and isinstance(given[0], list) else list(given)


def merged(op: str) -> Row:
    """`Add()([x, y, z])`"""

    def row(call: Call) -> None:
        given = _tensors(call)
        if op in ("add", "multiply", "maximum", "minimum") and len(given) != 2:
            views = [call.raiser.view(each) for each in given]
            if len({view.rank for view in views}) > 1:
                raise Refusal("it combines tensors with different numbers of axes")
            call.give(views[0].of(call.step(op, *views)[0]))
            return
        numbers.binary(op)(call.said(*given))

    return alike(row)


def average(call: Call) -> None:
    views = [call.raiser.view(each) for each in _tensors(call)]
    (tensor,) = call.step("add", *views)
    call.give(views[0].of(call.step("multiply", tensor, value=1 / len(views))[0]))


def concatenate(call: Call) -> None:
    axis = call.get("axis", 1, -1)
    shapes.joined("concat")(call.said(_tensors(call), axis))


def stack(call: Call) -> None:
    shapes.joined("stack")(call.said(_tensors(call), call.get("axis", default=0)))


def flatten(call: Call) -> None:
    """An image keeps its channels first, unless somebody must know."""
    view = call.view()
    sizes = view.tensor.shapes[0][1:]
    if not view.last or view.tensor.shapes[1][1:] != sizes:
        with_plain = plain(call, view)
        if with_plain.rank == 2:
            call.give(with_plain)
        else:
            call.give(View(call.step("flatten", with_plain)[0]))
        return
    (tensor,) = call.step("flatten", view)
    call.give(View(tensor, mixed=() if prod(sizes[1:]) == 1 or sizes[0] == 1 else sizes))


def reshape(call: Call) -> None:
    """Where only axes of one come or go, an image stays, or becomes, one with channels second."""
    known = call.raiser.known(call.get("x", 0))
    one, two = call.result_shapes()
    if isinstance(known, View) and known.batch == 0 and not known.mixed and one[1:] == two[1:]:
        before = known.tensor.shapes[0][1:]
        image = (one[-1], *one[1:-1]) if len(one) > 3 else one[1:]
        if (known.last or len(one) > 3) and [n for n in before if n > 1] == [n for n in image if n > 1]:
            if known.tensor.shapes[0][1:] == image:
                tensor = known.tensor
            elif len(image) == 1:
                (tensor,) = call.step("flatten", known)
            else:
                (tensor,) = call.step("reshape", known, shape=list(image))
            call.give(View(tensor, last=len(one) > 3))
            return
    plainly(lambda call: shapes.reshaped(call))(call.said(call.get("x", 0)))


def permute(call: Call) -> None:
    """`layers.Permute((2, 1))` counts from 1."""
    shapes.permuted(shapes.given_order)(call.said(call.event["args"][0], [0, *call.number("dims")]))


def transpose(call: Call) -> None:
    known = call.raiser.known(call.get("x", 0))
    axes = call.number("axes")
    if axes is None:
        rank = len(known.shape) if isinstance(known, Static) else known.rank
        axes = list(range(rank))[::-1]
    shapes.permuted(shapes.given_order)(call.said(call.event["args"][0], axes))


def repeat(call: Call) -> None:
    """`layers.RepeatVector(n)`"""
    (tensor,) = call.step("unsqueeze", call.view(), axis=1)
    shape = [call.number("n"), tensor.shapes[0][2]]
    call.give(View(call.step("expand", tensor, shape=shape)[0]))


def split(call: Call) -> None:
    view = call.view()
    axis = call.number("axis", default=0) % view.rank
    _ = call.said(call.event["args"][0], None, axis)
    shapes.pieces(_)


def item(call: Call) -> None:
    shapes.item(call.said(call.event["args"][0], call.get("key", 1)))


def cast(call: Call) -> None:
    numbers.cast(call.said(call.event["args"][0]))


def einsum(call: Call) -> None:
    numbers.einsum(call.said(call.get("subscripts"), *call.event["args"]))


def reduced(op: str) -> Row:
    def row(call: Call) -> None:
        more = {"unbiased": False} if op in ("var", "std") else {}
        said = call.said(call.event["args"][0], call.get("axis"), keepdim=bool(call.get("keepdims")), **more)
        numbers.reduced(op)(said)

    return row


def padded(call: Call) -> None:
    """`ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))`"""
    view, pairs = call.view(), call.number("pad_width")
    if pairs[0] != [0, 0] or call.get("mode", default="constant") != "constant":
        raise Refusal("it pads the batch, or otherwise than with a number")
    order = sorted(range(1, view.rank), key=view.axis)
    value = call.get("constant_values", 2) or 0
    attributes: dict[str, Any] = {"value": float(value)} if value else {}
    padding = [pairs[axis] for axis in order]
    while len(padding) > 1 and padding[0] == [0, 0]:
        padding = padding[1:]
    call.give(view.of(call.step("pad", view, padding=padding, **attributes)[0]))


BINARY: Final = {
    "Add": "add", "Subtract": "subtract", "Multiply": "multiply", "TrueDivide": "divide", "Divide": "divide",
    "Power": "power", "Maximum": "maximum", "Minimum": "minimum", "Equal": "equal", "NotEqual": "not_equal",
    "Less": "less", "LessEqual": "less_equal", "Greater": "greater", "GreaterEqual": "greater_equal",
    "LogicalAnd": "logical_and", "LogicalOr": "logical_or", "LogicalXor": "logical_xor", "Mod": "mod",
    "Arctan2": "atan2", "Logaddexp": "logaddexp",
}  # fmt: skip

ROWS: Final[dict[str, Row]] = {
    **{f"ops.{name}": alike(numbers.binary(op)) for name, op in BINARY.items()},
    **{f"layers.{name}": merged(name.lower()) for name in ("Add", "Subtract", "Multiply", "Maximum", "Minimum")},
    "layers.Average": alike(average),
    "layers.Concatenate": alike(concatenate),
    "ops.Concatenate": alike(concatenate),
    "ops.Stack": plainly(stack),
    "layers.Flatten": flatten,
    "layers.Reshape": reshape,
    "ops.Reshape": reshape,
    "layers.Permute": permute,
    "ops.Transpose": transpose,
    "layers.RepeatVector": repeat,
    "ops.ExpandDims": plainly(through(shapes.unsqueeze, "axis")),
    "ops.Squeeze": plainly(through(shapes.squeeze, "axis")),
    "ops.BroadcastTo": plainly(through(shapes.expanded)),
    "ops.Split": plainly(split),
    "ops.Unstack": plainly(through(shapes.unbind, "axis")),
    "ops.GetItem": plainly(item),
    "ops.Cast": cast,
    "ops.Clip": through(numbers.clamp, "x_min", "x_max"),
    "ops.Matmul": plainly(numbers.matmul),
    "ops.Einsum": plainly(einsum),
    "ops.Where": alike(numbers.where),
    "ops.Pad": padded,
    "ops.Flip": through(numbers.axiswise("flip"), "axis"),
    "ops.Cumsum": through(numbers.axiswise("cumsum"), "axis"),
    **{f"ops.{name}": reduced(op) for name, op in {
        "Mean": "mean", "Sum": "sum", "Max": "max", "Min": "min", "Amax": "max", "Amin": "min", "Var": "var",
        "Std": "std", "Prod": "prod", "Argmax": "argmax", "Argmin": "argmin", "Logsumexp": "logsumexp",
    }.items()},
}  # fmt: skip
