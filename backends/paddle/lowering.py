"""How Paddle spells each operation: a rename, a small expression, or a function that says what it bridges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Call, Code, Infix, Items, Number, Raw, Slice, Template, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import bindings, function, layer, operator, own_layer, spell
from archspec.errors import BackendError
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis

TRANSPOSED: Final = ("weight", lambda step: (("transpose", (1, 0)),))
FLAT: Final = lambda step: (("reshape", (-1,)),)  # noqa: E731


def in_channels(site: Site) -> Code:
    return site.size(1)


def axis(name: str = "axis") -> Any:
    """An axis by its number."""
    return lambda site: site.value(lambda step: resolve_axis(getattr(step.op, name), len(step.inputs[0].shape)), name)


def wanted(name: str) -> Any:
    """An `..._attr`: False where the spec has no such weight, left out where it always has."""
    return lambda site: None if site.every(lambda step: getattr(step.op, name)) else site.attr(name)


# Convolutions -------------------------------------------------------------------------------------------------------


def pads(site: Site) -> Code:
    """One number, one per axis, or before and after of each axis, the first axis first."""
    return windows.before(site) if site.every(windows.symmetric) else windows.flat_pads(site, last_first=False)


CONV: Final = "(in_channels, out_channels, *, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias_attr=None)"


def conv(site: Site) -> Lowered:
    text = f"nn.Conv{site.op.rank}D{CONV}"
    return own_layer(spell(text, site, in_channels=in_channels, padding=pads, bias_attr=wanted("bias")), site)


def per_channel(site: Site, bias: Any) -> Call:
    sources = {"groups": in_channels, "out_channels": depthwise_channels, "bias_attr": bias}
    return spell(f"nn.Conv2D{CONV}", site, in_channels=in_channels, padding=pads, **sources)


def depthwise(site: Site) -> Lowered:
    return own_layer(per_channel(site, wanted("bias")), site)


def depthwise_channels(site: Site) -> Code:
    return site.value(lambda step: step.inputs[0].shape[1] * step.op.multiplier, "channels")


def separable(site: Site) -> Lowered:
    """Two convolutions: one per channel, without bias, and a 1x1 across channels."""
    first = per_channel(site, False)
    second = spell(f"nn.Conv2D{CONV}", site, in_channels=depthwise_channels, kernel_size=1, stride=1, padding=0,
                   dilation=1, groups=1, bias_attr=wanted("bias"))  # fmt: skip
    weights = {
        "depthwise_weight": ("depthwise", "weight", None),
        "pointwise_weight": ("pointwise", "weight", None),
        "bias": ("pointwise", "bias", None),
    }
    return Lowered(
        apply=lambda own, inputs: Call(own["pointwise"], (Call(own["depthwise"], tuple(inputs)),)),
        layers={"depthwise": first, "pointwise": second},
        module=call("nn.Sequential", first, second),
        places={"depthwise": "0", "pointwise": "1"},
        weights={name: weights[name] for name in bindings(site, {})},
    )


def conv_transpose(site: Site) -> Lowered:
    text = ("nn.Conv2DTranspose(in_channels, out_channels, *, kernel_size, stride=1, padding=0, output_padding=0, "
            "dilation=1, groups=1, bias_attr=None)")  # fmt: skip
    return own_layer(spell(text, site, in_channels=in_channels, padding=pads, bias_attr=wanted("bias")), site)


# Pools --------------------------------------------------------------------------------------------------------------


def fits(step: Step) -> bool:
    """Whether Paddle counts as many windows as the spec: with ceil_mode it also keeps one that lies in the padding."""
    op: Any = step.op
    sizes = zip(step.inputs[0].shape[2:], windows.resolved(step), step.outputs[0].shape[2:], strict=True)
    stride = op.kernel_size if op.stride is None else op.stride
    for (size, (lo, hi), count), k, s in zip(sizes, op.kernel_size, stride, strict=True):
        room = size + lo + hi - k
        if (-(-room // s) if op.ceil_mode else room // s) + 1 != count:
            return False
    return True


def fitted_pads(site: Site) -> Code:
    return windows.flat_pads(site, last_first=False, pads=windows.fitted)


def fitting(site: Site) -> dict[str, Any]:
    """The arguments with which Paddle counts the windows as the spec does."""
    return {"padding": pads} if site.every(fits) else {"padding": fitted_pads, "ceil_mode": False}


def max_pool(site: Site) -> Lowered:
    rank = site.op.rank
    if not site.every(lambda step: set(step.op.dilation) == {1}):
        return dilated_max_pool(site)
    arguments = "(*, kernel_size, stride=None, padding=0, ceil_mode=False)"
    return function(f"F.max_pool{rank}d{arguments}", f"nn.MaxPool{rank}D{arguments}", **fitting(site))(site)


def dilated_max_pool(site: Site) -> Lowered:
    """Paddle's pools have no dilation."""
    options = {
        "kernel_size": site.value(lambda step: step.op.kernel_size, "kernel_size"),
        "stride": site.value(lambda step: step.op.stride or step.op.kernel_size, "stride"),
        "dilation": site.value(lambda step: step.op.dilation, "dilation"),
        "padding": fitted_pads(site),
    }
    return Lowered(apply=lambda own, inputs: call("dilated_max_pool", inputs[0], **options))


