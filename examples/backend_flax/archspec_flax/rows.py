"""How Flax NNX spells each operation, with channels last. What has no row here is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from archspec.emit import attention, windows
from archspec.emit.code import Call, Code, Global, Infix, Items, Raw, Template, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import Layout, arranged, canonical, channels_last, common, held
from archspec.emit.signature import bindings, spell
from archspec.errors import BackendError
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis

TRANSPOSE: Final = "jnp.transpose"
RNGS: Final = Raw("rngs")
"""What every constructor has, and layers with weights are given."""


# Orders of axes ------------------------------------------------------------------------------------------------------


def in_order(site: Site, codes: Sequence[Code], order: Callable[[int], Layout]) -> list[Code]:
    """Inputs in the order of axes that a function of their rank says."""
    pairs = zip(codes, site.inputs, strict=True)
    return [arranged(code, held(wire), order(wire.rank), TRANSPOSE) for code, wire in pairs]


def together(site: Site) -> Layout:
    """The order of axes in which all inputs meet."""
    return common([held(wire) for wire in site.inputs]).plain()


def as_image(site: Site, made: Code, weights: Mapping[str, Any] | None = None, *, sized: bool = False) -> Lowered:
    """A layer on what has its channels last."""
    ready = held(site.inputs[0]).axes == channels_last(site.inputs[0].rank).axes
    return Lowered(
        lambda own, inputs: Call(own[""], tuple(in_order(site, inputs, channels_last))),
        {"": made}, module=made if ready else None, weights=bindings(site, weights or {}),
        layouts=tuple(channels_last(wire.rank) for wire in site.outputs), sized=sized,
    )  # fmt: skip


def axis(site: Site) -> Code:
    """The axis of a step, where Flax has it."""
    wire = site.inputs[0]
    number = site.same(lambda step: resolve_axis(step.op.axis, wire.rank), "axis")
    position = together(site).position(number)
    return literal(-1 if position == wire.rank - 1 else position)


# Elementwise ---------------------------------------------------------------------------------------------------------


def joined(spelling: Callable[[Site, list[Code]], Code]) -> Lowering:
    """A step to which no axis matters, as long as all inputs have them in one order."""

    def lower(site: Site) -> Lowered:
        order = together(site)
        return Lowered(lambda own, inputs: spelling(site, in_order(site, inputs, lambda rank: order)), layouts=(order,))

    return lower


def infix(symbol: str) -> Lowering:
    """An operator between the inputs, or between one and a number."""

    def spelling(site: Site, inputs: list[Code]) -> Code:
        return Infix(symbol, (*inputs, *([] if site.op.value is None else [site.attr("value")])))

    return joined(spelling)


def binary(name: str) -> Lowering:
    def spelling(site: Site, inputs: list[Code]) -> Code:
        return call(name, *inputs, *([] if site.op.value is None else [site.attr("value")]))

    return joined(spelling)


def function(text: str, *, element: bool = False, **sources: Any) -> Lowering:
    """A function of one input, by its signature; with `element`, a container takes it as it is."""

    def lower(site: Site) -> Lowered:
        module = Global(text.partition("(")[0]) if element else None
        return Lowered(lambda own, inputs: spell(text, site, inputs, **sources), module=module)

    return lower


def gelu(site: Site) -> Lowered:
    flag = literal(site.same(lambda step: step.op.approximate, "approximate") == "tanh")
    return Lowered(lambda own, inputs: call("nnx.gelu", *inputs, approximate=flag))


# Layers --------------------------------------------------------------------------------------------------------------


def conv(site: Site, out: Any = "out_channels", groups: Any = "groups") -> Lowered:
    made = spell(
        "nnx.Conv(in_features, out_features, kernel_size, *, strides=1, padding='SAME', kernel_dilation=1, "
        "feature_group_count=1, use_bias=True, rngs)", site, in_features=site.size(1), out_features=out,
        kernel_size=site.value(lambda step: step.op.kernel_size, "kernel_size"), strides="stride", padding=pads,
        kernel_dilation="dilation", feature_group_count=groups, use_bias="bias", rngs=RNGS,
    )  # fmt: skip
    kernel = ("kernel", lambda step: (("transpose", (*range(2, len(step.inputs[0].shape)), 1, 0)),))
    sized = not site.every(lambda step: not windows.follows_size(step))
    return as_image(site, made, {"weight": kernel}, sized=sized)


def pads(site: Site) -> Code:
    """Of one axis, flax takes a pair for a number on each side."""
    if site.inputs[0].rank == 3 and not site.every(windows.symmetric):
        return site.value(windows.resolved, "padding")
    return windows.nested_pads(site)


def depthwise(site: Site) -> Lowered:
    out = site.value(lambda step: step.op.multiplier * step.inputs[0].shape[1], "out_channels")
    return conv(site, out, site.size(1))


def linear(site: Site) -> Lowered:
    """On the last axis of the spec. The product with the table of an embedding is a method of that."""
    plain = partial(in_order, site, order=canonical)
    layouts = (canonical(site.outputs[0].rank),)
    if site.step.tied:
        return Lowered(lambda own, inputs: method(own[""], "attend", *plain(inputs)), layouts=layouts)
    made = spell("nnx.Linear(in_features, out_features, *, use_bias=True, rngs)", site, in_features=site.size(-1),
                 use_bias="bias", rngs=RNGS)  # fmt: skip
    ready = held(site.inputs[0]).axes == canonical(site.inputs[0].rank).axes
    weights = {"weight": ("kernel", lambda step: (("transpose", (1, 0)),))}
    return Lowered(lambda own, inputs: Call(own[""], tuple(plain(inputs))), {"": made},
                   module=made if ready else None, weights=bindings(site, weights), layouts=layouts)  # fmt: skip


def embedding(site: Site) -> Lowered:
    if not site.every(lambda step: step.op.padding_index is None):
        raise BackendError("a row without gradient is not written yet")
    made = spell("nnx.Embed(num_embeddings, features, *, rngs)", site, features="embedding_dim", rngs=RNGS)
    return Lowered(lambda own, inputs: Call(own[""], tuple(in_order(site, inputs, canonical))), {"": made},
                   weights=bindings(site, {"weight": "embedding"}),
                   layouts=(canonical(site.outputs[0].rank),))  # fmt: skip


SCALE_AND_SHIFT: Final = {"weight": "scale", "running_mean": "mean", "running_var": "var"}


def batch_norm(site: Site) -> Lowered:
    made = spell("nnx.BatchNorm(num_features, *, momentum=0.99, epsilon=1e-05, use_bias=True, use_scale=True, "
                 "use_fast_variance=True, rngs)", site, num_features=site.size(1), use_bias="affine",
                 use_scale="affine", use_fast_variance=False, rngs=RNGS,
                 momentum=lambda s: s.value(lambda step: round(1 - step.op.momentum, 12), "momentum"))  # fmt: skip
    return as_image(site, made, SCALE_AND_SHIFT)


def layer_norm(site: Site, name: str = "LayerNorm", bias: str = "use_bias=True, ") -> Lowered:
    """Over one axis. The fast variance of flax, a difference of two large numbers, is not what is meant."""
    wire = site.inputs[0]
    (number,) = site.same(lambda step: step.op.axes(wire.rank), "axis") if len(site.op.axes(wire.rank)) == 1 else (0,)
    if number == 0:
        raise BackendError("it normalizes over several axes")
    order = Layout((*(a for a in held(wire).axes if a != number), number))
    made = spell(f"nnx.{name}(num_features, *, epsilon=1e-06, {bias}use_scale=True, use_fast_variance=True, rngs)",
                 site, num_features=site.size(number), use_bias="affine", use_scale="affine", use_fast_variance=False,
                 rngs=RNGS)  # fmt: skip
    return Lowered(lambda own, inputs: Call(own[""], tuple(in_order(site, inputs, lambda rank: order))), {"": made},
                   module=made if held(wire).axes == order.axes else None,
                   weights=bindings(site, SCALE_AND_SHIFT), layouts=(order,))  # fmt: skip


def group_norm(site: Site) -> Lowered:
    made = spell("nnx.GroupNorm(num_features, num_groups=32, *, epsilon=1e-06, use_bias=True, use_scale=True, "
                 "use_fast_variance=True, rngs)", site, num_features=site.size(1), use_bias="affine",
                 use_scale="affine", use_fast_variance=False, rngs=RNGS)  # fmt: skip
    return as_image(site, made, SCALE_AND_SHIFT)


def dropout(site: Site) -> Lowered:
    made = call("nnx.Dropout", site.attr("p"), rngs=RNGS)
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made}, module=made)


def drop_path(site: Site) -> Lowered:
    made = call("DropPath", site.attr("p"), rngs=RNGS)
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made}, module=made,
                   places={"": "dropout"})  # fmt: skip


def multi_head_attention(site: Site) -> Lowered:
    """Flax has an axis of heads in the weights, is causal by a mask, and takes the softmax in float32 always."""
    if len(site.inputs) > 1 or not site.every(attention.like_query):
        raise BackendError("it attends to other inputs, or its heads have other features than the query")
    made = spell("nnx.MultiHeadAttention(num_heads, in_features, *, use_bias=True, decode=None, rngs)", site,
                 in_features=site.size(2), use_bias="bias", decode=False, rngs=RNGS)  # fmt: skip
    weights: dict[str, Any] = {"out_proj_bias": "out.bias"}
    for short, name in {"q": "query", "k": "key", "v": "value", "out": "out"}.items():
        weights[f"{short}_proj_weight"] = (f"{name}.kernel", partial(by_heads, short))
        weights.setdefault(f"{short}_proj_bias", (f"{name}.bias", lambda step: (("reshape", heads_of(step)),)))
    causal = site.same(lambda step: step.op.causal, "causal")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        (x,) = in_order(site, inputs, canonical)
        mask = {"mask": call("nnx.make_causal_mask", Template("{0}[..., 0]", (x,)))} if causal else {}
        return call(own[""], x, **mask)

    return Lowered(apply, {"": made}, weights=bindings(site, weights), layouts=(canonical(3),), inexact=1e-6,
                   inexact_gradient=1e-6)  # fmt: skip


def heads_of(step: Step) -> tuple[int, int]:
    """The number of heads, and the features of each."""
    return int(step.op.num_heads), attention.head_size(step)


def by_heads(name: str, step: Step) -> Any:
    """The layout of a projection's weight, with an axis of heads."""
    features = int(step.inputs[0].shape[2])
    shape = (*heads_of(step), features) if name == "out" else (features, *heads_of(step))
    return (("transpose", (1, 0)), ("reshape", shape))


