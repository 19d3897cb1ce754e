"""Layers with windows, norms, products and what images go through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from archspec.importing.raising import Call, Refusal, View
from archspec.importing.tree import Origin

from .activations import activated
from .views import first, image, plain

Row = Callable[[Call], None]


def give(call: Call, view: View) -> None:
    """The result of a layer, after its activation."""
    call.give(activated(call, view, call.get("activation")))


def _checked(call: Call) -> None:
    if call.get("data_format", default="channels_last") not in (None, "channels_last"):
        raise Refusal("channels first")


def weight_shape(call: Call, origin: Origin) -> tuple[int, ...]:
    shape: tuple[int, ...] = call.raiser.trace.arrays[f"weight {origin.weight}"].shape
    return shape


def moved(origin: Origin, *moves: tuple[str, tuple[int, ...]]) -> Origin:
    return Origin(origin.weight, moves)


def _kernel(origin: Origin, rank: int) -> Origin:
    """`out, in, height, width` as `height, width, in, out`."""
    return moved(origin, ("transpose", (*range(2, rank + 2), 1, 0)))


def _depthwise_kernel(call: Call, origin: Origin) -> Origin:
    """`in * multiplier, 1, height, width` as `height, width, in, multiplier`."""
    *sizes, channels, multiplier = weight_shape(call, origin)
    order = (*range(2, 2 + len(sizes)), 0, 1)
    return moved(origin, ("reshape", (channels, multiplier, *sizes)), ("transpose", order))


def conv(rank: int, kind: str = "conv") -> Row:
    """`conv`, `depthwise_conv` or `separable_conv`."""

    def row(call: Call) -> None:
        _checked(call)
        view, given = image(call, rank), call.weights()
        padding = call.get("padding")
        attributes: dict[str, Any] = {
            "kernel_size": call.number("kernel_size"), "stride": call.number("strides"),
            "padding": 0 if padding == "valid" else padding, "dilation": call.number("dilation_rate"),
            "bias": call.get("use_bias"),
        }  # fmt: skip
        weights = {"bias": given["bias"]} if "bias" in given else {}
        op = f"{kind}{rank}d"
        if kind == "conv":
            groups, filters = call.number("groups"), call.number("filters")
            attributes = {"out_channels": filters, **attributes, "groups": groups}
            if groups == view.tensor.shapes[0][1] > 1 and rank < 3:
                del attributes["groups"], attributes["out_channels"]
                op, attributes["multiplier"] = f"depthwise_conv{rank}d", filters // groups
            weights["weight"] = _kernel(given["kernel"], rank)
        else:
            attributes["multiplier"] = call.number("depth_multiplier")
            if kind == "separable_conv":
                attributes = {"out_channels": call.number("filters"), **attributes}
                weights["depthwise_weight"] = _depthwise_kernel(call, given["depthwise_kernel"])
                weights["pointwise_weight"] = _kernel(given["pointwise_kernel"], rank)
            else:
                weights["weight"] = _depthwise_kernel(call, given["kernel"])
        give(call, view.of(call.step(op, view, weights=weights, **attributes)[0]))

    return row


def conv_transpose(rank: int) -> Row:
    def row(call: Call) -> None:
        _checked(call)
        view, given = image(call, rank), call.weights()
        sizes, strides, dilation = (
            list(call.number(name)) for name in ("kernel_size", "strides", "dilation_rate")
        )  # fmt: skip
        if call.number("output_padding") is not None or max(dilation) > 1:
            raise Refusal("a transposed convolution with output_padding or dilation")
        cut = [
            max(0, size - stride) if call.get("padding") == "same" else 0
            for size, stride in zip(sizes, strides, strict=True)
        ]
        weights = {"weight": _kernel(given["kernel"], rank)}
        if "bias" in given:
            weights["bias"] = given["bias"]
        tensors = call.step(
            f"conv_transpose{rank}d", view, weights=weights, out_channels=call.number("filters"), kernel_size=sizes,
            stride=strides, padding=_pads([(each // 2, each - each // 2) for each in cut]),
            output_padding=[max(0, stride - size) for size, stride in zip(sizes, strides, strict=True)],
            bias=call.get("use_bias"),
        )  # fmt: skip
        give(call, view.of(tensors[0]))

    return row


def _pads(pairs: Sequence[tuple[int, int]]) -> Any:
    """Pairs as short as they can be said."""
    if all(before == after for before, after in pairs):
        return pairs[0][0] if len({before for before, _ in pairs}) == 1 else [before for before, _ in pairs]
    return [list(pair) for pair in pairs]


def pool(kind: str, rank: int) -> Row:
    def row(call: Call) -> None:
        _checked(call)
        view, size = image(call, rank), call.number("pool_size")
        attributes: dict[str, Any] = {"kernel_size": size}
        if (stride := call.number("strides")) not in (None, size):
            attributes["stride"] = stride
        attributes["padding"] = 0 if call.get("padding") == "valid" else "same"
        call.give(view.of(call.step(f"{kind}_pool{rank}d", view, **attributes)[0]))

    return row


def global_pool(kind: str, rank: int) -> Row:
    def row(call: Call) -> None:
        _checked(call)
        view, keep = image(call, rank), bool(call.get("keepdims"))
        (tensor,) = call.step(f"global_{kind}_pool{rank}d", view, keepdims=keep)
        call.give(view.of(tensor) if keep else View(tensor))

    return row


def _axes(call: Call, view: View) -> list[int]:
    """Of the model, those along which a norm goes, or that it keeps apart."""
    said = call.number("axis", default=-1)
    return sorted(axis % view.rank for axis in (said if isinstance(said, list) else [said]))


SCALES = {"gamma": "weight", "beta": "bias"}


def batch_norm(call: Call) -> None:
    """Where a scale or a shift is missing, the other one is a step of its own."""
    view = call.view()
    if _axes(call, view) != [view.rank - 1]:
        raise Refusal("a norm along another axis than the last")
    view = plain(call, view) if view.rank == 2 else first(call, view)
    weights = call.weights(**SCALES, moving_mean="running_mean", moving_variance="running_var")
    affine = {"weight", "bias"} <= weights.keys()
    tensors = call.step("batch_norm", view, weights=weights, epsilon=call.number("epsilon"),
                        momentum=round(1 - call.number("momentum"), 12), affine=affine)  # fmt: skip
    given = view.of(tensors[0])
    for name, op in (("gamma", "multiply"), ("beta", "add")):
        if not affine and name in call.event["weights"]:
            other = call.operand(call.event["weights"][name], given)
            given = given.of(call.step(op, given, other)[0])
    call.give(given)


def norm(op: str, scale: str = "gamma") -> Row:
    """`layer_norm` and `rms_norm`."""

    def row(call: Call) -> None:
        view = call.view()
        axes = _axes(call, view)
        if 0 in axes or axes != [*range(axes[0], view.rank)]:
            raise Refusal("a norm along other axes than the last ones")
        if len(axes) > 1 or view.mixed:
            view = plain(call, view)
        weights = call.weights(**{scale: "weight"}, beta="bias")
        if (op == "layer_norm" and len(weights) == 1) or call.get("rms_scaling"):
            raise Refusal("a layer norm with a scale or a shift alone")
        place = [view.axis(axis) for axis in axes]
        if not view.last:
            place = [axis - view.rank for axis in place]
        (tensor,) = call.step(op, view, weights=weights, axis=place[0] if len(place) == 1 else place,
                              epsilon=call.number("epsilon"), affine=bool(weights))  # fmt: skip
        call.give(view.of(tensor))

    return row


def group_norm(call: Call) -> None:
    view = call.view()
    if _axes(call, view) != [view.rank - 1]:
        raise Refusal("a norm along another axis than the last")
    view, weights = first(call, view), call.weights(**SCALES)
    if len(weights) == 1:
        raise Refusal("a group norm with a scale or a shift alone")
    groups = call.number("groups")
    attributes = {"epsilon": call.number("epsilon"), "affine": bool(weights)}
    if groups == -1:
        tensors = call.step("instance_norm", view, weights=weights, **attributes)
    else:
        tensors = call.step("group_norm", view, weights=weights, num_groups=groups, **attributes)
    call.give(view.of(tensors[0]))


def dense(call: Call) -> None:
    """The features of an image that was flattened lie otherwise, and so do its weights."""
    view, given = call.view(), call.weights()
    if call.event["attributes"].get("quantization_config") or "lora_kernel_a" in given:
        raise Refusal("a layer whose weights are computed")
    units = call.number("units")
    kernel: tuple[tuple[str, tuple[int, ...]], ...] = (("transpose", (1, 0)),)
    if view.mixed:
        rank, total = len(view.mixed), int(np.prod(view.mixed))
        kernel = (("reshape", (units, *view.mixed)), ("transpose", (*range(2, rank + 1), 1, 0)),
                  ("reshape", (total, units)))  # fmt: skip
    else:
        view = plain(call, view)
    weights = {"weight": moved(given["kernel"], *kernel)}
    if "bias" in given:
        weights["bias"] = given["bias"]
    (tensor,) = call.step("linear", view, weights=weights, out_features=units, bias="bias" in weights)
    give(call, View(tensor))


def embedding(call: Call) -> None:
    if call.get("mask_zero"):
        raise Refusal("an embedding that hides places from other layers (mask_zero)")
    view = plain(call, call.view())
    weights = {"weight": call.weights()["embeddings"]}
    (tensor,) = call.step("embedding", view, weights=weights, num_embeddings=call.number("input_dim"),
                          embedding_dim=call.number("output_dim"))  # fmt: skip
    call.give(View(tensor))


def dropout(op: str, rank: int = 0) -> Row:
    def row(call: Call) -> None:
        view = image(call, rank) if rank else call.view()
        rate, shape = float(call.number("rate")), call.number("noise_shape")
        if shape not in (None, [None, *[1] * (view.rank - 1)]):
            raise Refusal("dropout with noise_shape")
        call.give(view.of(call.step("drop_path" if shape else op, view, p=rate)[0]) if rate else view)

    return row


def noise(call: Call) -> None:
    call.simple("gaussian_noise", std=float(call.number("stddev")))


def same(call: Call) -> None:
    call.give(call.view())


def zero_padding(rank: int) -> Row:
    def row(call: Call) -> None:
        _checked(call)
        view, said = image(call, rank), call.number("padding")
        pairs = [said] if rank == 1 else said
        call.give(view.of(call.step("pad", view, padding=[list(pair) for pair in pairs])[0]))

    return row


def cropping(rank: int) -> Row:
    def row(call: Call) -> None:
        _checked(call)
        view, said = image(call, rank), call.number("cropping")
        tensor = view.tensor
        for axis, (before, after) in enumerate([said] if rank == 1 else said, 2):
            if before or after:
                end = {"end": -after} if after else {}
                (tensor,) = call.step("slice", tensor, axis=axis, start=before, **end)
        call.give(view.of(tensor))

    return row


MODES = {"nearest": "nearest", "bilinear": "bilinear"}


def up_sampling(rank: int) -> Row:
    def row(call: Call) -> None:
        _checked(call)
        view, mode = image(call, rank), MODES.get(call.get("interpolation", default="nearest"))
        if mode is None:
            raise Refusal(f"interpolation={call.get('interpolation')!r}")
        call.give(view.of(call.step("upsample", view, scale=call.number("size"), mode=mode)[0]))

    return row


def rescaling(call: Call) -> None:
    """`x * scale + offset`, numbers for all channels or for each."""
    view = call.view()
    for name, op, nothing in (("scale", "multiply", 1), ("offset", "add", 0)):
        view = with_number(call, view, op, call.number(name), nothing)
    call.give(view)


def with_number(call: Call, view: View, op: str, value: Any, nothing: float) -> View:
    """An image with a number, or one for each channel."""
    values = np.asarray(value, float)
    if (values == nothing).all():
        return view
    if (values == values.reshape(-1)[0]).all():
        given = view.of(call.step(op, view, value=float(values.reshape(-1)[0]))[0])
        call.rounded()
        return given
    shape = (-1,) + (1,) * (view.rank - 2) if view.last else (1,) * (view.rank - 2) + (-1,)
    (other,) = call.step("constant", value=values.reshape(shape).tolist())
    call.rounded()
    return view.of(call.step(op, view, other)[0])


def normalization(call: Call) -> None:
    """`(x - mean) / sqrt(variance)`, which an adapted layer has as numbers."""
    view, weights = call.view(), call.event["weights"]
    if _axes(call, view) != [view.rank - 1] or call.get("invert"):
        raise Refusal("a normalization along another axis than the last, or inverted")
    found = []
    for name in ("mean", "variance"):
        value = call.number(name)
        if value is None and name in weights:
            known = call.raiser.static(weights[name])
            value = None if known is None else known.constant
        if value is None:
            raise Refusal("a normalization without its numbers")
        found.append(np.asarray(value, float).reshape(-1))
    mean, variance = found
    view = with_number(call, view, "subtract", mean, 0)
    call.give(with_number(call, view, "divide", np.maximum(np.sqrt(variance), 1e-7), 1))


def unit_norm(call: Call) -> None:
    view = call.view()
    axes = _axes(call, view)
    if len(axes) > 1 or axes == [0] or view.mixed:
        raise Refusal("a norm over several axes")
    call.give(view.of(call.step("l2_normalize", view, axis=view.axis(axes[0]), epsilon=1e-12)[0]))