def avg_pool(site: Site) -> Lowered:
    """Paddle's `exclusive` leaves out the padding, and always does if that is one-sided; so padding that counts is a
    step of its own then, and what a window covers beyond it is left out."""
    rank = site.op.rank
    arguments = "(*, kernel_size, stride=None, padding=0, ceil_mode=False, exclusive=True)"
    pooled, module = f"F.avg_pool{rank}d{arguments}", f"nn.AvgPool{rank}D{arguments}"
    counts = site.every(lambda step: step.op.count_include_pad)
    if not counts or site.every(windows.unpadded):
        return function(pooled, module, exclusive=True, **fitting(site))(site)
    inside = site.every(lambda step: windows.fitted(step) == windows.resolved(step))
    if inside and site.every(windows.symmetric):
        return function(pooled, module, exclusive=False, padding=windows.before, ceil_mode=False)(site)
    sources: dict[str, Any] = {
        "padding": 0 if inside else windows.flat_pads(site, last_first=False, pads=windows.overhang, name="overhang"),
        "ceil_mode": False,
    }
    border = windows.flat_pads(site, last_first=True)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return spell(pooled, site, (padded(inputs[0], border, rank),), **sources)

    made = call("nn.Sequential", call(f"nn.Pad{rank}D", border), spell(module, site, **sources))
    return Lowered(apply=apply, module=made)


def padded(x: Code, border: Code, rank: int, **options: Code) -> Code:
    if rank != 2:
        options["data_format"] = literal({1: "NCL", 3: "NCDHW"}[rank])
    return call("F.pad", x, border, **options)


