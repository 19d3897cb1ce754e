"""Arithmetic, products of matrices, and reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from archspec.importing.raising import Call, Refusal, Static, View
from archspec.importing.rows.shapes import FIRST_ROWS
from archspec.importing.trace import Size
from archspec.importing.tree import Origin

Row = Callable[[Call], None]


BINARY: Final = {
    "add": "add", "sub": "subtract", "subtract": "subtract", "mul": "multiply", "multiply": "multiply",
    "div": "divide", "divide": "divide", "truediv": "divide", "true_divide": "divide", "pow": "power",
    "maximum": "maximum", "minimum": "minimum", "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal",
    "gt": "greater", "ge": "greater_equal", "logical_and": "logical_and", "logical_or": "logical_or",
    "and": "logical_and",    "or": "logical_or",
}  # fmt: skip


def binary(op: str) -> Row:
    def row(call: Call) -> None:
        one, other = call.get("input", 0), call.get("other", 1, call.get("exponent", 1))
        if call.get("alpha") not in (None, 1) or call.get("rounding_mode") is not None:
            raise Refusal(f"{call.func} with alpha or rounding_mode")
        if (call.func.startswith("__r") and call.func.strip("_")[1:] in BINARY) or call.func == "rsub":
            one, other = other, one
        if not call.is_tensor(one) or not call.is_tensor(other):
            _with_number(call, op, one, other)
            return
        views = [call.raiser.known(each) for each in (one, other)]
        like = max((each for each in views if isinstance(each, View)), key=lambda view: view.rank, default=None)
        if like is None:
            like = call.raiser.view(one)
        rows = next(
            (
                each
                for each in views
                if isinstance(each, Static) and each.origin and each.origin.layout[:1] == FIRST_ROWS
            ),
            None,
        )
        if rows is not None:
            _positions(call, op, like, rows)
            return
        if any(isinstance(each, Static) and len(each.shape) > like.rank for each in views):
            raise Refusal("it combines a tensor with an array of more axes")
        inputs = [call.operand(each, like) for each in (one, other)]
        (tensor,) = call.step(op, *inputs)
        call.give(like.of(tensor))

    return row


def _positions(call: Call, op: str, like: View, rows: Static) -> None:
    """`x + table[: x.shape[1]]`"""
    assert rows.origin is not None
    table = call.raiser.trace.arrays[f"weight {rows.origin.weight}"].shape
    if op != "add" or like.batch != 0 or like.rank != 3 or len(table) != 2 or rows.shape != like.shapes()[0][1:]:
        raise Refusal("it takes a part of a weight")
    weights = {"weight": Origin(rows.origin.weight)}
    longer = {} if table[0] == rows.shape[0] else {"max_length": table[0]}
    named = Call({**call.event, "path": rows.origin.weight.removesuffix(".weight")}, call.raiser)
    call.give(*named.step("learned_positions", like, weights=weights, **longer))


def _with_number(call: Call, op: str, one: Any, other: Any) -> None:
    first = call.is_tensor(one)
    view = call.raiser.view(one if first else other)
    value = other if first else one
    if isinstance(value, Size) or not isinstance(value, (int, float)):
        raise Refusal(f"{call.func} with a number that follows from the size of an input")
    if not first and op in ("subtract", "divide", "power"):
        if op == "power":
            raise Refusal("a number to the power of a tensor")
        if value == (0 if op == "subtract" else 1):
            (tensor,) = call.step("neg" if op == "subtract" else "reciprocal", view)
        else:
            (tensor,) = call.step(op, view, value=value, value_first=True)
    elif op == "power" and value in (2, 0.5):
        (tensor,) = call.step("square" if value == 2 else "sqrt", view)
    else:
        (tensor,) = call.step(op, view, value=value)
    call.give(view.of(tensor))


def matmul(call: Call) -> None:
    product(call, *(call.raiser.view(call.get(name, place)) for place, name in enumerate(("input", "other"))))


def product(call: Call, one: View, other: View) -> None:
    """A product of two values' last two axes."""
    if one.batch is None or other.batch is None or one.rank != other.rank or one.batch != other.batch:
        raise Refusal("a product of matrices of different numbers of axes")
    if one.batch >= one.rank - 2:
        raise Refusal("a product of matrices over the batch")
    (tensor,) = call.step("matmul", one, other)
    call.give(View(tensor, one.batch))


def scaled_dot_product(call: Call) -> None:
    views = [call.raiser.view(call.get(name, place)) for place, name in enumerate(("query", "key", "value"))]
    if any(view.batch != 0 for view in views):
        raise Refusal("attention of something that is no batch of sequences")
    inputs: list[Any] = list(views)
    mask = call.get("attn_mask", 3)
    if mask is not None:
        inputs.append(call.operand(mask, View(views[0].tensor, 0)))
    if call.get("enable_gqa"):
        raise Refusal("attention with grouped queries")
    attributes: dict[str, Any] = {"causal": bool(call.get("is_causal", 5, False))}
    if (scale := call.number("scale")) is not None:
        attributes["scale"] = scale
    call.give(*call.step("scaled_dot_product_attention", *inputs, **attributes))


