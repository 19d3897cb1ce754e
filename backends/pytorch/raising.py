"""From what people write in PyTorch to the spec's operations: by the name of a call, a function that raises it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, Final

from archspec.importing.raising import Call, Origin, Refusal, Size, Static, View
from archspec.ops.base import Shape

Row = Callable[[Call], None]


def raiser(func: str) -> Row | None:
    """The function for a call: `nn.Conv2d`, `relu`, `__iadd__`."""
    return ROWS.get(func) or ROWS.get(_plain(func))


def _plain(func: str) -> str:
    """`add`, of `__add__`, `__iadd__`, `__radd__`, and `add_`."""
    name = func.strip("_")
    inner = name[1:]
    return inner if func.startswith("__") and name[:1] in "ir" and inner in _BINARY else name


# Layers, and the functions that do the same.


def _kernel(call: Call, rank: int, *, transposed: bool = False) -> None:
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


def _batch_norm(call: Call) -> None:
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


def _layer_norm(call: Call, op: str = "layer_norm") -> None:
    view, weights = call.view(), call.weights()
    if call.func[:3] != "nn.":
        places = {"weight": 2, "bias": 3} if op == "layer_norm" else {"weight": 2}
        found = {name: call.origin(call.get(name, place)) for name, place in places.items()}
        weights = {name: origin for name, origin in found.items() if origin is not None}
    shape = call.number("normalized_shape", 1)
    count = len(shape) if isinstance(shape, list) else 1
    if op == "layer_norm" and len(weights) == 1:
        raise Refusal("layer norm without bias")
    epsilon = call.number("eps", 4 if op == "layer_norm" else 3, 1e-5)
    if epsilon is None:
        raise Refusal("an epsilon that follows from the type of numbers")
    axes = [view.axis(axis) - len(view.tensor.shapes[0]) for axis in range(-count, 0)]
    if call.func[:3] == "nn." and view.batch == view.rank - 1:
        raise Refusal("a norm over the batch")
    attributes: dict[str, Any] = {"axis": axes[0] if count == 1 else axes, "epsilon": epsilon, "affine": bool(weights)}
    (tensor,) = call.step(op, view, weights=weights, **attributes)
    call.give(View(tensor, view.batch))


def _group_norm(call: Call) -> None:
    weights = call.weights()
    if call.func[:3] != "nn.":
        found = {name: call.origin(call.get(name, place)) for name, place in {"weight": 2, "bias": 3}.items()}
        weights = {name: origin for name, origin in found.items() if origin is not None}
    groups = call.number("num_groups", 1)
    tensors = call.step("group_norm", call.view(), weights=weights, num_groups=groups,
                        epsilon=call.number("eps", 4, 1e-5), affine=bool(weights))  # fmt: skip
    call.give(*tensors)


def _instance_norm(call: Call) -> None:
    weights = call.weights()
    if "running_mean" in weights or call.get("running_mean", 1) is not None:
        raise Refusal("instance norm with running statistics")
    call.give(*call.step("instance_norm", call.view(), weights=weights, epsilon=call.number("eps", 7, 1e-5),
                         affine=bool(weights)))  # fmt: skip


def _linear(call: Call) -> None:
    view, weights = call.view(), call.weights()
    if not weights:
        found = {"weight": call.origin(call.get("weight", 1)), "bias": call.origin(call.get("bias", 2))}
        weights = {name: origin for name, origin in found.items() if origin is not None}
    features = call.result_shapes()[0][-1]
    (tensor,) = call.step("linear", view, weights=weights, out_features=features, bias="bias" in weights)
    call.give(View(tensor, view.batch))


def _embedding(call: Call) -> None:
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


def _attention(call: Call) -> None:
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
    (tensor,) = call.step("multi_head_attention", *inputs, weights=weights, num_heads=call.number("num_heads"),
                          bias="in_proj_bias" in call.event["weights"])  # fmt: skip
    call.give(View(tensor, batch))


def _recurrent(call: Call, op: str) -> None:
    view = call.view()
    if view.batch != (0 if call.get("batch_first") else 1) or view.rank != 3:
        raise Refusal("a recurrent layer of something that is no batch of sequences")
    if call.get("proj_size", default=0):
        raise Refusal("a recurrent layer with a projection")
    state = call.get("hx", 1)
    states = [call.raiser.view(each) for each in (state if isinstance(state, list) else [state]) if each is not None]
    if any(each.batch != 1 for each in states):
        raise Refusal("a recurrent layer with a state of its own for all samples")
    weights = call.weights()
    attributes: dict[str, Any] = {"hidden_size": call.number("hidden_size"), "num_layers": call.number("num_layers"),
                                  "bidirectional": call.number("bidirectional"), "bias": call.number("bias")}  # fmt: skip
    if attributes["num_layers"] > 1:
        attributes["dropout"] = float(call.number("dropout"))
    if op == "rnn":
        attributes["nonlinearity"] = call.get("nonlinearity")
    wanted = call.raiser.is_read(call.event["result"][1])
    given = call.step(op, view, *states, weights=weights, **attributes, **({"return_state": True} if wanted else {}))
    # The states stand in the model with the batch second; ours have it first.
    call.give(View(given[0], view.batch), *(View(each, 1) for each in given[1:]))


def _dropout(op: str) -> Row:
    def row(call: Call) -> None:
        if call.func[:3] != "nn.":  # in evaluation a function does nothing
            call.give(call.view())
            return
        if not call.get("p"):
            call.give(call.view())
            return
        call.simple(op, p=float(call.number("p")))

    return row


def _activation(op: str, **names: tuple[str, int]) -> Row:
    """An operation whose attributes have these names in PyTorch, and places among the arguments of the function."""

    def row(call: Call) -> None:
        given = {name: call.number(theirs, place) for name, (theirs, place) in names.items()}
        call.simple(op, **{name: value for name, value in given.items() if value is not None})

    return row


def _prelu(call: Call) -> None:
    weights = call.weights() or {"weight": call.origin(call.get("weight", 1))}
    assert weights["weight"] is not None
    count = call.raiser.trace.arrays[f"weight {weights['weight'].weight}"].size
    view = call.view()
    several = count > 1 or view.tensor.shapes[0][1] == 1
    call.give(View(call.step("prelu", view, weights=weights, per_channel=several)[0], view.batch))


def _along(op: str) -> Row:
    """A softmax: along an axis."""

    def row(call: Call) -> None:
        view = call.view()
        axis = call.number("dim", 1)
        if axis is None:
            raise Refusal(f"{call.func} without its axis")
        last = view.axis(axis) == len(view.tensor.shapes[0]) - 1
        call.simple(op, axis=-1 if last else view.axis(axis))

    return row


def _pool(op: str, rank: int) -> Row:
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


def _adaptive(op: str, rank: int) -> Row:
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


def _interpolate(call: Call) -> None:
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


# Arithmetic.

_BINARY: Final = {
    "add": "add", "sub": "subtract", "subtract": "subtract", "mul": "multiply", "multiply": "multiply",
    "div": "divide", "divide": "divide", "truediv": "divide", "true_divide": "divide", "pow": "power",
    "maximum": "maximum", "minimum": "minimum", "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal",
    "gt": "greater", "ge": "greater_equal", "logical_and": "logical_and", "logical_or": "logical_or", "and": "logical_and",
    "or": "logical_or",
}  # fmt: skip


def _binary(op: str) -> Row:
    def row(call: Call) -> None:
        one, other = call.get("input", 0), call.get("other", 1, call.get("exponent", 1))
        if call.get("alpha") not in (None, 1) or call.get("rounding_mode") is not None:
            raise Refusal(f"{call.func} with alpha or rounding_mode")
        if call.func.startswith("__r") and call.func.strip("_")[1:] in _BINARY or call.func == "rsub":
            one, other = other, one
        if not call.is_tensor(one) or not call.is_tensor(other):
            _with_number(call, op, one, other)
            return
        views = [call.raiser.known(each) for each in (one, other)]
        like = max((each for each in views if isinstance(each, View)), key=lambda view: view.rank, default=None)
        if like is None:
            like = call.raiser.view(one)
        rows = next((each for each in views if isinstance(each, Static) and each.origin and each.origin.layout[:1] == _ROWS), None)
        if rows is not None:
            _positions(call, op, like, rows)
            return
        if any(isinstance(each, Static) and len(each.shape) > like.rank for each in views):
            raise Refusal("it combines a tensor with an array of more axes")
        inputs = [call.operand(each, like) for each in (one, other)]
        (tensor,) = call.step(op, *inputs)
        call.give(View(tensor, like.batch))

    return row


_ROWS: Final = (("take", ()),)
"""Of a table the first rows, as many as there are places."""


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


def _one_hot(call: Call) -> None:
    view = call.view()
    call.give(View(call.step("one_hot", view, num_classes=call.number("num_classes", 1))[0], view.batch))


def _with_number(call: Call, op: str, one: Any, other: Any) -> None:
    first = call.is_tensor(one)
    view = call.raiser.view(one if first else other)
    value = other if first else one
    if isinstance(value, Size) or not isinstance(value, (int, float)):
        raise Refusal(f"{call.func} with a number that follows from the size of an input")
    if not first and op in ("subtract", "divide", "power"):
        if op == "power":
            raise Refusal("a number to the power of a tensor")
        (tensor,) = call.step("neg" if op == "subtract" else "reciprocal", view)
        if value != (0 if op == "subtract" else 1):
            (tensor,) = call.step("add" if op == "subtract" else "multiply", tensor, value=value)
    elif op == "power" and value in (2, 0.5):
        (tensor,) = call.step("square" if value == 2 else "sqrt", view)
    else:
        (tensor,) = call.step(op, view, value=value)
    call.give(View(tensor, view.batch))


def _matmul(call: Call) -> None:
    one, other = (call.raiser.view(call.get(name, place)) for place, name in enumerate(("input", "other")))
    if one.batch is None or other.batch is None or one.rank != other.rank or one.batch != other.batch:
        raise Refusal("a product of matrices of different numbers of axes")
    if one.batch >= one.rank - 2:
        raise Refusal("a product of matrices over the batch")
    (tensor,) = call.step("matmul", one, other)
    call.give(View(tensor, one.batch))


def _scaled_dot_product(call: Call) -> None:
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


# Shapes.


def _reshaped(call: Call) -> None:
    """`view`, `reshape`, `flatten`, `unflatten`: the shape is that of the result."""
    known = call.raiser.known(call.get("input", 0))
    one, two = call.result_shapes()
    if isinstance(known, Static):
        _move(call, known, ("reshape", one))
        return
    call.give(*_shaped(call, known, one, two))


def _shaped(call: Call, view: View, one: Shape, two: Shape) -> list[View]:
    if view.shapes() == (one, two):
        return [view]
    batches = tuple(shape[0] for shape in view.tensor.shapes)
    places = [axis for axis in range(len(one)) if (one[axis], two[axis]) == batches]
    if view.batch is None or not places:
        raise Refusal("it merges or splits the axis of samples")
    batch = places[0]
    rows = view.shapes()[0]
    if prod(one[:batch]) != prod(rows[: view.batch]):
        raise Refusal("it moves the axis of samples by merging axes")
    open_axes = [axis for axis in range(len(one)) if one[axis] != two[axis] and axis != batch]
    if len(open_axes) > 1:
        raise Refusal("it shapes a tensor with two sizes that follow from those of the input")
    shape = [-1 if axis in open_axes else size for axis, size in enumerate(one) if axis != batch]
    before = view.tensor.shapes[0][1:]
    after = tuple(size for axis, size in enumerate(one) if axis != batch)
    flat = _flattened(before, after)
    if flat is not None:
        first, last = flat
        attributes: dict[str, Any] = {"start_axis": first + 1}
        if last != len(before) - 1:
            attributes["end_axis"] = last + 1
        return [View(call.step("flatten", view, **attributes)[0], batch)]
    return [View(call.step("reshape", view, shape=shape)[0], batch)]


def _flattened(before: Shape, after: Shape) -> tuple[int, int] | None:
    """The axes that are merged, if that is all."""
    count = len(before) - len(after) + 1
    if count < 2:
        return None
    for first in range(len(after)):
        merged = (*before[:first], prod(before[first : first + count]), *before[first + count :])
        if merged == after:
            return first, first + count - 1
    return None


def _move(call: Call, known: Static, move: tuple[str, Shape]) -> None:
    """A weight or a constant that is moved, which makes it no step yet."""
    shape = call.result_shapes()[0]
    origin = None if known.origin is None else Origin(known.origin.weight, (*known.origin.layout, move))
    constant = known.constant
    if constant is not None:
        constant = constant.transpose(move[1]) if move[0] == "transpose" else constant.reshape(move[1])
    call.raiser.keep(call.event["result"]["value"], Static(shape, origin, constant))


def _permuted(axes: Callable[[Call, int], list[int]]) -> Row:
    def row(call: Call) -> None:
        known = call.raiser.known(call.get("input", 0))
        rank = len(known.shape) if isinstance(known, Static) else known.rank
        order = [axis % rank for axis in axes(call, rank)]
        if isinstance(known, Static):
            _move(call, known, ("transpose", tuple(order)))
            return
        spec = [known.axis(axis) for axis in order]
        if known.batch is None:
            call.give(View(call.step("permute", known, axes=spec)[0], None))
            return
        batch = spec.index(0)
        rest = [axis for axis in spec if axis != 0]
        tensor = known.tensor
        if rest != sorted(rest):
            (tensor,) = call.step("permute", known, axes=rest)
        call.give(View(tensor, batch))

    return row


def _transposed(call: Call, rank: int) -> list[int]:
    one, other = call.number("dim0", 1), call.number("dim1", 2)
    order = list(range(rank))
    order[one], order[other] = order[other], order[one]
    return order


def _last_two(call: Call, rank: int) -> list[int]:
    return [*range(rank - 2), rank - 1, rank - 2] if call.func == "mT" else list(range(rank))[::-1]


def _expanded(call: Call) -> None:
    known = call.raiser.known(call.get("input", 0))
    one, two = call.result_shapes()
    if isinstance(known, Static):
        shape = (1,) * (len(one) - len(known.shape)) + known.shape
        if one != two and shape[0] == 1 and one[1:] == shape[1:]:  # over the batch, as arithmetic does by itself
            view = View(call.raiser._source(known, shape[1:]), 0)
            call.raiser.views[call.event["result"]["value"]] = view
            return
        if one == known.shape:
            call.raiser.keep(call.event["result"]["value"], known)
            return
        raise Refusal("it repeats an array of its own along an axis")
    if known.shapes() == (one, two):
        call.give(known)
        return
    if known.batch != 0 or known.rank != len(one) or one[1:] != two[1:]:
        raise Refusal("it repeats a tensor along an axis")
    call.give(*call.step("expand", known, shape=list(one[1:])))


def _unsqueeze(call: Call) -> None:
    known = call.raiser.known(call.get("input", 0))
    axis = call.number("dim", 1)
    if isinstance(known, Static):
        _move(call, known, ("reshape", call.result_shapes()[0]))
        return
    axis = axis % (known.rank + 1)
    if known.batch is None:
        call.give(View(call.step("unsqueeze", known, axis=axis + 1)[0], None))
        return
    batch = known.batch + (axis <= known.batch)
    place = axis if axis > batch else axis + 1
    call.give(View(call.step("unsqueeze", known, axis=place)[0], batch))


def _squeeze(call: Call) -> None:
    known = call.raiser.known(call.get("input", 0))
    if isinstance(known, Static):
        _move(call, known, ("reshape", call.result_shapes()[0]))
        return
    said = call.number("dim", 1)
    axes = range(known.rank) if said is None else said if isinstance(said, list) else [said]
    there = [axis % known.rank for axis in axes if known.shapes()[0][axis] == 1]
    if known.batch in there:
        raise Refusal("it takes away the axis of samples")
    tensor, batch = known.tensor, known.batch
    for axis in sorted((known.axis(axis) for axis in there), reverse=True):
        (tensor,) = call.step("squeeze", tensor, axis=axis)
    if batch is not None:
        batch -= sum(axis < batch for axis in there)
    call.give(View(tensor, batch))


def _joined(op: str) -> Row:
    def row(call: Call) -> None:
        given = call.get("tensors", 0)
        known = [call.raiser.known(each) for each in given]
        like = next((each for each in known if isinstance(each, View) and each.batch is not None), None)
        if like is None:
            raise Refusal(f"{call.func} of arrays of its own")
        axis = call.number("dim", 1, 0)
        rank = like.rank + (op == "stack")
        axis %= rank
        inputs = [call.operand(each, like) for each in given]
        assert like.batch is not None
        if op == "stack":
            batch = like.batch + (axis <= like.batch)
            place = axis if axis > batch else axis + 1
            call.give(View(call.step(op, *inputs, axis=place)[0], batch))
            return
        if axis == like.batch:
            raise Refusal("it joins batches")
        if len(inputs) == 1:
            call.give(like)
            return
        call.give(View(call.step(op, *inputs, axis=like.axis(axis))[0], like.batch))

    return row


def _pieces(call: Call) -> None:
    """`chunk`, `split`, `tensor_split`: pieces as their sizes are."""
    view = call.view()
    axis = call.number("dim", 2, 0)
    if axis % view.rank == view.batch:
        raise Refusal("it splits the batch")
    place = view.axis(axis)
    count = len(call.event["result"])
    sizes = [call.result_shapes(number)[0][axis] for number in range(count)]
    if count == 1:
        call.give(view)
        return
    even = len(set(sizes)) == 1
    attributes: dict[str, Any] = {"sections": count} if even else {"sizes": sizes}
    call.give(*(View(each, view.batch) for each in call.step("split", view, axis=place, **attributes)))


def _unbind(call: Call) -> None:
    view, axis = call.view(), call.number("dim", 1, 0)
    if axis % view.rank == view.batch:
        raise Refusal("it takes samples apart")
    place, count = view.axis(axis), len(call.event["result"])
    parts = call.step("split", view, axis=place, sections=count) if count > 1 else [view.tensor]
    batch = None if view.batch is None else view.batch - (axis % view.rank < view.batch)
    call.give(*(View(call.step("squeeze", part, axis=place)[0], batch) for part in parts))


def _item(call: Call) -> None:
    """`x[:, 0]`, `x[..., :3]`, `x[:, None]`."""
    known = call.raiser.known(call.get("input", 0))
    said = call.get("item", 1)
    keys = said if isinstance(said, list) else [said]
    if any(call.is_tensor(key) or isinstance(key, list) for key in keys):
        raise Refusal("it looks places up by a tensor")
    if any(not isinstance(key, (int, dict)) and key is not None for key in keys) or any(key is True for key in keys):
        raise Refusal("it takes places that follow from the size of an input")
    if isinstance(known, Static):
        first = keys[0]
        if known.origin is not None and not known.origin.layout and len(keys) == 1 and isinstance(first, dict):
            begin, end, step = first.get("slice", (1, None, None))
            if not begin and step in (None, 1):
                moved = Origin(known.origin.weight, (("take", ()),))
                call.raiser.keep(call.event["result"]["value"], Static(call.result_shapes()[0], moved))
                return
        if known.constant is None or any(isinstance(key, dict) and "slice" not in key and "ellipsis" not in key for key in keys):
            raise Refusal("it takes a part of a weight")
        index = tuple(slice(*key["slice"]) if isinstance(key, dict) and "slice" in key else ... if isinstance(key, dict)
                      else key for key in keys)  # fmt: skip
        call.raiser.keep(call.event["result"]["value"], Static(call.result_shapes()[0], None, known.constant[index]))
        return
    filled = sum(key is not None and not (isinstance(key, dict) and "ellipsis" in key) for key in keys)
    whole = {"slice": [None, None, None]}
    full: list[Any] = []
    for key in keys:
        full += [whole] * (known.rank - filled) if isinstance(key, dict) and "ellipsis" in key else [key]
    tensor, batch = known.tensor, known.batch
    place, gone, new = 0, [], []
    axis = 0
    for key in full:
        if key is None:
            new.append(axis)
            axis += 1
            continue
        spec = known.axis(place)
        if key != whole:
            if place == known.batch:
                raise Refusal("it takes some of the samples")
            size = tensor.shapes[0][spec]
            if isinstance(key, int):
                start = key if key >= 0 else key
                end = None if key == -1 else key + 1
                attributes: dict[str, Any] = {"start": start, "end": end}
                gone.append(place)
            else:
                start, end, step = key["slice"]
                if any(isinstance(each, Size) for each in (start, end, step)):
                    raise Refusal("it takes places that follow from the size of an input")
                attributes = {"start": start or 0, "end": end, "step": step or 1}
            given = {n: v for n, v in attributes.items() if (n, v) not in (("start", 0), ("end", None), ("step", 1))}
            if given.get("end") == size:
                del given["end"]
            if given:
                (tensor,) = call.step("slice", tensor, axis=spec, **given)
        if not isinstance(key, int):
            axis += 1
        place += 1
    for spec in sorted((known.axis(each) for each in gone), reverse=True):
        (tensor,) = call.step("squeeze", tensor, axis=spec)
    if batch is not None:
        batch -= sum(each < batch for each in gone)
    view = View(tensor, batch)
    for each in new:
        if view.batch is None:
            view = View(call.step("unsqueeze", view, axis=each + 1)[0], None)
        else:
            moved = view.batch + (each <= view.batch)
            view = View(call.step("unsqueeze", view, axis=each if each > moved else each + 1)[0], moved)
    call.give(view)


def _padded(call: Call) -> None:
    view = call.view()
    numbers = call.number("pad", 1) if call.func[:3] != "nn." else call.number("padding")
    mode = call.get("mode", 2, "constant") if call.func[:3] != "nn." else call.func[3:].rpartition("Pad")[0].lower()
    mode = {"zero": "constant", "reflection": "reflect", "replication": "replicate", "circular": "circular"}.get(mode, mode)
    pairs = [list(pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)][::-1]
    if view.batch is not None and view.batch >= view.rank - len(pairs):
        raise Refusal("it pads the batch")
    value = call.number("value", 3) or 0.0
    attributes = {"padding": pairs} | ({"mode": mode} if mode != "constant" else {}) | ({"value": float(value)} if value else {})
    call.give(View(call.step("pad", view, **attributes)[0], view.batch))


def _reduced(op: str) -> Row:
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
        call.give(View(tensor, batch))

    return row


def _clamp(call: Call) -> None:
    bounds = {"minimum": call.number("min", 1), "maximum": call.number("max", 2)}
    call.simple("clip", **{name: float(value) for name, value in bounds.items() if value is not None})


def _same(call: Call) -> None:
    call.give(call.raiser.view(call.get("input", 0)))


def _cast(call: Call) -> None:
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
    call.give(View(call.step("cast", known, dtype=dtype)[0], known.batch))


def _shuffle(op: str, name: str, place: int) -> Row:
    def row(call: Call) -> None:
        theirs = {"groups": "groups", "upscale_factor": "upscale_factor", "downscale_factor": "downscale_factor"}[name]
        call.give(*call.step(op, call.view(), **{name: call.number(theirs, place)}))

    return row


def _response(call: Call) -> None:
    call.simple("local_response_norm", size=call.number("size", 1), alpha=float(call.number("alpha", 2, 1e-4)),
                beta=float(call.number("beta", 3, 0.75)), k=float(call.number("k", 4, 1.0)))  # fmt: skip


def _gelu(call: Call) -> None:
    call.simple("gelu", approximate=call.get("approximate", 1, "none"))


def _rows() -> Mapping[str, Row]:
    rows: dict[str, Row] = {
        "nn.Linear": _linear, "linear": _linear, "nn.NonDynamicallyQuantizableLinear": _linear,
        "one_hot": _one_hot, "nn.Embedding": _embedding, "embedding": _embedding, "nn.MultiheadAttention": _attention,
        "nn.LSTM": lambda call: _recurrent(call, "lstm"), "nn.GRU": lambda call: _recurrent(call, "gru"),
        "nn.RNN": lambda call: _recurrent(call, "rnn"),
        "batch_norm": _batch_norm, "nn.LayerNorm": _layer_norm, "layer_norm": _layer_norm,
        "nn.RMSNorm": lambda call: _layer_norm(call, "rms_norm"), "rms_norm": lambda call: _layer_norm(call, "rms_norm"),
        "nn.GroupNorm": _group_norm, "group_norm": _group_norm, "instance_norm": _instance_norm,
        "nn.LocalResponseNorm": _response, "local_response_norm": _response,
        "nn.Identity": _same, "nn.Upsample": _interpolate, "interpolate": _interpolate,
        "nn.UpsamplingBilinear2d": _interpolate, "nn.UpsamplingNearest2d": _interpolate,
        "nn.Flatten": _reshaped, "nn.Unflatten": _reshaped, "flatten": _reshaped, "view": _reshaped, "reshape": _reshaped,
        "unflatten": _reshaped, "reshape_as": _reshaped, "view_as": _reshaped,
        "permute": _permuted(lambda call, rank: call.rest(1, "dims")),
        "transpose": _permuted(_transposed), "swapaxes": _permuted(_transposed), "swapdims": _permuted(_transposed),
        "t": _permuted(_last_two), "T": _permuted(_last_two), "mT": _permuted(_last_two),
        "movedim": _permuted(lambda call, rank: _moved_axis(call, rank)),
        "expand": _expanded, "expand_as": _expanded, "broadcast_to": _expanded, "unsqueeze": _unsqueeze, "squeeze": _squeeze,
        "cat": _joined("concat"), "concat": _joined("concat"), "concatenate": _joined("concat"), "stack": _joined("stack"),
        "chunk": _pieces, "split": _pieces, "tensor_split": _pieces, "split_with_sizes": _pieces, "unbind": _unbind,
        "getitem": _item, "pad": _padded, "clamp": _clamp, "clip": _clamp, "to": _cast, "float": _cast, "type_as": _cast,
        "long": _cast, "double": _cast, "type": _cast, "bool": _cast, "matmul": _matmul, "bmm": _matmul,
        "scaled_dot_product_attention": _scaled_dot_product, "gelu": _gelu, "nn.GELU": _gelu, "prelu": _prelu,
        "nn.PReLU": _prelu, "nn.ChannelShuffle": _shuffle("channel_shuffle", "groups", 1),
        "channel_shuffle": _shuffle("channel_shuffle", "groups", 1),
        "nn.PixelShuffle": _shuffle("pixel_shuffle", "upscale_factor", 1),
        "pixel_shuffle": _shuffle("pixel_shuffle", "upscale_factor", 1),
        "nn.PixelUnshuffle": _shuffle("pixel_unshuffle", "downscale_factor", 1),
        "pixel_unshuffle": _shuffle("pixel_unshuffle", "downscale_factor", 1),
        "amax": _reduced("max"), "amin": _reduced("min"), "invert": _activation("logical_not"), "clone": _same,
    }  # fmt: skip
    for func, op in _BINARY.items():
        rows[func] = _binary(op)
    rows["rsub"] = _binary("subtract")
    for rank in (1, 2, 3):
        rows |= {
            f"nn.Conv{rank}d": lambda call, rank=rank: _kernel(call, rank),
            f"conv{rank}d": lambda call, rank=rank: _kernel(call, rank),
            f"nn.ConvTranspose{rank}d": lambda call, rank=rank: _kernel(call, rank, transposed=True),
            f"conv_transpose{rank}d": lambda call, rank=rank: _kernel(call, rank, transposed=True),
            f"nn.BatchNorm{rank}d": _batch_norm, f"nn.InstanceNorm{rank}d": _instance_norm,
            f"nn.MaxPool{rank}d": _pool(f"max_pool{rank}d", rank), f"max_pool{rank}d": _pool(f"max_pool{rank}d", rank),
            f"nn.AvgPool{rank}d": _pool(f"avg_pool{rank}d", rank), f"avg_pool{rank}d": _pool(f"avg_pool{rank}d", rank),
            f"nn.AdaptiveAvgPool{rank}d": _adaptive(f"adaptive_avg_pool{rank}d", rank),
            f"adaptive_avg_pool{rank}d": _adaptive(f"adaptive_avg_pool{rank}d", rank),
            f"nn.AdaptiveMaxPool{rank}d": _adaptive(f"adaptive_max_pool{rank}d", rank),
            f"adaptive_max_pool{rank}d": _adaptive(f"adaptive_max_pool{rank}d", rank),
            f"nn.Dropout{rank}d": _dropout(f"dropout{rank}d"), f"dropout{rank}d": _dropout(f"dropout{rank}d"),
        } | {f"nn.{kind}Pad{rank}d": _padded for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")}  # fmt: skip
    rows |= {"nn.Dropout": _dropout("dropout"), "dropout": _dropout("dropout"), "nn.AlphaDropout": _dropout("alpha_dropout")}
    for op, module, function, names in _ACTIVATIONS:
        rows[f"nn.{module}"] = rows[function] = _activation(op, **names)
    for op, module in (("softmax", "Softmax"), ("log_softmax", "LogSoftmax"), ("softmin", "Softmin"), ("glu", "GLU")):
        rows[f"nn.{module}"] = rows[op] = _along(op)
    for op in "abs neg sign square sqrt rsqrt reciprocal exp log log1p sin cos erf floor ceil round logical_not".split():
        rows[op] = _activation(op)
    for op in ("mean", "sum", "var", "std", "prod", "logsumexp"):
        rows[op] = _reduced(op)
    return rows


def _moved_axis(call: Call, rank: int) -> list[int]:
    source, target = call.number("source", 1), call.number("destination", 2)
    order = [axis for axis in range(rank) if axis != source % rank]
    order.insert(target % rank, source % rank)
    return order


_ACTIVATIONS: Final[tuple[tuple[str, str, str, dict[str, tuple[str, int]]], ...]] = (
    ("relu", "ReLU", "relu", {}), ("relu6", "ReLU6", "relu6", {}), ("silu", "SiLU", "silu", {}),
    ("mish", "Mish", "mish", {}), ("sigmoid", "Sigmoid", "sigmoid", {}), ("log_sigmoid", "LogSigmoid", "logsigmoid", {}),
    ("tanh", "Tanh", "tanh", {}), ("hard_sigmoid", "Hardsigmoid", "hardsigmoid", {}),
    ("hard_swish", "Hardswish", "hardswish", {}), ("softsign", "Softsign", "softsign", {}),
    ("selu", "SELU", "selu", {}), ("tanh_shrink", "Tanhshrink", "tanhshrink", {}),
    ("leaky_relu", "LeakyReLU", "leaky_relu", {"negative_slope": ("negative_slope", 1)}),
    ("elu", "ELU", "elu", {"alpha": ("alpha", 1)}), ("celu", "CELU", "celu", {"alpha": ("alpha", 1)}),
    ("hard_tanh", "Hardtanh", "hardtanh", {"minimum": ("min_val", 1), "maximum": ("max_val", 2)}),
    ("softplus", "Softplus", "softplus", {"beta": ("beta", 1), "threshold": ("threshold", 2)}),
    ("hard_shrink", "Hardshrink", "hardshrink", {"threshold": ("lambd", 1)}),
    ("soft_shrink", "Softshrink", "softshrink", {"threshold": ("lambd", 1)}),
    ("threshold", "Threshold", "threshold", {"threshold": ("threshold", 1), "value": ("value", 2)}),
)  # fmt: skip

ROWS: Final = _rows()
