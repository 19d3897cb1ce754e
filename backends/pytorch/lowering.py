"""How PyTorch spells each operation: a rename, a small expression, or a function that says what it bridges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Call, Code, Infix, Items, Raw, Slice, Template, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import bindings, function, layer, operator, own_layer, spell
from archspec.errors import BackendError
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis


def in_channels(site: Site) -> Code:
    return site.size(1)


def axis(name: str = "axis") -> Any:
    """An axis by its number."""
    return lambda site: site.value(lambda step: resolve_axis(getattr(step.op, name), len(step.inputs[0].shape)), name)


def conv(site: Site) -> Lowered:
    """PyTorch's layers pad both sides alike; another padding is a step of its own before the layer."""
    rank = site.op.rank
    text = (f"nn.Conv{rank}d(in_channels, out_channels, *, kernel_size, stride=1, padding=0, dilation=1, groups=1, "
            "bias=True)")  # fmt: skip
    return padded(site, text, in_channels=in_channels)


def padded(site: Site, text: str, **sources: Any) -> Lowered:
    if site.every(windows.symmetric):
        return own_layer(spell(text, site, padding=windows.before, **sources), site)
    made = spell(text, site, padding=0, **sources)
    pads = windows.flat_pads(site, last_first=True)
    rank = site.op.rank
    return Lowered(
        apply=lambda own, inputs: Call(own[""], (call("F.pad", inputs[0], pads),)),
        layers={"": made},
        module=call("nn.Sequential", call(f"nn.ConstantPad{rank}d", pads, literal(0)), made),
        places={"": "1"},
        weights=bindings(site, {}),
    )


def depthwise(site: Site) -> Lowered:
    text = ("nn.Conv2d(in_channels, out_channels, *, kernel_size, stride=1, padding=0, dilation=1, groups=1, "
            "bias=True)")  # fmt: skip
    return padded(site, text, in_channels=in_channels, groups=in_channels, out_channels=depthwise_channels)


def depthwise_channels(site: Site) -> Code:
    return site.value(lambda step: step.inputs[0].shape[1] * step.op.multiplier, "channels")


def separable(site: Site) -> Lowered:
    """Two convolutions: one per channel, without bias, and a 1x1 across channels."""
    text = "nn.Conv2d(in_channels, out_channels, *, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True)"
    first = padded(site, text, in_channels=in_channels, groups=in_channels, out_channels=depthwise_channels, bias=False)
    second = call("nn.Conv2d", depthwise_channels(site), site.attr("out_channels"), kernel_size=literal(1))
    if not site.every(lambda step: step.op.bias):
        second = Call(second.target, second.args, (*second.kwargs, ("bias", site.attr("bias"))))
    weights = {
        "depthwise_weight": ("depthwise", "weight", None),
        "pointwise_weight": ("pointwise", "weight", None),
        "bias": ("pointwise", "bias", None),
    }
    assert first.module is not None
    return Lowered(
        apply=lambda own, inputs: Call(own["pointwise"], (first.apply({"": own["depthwise"]}, inputs),)),
        layers={"depthwise": first.layers[""], "pointwise": second},
        module=call("nn.Sequential", first.module, second),
        places={"depthwise": f"0.{first.places[''] if first.places else ''}".rstrip("."), "pointwise": "1"},
        weights={name: weights[name] for name in bindings(site, {})},
    )


def conv_transpose(site: Site) -> Lowered:
    """PyTorch crops both sides alike; another crop comes after the layer."""
    text = ("nn.ConvTranspose2d(in_channels, out_channels, *, kernel_size, stride=1, padding=0, output_padding=0, "
            "groups=1, bias=True, dilation=1)")  # fmt: skip
    if site.every(windows.symmetric):
        return own_layer(spell(text, site, in_channels=in_channels, padding=windows.before), site)
    made = spell(text, site, in_channels=in_channels, padding=0)

    def crops(step: Step) -> tuple[int, ...]:
        return tuple(-size for pair in reversed(windows.resolved(step)) for size in pair)

    crop = site.value(crops, "crop")
    return Lowered(
        apply=lambda own, inputs: call("F.pad", Call(own[""], tuple(inputs)), crop),
        layers={"": made},
        module=call("nn.Sequential", made, call("nn.ConstantPad2d", crop, literal(0))),
        places={"": "0"},
        weights=bindings(site, {}),
    )


