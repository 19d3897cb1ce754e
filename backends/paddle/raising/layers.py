"""Layers, and the functions that do the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import numpy as np

from archspec.importing.raising import Call, Refusal, View
from archspec.importing.tree import Origin

Row = Callable[[Call], None]
TURNED: Final = ("transpose", (1, 0))
STATISTICS: Final = {"_mean": "running_mean", "_variance": "running_var"}


def weights(call: Call, *, turned: str = "", **renamed: str) -> dict[str, Origin]:
    """Those of a layer, or of a function's arguments, by the spec's names. What is `turned` has its columns first."""
    given = call.event["weights"]
    if not call.func.startswith("nn."):
        names = ("weight", "bias", "running_mean", "running_var")
        given = {name: call.event["kwargs"][name] for name in names if name in call.event["kwargs"]}
    found = {}
    for name, data in given.items():
        known = call.raiser.static(data)
        if data is None:
            continue
        if known is None or known.origin is None:
            raise Refusal("a weight is computed")
        if turned and name.endswith(turned):
            known = known.moved(TURNED)
        assert known.origin is not None
        found[renamed.get(name, name)] = known.origin
    return found


def shape(call: Call, origin: Origin) -> tuple[int, ...]:
    return tuple(call.raiser.trace.arrays[f"weight {origin.weight}"].shape)


def image(call: Call, rank: int) -> View:
    view = call.view()
    if view.batch != 0 or view.rank != rank + 2:
        raise Refusal("it is given no batch of images")
    return view


def padding(call: Call, rank: int) -> Any:
    """In the spec's way: a number, one for each axis, pairs, or `same`."""
    said = call.number("padding", default=0)
    if isinstance(said, str):
        if said.upper() == "SAME" and set(_several(call.number("dilation", default=1), rank)) != {1}:
            raise Refusal("padding='SAME' with a dilation, which Paddle forgets")
        return 0 if said.upper() == "VALID" else said.lower()
    if isinstance(said, list) and said and isinstance(said[0], list):
        said = [each for pair in said[2:] for each in pair]
    if isinstance(said, list) and len(said) == 2 * rank:
        return [list(pair) for pair in zip(said[::2], said[1::2], strict=True)]
    return said


def _several(value: Any, rank: int) -> list[Any]:
    return value if isinstance(value, list) else [value] * rank


def kernel(rank: int, *, transposed: bool = False) -> Row:
    def row(call: Call) -> None:
        view, own = image(call, rank), weights(call)
        if call.get("padding_mode", default="zeros") != "zeros":
            raise Refusal(f"padding_mode={call.get('padding_mode')!r}")
        if transposed and call.get("output_size") is not None:
            raise Refusal("a transposed convolution with an output_size")
        sizes = shape(call, own["weight"])
        groups, channels = call.number("groups", default=1), view.tensor.shapes[0][1]
        attributes: dict[str, Any] = {"kernel_size": list(sizes[2:]), "padding": padding(call, rank)}
        attributes |= {name: call.number(name, default=1) for name in ("stride", "dilation")}
        attributes["bias"] = "bias" in own
        op = f"conv{rank}d"
        if transposed:
            op = f"conv_transpose{rank}d"
            attributes |= {"output_padding": call.number("output_padding", default=0), "groups": groups}
            attributes["out_channels"] = sizes[1] * groups
        elif groups == channels > 1 and rank < 3:
            op, attributes["multiplier"] = f"depthwise_conv{rank}d", sizes[0] // channels
        else:
            attributes |= {"groups": groups, "out_channels": sizes[0]}
        order = ("out_channels", "kernel_size", "stride", "padding")
        first = {name: attributes.pop(name) for name in order if name in attributes}
        call.give(*call.step(op, view, weights=own, **first, **attributes))

    return row


