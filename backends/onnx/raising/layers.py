"""Layers with weights, and pools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from archspec.backend import Moves
from archspec.importing.raising import Call, Refusal, Static, View, back
from archspec.importing.rows import numbers
from archspec.importing.tree import Origin
from archspec.ops.base import Shape

from .arithmetic import argument

Row = Callable[[Call], None]


def laid(call: Call, data: Any, shape: Shape, moves: Moves = ()) -> Origin:
    """A weight as the spec has it, in this shape: what is given, moved."""
    known = call.raiser.static(data)
    if known is None or known.origin is None:
        raise Refusal("a weight is computed from an input")
    whole = (*known.origin.layout, *moves)
    if whole[-2:] == (TURN, TURN):
        whole = whole[:-2]
    original = call.raiser.trace.arrays[f"weight {known.origin.weight}"].shape
    return Origin(known.origin.weight, back(whole, shape, original))


TURN = ("transpose", (1, 0))


def _size(call: Call, data: Any) -> int:
    known = call.raiser.static(data)
    return 0 if known is None else int(known.shape[0]) if len(known.shape) == 1 else 0


def convolution(call: Call) -> None:
    _kernel(call, transposed=False)


def transposed(call: Call) -> None:
    _kernel(call, transposed=True)


def _kernel(call: Call, *, transposed: bool) -> None:
    view, known = call.view(), call.raiser.static(argument(call, 1))
    rank = view.rank - 2
    if view.batch != 0 or rank not in (1, 2, 3):
        raise Refusal("a convolution of something that is no batch of images")
    if known is None:
        raise Refusal("a convolution whose kernel is computed from an input")
    shape, groups, channels = known.shape, call.get("group", default=1), view.tensor.shapes[0][1]
    weights = {"weight": laid(call, argument(call, 1), shape)}
    out = shape[1] * groups if transposed else shape[0]
    if argument(call, 2) is not None:
        weights["bias"] = laid(call, argument(call, 2), (out,))
    attributes: dict[str, Any] = {"kernel_size": list(shape[2:]), **_window(call, rank), "bias": "bias" in weights}
    if transposed:
        if call.get("output_shape") is not None:
            raise Refusal("a transposed convolution that says the size of its result")
        more = call.get("output_padding", default=[0] * rank)
        op, attributes = f"conv_transpose{rank}d", {"out_channels": out, **attributes, "output_padding": more}
    elif groups == channels > 1 and rank < 3:
        op, attributes = f"depthwise_conv{rank}d", {**attributes, "multiplier": out // channels}
    else:
        op, attributes = f"conv{rank}d", {"out_channels": out, **attributes}
    if not op.startswith("depthwise"):
        attributes["groups"] = groups
    call.give(*call.step(op, view, weights=weights, **attributes))


def _window(call: Call, rank: int) -> dict[str, Any]:
    """Stride, padding and dilation of a window."""
    stride = call.get("strides", default=[1] * rank)
    way, pads = call.get("auto_pad", default="NOTSET"), call.get("pads", default=[0] * (2 * rank))
    padding: Any = [[pads[axis], pads[axis + rank]] for axis in range(rank)]
    if all(before == after for before, after in padding):
        padding = [before for before, _ in padding]
    if way == "SAME_UPPER":
        padding = "same"
    elif way == "VALID":
        padding = [0] * rank
    elif way != "NOTSET":
        raise Refusal(f"padding of the kind {way}")
    return {"stride": stride, "padding": padding, "dilation": call.get("dilations", default=[1] * rank)}


def pool(kind: str) -> Row:
    def row(call: Call) -> None:
        view = call.view()
        rank = view.rank - 2
        if view.batch != 0 or rank not in (1, 2, 3):
            raise Refusal("a pool of something that is no batch of images")
        attributes = {"kernel_size": call.get("kernel_shape"), **_window(call, rank)}
        attributes["ceil_mode"] = bool(call.get("ceil_mode", default=0))
        if kind == "avg":
            if set(attributes.pop("dilation")) != {1}:
                raise Refusal("an average pool with dilation")
            attributes["count_include_pad"] = bool(call.get("count_include_pad", default=0))
        if attributes["padding"] == [0] * rank and not attributes["ceil_mode"]:
            attributes.pop("count_include_pad", None)
            if list(attributes["kernel_size"]) == list(view.tensor.shapes[0][2:]) and view.tensor.shapes[0] == (
                view.tensor.shapes[0][0],
                *view.tensor.shapes[1][1:],
            ):
                call.give(*call.step(f"global_{kind}_pool{rank}d", view, keepdims=True))
                return
        if attributes["stride"] == attributes["kernel_size"]:
            del attributes["stride"]
        call.give(*call.step(f"{kind}_pool{rank}d", view, **attributes))

    return row


def global_pool(kind: str) -> Row:
    def row(call: Call) -> None:
        view = call.view()
        if view.batch != 0 or view.rank not in (3, 4, 5):
            raise Refusal("a pool of something that is no batch of images")
        call.give(*call.step(f"global_{kind}_pool{view.rank - 2}d", view, keepdims=True))

    return row


def gemm(call: Call) -> None:
    view, data = call.view(), argument(call, 1)
    known, factors = call.raiser.static(data), [call.get(name, default=1.0) for name in ("alpha", "beta")]
    if call.get("transA", default=0) or view.batch != 0 or view.rank != 2 or known is None:
        raise Refusal("a product that is no linear layer")
    if set(factors) != {1.0}:
        raise Refusal("a linear layer with factors (alpha, beta)")
    rows, columns = known.shape
    out, moves = (rows, ()) if call.get("transB", default=0) else (columns, (TURN,))
    weights = {"weight": laid(call, data, (out, view.tensor.shapes[0][1]), moves)}
    bias = argument(call, 2)
    if bias is not None:
        weights["bias"] = laid(call, bias, (out,))
    call.give(*call.step("linear", view, weights=weights, out_features=out, bias=bias is not None))


def product(call: Call) -> None:
    known = call.raiser.static(argument(call, 1))
    if known is None or known.origin is None or len(known.shape) != 2:
        numbers.matmul(call)
        return
    view, out = call.view(), known.shape[1]
    if view.batch == view.rank - 1:
        raise Refusal("a product over the samples of a batch")
    weights = {"weight": laid(call, argument(call, 1), (out, known.shape[0]), (TURN,))}
    bias = argument(call, 2)
    if bias is not None:
        weights["bias"] = laid(call, bias, (out,))
    (tensor,) = call.step("linear", view, weights=weights, out_features=out, bias=bias is not None)
    call.give(View(tensor, view.batch))


def _affine(call: Call, scale: Any, shift: Any, shape: Shape) -> dict[str, Origin]:
    """Weight and bias of a norm; none, if these are the numbers 1 and 0."""
    known = [call.raiser.known(each) if call.is_tensor(each) else each for each in (scale, shift)]
    plain = [each.constant if isinstance(each, Static) else each for each in known]
    if all(each is not None and np.all(each == number) for each, number in zip(plain, (1, 0), strict=True)):
        return {}
    return {"weight": laid(call, scale, shape), "bias": laid(call, shift, shape)}


def batch_norm(call: Call) -> None:
    view, args = call.view(), call.event["args"]
    if view.batch != 0 or call.get("training_mode", default=0) or not call.get("spatial", default=1):
        raise Refusal("batch norm in training, or for each place")
    shape = (view.tensor.shapes[0][1],)
    weights = _affine(call, args[1], args[2], shape)
    affine = bool(weights)
    weights |= {name: laid(call, args[place], shape) for place, name in ((3, "running_mean"), (4, "running_var"))}
    momentum = round(1 - call.get("momentum", default=0.9), 7)
    call.give(*call.step("batch_norm", view, weights=weights, epsilon=call.get("epsilon", default=1e-5),
                         momentum=momentum, affine=affine))  # fmt: skip


def instance_norm(call: Call) -> None:
    view, args = call.view(), call.event["args"]
    if view.batch != 0:
        raise Refusal("a norm of something that is no batch of images")
    weights = _affine(call, args[1], args[2], (view.tensor.shapes[0][1],))
    call.give(*call.step("instance_norm", view, weights=weights, epsilon=call.get("epsilon", default=1e-5),
                         affine=bool(weights)))  # fmt: skip


def group_norm(call: Call) -> None:
    view, args = call.view(), call.event["args"]
    channels = view.tensor.shapes[0][1]
    if view.batch != 0 or _size(call, args[1]) != channels:
        raise Refusal("a group norm with a scale for each group")
    call.give(*call.step("group_norm", view, weights=_affine(call, args[1], args[2], (channels,)),
                         num_groups=call.get("num_groups"), epsilon=call.get("epsilon", default=1e-5)))  # fmt: skip


def layer_norm(call: Call) -> None:
    view, rank = call.view(), call.view().rank
    first = call.get("axis", default=-1) % rank
    if view.batch is not None and first <= view.batch:
        raise Refusal("a norm over the batch")
    axes: Any = [axis - rank for axis in range(first, rank)]
    shape, axes = view.shapes()[0][first:], axes if len(axes) > 1 else axes[0]
    epsilon, scale, shift = call.get("epsilon", default=1e-5), argument(call, 1), argument(call, 2)
    if shift is not None:
        weights = _affine(call, scale, shift, shape)
        (tensor,) = call.step("layer_norm", view, weights=weights, axis=axes, epsilon=epsilon, affine=bool(weights))
    else:
        (tensor,) = call.step("layer_norm", view, axis=axes, epsilon=epsilon, affine=False)
        known = call.raiser.known(scale)
        if not (isinstance(known, Static) and known.constant is not None and np.all(known.constant == 1)):
            (tensor,) = call.step("multiply", tensor, call.operand(scale, View(tensor, view.batch)))
    call.give(View(tensor, view.batch))


def response(call: Call) -> None:
    call.simple("local_response_norm", size=call.get("size"), alpha=call.get("alpha", default=1e-4),
                beta=call.get("beta", default=0.75), k=call.get("bias", default=1.0))  # fmt: skip


def normalize(call: Call) -> None:
    if call.get("p", default=2) != 2:
        raise Refusal("normalization by the sum of the absolute values")
    numbers.normalize(call.said(call.event["args"][0], dim=call.get("axis", default=-1)))


def prelu(call: Call) -> None:
    view, data = call.view(), argument(call, 1)
    known, channels = call.raiser.static(data), view.tensor.shapes[0][1]
    if known is None and not call.is_tensor(data):
        call.simple("leaky_relu", negative_slope=data)
        return
    if known is None or view.batch != 0:
        raise Refusal("slopes that are computed from an input")
    sizes = (1,) * (view.rank - len(known.shape)) + tuple(known.shape)
    if [size for size in sizes if size > 1] != [channels] or sizes[1] != channels:
        raise Refusal("slopes for places, where the spec has them for channels")
    weights = {"weight": laid(call, data, (channels,))}
    call.give(*call.step("prelu", view, weights=weights, per_channel=True))