def max_pool(site: Site) -> Lowered:
    """Max pooling ignores padding: what the layer cannot pad is padded with -inf before it."""
    rank = site.op.rank
    arguments = "(*, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False)"
    if site.every(_within_half):
        pooled = function(f"F.max_pool{rank}d{arguments}", f"nn.MaxPool{rank}d{arguments}", padding=windows.before)
        return pooled(site)
    pads = windows.flat_pads(site, last_first=True, pads=windows.fitted)
    sources: dict[str, Any] = {"padding": 0, "ceil_mode": False}

    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        fenced = call("F.pad", inputs[0], pads, value=windows.MINUS_INFINITY)
        return spell(f"F.max_pool{rank}d{arguments}", site, (fenced,), **sources)

    made = spell(f"nn.MaxPool{rank}d{arguments}", site, **sources)
    border = call(f"nn.ConstantPad{rank}d", pads, windows.MINUS_INFINITY)
    return Lowered(apply=apply, module=call("nn.Sequential", border, made))


def _within_half(step: Step) -> bool:
    op: Any = step.op
    pairs = windows.resolved(step)
    return windows.symmetric(step) and all(2 * lo <= k for (lo, _), k in zip(pairs, op.kernel_size, strict=True))


def avg_pool(site: Site) -> Lowered:
    """Whether padding counts is said wherever there is any; one-sided padding is a step of its own."""
    rank = site.op.rank
    arguments = "(*, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)"
    if site.every(_within_half):
        sources: dict[str, Any] = {"padding": windows.before}
        if site.every(windows.unpadded):
            sources["count_include_pad"] = True
        return function(f"F.avg_pool{rank}d{arguments}", f"nn.AvgPool{rank}d{arguments}", **sources)(site)
    pooled = f"F.avg_pool{rank}d{arguments}"
    sources = {"padding": 0, "ceil_mode": False, "count_include_pad": True}
    counts = site.every(lambda step: step.op.count_include_pad)
    inside = site.every(lambda step: windows.fitted(step) == windows.resolved(step))
    whole = windows.flat_pads(site, last_first=True, pads=windows.fitted)
    if counts and inside:
        made = call("nn.Sequential", call(f"nn.ConstantPad{rank}d", whole, literal(0)),
                    spell(f"nn.AvgPool{rank}d{arguments}", site, **sources))  # fmt: skip
        return Lowered(
            apply=lambda own, inputs: spell(pooled, site, (call("F.pad", inputs[0], whole),), **sources), module=made
        )

    border = windows.resolved if counts else _no_pads
    around = windows.flat_pads(site, last_first=True, pads=border, name="border")
    rest = windows.flat_pads(site, last_first=True, pads=lambda step: _minus(windows.fitted(step), border(step)))
    stride = site.attr("kernel_size" if site.op.stride is None else "stride")

    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        arguments = {"kernel_size": site.attr("kernel_size"), "stride": stride, "padding": rest}
        return call(f"partial_avg_pool{rank}d", inputs[0], **arguments, **({"border": around} if counts else {}))

    return Lowered(apply=apply)


def _no_pads(step: Step) -> windows.Pairs:
    return tuple((0, 0) for _ in windows.resolved(step))


def _minus(a: windows.Pairs, b: windows.Pairs) -> windows.Pairs:
    return tuple((x[0] - y[0], x[1] - y[1]) for x, y in zip(a, b, strict=True))