def batch_norm(call: Call) -> None:
    view, own = call.view(), weights(call, **STATISTICS)
    if call.get("training") or call.get("use_global_stats"):
        raise Refusal("batch norm with statistics of its own kind (training, use_global_stats)")
    if ("weight" in own) != ("bias" in own):
        raise Refusal("batch norm that only scales, or only shifts")
    act = call.get("act")
    if act not in (None, *PLAIN.values()) or call.get("is_test") or call.get("trainable_statistics"):
        raise Refusal("batch norm with is_test, trainable_statistics, or an activation of another kind")
    momentum = float(1 - Decimal(repr(call.number("momentum", default=0.9))))
    given = call.step("batch_norm", view, weights=own, epsilon=call.number("epsilon", default=1e-5),
                      momentum=momentum, affine="weight" in own)  # fmt: skip
    call.give(*(given if act is None else call.step(act, *given)))


def normalized(op: str) -> Row:
    def row(call: Call) -> None:
        view, own = call.view(), weights(call)
        sizes = call.number("normalized_shape", default=1)
        count = len(sizes) if isinstance(sizes, list) else 1
        if "bias" in own and "weight" not in own:
            raise Refusal("a norm that shifts and does not scale")
        if view.batch is not None and view.batch >= view.rank - count:
            raise Refusal("a norm over the batch")
        flat = {name: _flattened(call, origin, count) for name, origin in own.items()}
        axes = [view.axis(axis) - len(view.tensor.shapes[0]) for axis in range(-count, 0)]
        epsilon = call.number("epsilon", default=call.number("eps", default=1e-5))
        attributes: dict[str, Any] = {"axis": axes[0] if count == 1 else axes, "epsilon": epsilon}
        attributes["affine"] = bool(own)
        if op == "layer_norm" and len(own) == 1:
            attributes["bias"] = False
        call.give(view.of(call.step(op, view, weights=flat, **attributes)[0]))

    return row


def _flattened(call: Call, origin: Origin, count: int) -> Origin:
    """Paddle has the weights of a norm over several axes in one row."""
    return origin if count == 1 else Origin(origin.weight, (("reshape", (-1,)),))


def group_norm(call: Call) -> None:
    own = weights(call)
    call.give(*call.step("group_norm", call.view(), weights=own, num_groups=call.number("num_groups"),
                         epsilon=call.number("epsilon", default=1e-5), affine=bool(own)))  # fmt: skip


def instance_norm(call: Call) -> None:
    own = weights(call, scale="weight")
    epsilon = call.number("epsilon", default=call.number("eps", default=1e-5))
    if "running_mean" in own:
        raise Refusal("instance norm with running statistics")
    call.give(*call.step("instance_norm", call.view(), weights=own, epsilon=epsilon, affine=bool(own)))


def linear(call: Call) -> None:
    view, own = call.view(), weights(call, turned="weight")
    features = call.result_shapes()[0][-1]
    call.give(view.of(call.step("linear", view, weights=own, out_features=features, bias="bias" in own)[0]))


def embedding(call: Call) -> None:
    view, own = call.view(), weights(call)
    if call.get("max_norm") is not None:
        raise Refusal("an embedding that changes its table as it reads (max_norm)")
    rows, size = shape(call, own["weight"])
    padded = call.number("padding_idx")
    (tensor,) = call.step("embedding", view, weights=own, num_embeddings=rows, embedding_dim=size,
                          padding_index=None if padded == -1 else padded)  # fmt: skip
    call.give(View(tensor, view.batch))


def attention(call: Call) -> None:
    query, key, value = (call.get(name, place) for place, name in enumerate(("query", "key", "value")))
    key = query if key is None else key
    views = [call.raiser.view(each) for each in (query, key, key if value is None else value)]
    if any(view.batch != 0 for view in views):
        raise Refusal("attention of something that is no batch of sequences")
    widths = {call.number(name) for name in ("embed_dim", "kdim", "vdim")}
    if len(widths) != 1 or call.get("need_weights") or call.get("attn_mask", 3) is not None:
        raise Refusal("attention with a mask, with kdim or vdim, or that gives its weights, too")
    if call.get("cache", 4) is not None:
        raise Refusal("attention with a cache")
    own = {name.replace(".", "_"): each for name, each in weights(call, turned="weight").items()}
    same = all(view.tensor is views[0].tensor for view in views)
    inputs = views[:1] if same else views[:2] if views[1].tensor is views[2].tensor else views
    drops = {"dropout": call.number("dropout")} if call.get("dropout") else {}
    (tensor,) = call.step("multi_head_attention", *inputs, weights=own, num_heads=call.number("num_heads"),
                          bias="q_proj_bias" in own, **drops)  # fmt: skip
    call.give(View(tensor))


