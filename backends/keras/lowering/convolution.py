"""Convolutions, and how windows are padded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Call, Code, Items, Slice, Symbol, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site, WeightPlace, once
from archspec.emit.signature import spell
from archspec.expressions import Apply as Applied
from archspec.expressions import Const, Expr
from archspec.graph.tree import Step

from .rows import Border, check_sizes, image_layer


def is_same(step: Step) -> bool:
    """Whether the padding is what Keras' `same` stands for."""
    return windows.numbers(step) == windows.numbers(step, "same") and not _begins_late(step)


def _begins_late(step: Step) -> bool:
    """Whether TensorFlow, in float64 and with `same`, has the windows of a volume begin behind its start: as if the
    elements at the end that no window reaches were a negative padding, half of which goes before."""
    op = step.op
    sizes = zip(step.inputs[0].shape[2:], op.kernel_size, op.stride, op.dilation, strict=True)
    return _may_begin_late(step) and any(
        size - ((-(-size // s) - 1) * s + (k - 1) * d + 1) > 1 for size, k, s, d in sizes
    )


def _may_begin_late(step: Step) -> bool:
    """Whether that happens at some size."""
    op = step.op
    windows = zip(op.kernel_size, op.stride, op.dilation, strict=True) if op.key == "conv3d" else ()
    return any(s - ((k - 1) * d + 1) > 1 for k, s, d in windows)


@dataclass(frozen=True)
class Padding:
    """How a windowed layer is padded: its own argument, what pads its input before, and whether that is right only for
    inputs of the spec's sizes."""

    own: Code
    before: Border | None = None
    sized: bool = False


def padding(site: Site, *, causal: bool = False) -> Padding:
    """`valid`, `same` or, if the layer knows that, `causal` where it pads so by itself in all instances, else a layer
    that pads before it, in the instances that need one."""
    sized = not site.every(lambda step: not windows.follows_size(step))
    if site.every(windows.unpadded):
        return Padding(literal("valid"), None, sized)
    if site.every(is_same):
        always = site.every(lambda step: unstrided(step) or (step.op.padding == "same" and not _may_begin_late(step)))
        return Padding(literal("same"), None, not always)
    if causal and site.every(lambda step: step.op.padding == "causal"):
        return Padding(literal("causal"))
    alone = site.distinguish(lambda step: is_same(step) and unstrided(step), "stride")
    if alone is None:
        return Padding(literal("valid"), Border(zero_padding(site)), sized)
    own = Symbol(Applied("if", (alone, Const("same"), Const("valid"))))
    if site.every(lambda step: windows.unpadded(step) or (is_same(step) and unstrided(step))):
        return Padding(own, None, sized)
    return Padding(own, Border(zero_padding(site), Symbol(negated(alone))), sized)


def negated(condition: Expr) -> Expr:
    match condition:
        case Applied("==" | "!=" as operator, args):
            return Applied("!=" if operator == "==" else "==", args)
        case Applied("not", (inner,)):
            return inner
    return Applied("not", (condition,))


def unstrided(step: Step) -> bool:
    op = step.op
    return bool(max(op.kernel_size if op.stride is None else op.stride) == 1)


def kernel(step: Step) -> Any:
    """`out, in, height, width` as `height, width, in, out`."""
    rank = len(step.inputs[0].shape)
    return (("transpose", (*range(2, rank), 1, 0)),)


def depthwise_kernel(step: Step) -> Any:
    """`in * multiplier, 1, height, width` as `height, width, in, multiplier`."""
    channels = int(step.inputs[0].shape[1])
    shape = next(iter(step.op.parameters(*(v.shape for v in step.inputs)).values())).shape
    sizes = tuple(map(int, shape[2:]))
    moved = (*range(2, 2 + len(sizes)), 0, 1)
    return (("reshape", (channels, int(shape[0]) // channels, *sizes)), ("transpose", moved))


def conv(site: Site) -> Lowered:
    """Grouped by channel, it is a depthwise layer."""
    rank = site.op.rank
    if rank < 3 and site.every(by_channel):
        return _depthwise(site, _ratio)
    return _conv(site, f"layers.Conv{rank}D(filters, kernel_size, {CONV})", causal=rank == 1)


CONV: Final = "*, strides=1, padding='valid', dilation_rate=1, groups=1, use_bias=True"


def masked(site: Site) -> Lowered:
    return _conv(site, f"MaskedConv2D(filters, kernel_size, mask, {CONV})")


def _conv(site: Site, text: str, *, causal: bool = False) -> Lowered:
    """Where TensorFlow has no such strides, or wrong ones, there are none, and the result is thinned out after."""
    thin = thinned(site)
    padded = outside(site) if thin else padding(site, causal=causal)
    made = spell(text, site, filters="out_channels", strides=1 if thin else "stride", padding=padded.own,
                 dilation_rate="dilation", use_bias="bias")  # fmt: skip
    return image_layer(site, made, {"weight": ("kernel", kernel)}, padded.before, thinning(site) if thin else None,
                       padded.sized)  # fmt: skip


def thinned(site: Site) -> bool:
    return not site.every(lambda step: max(step.op.stride) == 1 or (max(step.op.dilation) == 1 and not _misread(step)))


def _misread(step: Step) -> bool:
    """Whether oneDNN, in float32, takes the rows of one column for something else."""
    channels, *sizes = step.inputs[0].shape[1:]
    stride = step.op.stride
    return bool(channels == 1 and len(sizes) > 1 and step.outputs[0].shape[-1] == 1 and stride[-1] > stride[-2] == 1)


def thinning(site: Site) -> Callable[[Code], Code]:
    """What keeps one element of each stride."""
    one, slices = literal(1), []
    for axis in range(site.op.rank):
        step = site.value(lambda step, axis=axis: step.op.stride[axis], f"stride{axis}")  # type: ignore[misc]
        slices.append(Slice(None, None, None if step == one else step))
    places = ", ".join(f"{{{axis}}}" for axis in range(1, len(slices) + 1))
    return lambda code: Template(f"{{0}}[:, {places}]", (code, *slices))


def outside(site: Site) -> Padding:
    """All padding in a layer before."""
    sized = not site.every(lambda step: step.op.padding != "same")
    return Padding(literal("valid"), None if site.every(windows.unpadded) else zeros(site), sized)


def zeros(site: Site) -> Border:
    return Border(zero_padding(site))


def zero_padding(site: Site, pads: Callable[[Step], windows.Pairs] = windows.resolved) -> Call:
    rank = site.inputs[0].rank - 2
    if rank == 1:
        return call("layers.ZeroPadding1D", once(site.value(lambda step: pads(step)[0], "padding")))
    return call(f"layers.ZeroPadding{rank}D", compact(site.value(pads, "padding")))


def compact(pads: Code) -> Code:
    """Pairs of equal numbers as one number."""
    if isinstance(pads, Items):
        inner = [item.items for item in pads.items if isinstance(item, Items)]
        if len(inner) == len(pads.items) and all(len(set(pair)) == 1 for pair in inner):
            singles = tuple(pair[0] for pair in inner)
            return singles[0] if len(set(singles)) == 1 else Items(singles)
    return pads


def by_channel(step: Step) -> bool:
    op: Any = step.op
    channels = step.inputs[0].shape[1]
    one_stride = len(set(op.stride)) == 1 and not (max(op.stride) > 1 and max(op.dilation) > 1)
    return bool(op.groups == channels and channels > 1 and one_stride)


def _ratio(site: Site) -> Code:
    return site.value(lambda step: step.op.out_channels // step.inputs[0].shape[1], "multiplier")


def _depthwise(site: Site, multiplier: Any, **sources: Any) -> Lowered:
    rank = site.op.rank
    thin = thinned(site)
    padded = outside(site) if thin else padding(site)
    text = (f"layers.DepthwiseConv{rank}D(kernel_size, *, strides=1, padding='valid', depth_multiplier=1, "
            "dilation_rate=1, use_bias=True)")  # fmt: skip
    options = {"use_bias": "bias", **sources}
    made = spell(text, site, strides=1 if thin else "stride", padding=padded.own, depth_multiplier=multiplier,
                 dilation_rate="dilation", **options)  # fmt: skip
    weights = dict.fromkeys(("weight", "depthwise_weight"), ("kernel", depthwise_kernel))
    return image_layer(site, made, weights, padded.before, thinning(site) if thin else None, padded.sized)


def depthwise(site: Site, **sources: Any) -> Lowered:
    """With unequal strides TensorFlow has no float64 kernel: an ordinary grouped convolution, then."""
    if thinned(site) or site.every(_evenly_strided):
        return _depthwise(site, "multiplier", **sources)
    padded = padding(site)
    options = {"use_bias": "bias", **sources}
    made = spell(f"layers.Conv2D(filters, kernel_size, {CONV})", site,
                 filters=lambda s: s.value(lambda step: step.op.multiplier * step.inputs[0].shape[1], "filters"),
                 strides="stride", padding=padded.own, dilation_rate="dilation", groups=lambda s: s.size(1),
                 **options)  # fmt: skip
    weights = dict.fromkeys(("weight", "depthwise_weight"), ("kernel", kernel))
    return image_layer(site, made, weights, padded.before, None, padded.sized)


def _evenly_strided(step: Step) -> bool:
    return len(set(step.op.stride)) == 1


def separable(site: Site) -> Lowered:
    """One layer, or two where TensorFlow has no such depthwise convolution."""
    rank = site.op.rank
    if thinned(site) or not site.every(_evenly_strided):
        return _in_two_layers(site)
    padded = padding(site)
    text = (f"layers.SeparableConv{rank}D(filters, kernel_size, *, strides=1, padding='valid', dilation_rate=1, "
            "depth_multiplier=1, use_bias=True)")  # fmt: skip
    made = spell(text, site, filters="out_channels", strides="stride", padding=padded.own, dilation_rate="dilation",
                 depth_multiplier="multiplier", use_bias="bias")  # fmt: skip
    weights = {"depthwise_weight": ("depthwise_kernel", depthwise_kernel),
               "pointwise_weight": ("pointwise_kernel", kernel)}  # fmt: skip
    return image_layer(site, made, weights, padded.before, sized=padded.sized)


def _in_two_layers(site: Site) -> Lowered:
    first = depthwise(site, use_bias=False)
    second = spell(f"layers.Conv{site.op.rank}D(filters, kernel_size, *, use_bias=True)", site, filters="out_channels",
                   kernel_size=1, use_bias="bias")  # fmt: skip
    weights = {
        "depthwise_weight": first.weights["depthwise_weight"]._replace(layer="depthwise"),
        "pointwise_weight": WeightPlace("pointwise", "kernel", kernel),
        "bias": WeightPlace("pointwise", "bias"),
    }
    pads = {suffix: made for suffix, made in first.layers.items() if suffix}
    return replace(
        first,
        apply=lambda own, inputs: Call(own["pointwise"], (first.apply({"": own["depthwise"]}, inputs),)),
        layers={**pads, "depthwise": first.layers[""], "pointwise": second},
        weights={name: weights[name] for name in first.weights},
    )


def conv_transpose(site: Site) -> Lowered:
    """Keras' layer crops only as `same` does: the whole result is made, and cropped after. It has no groups, and
    TensorFlow no dilated kernel for it in float64: a layer at the top of the file has both."""
    rank = site.op.rank
    plain_ = site.every(lambda step: step.op.groups == 1 and max(step.op.dilation) == 1)
    if not plain_:
        check_sizes(site)
        made = spell("ConvTranspose(filters, kernel_size, *, strides=1, padding=0, output_padding=0, dilation=1, "
                     "groups=1, use_bias=True)", site, filters="out_channels", strides="stride", use_bias="bias",
                     padding=windows.nested_pads)  # fmt: skip
        return image_layer(site, made, {"weight": ("kernel", _transposed_kernel)})

    def crops(step: Step) -> tuple[tuple[int, int], ...]:
        op: Any = step.op
        return tuple((lo, max(0, hi - extra)) for (lo, hi), extra in zip(op.padding, op.output_padding, strict=True))

    def extras(step: Step) -> tuple[int, ...]:
        op: Any = step.op
        return tuple(max(0, extra - hi) for (_, hi), extra in zip(op.padding, op.output_padding, strict=True))

    text = f"layers.Conv{rank}DTranspose(filters, kernel_size, *, strides=1, output_padding=None, use_bias=True)"
    made = spell(text, site, filters="out_channels", strides="stride", use_bias="bias",
                 output_padding=lambda s: s.value(extras, "output_padding"))  # fmt: skip
    after = None
    if not site.every(lambda step: all(c == (0, 0) for c in crops(step))):
        crop = once(site.value(crops, "crop")) if rank == 1 else site.value(crops, "crop")
        cropping = call(f"layers.Cropping{rank}D", crop)
        after = lambda code: Call(cropping, (code,))  # noqa: E731
    return image_layer(site, made, {"weight": ("kernel", kernel)}, None, after)


def _transposed_kernel(step: Step) -> Any:
    return (("transpose", (*range(2, len(step.inputs[0].shape)), 0, 1)),)


ROWS: Final[dict[str, Lowering]] = {
    "conv1d": conv,
    "conv2d": conv,
    "conv3d": conv,
    "masked_conv2d": masked,
    "depthwise_conv1d": depthwise,
    "depthwise_conv2d": depthwise,
    "separable_conv1d": separable,
    "separable_conv2d": separable,
    "conv_transpose1d": conv_transpose,
    "conv_transpose2d": conv_transpose,
    "conv_transpose3d": conv_transpose,
}