def global_pool(name: str, module: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        dims = list(range(2, site.inputs[0].rank))
        shown = literal(dims if len(dims) > 1 else dims[0])
        keep = site.every(lambda step: step.op.keepdims)
        made = call(f"nn.{module}{len(dims)}D", literal(1))
        whole = made if keep else call("nn.Sequential", made, call("nn.Flatten"))
        options = {"keepdim": literal(True)} if keep else {}
        return Lowered(apply=lambda own, inputs: method(inputs[0], name, shown, **options), module=whole)

    return lower


def mean(site: Site) -> Lowered:
    rank = site.inputs[0].rank
    axes = sorted(resolve_axis(a, rank) for a in site.op.axis)
    shown = literal(axes if len(axes) > 1 else axes[0])
    options = {"keepdim": literal(True)} if site.op.keepdims else {}
    return Lowered(apply=lambda own, inputs: method(inputs[0], "mean", shown, **options))


# Normalizations -----------------------------------------------------------------------------------------------------

AFFINE: Final = {"weight_attr": wanted("affine"), "bias_attr": wanted("affine")}


def momentum(site: Site) -> Code:
    """Paddle's is the weight of the old statistics."""
    new = site.attr("momentum")
    return Number(float(1 - Decimal(repr(new.value)))) if isinstance(new, Number) else Infix("-", (literal(1), new))


def batch_norm(site: Site) -> Lowered:
    rank = max(site.inputs[0].rank - 2, 1)
    text = f"nn.BatchNorm{rank}D(num_features, *, momentum=0.9, epsilon=1e-05, weight_attr=None, bias_attr=None)"
    weights = {"running_mean": "_mean", "running_var": "_variance"}
    return layer(text, weights, num_features=in_channels, momentum=momentum, **AFFINE)(site)


def instance_norm(site: Site) -> Lowered:
    rank = site.inputs[0].rank - 2
    text = f"nn.InstanceNorm{rank}D(num_features, *, epsilon=1e-05, weight_attr=None, bias_attr=None)"
    return layer(text, {"weight": "scale"}, num_features=in_channels, **AFFINE)(site)


def layer_norm(site: Site) -> Lowered:
    """Paddle normalizes trailing axes; another axis is moved to the end and back."""
    if not site.every(lambda step: step.op.epsilon <= 1e-3):
        raise BackendError(f"its epsilon is at most 0.001, not {site.op.epsilon:g}")
    rank = site.inputs[0].rank
    axes = [resolve_axis(a, rank) for a in site.op.axis]
    shape = site.value(lambda step: tuple(step.inputs[0].shape[a] for a in axes), "shape")
    one = shape.items[0] if isinstance(shape, Items) and len(shape.items) == 1 else shape
    made = spell("nn.LayerNorm(normalized_shape, *, epsilon=1e-05, weight_attr=None, bias_attr=None)", site,
                 normalized_shape=one, **AFFINE)  # fmt: skip
    weights = {"weight": ("weight", FLAT), "bias": ("bias", FLAT)} if len(axes) > 1 else {}
    if axes == list(range(rank - len(axes), rank)):
        return own_layer(made, site, weights)
    there = [a for a in range(rank) if a not in axes] + axes
    back = [there.index(a) for a in range(rank)]

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        moved = method(inputs[0], "transpose", literal(there))
        return method(Call(own[""], (moved,)), "transpose", literal(back))

    return Lowered(apply=apply, layers={"": made}, weights=bindings(site, weights))


# Activations --------------------------------------------------------------------------------------------------------


def activation(name: str, module: str, arguments: str = "", **sources: Any) -> Lowering:
    return function(f"{name}({arguments})", f"nn.{module}({arguments})", **sources)


def inexact(row: Lowering, bound: float) -> Lowering:
    """A row whose native operation holds constants as float32 even in float64 models."""

    def lower(site: Site) -> Lowered:
        lowered = row(site)
        lowered.inexact = bound
        return lowered

    return lower


def hard_sigmoid(site: Site) -> Lowered:
    """The slope of Paddle's own is 0.1666667."""
    return Lowered(
        apply=lambda own, inputs: Infix("/", (call("F.relu6", Infix("+", (inputs[0], literal(3)))), literal(6)))
    )


def prelu(site: Site) -> Lowered:
    count = in_channels if site.op.per_channel else 1
    return layer("nn.PReLU(*, num_parameters=1)", {"weight": "_weight"}, num_parameters=count)(site)


def is_tanh(site: Site) -> Code:
    return site.value(lambda step: step.op.approximate == "tanh", "approximate")


# Shapes -------------------------------------------------------------------------------------------------------------


def matmul(site: Site) -> Lowered:
    turned = {"transpose_x": site.op.transpose_a, "transpose_y": site.op.transpose_b}
    flags = {name: literal(True) for name, flag in turned.items() if flag}
    if not flags:
        return operator("@")(site)
    return Lowered(apply=lambda own, inputs: call("paddle.matmul", *inputs, **flags))


def concat(site: Site) -> Lowered:
    where = axis()(site)
    return Lowered(apply=lambda own, inputs: call("paddle.concat", Items(tuple(inputs), "[]"), axis=where))


def split(site: Site) -> Lowered:
    where = axis()(site)
    if site.every(lambda step: step.op.sections is not None):
        parts = site.attr("sections")
    else:
        parts = site.value(lambda step: list(step.op.sizes), "sizes")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        pieces = call("paddle.split", inputs[0], parts, axis=where)
        return pieces if len(site.outputs) > 1 else Template("{0}[0]", (pieces,))

    return Lowered(apply=apply)


def reshape(site: Site) -> Lowered:
    """The batch is -1, or 0, which copies it, if the spec leaves another size to be inferred."""
    infers = site.every(lambda step: -1 in step.op.shape)
    sizes = site.value(lambda step: list(step.op.shape if infers else step.outputs[0].shape[1:]), "shape")
    rest = sizes.items if isinstance(sizes, Items) else (Template("*{0}", (sizes,)),)
    whole = Items((literal(0 if infers else -1), *rest), "[]")
    return Lowered(apply=lambda own, inputs: method(inputs[0], "reshape", whole))


def permute(site: Site) -> Lowered:
    axes = [0, *(resolve_axis(a, site.inputs[0].rank) for a in site.op.axes)]
    return Lowered(apply=lambda own, inputs: method(inputs[0], "transpose", literal(axes)))


def pad(site: Site) -> Lowered:
    """`F.pad` takes the spatial axes, the last one first; or else all axes, and then the first one first."""
    rank = site.inputs[0].rank
    count = len(site.op.padding)
    mode, value = site.attr("mode"), site.attr("value")
    constant = mode == literal("constant")
    spatial = 3 <= rank <= 5 and count <= rank - 2
    if not spatial and not constant:
        raise BackendError(f"F.pad has mode {site.op.mode} for inputs with 3 to 5 axes, this has {rank}")

    def numbers(step: Step) -> tuple[int, ...]:
        op: Any = step.op
        whole = [*[(0, 0)] * ((rank - 2 if spatial else rank) - count), *op.padding]
        return tuple(n for pair in (reversed(whole) if spatial else whole) for n in pair)

    border = site.value(numbers, "padding")
    options = {} if constant else {"mode": mode}
    if constant and value != literal(0.0):
        options["value"] = value
    if spatial:
        return Lowered(apply=lambda own, inputs: padded(inputs[0], border, rank - 2, **options))
    return Lowered(apply=lambda own, inputs: call("F.pad", inputs[0], border, **options))


def slice_(site: Site) -> Lowered:
    number = resolve_axis(site.op.axis, site.inputs[0].rank)
    start, end, step = (site.attr(name) for name in ("start", "end", "step"))
    part = Slice(
        None if start == literal(0) else start,
        None if end == literal(None) else end,
        None if step == literal(1) else step,
    )
    return Lowered(apply=lambda own, inputs: Template("{0}[" + ":, " * number + "{1}]", (inputs[0], part)))


def upsample(site: Site) -> Lowered:
    """Paddle's ratios are float32, which moves neighbours and weights; and a size of one is wrong."""
    op = site.op
    scaled = op.scale is not None and op.mode == "nearest"
    arguments = "(*, size=None, scale_factor=None, mode='nearest', align_corners=False)"
    native = function(f"F.interpolate{arguments}", f"nn.Upsample{arguments}", size=None if scaled else new_size,
                      scale_factor="scale" if scaled else None)  # fmt: skip
    if op.mode == "nearest":
        exact = site.every(windows.nearest_in_float32)
    else:
        exact = site.every(windows.ratios_in_float32) and site.every(lambda step: min(step.outputs[0].shape[2:]) > 1)
    if exact:
        return native(site)
    aligned = not site.every(lambda step: not step.op.align_corners)
    options = {"align_corners": site.attr("align_corners")} if aligned else {}
    return Lowered(apply=lambda own, inputs: call(f"resize_{op.mode}", inputs[0], new_size(site), **options))


def new_size(site: Site) -> Code:
    return site.value(lambda step: tuple(step.outputs[0].shape[2:]), "size")


def channel_shuffle(site: Site) -> Lowered:
    """Paddle's own takes images only."""
    rank = site.inputs[0].rank
    if rank == 4:
        return function("F.channel_shuffle(groups)", "nn.ChannelShuffle(groups)")(site)
    groups = site.attr("groups")
    return Lowered(apply=lambda own, inputs: call("channel_shuffle", inputs[0], groups))


def end_axis(site: Site) -> Code:
    rank = site.inputs[0].rank
    number = resolve_axis(site.op.end_axis, rank)
    return Raw("-1", 8) if number == rank - 1 else literal(number)


def log_softmax(site: Site) -> Lowered:
    """Paddle's own takes a distance of more than 64 from the largest for 64."""
    where = axis()(site)
    return Lowered(apply=lambda own, inputs: call("exact_log_softmax", inputs[0], where))


LOWERINGS: Final[dict[str, Lowering]] = {
    "conv1d": conv,
    "conv2d": conv,
    "conv3d": conv,
    "depthwise_conv2d": depthwise,
    "separable_conv2d": separable,
    "conv_transpose2d": conv_transpose,
    "linear": layer("nn.Linear(in_features, out_features, *, bias_attr=None)", {"weight": TRANSPOSED},
                    in_features=lambda site: site.size(-1), bias_attr=wanted("bias")),
    "embedding": layer("nn.Embedding(num_embeddings, embedding_dim)"),
    "matmul": matmul,
    "max_pool1d": max_pool,
    "max_pool2d": max_pool,
    "avg_pool1d": avg_pool,
    "avg_pool2d": avg_pool,
    "adaptive_avg_pool1d": function("F.adaptive_avg_pool1d(output_size)", "nn.AdaptiveAvgPool1D(output_size)"),
    "adaptive_avg_pool2d": function("F.adaptive_avg_pool2d(output_size)", "nn.AdaptiveAvgPool2D(output_size)"),
    "adaptive_max_pool1d": function("F.adaptive_max_pool1d(output_size)", "nn.AdaptiveMaxPool1D(output_size)"),
    "adaptive_max_pool2d": function("F.adaptive_max_pool2d(output_size)", "nn.AdaptiveMaxPool2D(output_size)"),
    "global_avg_pool1d": global_pool("mean", "AdaptiveAvgPool"),
    "global_avg_pool2d": global_pool("mean", "AdaptiveAvgPool"),
    "global_max_pool1d": global_pool("max", "AdaptiveMaxPool"),
    "global_max_pool2d": global_pool("max", "AdaptiveMaxPool"),
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": layer("nn.GroupNorm(num_groups, num_channels, *, epsilon=1e-05, weight_attr=None, bias_attr=None)",
                        num_channels=in_channels, **AFFINE),
    "instance_norm": instance_norm,
    "local_response_norm": function("F.local_response_norm(size, *, alpha=0.0001, beta=0.75, k=1.0)",
                                    "nn.LocalResponseNorm(size, *, alpha=0.0001, beta=0.75, k=1.0)"),
    "relu": activation("F.relu", "ReLU"),
    "relu6": activation("F.relu6", "ReLU6"),
    "leaky_relu": activation("F.leaky_relu", "LeakyReLU", "*, negative_slope=0.01"),
    "prelu": prelu,
    "elu": activation("F.elu", "ELU", "*, alpha=1.0"),
    "selu": inexact(activation("F.selu", "SELU"), 1e-7),
    "gelu": activation("F.gelu", "GELU", "*, approximate=False", approximate=is_tanh),
    "silu": activation("F.swish", "Swish"),  # the gradient of F.silu is NaN from -89 down
    "mish": activation("F.mish", "Mish"),
    "sigmoid": activation("F.sigmoid", "Sigmoid"),
    "tanh": activation("F.tanh", "Tanh"),
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": activation("F.hardswish", "Hardswish"),
    "softplus": activation("F.softplus", "Softplus", "*, beta=1.0, threshold=20.0"),
    # On CPUs it takes a distance of more than 64 from the maximum for 64: an error of 1.6e-28.
    "softmax": activation("F.softmax", "Softmax", "*, axis=-1", axis=axis()),
    "log_softmax": log_softmax,
    "add": operator("+"),
    "subtract": operator("-"),
    "multiply": operator("*"),
    "divide": operator("/"),
    "concat": concat,
    "split": split,
    "flatten": function("paddle.flatten(start_axis, *, stop_axis=-1)", "nn.Flatten(*, start_axis=1, stop_axis=-1)",
                        start_axis=axis("start_axis"), stop_axis=end_axis),
    "reshape": reshape,
    "permute": permute,
    "pad": pad,
    "slice": slice_,
    "upsample": upsample,
    "channel_shuffle": channel_shuffle,
    "pixel_shuffle": function("F.pixel_shuffle(upscale_factor)", "nn.PixelShuffle(upscale_factor)"),
    "mean": mean,
    "dropout": layer("nn.Dropout(p)"),
}  # fmt: skip

UNSUPPORTED: Final[dict[str, str]] = {}