def scaled_dot_product(call: Call) -> None:
    """Paddle has heads third."""
    raise Refusal("attention whose heads come after the time")


def recurrent(op: str) -> Row:
    def row(call: Call) -> None:
        view = call.view("inputs")
        if view.batch != (1 if call.get("time_major") else 0) or view.rank != 3:
            raise Refusal("a recurrent layer of something that is no batch of sequences")
        if call.get("proj_size", default=0) or call.get("sequence_length", 2) is not None:
            raise Refusal("a recurrent layer with a projection, or with lengths")
        state = call.get("initial_states", 1)
        states = [call.raiser.view(each) for each in (state if isinstance(state, list) else [state]) if each]
        if any(each.batch != 1 for each in states):
            raise Refusal("a recurrent layer with a state of its own for all samples")
        own = weights(call)
        attributes: dict[str, Any] = {name: call.number(name) for name in ("hidden_size", "num_layers")}
        attributes |= {"bidirectional": call.number("num_directions") == 2, "bias": "bias_ih_l0" in own}
        if attributes["num_layers"] > 1:
            attributes["dropout"] = float(call.number("dropout"))
        if op == "rnn":
            attributes["nonlinearity"] = call.get("activation")
        wanted = {"return_state": True} if call.raiser.is_read(call.event["result"][1]) else {}
        given = call.step(op, view, *states, weights=own, **attributes, **wanted)
        call.give(View(given[0], view.batch), *(View(each, 1) for each in given[1:]))

    return row


def dropout(op: str) -> Row:
    def row(call: Call) -> None:
        if not call.func.startswith("nn.") and call.get("training", default=True):
            raise Refusal(f"{call.func} that is on in evaluation, too")
        if call.get("axis") is not None:
            raise Refusal("a dropout with an axis of its own")
        rate, view = float(call.number("p", 1, 0.5)), call.view()
        if not rate:
            call.give(view)
            return
        view = view.of(call.step(op, view, p=rate)[0])
        if call.get("mode", default="upscale_in_train") == "downscale_in_infer":
            view = view.of(call.step("multiply", view, value=float(1 - Decimal(repr(rate))))[0])
            call.differs(1.01 * abs(float(np.float32(rate)) - rate))  # Paddle keeps the rate as float32
        call.give(view)

    return row


def activation(op: str, **names: str) -> Row:
    """An operation whose attributes are called like this in Paddle."""

    def row(call: Call) -> None:
        given = {name: call.number(theirs) for name, theirs in names.items()}
        call.simple(op, **{name: value for name, value in given.items() if value is not None})

    return row


def gelu(call: Call) -> None:
    call.simple("gelu", approximate="tanh" if call.get("approximate") in (True, "tanh") else "none")


def hard_sigmoid(call: Call) -> None:
    """Paddle's has a slope of 0.1666667, and what follows is off by up to a third of 1e-7."""
    slope, offset = call.number("slope", default=0.1666667), call.number("offset", default=0.5)
    view = call.view()
    if (slope, offset) in ((0.1666667, 0.5), (1 / 6, 0.5)):
        call.simple("hard_sigmoid")
        call.differs(1.1e-7, "the spec's hard_sigmoid has a slope of 1/6, and that of Paddle 0.1666667")
        return
    for op, value in (("multiply", float(slope)), ("add", float(offset))):
        view = view.of(call.step(op, view, value=value)[0])
    call.give(view.of(call.step("clip", view, minimum=0.0, maximum=1.0)[0]))


def prelu(call: Call) -> None:
    view, own = call.view(), weights(call, _weight="weight")
    several = shape(call, own["weight"]) != (1,) or view.tensor.shapes[0][1] == 1
    call.give(view.of(call.step("prelu", view, weights=own, per_channel=several)[0]))