def learned_positions(site: Site) -> Lowered:
    made = spell("LearnedPositions(max_length, features, *, rngs)", site, max_length=attention.table_length,
                 features=attention.features, rngs=RNGS)  # fmt: skip
    return Lowered(lambda own, inputs: Call(own[""], tuple(in_order(site, inputs, canonical))), {"": made},
                   weights=bindings(site, {}), layouts=(canonical(3),))  # fmt: skip


# Pooling and shapes --------------------------------------------------------------------------------------------------


def pool(name: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        if not site.every(lambda step: not step.op.ceil_mode and max(getattr(step.op, "dilation", (1,))) == 1):
            raise BackendError("it has a ceil_mode or a dilation")
        options = {
            "window_shape": site.value(lambda step: step.op.kernel_size, "kernel_size"),
            "strides": site.value(lambda step: step.op.stride or step.op.kernel_size, "stride"),
        }
        if not site.every(windows.unpadded):
            options["padding"] = site.value(windows.resolved, "padding")
            if name == "nnx.avg_pool" and not site.every(lambda step: step.op.count_include_pad):
                options["count_include_pad"] = site.attr("count_include_pad")
        made = call("partial", Global(name), **options)
        lowered = as_image(site, made, sized=not site.every(lambda step: step.op.padding != "same"))
        lowered.layers = {}
        lowered.apply = lambda own, inputs: call(name, *in_order(site, inputs, channels_last), **options)
        return lowered

    return lower


def global_pool(name: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        rank, keep = site.inputs[0].rank, site.same(lambda step: step.op.keepdims, "keepdims")
        where = tuple(range(1, rank - 1))
        options = {"keepdims": literal(True)} if keep else {}
        axes = literal(where if len(where) > 1 else 1)
        return Lowered(lambda own, inputs: method(in_order(site, inputs, channels_last)[0], name, axes, **options),
                       layouts=(channels_last(rank) if keep else canonical(2),))  # fmt: skip

    return lower


def flatten(site: Site) -> Lowered:
    rank = site.inputs[0].rank
    where = site.same(lambda step: [resolve_axis(a, rank) for a in (step.op.start_axis, step.op.end_axis)], "axes")
    arguments = (literal(where[0]), *([] if where[1] == rank - 1 else [literal(where[1] + 1)]))
    narrow = where == [1, rank - 1] and site.every(lambda step: all(size == 1 for size in step.inputs[0].shape[2:]))
    order = (lambda rank: held(site.inputs[0])) if narrow else canonical
    return Lowered(lambda own, inputs: call("jax.lax.collapse", *in_order(site, inputs, order), *arguments),
                   layouts=(canonical(site.outputs[0].rank),))  # fmt: skip


def reshape(site: Site) -> Lowered:
    sizes = site.value(lambda step: tuple(step.outputs[0].shape[1:]), "shape")
    if not isinstance(sizes, Items):
        raise BackendError("the number of its axes differs between uses of the block")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        (x,) = in_order(site, inputs, canonical)
        return method(x, "reshape", literal(-1), *sizes.items)

    return Lowered(apply, layouts=(canonical(site.outputs[0].rank),), sized=True)


def permute(site: Site) -> Lowered:
    """No work: the order of axes in the spec is another one, and the array is the same."""
    order = site.same(lambda step: step.op.order(site.inputs[0].rank), "axes")
    layout = Layout(tuple(order.index(a) for a in held(site.inputs[0]).axes))
    return Lowered(lambda own, inputs: inputs[0], layouts=(layout,))


def concat(site: Site) -> Lowered:
    if any(map(site.shared, range(len(site.inputs)))):
        raise BackendError("it joins what has a batch with what has none")
    where = axis(site)
    return joined(lambda site, inputs: call("jnp.concatenate", Items(tuple(inputs), "[]"), axis=where))(site)


ROWS: Final[dict[str, Lowering]] = {
    "conv1d": conv,
    "conv2d": conv,
    "conv3d": conv,
    "depthwise_conv2d": depthwise,
    "linear": linear,
    "embedding": embedding,
    "multi_head_attention": multi_head_attention,
    "learned_positions": learned_positions,
    "max_pool2d": pool("nnx.max_pool"),
    "avg_pool2d": pool("nnx.avg_pool"),
    "global_avg_pool1d": global_pool("mean"),
    "global_avg_pool2d": global_pool("mean"),
    "global_max_pool2d": global_pool("max"),
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "rms_norm": partial(layer_norm, name="RMSNorm", bias=""),
    "group_norm": group_norm,
    "relu": function("nnx.relu()", element=True),
    "relu6": function("nnx.relu6()", element=True),
    "leaky_relu": function("nnx.leaky_relu(*, negative_slope=0.01)"),
    "elu": function("nnx.elu(*, alpha=1.0)"),
    "gelu": gelu,
    "silu": function("nnx.silu()", element=True),
    "sigmoid": function("nnx.sigmoid()", element=True),
    "tanh": function("jnp.tanh()", element=True),
    "softmax": function("nnx.softmax(*, axis=-1)", axis=axis),
    "log_softmax": function("nnx.log_softmax(*, axis=-1)", axis=axis),
    "add": infix("+"),
    "subtract": infix("-"),
    "multiply": infix("*"),
    "divide": infix("/"),
    "maximum": binary("jnp.maximum"),
    "minimum": binary("jnp.minimum"),
    "abs": function("jnp.abs()"),
    "neg": function("jnp.negative()"),
    "square": function("jnp.square()"),
    "exp": function("jnp.exp()"),
    "concat": concat,
    "flatten": flatten,
    "reshape": reshape,
    "permute": permute,
    "dropout": dropout,
    "drop_path": drop_path,
}