def reduced(op: str) -> Row:
    def row(call: Call) -> None:
        view = call.view()
        said = call.number("dim", 1, call.number("axis"))
        if said is None or said == []:
            raise Refusal(f"{call.func} over all numbers of a batch")
        axes = [axis % view.rank for axis in (said if isinstance(said, list) else [said])]
        if view.batch in axes:
            raise Refusal(f"{call.func} over the samples of a batch")
        keep = bool(call.get("keepdim", 3 if op in ("var", "std") else 2, False))
        spec = sorted(view.axis(axis) for axis in axes)
        attributes: dict[str, Any] = {"axis": spec[0] if len(spec) == 1 else spec, "keepdims": keep}
        if op in ("var", "std"):
            attributes["unbiased"] = bool(call.get("unbiased", 2, call.get("correction", None, 1)))
        rank = len(view.tensor.shapes[0])
        if op == "mean" and view.batch == 0 and rank in (4, 5) and spec == list(range(2, rank)):
            (tensor,) = call.step(f"global_avg_pool{rank - 2}d", view, keepdims=keep)
        else:
            (tensor,) = call.step(op, view, **attributes)
        batch = view.batch
        if batch is not None and not keep:
            batch -= sum(axis < batch for axis in axes)
        last = view.last and (keep or (1 not in spec and len(tensor.shapes[0]) > 2))
        call.give(View(tensor, batch, last))

    return row


def clamp(call: Call) -> None:
    bounds = {"minimum": call.number("min", 1), "maximum": call.number("max", 2)}
    call.simple("clip", **{name: float(value) for name, value in bounds.items() if value is not None})


def same(call: Call) -> None:
    call.give(call.raiser.view(call.get("input", 0)))


def cast(call: Call) -> None:
    """`x.to(dtype)`, `x.float()`, `x.type_as(y)`: numbers stay what they are among floats."""
    known = call.raiser.known(call.get("input", 0))
    number = call.event["result"]["value"]
    kind = call.raiser.trace.kinds[number]
    dtype = "float" if kind.startswith(("float", "bfloat")) else "bool" if kind == "bool" else "int64"
    if isinstance(known, Static):
        raise Refusal("it makes numbers of another kind of an array of its own")
    if known.tensor.dtype == dtype:
        call.give(known)
        return
    call.give(known.of(call.step("cast", known, dtype=dtype)[0]))


def einsum(call: Call) -> None:
    equation, operands = call.get("equation", 0), call.event["args"][1:]
    if isinstance(operands[0], list):
        operands = operands[0]
    views = [call.raiser.view(each) for each in operands]
    if not isinstance(equation, str) or any(view.batch != 0 for view in views):
        raise Refusal("einsum of what are no batches")
    left, _, right = equation.replace(" ", "").partition("->")
    letters = {term[:1] for term in (*left.split(","), right)}
    if len(letters) != 1 or not letters.pop().isalpha():
        raise Refusal("einsum that does not keep the samples of a batch apart")
    call.give(*call.step("einsum", *views, equation=f"{left}->{right}"))


def where(call: Call) -> None:
    given = [call.get("condition", 0), call.get("input", 1), call.get("other", 2)]
    if not all(map(call.is_tensor, given)):
        raise Refusal("where with a number")
    known = [call.raiser.known(each) for each in given]
    like = max((each for each in known if isinstance(each, View)), key=lambda view: view.rank)
    (tensor,) = call.step("where", *(call.operand(each, like) for each in given))
    call.give(like.of(tensor))


def axiswise(op: str) -> Row:
    """What goes along one axis, and keeps it: `cumsum`, `flip`, `roll`."""

    def row(call: Call) -> None:
        view = call.view()
        place = 2 if op == "roll" else 1
        said = call.number("dims" if op in ("flip", "roll") else "dim", place)
        axes = said if isinstance(said, list) else [said]
        if None in axes or any(axis % view.rank == view.batch for axis in axes):
            raise Refusal(f"{call.func} along the samples of a batch")
        given = sorted(view.axis(axis) for axis in axes)
        attributes: dict[str, Any] = {"axis": given[0] if len(given) == 1 else given}
        if op == "roll":
            shifts = call.number("shifts", 1)
            by = dict(zip(map(view.axis, axes), shifts if isinstance(shifts, list) else [shifts], strict=True))
            attributes["shifts"] = [by[axis] for axis in given] if len(given) > 1 else by[given[0]]
        call.give(view.of(call.step(op, view, **attributes)[0]))

    return row


def normalize(call: Call) -> None:
    view = call.view()
    if call.number("p", 1, 2.0) != 2:
        raise Refusal("normalize by another norm than the second")
    axis = view.axis(call.number("dim", 2, 1))
    epsilon = call.number("eps", 3, 1e-12)
    call.give(view.of(call.step("l2_normalize", view, axis=axis, epsilon=epsilon)[0]))


def extreme(op: str) -> Row:
    """`max` and `min` along an axis, which give the places, too; or of two tensors."""

    def row(call: Call) -> None:
        if call.is_tensor(call.get("other", 1)):
            binary("maximum" if op == "max" else "minimum")(call)
            return
        view, said = call.view(), call.number("dim", 1)
        if said is None or said % view.rank == view.batch:
            raise Refusal(f"{call.func} over the samples of a batch")
        axis, keep = view.axis(said), bool(call.get("keepdim", 2, False))
        batch = view.batch
        if batch is not None and not keep:
            batch -= said % view.rank < batch
        given = [View(call.step(op, view, axis=axis, keepdims=keep)[0], batch)]
        if call.raiser.is_read(call.event["result"][1]):
            given.append(View(call.step(f"arg{op}", view, axis=axis, keepdims=keep)[0], batch))
        call.give(*given)

    return row


def filled(value: float) -> Row:
    """`zeros_like`: one number, which arithmetic stretches."""

    def row(call: Call) -> None:
        call.raiser.keep(call.event["result"]["value"], Static((), None, np.array(value)))

    return row