def along(op: str) -> Row:
    """A softmax: along an axis."""

    def row(call: Call) -> None:
        view = call.view()
        axis = view.axis(call.number("axis", default=-1))
        if axis == 0 and view.batch is not None:
            raise Refusal(f"{call.func} along the samples of a batch")
        call.simple(op, axis=-1 if axis == len(view.tensor.shapes[0]) - 1 else axis)

    return row


def pool(kind: str, rank: int) -> Row:
    op = f"{kind}_pool{rank}d"

    def row(call: Call) -> None:
        view = image(call, rank)
        size = call.number("kernel_size", default=call.number("ksize"))
        attributes: dict[str, Any] = {"kernel_size": size}
        stride = call.number("stride")
        if stride not in (None, [], size):
            attributes["stride"] = stride
        attributes |= {"padding": padding(call, rank), "ceil_mode": bool(call.get("ceil_mode", default=False))}
        if call.get("return_mask", default=False):
            raise Refusal("a pool that gives the places of its maxima, too")
        if kind == "avg":
            if call.get("divisor_override", default=call.get("divisor")) is not None:
                raise Refusal("an average with a divisor of its own")
            if attributes["padding"] not in (0, [0] * rank) or attributes["ceil_mode"]:
                attributes["count_include_pad"] = not call.get("exclusive", default=True)
        call.give(*call.step(op, view, **attributes))

    return row


def adaptive(kind: str, rank: int) -> Row:
    op = f"adaptive_{kind}_pool{rank}d"

    def row(call: Call) -> None:
        view, sizes = image(call, rank), _several(call.number("output_size"), rank)
        if any(each is None for each in sizes) or call.get("return_mask", default=False):
            raise Refusal("a pool that keeps one of the sizes, or gives places, too")
        if set(sizes) == {1}:
            call.give(*call.step(op.replace("adaptive", "global"), view, keepdims=True))
        else:
            call.give(*call.step(op, view, output_size=sizes))

    return row


def interpolate(call: Call) -> None:
    mode = call.get("mode", default="bilinear" if call.func == "nn.UpsamplingBilinear2D" else "nearest")
    size, scale = call.number("size"), call.number("scale_factor")
    if call.get("align_mode", default=0) or call.get("recompute_scale_factor") or call.get("antialias"):
        raise Refusal("interpolate with align_mode, recompute_scale_factor or antialias")
    attributes: dict[str, Any] = {"mode": mode}
    if size is not None:
        attributes["size"] = size
    else:
        several = [int(each) if each == int(each) else each for each in _several(scale, 1)]
        attributes["scale"] = several[0] if len(set(several)) == 1 else several
    if call.get("align_corners", default=call.func == "nn.UpsamplingBilinear2D"):
        attributes["align_corners"] = True
    call.give(*call.step("upsample", call.view(), **attributes))


def shuffle(op: str, name: str, theirs: str = "") -> Row:
    def row(call: Call) -> None:
        call.give(*call.step(op, call.view(), **{name: call.number(theirs or name)}))

    return row


def response(call: Call) -> None:
    """Paddle's mean is over all `size` places, as the spec's is."""
    call.simple("local_response_norm", size=call.number("size"), alpha=float(call.number("alpha", default=1e-4)),
                beta=float(call.number("beta", default=0.75)), k=float(call.number("k", default=1.0)))  # fmt: skip


def one_hot(call: Call) -> None:
    view = call.view()
    call.give(View(call.step("one_hot", view, num_classes=call.number("num_classes"))[0], view.batch))