def global_pool(name: str, module: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        dims = tuple(range(2, site.inputs[0].rank))
        shown = literal(dims if len(dims) > 1 else dims[0])
        keep = site.every(lambda step: step.op.keepdims)
        made = call(f"nn.{module}{len(dims)}d", literal(1))
        whole = made if keep else call("nn.Sequential", made, call("nn.Flatten"))
        options = {"keepdim": literal(True)} if keep else {}
        return Lowered(apply=lambda own, inputs: method(inputs[0], name, shown, **options), module=whole)

    return lower


def mean(site: Site) -> Lowered:
    rank = site.inputs[0].rank
    axes = tuple(sorted(resolve_axis(a, rank) for a in site.op.axis))
    shown = literal(axes if len(axes) > 1 else axes[0])
    options = {"keepdim": literal(True)} if site.op.keepdims else {}
    return Lowered(apply=lambda own, inputs: method(inputs[0], "mean", shown, **options))


def batch_norm(site: Site) -> Lowered:
    rank = max(site.inputs[0].rank - 2, 1)
    text = f"nn.BatchNorm{rank}d(num_features, *, eps=1e-05, momentum=0.1, affine=True)"
    return layer(text, num_features=in_channels, eps="epsilon")(site)


def instance_norm(site: Site) -> Lowered:
    text = f"nn.InstanceNorm{site.inputs[0].rank - 2}d(num_features, *, eps=1e-05, affine=False)"
    return layer(text, num_features=in_channels, eps="epsilon")(site)


def layer_norm(site: Site) -> Lowered:
    """PyTorch normalizes trailing axes; another axis is moved to the end and back."""
    rank = site.inputs[0].rank
    axes = [resolve_axis(a, rank) for a in site.op.axis]
    shape = site.value(lambda step: tuple(step.inputs[0].shape[a] for a in axes), "shape")
    one = shape.items[0] if isinstance(shape, Items) and len(shape.items) == 1 else shape
    made = spell("nn.LayerNorm(normalized_shape, *, eps=1e-05, elementwise_affine=True)", site,
                 normalized_shape=one, eps="epsilon", elementwise_affine="affine")  # fmt: skip
    if axes == list(range(rank - len(axes), rank)):
        return own_layer(made, site)
    there = [a for a in range(rank) if a not in axes] + axes
    back = [there.index(a) for a in range(rank)]

    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        moved = method(inputs[0], "permute", *map(literal, there))
        return method(Call(own[""], (moved,)), "permute", *map(literal, back))

    return Lowered(apply=apply, layers={"": made}, weights=bindings(site, {}))


def prelu(site: Site) -> Lowered:
    count = in_channels if site.op.per_channel else 1
    return layer("nn.PReLU(*, num_parameters=1)", num_parameters=count)(site)


def concat(site: Site) -> Lowered:
    where = axis()(site)
    return Lowered(apply=lambda own, inputs: call("torch.cat", Items(tuple(inputs)), dim=where))


def split(site: Site) -> Lowered:
    where = axis()(site)
    if site.every(lambda step: step.op.sections is not None):
        target, parts = "torch.chunk", site.attr("sections")
    else:
        target, parts = "torch.split", site.value(lambda step: list(step.op.sizes), "sizes")

    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        pieces = call(target, inputs[0], parts, dim=where)
        return pieces if len(site.outputs) > 1 else Template("{0}[0]", (pieces,))

    return Lowered(apply=apply)


def reshape(site: Site) -> Lowered:
    """The batch is -1 unless the spec leaves another size to be inferred."""
    infers = site.every(lambda step: -1 in step.op.shape)
    sizes = site.value(lambda step: tuple(step.op.shape if infers else step.outputs[0].shape[1:]), "shape")
    rest = sizes.items if isinstance(sizes, Items) else (Template("*{0}", (sizes,)),)

    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        batch = Template("{0}.shape[0]", (inputs[0],)) if infers else literal(-1)
        return method(inputs[0], "reshape", batch, *rest)

    return Lowered(apply=apply)


def permute(site: Site) -> Lowered:
    axes = [0, *(resolve_axis(a, site.inputs[0].rank) for a in site.op.axes)]
    return Lowered(apply=lambda own, inputs: method(inputs[0], "permute", *map(literal, axes)))


def pad(site: Site) -> Lowered:
    """`F.pad` takes the last axes, the last one first; but with a mode all axes beyond the channels."""
    rank = site.inputs[0].rank
    mode, value = site.attr("mode"), site.attr("value")
    constant = mode == literal("constant")
    if rank > 5 and not constant:
        raise BackendError(f"F.pad has mode {site.op.mode} for inputs with up to 5 axes, this has {rank}")

    def numbers(step: Step) -> tuple[int, ...]:
        pairs = step.op.padding
        whole = [*[(0, 0)] * (0 if constant else rank - 2 - len(pairs)), *pairs]
        return tuple(n for pair in reversed(whole) for n in pair)

    pads = site.value(numbers, "padding")
    options = {} if constant else {"mode": mode}
    if constant and value != literal(0.0):
        options["value"] = value
    return Lowered(apply=lambda own, inputs: call("F.pad", inputs[0], pads, **options))


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
    op = site.op
    if op.mode == "nearest" and not site.every(windows.nearest_in_float32):
        return resize_nearest(site)
    sources: dict[str, Any] = {"scale_factor": "scale"} if op.scale is not None else {}
    corners: Any = None if op.mode == "nearest" else "align_corners"
    arguments = "(*, size=None, scale_factor=None, mode='nearest', align_corners=None)"
    return function(f"F.interpolate{arguments}", f"nn.Upsample{arguments}", align_corners=corners, **sources)(site)


def resize_nearest(site: Site) -> Lowered:
    """PyTorch's scales are float32, which for some sizes picks other neighbours than whole numbers do."""
    size = site.value(lambda step: tuple(step.outputs[0].shape[2:]), "size")
    return Lowered(apply=lambda own, inputs: call("resize_nearest", inputs[0], size))


def matmul(site: Site) -> Lowered:
    def apply(own: Mapping[str, Code], inputs: Any) -> Code:
        flags = (site.op.transpose_a, site.op.transpose_b)
        sides = [Template("{0}.mT", (x,)) if turned else x for x, turned in zip(inputs, flags, strict=True)]
        return Infix("@", tuple(sides))

    return Lowered(apply=apply)


def activation(name: str, module: str, arguments: str = "", **sources: Any) -> Lowering:
    return function(f"{name}({arguments})", f"nn.{module}({arguments})", **sources)


LOWERINGS: Final[dict[str, Lowering]] = {
    "conv1d": conv,
    "conv2d": conv,
    "conv3d": conv,
    "depthwise_conv2d": depthwise,
    "separable_conv2d": separable,
    "conv_transpose2d": conv_transpose,
    "linear": layer("nn.Linear(in_features, out_features, *, bias=True)", in_features=lambda site: site.size(-1)),
    "embedding": layer("nn.Embedding(num_embeddings, embedding_dim)"),
    "matmul": matmul,
    "max_pool1d": max_pool,
    "max_pool2d": max_pool,
    "avg_pool1d": avg_pool,
    "avg_pool2d": avg_pool,
    "adaptive_avg_pool1d": function("F.adaptive_avg_pool1d(output_size)", "nn.AdaptiveAvgPool1d(output_size)"),
    "adaptive_avg_pool2d": function("F.adaptive_avg_pool2d(output_size)", "nn.AdaptiveAvgPool2d(output_size)"),
    "adaptive_max_pool1d": function("F.adaptive_max_pool1d(output_size)", "nn.AdaptiveMaxPool1d(output_size)"),
    "adaptive_max_pool2d": function("F.adaptive_max_pool2d(output_size)", "nn.AdaptiveMaxPool2d(output_size)"),
    "global_avg_pool1d": global_pool("mean", "AdaptiveAvgPool"),
    "global_avg_pool2d": global_pool("mean", "AdaptiveAvgPool"),
    "global_max_pool1d": global_pool("amax", "AdaptiveMaxPool"),
    "global_max_pool2d": global_pool("amax", "AdaptiveMaxPool"),
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": layer("nn.GroupNorm(num_groups, num_channels, *, eps=1e-05, affine=True)",
                        num_channels=in_channels, eps="epsilon"),
    "instance_norm": instance_norm,
    "local_response_norm": function("F.local_response_norm(*, size, alpha, beta, k)",
                                    "nn.LocalResponseNorm(*, size, alpha, beta, k)"),
    "relu": activation("F.relu", "ReLU"),
    "relu6": activation("F.relu6", "ReLU6"),
    "leaky_relu": activation("F.leaky_relu", "LeakyReLU", "*, negative_slope=0.01"),
    "prelu": prelu,
    "elu": activation("F.elu", "ELU", "*, alpha=1.0"),
    "selu": activation("F.selu", "SELU"),
    "gelu": activation("F.gelu", "GELU", "*, approximate='none'"),
    "silu": activation("F.silu", "SiLU"),
    "mish": activation("F.mish", "Mish"),
    "sigmoid": activation("torch.sigmoid", "Sigmoid"),
    "tanh": activation("torch.tanh", "Tanh"),
    "hard_sigmoid": activation("F.hardsigmoid", "Hardsigmoid"),
    "hard_swish": activation("F.hardswish", "Hardswish"),
    "softplus": activation("F.softplus", "Softplus", "*, beta=1.0, threshold=20.0"),
    "softmax": activation("F.softmax", "Softmax", "*, dim=None", dim=axis()),
    "log_softmax": activation("F.log_softmax", "LogSoftmax", "*, dim=None", dim=axis()),
    "add": operator("+"),
    "subtract": operator("-"),
    "multiply": operator("*"),
    "divide": operator("/"),
    "concat": concat,
    "split": split,
    "flatten": function("torch.flatten(start_dim, *, end_dim=-1)", "nn.Flatten(*, start_dim=1, end_dim=-1)",
                        start_dim=axis("start_axis"), end_dim=lambda site: end_axis(site)),
    "reshape": reshape,
    "permute": permute,
    "pad": pad,
    "slice": slice_,
    "upsample": upsample,
    "channel_shuffle": function("F.channel_shuffle(groups)", "nn.ChannelShuffle(groups)"),
    "pixel_shuffle": function("F.pixel_shuffle(upscale_factor)", "nn.PixelShuffle(upscale_factor)"),
    "mean": mean,
    "dropout": layer("nn.Dropout(p)"),
}  # fmt: skip

UNSUPPORTED: Final[dict[str, str]] = {}


def end_axis(site: Site) -> Code:
    rank = site.inputs[0].rank
    number = resolve_axis(site.op.end_axis, rank)
    return Raw("-1", 8) if number == rank - 1 else literal(number)
