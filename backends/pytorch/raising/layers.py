"""Layers, and the functions that do the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec.importing.raising import Call, Refusal, View
from archspec.importing.tree import Origin

Row = Callable[[Call], None]


def kernel(rank: int, *, transposed: bool = False) -> Row:
    def row(call: Call) -> None:
        view = call.view()
        if view.batch != 0 or view.rank != rank + 2:
            raise Refusal("a convolution of something that is no batch of images")
        weights = call.weights()
        if not weights:  # a function
            for name, data in (("weight", call.get("weight", 1)), ("bias", call.get("bias", 2))):
                if (origin := call.origin(data)) is not None:
                    weights[name] = origin
        if call.get("padding_mode", default="zeros") != "zeros":
            raise Refusal(f"padding_mode={call.get('padding_mode')!r}")
        array = call.raiser.trace.arrays[f"weight {weights['weight'].weight}"]
        places = {"stride": 3, "padding": 4, "dilation": 5, "groups": 6}
        if transposed:
            places = {"stride": 3, "padding": 4, "output_padding": 5, "groups": 6, "dilation": 7}
        given = {name: call.number(name, place, 0 if "padding" in name else 1) for name, place in places.items()}
        groups, channels = given["groups"], view.tensor.shapes[0][1]
        attributes: dict[str, Any] = {"kernel_size": list(array.shape[2:]), **given, "bias": "bias" in weights}
        if given["padding"] == "valid":
            attributes["padding"] = 0
        if transposed:
            attributes["out_channels"] = array.shape[1] * groups
            op = f"conv_transpose{rank}d"
        elif groups == channels > 1 and rank < 3:
            del attributes["groups"]
            attributes["multiplier"] = array.shape[0] // channels
            op = f"depthwise_conv{rank}d"
        else:
            attributes["out_channels"] = array.shape[0]
            op = f"conv{rank}d"
        first = {name: attributes.pop(name) for name in ("out_channels", "kernel_size") if name in attributes}
        call.give(*call.step(op, view, weights=weights, **first, **attributes))

    return row


def batch_norm(call: Call) -> None:
    weights, view = call.weights(), call.view()
    if "running_mean" not in weights:
        names = {"running_mean": 1, "running_var": 2, "weight": 3, "bias": 4}
        found = {name: call.origin(call.get(name, place)) for name, place in names.items()}
        weights = {name: origin for name, origin in found.items() if origin is not None}
    if "running_mean" not in weights:
        raise Refusal("batch norm without running statistics")
    momentum = call.number("momentum", 6, 0.1)
    if momentum is None:
        raise Refusal("batch norm whose momentum is None, which averages over all batches")
    tensors = call.step("batch_norm", view, weights=weights, epsilon=call.number("eps", 7, 1e-5), momentum=momentum,
                        affine="weight" in weights)  # fmt: skip
    call.give(*tensors)


def normalized(op: str) -> Row:
    def row(call: Call) -> None:
        view, weights = call.view(), call.weights()
        if call.func[:3] != "nn.":
            places = {"weight": 2, "bias": 3} if op == "layer_norm" else {"weight": 2}
            found = {name: call.origin(call.get(name, place)) for name, place in places.items()}
            weights = {name: origin for name, origin in found.items() if origin is not None}
        shape = call.number("normalized_shape", 1)
        count = len(shape) if isinstance(shape, list) else 1
        if op == "layer_norm" and len(weights) == 1 and "weight" not in weights:
            raise Refusal("layer norm that shifts and does not scale")
        epsilon = call.number("eps", 4 if op == "layer_norm" else 3, 1e-5)
        if epsilon is None:
            raise Refusal("an epsilon that follows from the type of numbers")
        axes = [view.axis(axis) - len(view.tensor.shapes[0]) for axis in range(-count, 0)]
        if call.func[:3] == "nn." and view.batch == view.rank - 1:
            raise Refusal("a norm over the batch")
        attributes: dict[str, Any] = {
            "axis": axes[0] if count == 1 else axes,
            "epsilon": epsilon,
            "affine": bool(weights),
        }
        if op == "layer_norm" and len(weights) == 1:
            attributes["bias"] = False
        (tensor,) = call.step(op, view, weights=weights, **attributes)
        call.give(View(tensor, view.batch))

    return row


def group_norm(call: Call) -> None:
    weights = call.weights()
    if call.func[:3] != "nn.":
        found = {name: call.origin(call.get(name, place)) for name, place in {"weight": 2, "bias": 3}.items()}
        weights = {name: origin for name, origin in found.items() if origin is not None}
    groups = call.number("num_groups", 1)
    tensors = call.step("group_norm", call.view(), weights=weights, num_groups=groups,
                        epsilon=call.number("eps", 4, 1e-5), affine=bool(weights))  # fmt: skip
    call.give(*tensors)


def instance_norm(call: Call) -> None:
    weights = call.weights()
    if "running_mean" in weights or call.get("running_mean", 1) is not None:
        raise Refusal("instance norm with running statistics")
    call.give(*call.step("instance_norm", call.view(), weights=weights, epsilon=call.number("eps", 7, 1e-5),
                         affine=bool(weights)))  # fmt: skip


def linear(call: Call) -> None:
    view, weights = call.view(), call.weights()
    if not weights:
        found = {"weight": call.origin(call.get("weight", 1)), "bias": call.origin(call.get("bias", 2))}
        weights = {name: origin for name, origin in found.items() if origin is not None}
    features = call.result_shapes()[0][-1]
    (tensor,) = call.step("linear", view, weights=weights, out_features=features, bias="bias" in weights)
    call.give(View(tensor, view.batch))


def embedding(call: Call) -> None:
    weights = call.weights()
    if not weights:
        view, table = call.view(), call.origin(call.get("weight", 1))
        assert table is not None
        weights = {"weight": table}
    else:
        view = call.view()
    if call.get("max_norm", default=None) is not None:
        raise Refusal("an embedding that changes its table as it reads (max_norm)")
    rows, size = call.raiser.trace.arrays[f"weight {weights['weight'].weight}"].shape
    (tensor,) = call.step("embedding", view, weights=weights, num_embeddings=rows, embedding_dim=size,
                          padding_index=call.number("padding_idx", 2))  # fmt: skip
    call.give(View(tensor, view.batch))


def attention(call: Call) -> None:
    query, key, value = (call.get(name, place) for place, name in enumerate(("query", "key", "value")))
    views = [call.raiser.view(each) for each in (query, key, value)]
    batch = 0 if call.get("batch_first") else 1
    if any(view.batch != batch for view in views):
        raise Refusal("attention of something that is no batch of sequences")
    if call.get("bias_k") is not None or call.get("add_zero_attn") or not call.get("_qkv_same_embed_dim", default=True):
        raise Refusal("attention with bias_k, add_zero_attn, kdim or vdim")
    if call.get("key_padding_mask", 3) is not None or call.get("attn_mask", 5) is not None:
        raise Refusal("attention with a mask, which the spec has for samples, not for heads")
    if isinstance(call.event["result"], list) and len([x for x in call.event["result"] if x]) > 1:
        raise Refusal("attention that gives its weights, too (need_weights=False gives none)")
    width = views[0].tensor.shapes[0][-1]
    weights: dict[str, Origin] = {}
    for place, part in enumerate("qkv"):
        for kind in ("weight", "bias"):
            if f"in_proj_{kind}" in call.event["weights"]:
                origin = call.origin(call.event["weights"][f"in_proj_{kind}"])
                assert origin is not None
                pad = ("pad", (place * width, (2 - place) * width))
                weights[f"{part}_proj_{kind}"] = Origin(origin.weight, (pad,))
    for kind in ("weight", "bias"):
        if f"out_proj.{kind}" in call.event["weights"]:
            origin = call.origin(call.event["weights"][f"out_proj.{kind}"])
            assert origin is not None
            weights[f"out_proj_{kind}"] = origin
    same = all(view.tensor is views[0].tensor for view in views)
    inputs = views[:1] if same else views[:2] if views[1].tensor is views[2].tensor else views
    drops = {"dropout": call.number("dropout")} if call.get("dropout") else {}
    (tensor,) = call.step("multi_head_attention", *inputs, weights=weights, num_heads=call.number("num_heads"),
                          bias="in_proj_bias" in call.event["weights"], **drops)  # fmt: skip
    call.give(View(tensor, batch))


def recurrent(op: str) -> Row:
    def row(call: Call) -> None:
        view = call.view()
        if view.batch != (0 if call.get("batch_first") else 1) or view.rank != 3:
            raise Refusal("a recurrent layer of something that is no batch of sequences")
        if call.get("proj_size", default=0):
            raise Refusal("a recurrent layer with a projection")
        state = call.get("hx", 1)
        states = [
            call.raiser.view(each) for each in (state if isinstance(state, list) else [state]) if each is not None
        ]
        if any(each.batch != 1 for each in states):
            raise Refusal("a recurrent layer with a state of its own for all samples")
        weights = call.weights()
        names = ("hidden_size", "num_layers", "bidirectional", "bias")
        attributes: dict[str, Any] = {name: call.number(name) for name in names}
        if attributes["num_layers"] > 1:
            attributes["dropout"] = float(call.number("dropout"))
        if op == "rnn":
            attributes["nonlinearity"] = call.get("nonlinearity")
        wanted = call.raiser.is_read(call.event["result"][1])
        given = call.step(
            op, view, *states, weights=weights, **attributes, **({"return_state": True} if wanted else {})
        )
        # The states stand in the model with the batch second; ours have it first.
        call.give(View(given[0], view.batch), *(View(each, 1) for each in given[1:]))

    return row


def dropout(op: str) -> Row:
    def row(call: Call) -> None:
        if not call.func.startswith("nn.") and call.get("training", 2, True):
            raise Refusal(f"{call.func} that is on in evaluation, too")
        rate = float(call.number("p", 1, 0.5))
        if rate:
            call.simple(op, p=rate)
        else:
            call.give(call.view())

    return row


def activation(op: str, **names: tuple[str, int]) -> Row:
    """An operation whose attributes have these names in PyTorch, and places among the arguments of the function."""

    def row(call: Call) -> None:
        given = {name: call.number(theirs, place) for name, (theirs, place) in names.items()}
        call.simple(op, **{name: value for name, value in given.items() if value is not None})

    return row


def prelu(call: Call) -> None:
    weights = call.weights()
    if not weights and (slope := call.origin(call.get("weight", 1))) is not None:
        weights = {"weight": slope}
    count = call.raiser.trace.arrays[f"weight {weights['weight'].weight}"].size
    view = call.view()
    several = count > 1 or view.tensor.shapes[0][1] == 1
    call.give(View(call.step("prelu", view, weights=weights, per_channel=several)[0], view.batch))


def along(op: str) -> Row:
    """A softmax: along an axis."""

    def row(call: Call) -> None:
        view = call.view()
        axis = call.number("dim", 1)
        if axis is None:
            raise Refusal(f"{call.func} without its axis")
        last = view.axis(axis) == len(view.tensor.shapes[0]) - 1
        call.simple(op, axis=-1 if last else view.axis(axis))

    return row


def pool(kind: str, rank: int) -> Row:
    op = f"{kind}_pool{rank}d"

    def row(call: Call) -> None:
        view = call.view()
        if view.batch != 0 or view.rank != rank + 2:
            raise Refusal("a pool of something that is no batch of images")
        attributes = {"kernel_size": call.number("kernel_size", 1)}
        stride = call.number("stride", 2)
        if stride not in (None, [], attributes["kernel_size"]):
            attributes["stride"] = stride
        attributes["padding"] = call.number("padding", 3, 0)
        if op.startswith("max"):
            attributes |= {"dilation": call.number("dilation", 4, 1), "ceil_mode": call.get("ceil_mode", 5, False)}
            if call.get("return_indices", 6, False):
                raise Refusal("a pool that gives the places of its maxima, too")
        else:
            attributes["ceil_mode"] = call.get("ceil_mode", 4, False)
            padded = attributes["padding"] not in (0, [0] * rank)
            if padded or attributes["ceil_mode"]:
                attributes["count_include_pad"] = call.get("count_include_pad", 5, True)
            if call.get("divisor_override", 6) is not None:
                raise Refusal("an average with a divisor of its own")
        call.give(*call.step(op, view, **attributes))

    return row


def adaptive(kind: str, rank: int) -> Row:
    op = f"adaptive_{kind}_pool{rank}d"

    def row(call: Call) -> None:
        view, size = call.view(), call.number("output_size", 1)
        if view.batch != 0 or view.rank != rank + 2:
            raise Refusal("a pool of something that is no batch of images")
        sizes = size if isinstance(size, list) else [size] * rank
        if any(each is None for each in sizes):
            raise Refusal("a pool that keeps one of the sizes")
        if set(sizes) == {1}:
            call.give(*call.step(op.replace("adaptive", "global"), view, keepdims=True))
        else:
            call.give(*call.step(op, view, output_size=sizes))

    return row


def interpolate(call: Call) -> None:
    mode = call.get("mode", 3, "nearest").replace("-", "_")
    size = call.get("size", 1)
    scale = call.number("scale_factor", 2)
    attributes: dict[str, Any] = {"mode": mode}
    if size is not None:
        attributes["size"] = call.number("size", 1)
    elif call.get("recompute_scale_factor", 5):
        raise Refusal("interpolate with recompute_scale_factor")
    else:
        several = scale if isinstance(scale, list) else [scale]
        attributes["scale"] = [int(each) if each == int(each) else each for each in several]
        if len(set(several)) == 1:
            attributes["scale"] = attributes["scale"][0]
    if call.get("align_corners", 4):
        attributes["align_corners"] = True
    if call.get("antialias", 6):
        raise Refusal("interpolate with antialias")
    call.give(*call.step("upsample", call.view(), **attributes))


def shuffle(op: str, name: str) -> Row:
    def row(call: Call) -> None:
        call.give(*call.step(op, call.view(), **{name: call.number(name, 1)}))

    return row


def response(call: Call) -> None:
    call.simple("local_response_norm", size=call.number("size", 1), alpha=float(call.number("alpha", 2, 1e-4)),
                beta=float(call.number("beta", 3, 0.75)), k=float(call.number("k", 4, 1.0)))  # fmt: skip


def gelu(call: Call) -> None:
    call.simple("gelu", approximate=call.get("approximate", 1, "none"))


def one_hot(call: Call) -> None:
    view = call.view()
    call.give(View(call.step("one_hot", view, num_classes=call.number("num_classes", 1))[0], view.batch))