NAMES: Final[tuple[tuple[Row, str], ...]] = (
    (linear, "nn.Linear linear"),
    (embedding, "nn.Embedding embedding"),
    (one_hot, "one_hot"),
    (attention, "nn.MultiHeadAttention"),
    (scaled_dot_product, "scaled_dot_product_attention"),
    (recurrent("lstm"), "nn.LSTM"),
    (recurrent("gru"), "nn.GRU"),
    (recurrent("rnn"), "nn.SimpleRNN"),
    (batch_norm, "nn.BatchNorm nn.BatchNorm1D nn.BatchNorm2D nn.BatchNorm3D nn.SyncBatchNorm batch_norm"),
    (normalized("layer_norm"), "nn.LayerNorm layer_norm"),
    (group_norm, "nn.GroupNorm group_norm"),
    (instance_norm, "nn.InstanceNorm1D nn.InstanceNorm2D nn.InstanceNorm3D"),
    (response, "nn.LocalResponseNorm local_response_norm"),
    (gelu, "nn.GELU gelu"),
    (hard_sigmoid, "nn.Hardsigmoid hardsigmoid"),
    (prelu, "nn.PReLU prelu"),
    (interpolate, "nn.Upsample nn.UpsamplingBilinear2D nn.UpsamplingNearest2D interpolate upsample"),
    (shuffle("channel_shuffle", "groups"), "nn.ChannelShuffle channel_shuffle"),
    (shuffle("pixel_shuffle", "upscale_factor"), "nn.PixelShuffle pixel_shuffle"),
    (shuffle("pixel_unshuffle", "downscale_factor"), "nn.PixelUnshuffle pixel_unshuffle"),
    (dropout("dropout"), "nn.Dropout dropout"),
    (dropout("alpha_dropout"), "nn.AlphaDropout alpha_dropout"),
    (activation("threshold", threshold="threshold", value="value"), "nn.ThresholdedReLU thresholded_relu"),
    (activation("hard_tanh", minimum="min", maximum="max"), "nn.Hardtanh hardtanh"),
    (activation("softplus", beta="beta", threshold="threshold"), "nn.Softplus softplus"),
    (activation("leaky_relu", negative_slope="negative_slope"), "nn.LeakyReLU leaky_relu"),
    (activation("elu", alpha="alpha"), "nn.ELU elu"),
    (activation("celu", alpha="alpha"), "nn.CELU celu"),
    (activation("hard_shrink", threshold="threshold"), "nn.Hardshrink hardshrink"),
    (activation("soft_shrink", threshold="threshold"), "nn.Softshrink softshrink"),
    (activation("silu"), "nn.Silu nn.Swish silu swish"),
    (activation("hard_swish"), "nn.Hardswish hardswish"),
    (along("softmax"), "nn.Softmax softmax"),
    (along("log_softmax"), "nn.LogSoftmax log_softmax"),
    (along("glu"), "nn.GLU glu"),
)
"""What people write, by the row that raises it."""
PLAIN: Final = {
    "ReLU": "relu", "ReLU6": "relu6", "Mish": "mish", "Sigmoid": "sigmoid", "LogSigmoid": "log_sigmoid",
    "Tanh": "tanh", "Softsign": "softsign", "SELU": "selu", "Tanhshrink": "tanh_shrink",
}  # fmt: skip
ELEMENTWISE: Final = (
    "abs neg sign square sqrt rsqrt reciprocal exp log log1p sin cos erf floor ceil round logical_not"
).split()


def _rows() -> Mapping[str, Row]:
    rows = {name: row for row, names in NAMES for name in names.split()}
    for rank in (1, 2, 3):
        for function, layer, row in (
            (f"conv{rank}d", f"Conv{rank}D", kernel(rank)),
            (f"conv{rank}d_transpose", f"Conv{rank}DTranspose", kernel(rank, transposed=True)),
            (f"max_pool{rank}d", f"MaxPool{rank}D", pool("max", rank)),
            (f"avg_pool{rank}d", f"AvgPool{rank}D", pool("avg", rank)),
            (f"adaptive_avg_pool{rank}d", f"AdaptiveAvgPool{rank}D", adaptive("avg", rank)),
            (f"adaptive_max_pool{rank}d", f"AdaptiveMaxPool{rank}D", adaptive("max", rank)),
            (f"dropout{rank}d", f"Dropout{rank}D", dropout(f"dropout{rank}d")),
        ):
            if (function, layer) != ("dropout1d", "Dropout1D"):
                rows[function] = rows[f"nn.{layer}"] = row
    for layer, op in PLAIN.items():
        rows[op] = rows[f"nn.{layer}"] = activation(op)
    rows["tanhshrink"] = rows["tanh_shrink"]
    return rows | {op: activation(op) for op in ELEMENTWISE}


ROWS: Final = _rows()
