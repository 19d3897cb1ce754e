"""How Keras spells each operation, with channels last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Call, Code, Infix, Items, Raw, Slice, Style, Symbol, Template, call, flat, literal
from archspec.emit.context import Lowered, Lowering, Site, once
from archspec.emit.layouts import Layout, arranged, canonical, channels_last, common, held
from archspec.emit.merge import MCall, MStep, Wire
from archspec.emit.signature import bindings, spell
from archspec.errors import BackendError
from archspec.expressions import Apply as Applied
from archspec.expressions import Const
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis, same_pads

from .support import image_weights

Apply = Any


# Layouts ------------------------------------------------------------------------------------------------------------


def moved(code: Code, wire: Wire, wanted: Layout) -> Code:
    """An input in the order of axes that a step needs."""
    return arranged(code, held(wire), wanted)


def imaged(site: Site, codes: Sequence[Code]) -> list[Code]:
    """The inputs with channels last."""
    return [moved(code, wire, channels_last(wire.rank)) for code, wire in zip(codes, site.inputs, strict=True)]


def plain(site: Site, codes: Sequence[Code]) -> list[Code]:
    """The inputs in the order of the spec."""
    return [moved(code, wire, canonical(wire.rank)) for code, wire in zip(codes, site.inputs, strict=True)]


def together(site: Site) -> Layout:
    """The order of axes in which a step's inputs meet."""
    return common([held(wire) for wire in site.inputs])


def alike(site: Site, codes: Sequence[Code]) -> list[Code]:
    """The inputs in one order."""
    return [moved(code, wire, together(site)) for code, wire in zip(codes, site.inputs, strict=True)]


NONNEGATIVE: Final = frozenset({"relu", "relu6", "sigmoid", "softplus", "softmax", "hard_sigmoid"})
KEEPS_SIGN: Final = frozenset({"dropout", "concat", "add", "multiply", "upsample", "channel_shuffle"})


def signed(site: Site, layout: Layout) -> Layout:
    """A layout, with what is known of the signs of the step's output."""
    key = site.op.key
    known = key in NONNEGATIVE or (
        (key in KEEPS_SIGN or "pool" in key) and all(held(wire).nonnegative for wire in site.inputs)
    )
    return Layout(layout.axes, layout.flattened, known)


def image_layouts(site: Site) -> tuple[Layout, ...]:
    return tuple(signed(site, channels_last(wire.rank)) for wire in site.outputs)


def axis_of(site: Site, number: int, wire: Wire | None = None) -> int:
    """Where the framework has an axis; the last one is -1."""
    wire = site.inputs[0] if wire is None else wire
    position = held(wire).position(number)
    return -1 if position == wire.rank - 1 else position


# Rows ---------------------------------------------------------------------------------------------------------------


def spatial(text: str, weights: Mapping[str, Any] | None = None, **sources: Any) -> Lowering:
    """A layer that wants channels last."""

    def lower(site: Site) -> Lowered:
        return image_layer(site, spell(text, site, **sources), weights)

    return lower


def image_layer(
    site: Site, made: Call, weights: Mapping[str, Any] | None = None, before: Apply = None, after: Apply = None,
    sized: bool = False,
) -> Lowered:  # fmt: skip
    """A layer on images, with what comes before and after it."""

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        codes = imaged(site, inputs) if before is None else inputs
        value: Code = Call(own[""], tuple(codes))
        return value if after is None else after(value)

    def first(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return before(own.get("pad"), imaged(site, inputs)[0])  # type: ignore[no-any-return]

    layers: dict[str, Code] = {"": made}
    if isinstance(before, Border):
        layers["pad"] = before.layer
    return Lowered(apply, layers, weights=bindings(site, weights or {}), layouts=image_layouts(site),
                   first=None if before is None else first, sized=sized,
                   condition=before.condition if isinstance(before, Border) else None)  # fmt: skip


@dataclass(frozen=True)
class Border:
    """A layer that pads the input of a step."""

    layer: Call
    condition: Code | None = None

    def __call__(self, own: Code, code: Code) -> Code:
        return Call(own, (code,))


def anywhere(text: str, inexact: float = 0.0) -> Lowering:
    """A layer to which no axis matters."""

    def lower(site: Site) -> Lowered:
        made = spell(text, site)
        return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                       layouts=(signed(site, held(site.inputs[0])),), inexact=inexact)  # fmt: skip

    return lower


def activation(name: str, inexact: float = 0.0) -> Lowering:
    def lower(site: Site) -> Lowered:
        made = call("layers.Activation", literal(name))
        return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                       layouts=(signed(site, held(site.inputs[0])),), inexact=inexact)  # fmt: skip

    return lower


def merging(name: str) -> Lowering:
    """A layer that joins inputs element by element."""

    def lower(site: Site) -> Lowered:
        made = call(f"layers.{name}")

        def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
            return Call(own[""], (Items(tuple(alike(site, inputs)), "[]"),))

        return Lowered(apply, {"": made}, layouts=(signed(site, together(site)),))

    return lower


def divide(site: Site) -> Lowered:
    return Lowered(lambda own, inputs: Infix("/", tuple(alike(site, inputs))), layouts=(together(site),))


def supported(name: str, *attributes: str, named: tuple[str, ...] = (), image: bool = True) -> Lowering:
    """A function that stands at the top of the file."""

    def lower(site: Site) -> Lowered:
        arguments = tuple(site.attr(attribute) for attribute in attributes)
        options = {attribute: site.attr(attribute) for attribute in named}
        arrange = imaged if image else plain
        layouts = image_layouts(site) if image else tuple(canonical(wire.rank) for wire in site.outputs)
        return Lowered(lambda own, inputs: call(name, *arrange(site, inputs), *arguments, **options),
                       layouts=layouts)  # fmt: skip

    return lower


# Convolution --------------------------------------------------------------------------------------------------------


def _is_same(step: Step) -> bool:
    """Whether the padding is what Keras' `same` stands for."""
    op: Any = step.op
    stride = op.kernel_size if op.stride is None else op.stride
    dilation = getattr(op, "dilation", (1,) * len(stride))
    sizes = step.inputs[0].shape[2:]
    wanted = tuple(same_pads(*axis) for axis in zip(sizes, op.kernel_size, stride, dilation, strict=True))
    return windows.resolved(step) == wanted


@dataclass(frozen=True)
class Padding:
    """How a windowed layer is padded: its own argument, what pads its input before, and whether that is right only for
    inputs of the spec's sizes."""

    own: Code
    before: Border | None = None
    sized: bool = False


def padding(site: Site) -> Padding:
    """`valid` or `same` where the layer pads so by itself in all instances, else a layer that pads before it, in the
    instances that need one."""
    if site.every(windows.unpadded):
        return Padding(literal("valid"))
    strided = not site.every(_unstrided)
    if site.every(_is_same):
        return Padding(literal("same"), None, strided)
    border = _zero_padding(site)
    alone = site.distinguish(lambda step: _is_same(step) and _unstrided(step), "stride")
    if alone is None:
        return Padding(literal("valid"), Border(border))
    assert isinstance(alone, Symbol) and isinstance(alone.expr, Applied)
    other = Symbol(Applied("!=" if alone.expr.head == "==" else "==", alone.expr.args))
    own = Symbol(Applied("if", (alone.expr, Const("same"), Const("valid"))))
    return Padding(own, Border(border, other))


def _unstrided(step: Step) -> bool:
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
    """Grouped by channel, it is a depthwise layer; strided and dilated at once, which TensorFlow has not, it is
    dilated first and thinned out after."""
    op = site.op
    rank = op.rank
    padded = padding(site)
    if rank < 3 and site.every(_by_channel):
        return _depthwise(site, _ratio)
    text = (f"layers.Conv{rank}D(filters, kernel_size, *, strides=1, padding='valid', dilation_rate=1, groups=1, "
            "use_bias=True)")  # fmt: skip
    sources: dict[str, Any] = {"filters": "out_channels", "use_bias": "bias", "dilation_rate": "dilation"}
    after = None
    if site.every(lambda step: max(step.op.stride) > 1 and max(step.op.dilation) > 1):
        padded = _outside(site)
        sources["strides"] = 1
        steps = ", ".join(f"::{s}" if s > 1 else ":" for s in op.stride)
        after = lambda code: Template(f"{{0}}[:, {steps}]", (code,))  # noqa: E731
    else:
        sources["strides"] = "stride"
    made = spell(text, site, padding=padded.own, **sources)
    return image_layer(site, made, {"weight": ("kernel", kernel)}, padded.before, after, padded.sized)


def _outside(site: Site) -> Padding:
    """All padding in a layer before."""
    return Padding(literal("valid"), None if site.every(windows.unpadded) else _zeros(site))


def _zeros(site: Site) -> Border:
    return Border(_zero_padding(site))


def _zero_padding(site: Site, pads: Callable[[Step], windows.Pairs] = windows.resolved) -> Call:
    rank = site.inputs[0].rank - 2
    if rank == 1:
        return call("layers.ZeroPadding1D", once(site.value(lambda step: pads(step)[0], "padding")))
    return call(f"layers.ZeroPadding{rank}D", _compact(site.value(pads, "padding")))


def _by_channel(step: Step) -> bool:
    op: Any = step.op
    channels = step.inputs[0].shape[1]
    one_stride = len(set(op.stride)) == 1 and not (max(op.stride) > 1 and max(op.dilation) > 1)
    return bool(op.groups == channels and channels > 1 and one_stride)


def _ratio(site: Site) -> Code:
    return site.value(lambda step: step.op.out_channels // step.inputs[0].shape[1], "multiplier")


def _depthwise(site: Site, multiplier: Any) -> Lowered:
    rank = site.inputs[0].rank - 2
    padded = padding(site)
    text = (f"layers.DepthwiseConv{rank}D(kernel_size, *, strides=1, padding='valid', depth_multiplier=1, "
            "dilation_rate=1, use_bias=True)")  # fmt: skip
    made = spell(text, site, strides="stride", padding=padded.own, depth_multiplier=multiplier,
                 dilation_rate="dilation", use_bias="bias")  # fmt: skip
    weights = {"weight": ("kernel", depthwise_kernel)}
    return image_layer(site, made, weights, padded.before, sized=padded.sized)


def depthwise(site: Site) -> Lowered:
    """With unequal strides TensorFlow has no float64 kernel: an ordinary grouped convolution, then."""
    if site.every(
        lambda step: len(set(step.op.stride)) == 1 and not (max(step.op.stride) > 1 and max(step.op.dilation) > 1)
    ):
        return _depthwise(site, "multiplier")
    padded = padding(site)
    after = None
    strides: Any = "stride"
    if max(site.op.stride) > 1 and max(site.op.dilation) > 1:
        padded = _outside(site)
        strides = 1
        steps = ", ".join(f"::{s}" if s > 1 else ":" for s in site.op.stride)
        after = lambda code: Template(f"{{0}}[:, {steps}]", (code,))  # noqa: E731
    made = spell("layers.Conv2D(filters, kernel_size, *, strides=1, padding='valid', dilation_rate=1, groups=1, "
                 "use_bias=True)", site,
                 filters=lambda s: s.value(lambda step: step.op.multiplier * step.inputs[0].shape[1], "filters"),
                 strides=strides, padding=padded.own, dilation_rate="dilation", groups=lambda s: s.size(1),
                 use_bias="bias")  # fmt: skip
    return image_layer(site, made, {"weight": ("kernel", kernel)}, padded.before, after, padded.sized)


def separable(site: Site) -> Lowered:
    if not site.every(lambda step: len(set(step.op.stride)) == 1):
        raise BackendError("TensorFlow has no separable convolution with unequal strides")
    if site.every(lambda step: max(step.op.stride) > 1 and max(step.op.dilation) > 1):
        raise BackendError("TensorFlow has no separable convolution with stride and dilation at once")
    padded = padding(site)
    made = spell(
        "layers.SeparableConv2D(filters, kernel_size, *, strides=1, padding='valid', dilation_rate=1, "
        "depth_multiplier=1, use_bias=True)",
        site,
        filters="out_channels",
        strides="stride",
        padding=padded.own,
        dilation_rate="dilation",
        depth_multiplier="multiplier",
        use_bias="bias",
    )
    weights = {"depthwise_weight": ("depthwise_kernel", depthwise_kernel),
               "pointwise_weight": ("pointwise_kernel", kernel)}  # fmt: skip
    return image_layer(site, made, weights, padded.before, sized=padded.sized)


def conv_transpose(site: Site) -> Lowered:
    """Keras' layer crops only as `same` does: the whole result is made, and cropped after. It has no groups, and
    TensorFlow no dilated kernel for it in float64: a layer at the top of the file has both."""
    plain_ = site.every(lambda step: step.op.groups == 1 and max(step.op.dilation) == 1)
    if not plain_:
        made = spell("ConvTranspose2D(filters, kernel_size, *, strides=1, padding=0, output_padding=0, dilation=1, "
                     "groups=1, use_bias=True)", site, filters="out_channels", strides="stride", use_bias="bias",
                     padding=windows.nested_pads)  # fmt: skip
        return image_layer(site, made, {"weight": ("kernel", _transposed_kernel)})

    def crops(step: Step) -> tuple[tuple[int, int], ...]:
        op: Any = step.op
        return tuple((lo, max(0, hi - extra)) for (lo, hi), extra in zip(op.padding, op.output_padding, strict=True))

    def extras(step: Step) -> tuple[int, ...]:
        op: Any = step.op
        return tuple(max(0, extra - hi) for (_, hi), extra in zip(op.padding, op.output_padding, strict=True))

    made = spell("layers.Conv2DTranspose(filters, kernel_size, *, strides=1, output_padding=None, use_bias=True)", site,
                 filters="out_channels", strides="stride", use_bias="bias",
                 output_padding=lambda s: s.value(extras, "output_padding"))  # fmt: skip
    after = None
    if not site.every(lambda step: all(c == (0, 0) for c in crops(step))):
        cropping = call("layers.Cropping2D", site.value(crops, "crop"))
        after = lambda code: Call(cropping, (code,))  # noqa: E731
    return image_layer(site, made, {"weight": ("kernel", kernel)}, None, after)


def _transposed_kernel(step: Step) -> Any:
    return (("transpose", (2, 3, 0, 1)),)


# Pooling ------------------------------------------------------------------------------------------------------------


def ceil_pads(step: Step) -> tuple[tuple[int, int], ...]:
    """The padding with what `ceil_mode` adds after the end."""
    op: Any = step.op
    stride = op.kernel_size if op.stride is None else op.stride
    dilation = getattr(op, "dilation", (1,) * len(stride))
    found = []
    sizes, outs = step.inputs[0].shape[2:], step.outputs[0].shape[2:]
    axes = zip(windows.resolved(step), op.kernel_size, stride, dilation, sizes, outs, strict=True)
    for (lo, hi), k, s, d, size, out in axes:
        found.append((lo, max(hi, (out - 1) * s + (k - 1) * d + 1 - size - lo) if op.ceil_mode else hi))
    return tuple(found)


def _pool_same(step: Step) -> bool:
    op: Any = step.op
    stride = op.kernel_size if op.stride is None else op.stride
    sizes = step.inputs[0].shape[2:]
    wanted = tuple(same_pads(*axis) for axis in zip(sizes, op.kernel_size, stride, strict=True))
    return ceil_pads(step) == wanted


def _ceil_unpadded(step: Step) -> bool:
    return all(lo == hi == 0 for lo, hi in ceil_pads(step))


def _padded_axes(site: Site, pads: Code) -> Code:
    """The padding of every axis, batch and channels with none."""
    none = literal((0, 0))
    inner = pads.items if isinstance(pads, Items) else (Template("*{0}", (pads,)),)
    return Items((none, *inner, none))


def max_pool(site: Site) -> Lowered:
    """Max pooling ignores padding: -inf is put around, or zeros where nothing is below them."""
    rank = site.inputs[0].rank - 2
    if site.every(lambda step: max(step.op.dilation) > 1):
        return _dilated_max_pool(site)
    own, before = "valid", None  # type: str, Apply
    if site.every(_ceil_unpadded):
        pass
    elif site.every(_pool_same):
        own = "same"
    else:
        pads = site.value(ceil_pads, "padding")
        if held(site.inputs[0]).nonnegative:
            before = Border(_zero_padding(site, ceil_pads))
        else:
            around = _padded_axes(site, pads)
            before = lambda _, code: call("ops.pad", code, around, constant_values=windows.MINUS_INFINITY)  # noqa: E731
    made = spell(f"layers.MaxPooling{rank}D(pool_size, *, strides=None, padding='valid')", site,
                 pool_size="kernel_size", strides="stride", padding=own)  # fmt: skip
    return image_layer(site, made, None, before, sized=not site.every(_sizeless))


def _sizeless(step: Step) -> bool:
    """Whether the padding is the same for inputs of all sizes, and Keras need not be told it as `same`."""
    op: Any = step.op
    return not op.ceil_mode and (windows.unpadded(step) or (op.padding != "same" and not _pool_same(step)))


def _compact(pads: Code) -> Code:
    if isinstance(pads, Items):
        inner = [item.items for item in pads.items if isinstance(item, Items)]
        if len(inner) == len(pads.items) and all(len(set(pair)) == 1 for pair in inner):
            singles = tuple(pair[0] for pair in inner)
            return singles[0] if len(set(singles)) == 1 else Items(singles)
    return pads


def _dilated_max_pool(site: Site) -> Lowered:
    pads = _padded_axes(site, site.value(ceil_pads, "padding"))
    names = ("kernel_size", "stride" if site.op.stride is not None else "kernel_size", "dilation")
    sizes = [_full(site, name) for name in names]

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        (code,) = imaged(site, inputs)
        if not site.every(_ceil_unpadded):
            code = call("ops.pad", code, pads, constant_values=windows.MINUS_INFINITY)
        return call("dilated_max_pool", code, *sizes)

    return Lowered(apply, layouts=image_layouts(site))


def _full(site: Site, name: str) -> Code:
    """An attribute with a number for each axis."""
    return site.value(lambda step: getattr(step.op, name), name)


def avg_pool(site: Site) -> Lowered:
    """Padding that does not count is Keras' `same`, or else divided out; padding that counts comes before."""
    rank = site.inputs[0].rank - 2
    text = f"layers.AveragePooling{rank}D(pool_size, *, strides=None, padding='valid')"
    sources: dict[str, Any] = {"pool_size": "kernel_size", "strides": "stride", "padding": "valid"}
    if site.every(_ceil_unpadded):
        return image_layer(site, spell(text, site, **sources), sized=not site.every(_sizeless))
    counted = site.every(lambda step: step.op.count_include_pad)
    if not counted and site.every(_pool_same):
        sized = not site.every(lambda step: _unstrided(step) and not step.op.ceil_mode)
        return image_layer(site, spell(text, site, **{**sources, "padding": "same"}), sized=sized)
    if counted and site.every(lambda step: ceil_pads(step) == windows.resolved(step)):
        return image_layer(site, spell(text, site, **sources), None, _zeros(site))
    arguments = [site.attr("kernel_size"), site.attr("kernel_size" if site.op.stride is None else "stride")]
    if counted:
        arguments.append(_padded_axes(site, site.value(_beyond, "beyond")))
        arguments.append(_padded_axes(site, site.value(windows.resolved, "padding")))
    else:
        arguments.append(_padded_axes(site, site.value(ceil_pads, "padding")))
    return Lowered(lambda own, inputs: call("partial_average_pool", *imaged(site, inputs), *arguments),
                   layouts=image_layouts(site), sized=not site.every(_sizeless))  # fmt: skip


def _beyond(step: Step) -> tuple[tuple[int, int], ...]:
    pairs = zip(ceil_pads(step), windows.resolved(step), strict=True)
    return tuple((0, wide[1] - hi) for wide, (_, hi) in pairs)


def adaptive(kind: str) -> Lowering:
    """Where sizes divide, it is ordinary pooling; Keras' adaptive max pooling crashes on some of the others."""

    def lower(site: Site) -> Lowered:
        rank = site.inputs[0].rank - 2
        if site.every(lambda step: all(i % o == 0 for i, o in _adaptive_sizes(step))):
            size = site.value(lambda step: tuple(i // o for i, o in _adaptive_sizes(step)), "pool_size")
            return image_layer(site, call(f"layers.{kind}Pooling{rank}D", _once(size)), sized=True)
        name = "adaptive_average_pool" if kind == "Average" else "adaptive_max_pool"
        size = _full(site, "output_size")
        return Lowered(lambda own, inputs: call(name, *imaged(site, inputs), size), layouts=image_layouts(site))

    return lower


def _once(code: Code) -> Code:
    return code.items[0] if isinstance(code, Items) and len(set(code.items)) == 1 else code


def _adaptive_sizes(step: Step) -> list[tuple[int, int]]:
    op: Any = step.op
    return list(zip(map(int, step.inputs[0].shape[2:]), map(int, op.output_size), strict=True))


def global_pool(kind: str) -> Lowering:
    def lower(site: Site) -> Lowered:
        rank = site.inputs[0].rank - 2
        made = spell(f"layers.Global{kind}Pooling{rank}D(*, keepdims=False)", site)
        return image_layer(site, made)

    return lower


# Normalization ------------------------------------------------------------------------------------------------------

SCALE_AND_SHIFT: Final = {"weight": "gamma", "bias": "beta"}


def batch_norm(site: Site) -> Lowered:
    made = spell("layers.BatchNormalization(*, momentum=0.99, epsilon=0.001, center=True, scale=True)", site,
                 momentum=lambda s: s.value(lambda step: _complement(step.op.momentum), "momentum"),
                 center="affine", scale="affine")  # fmt: skip
    weights = {**SCALE_AND_SHIFT, "running_mean": "moving_mean", "running_var": "moving_variance"}
    return image_layer(site, made, weights)


def _complement(momentum: float) -> float:
    """The weight of the old statistics, as it is written."""
    return round(1 - momentum, 12)


def layer_norm(site: Site) -> Lowered:
    wire = site.inputs[0]
    axes = [resolve_axis(a, wire.rank) for a in site.op.axis]
    layout = held(wire)
    if len(axes) > 1:
        layout = canonical(wire.rank)
    positions = [layout.position(a) for a in axes]
    shown = [p - wire.rank for p in positions]
    made = spell("layers.LayerNormalization(*, axis=-1, epsilon=0.001, center=True, scale=True)", site,
                 axis=literal(shown if len(shown) > 1 else shown[0]), center="affine", scale="affine")  # fmt: skip
    return Lowered(lambda own, inputs: Call(own[""], (moved(inputs[0], wire, layout),)), {"": made},
                   weights=bindings(site, SCALE_AND_SHIFT), layouts=(layout.plain(),))  # fmt: skip


def group_norm(site: Site) -> Lowered:
    groups: Any = "num_groups" if site.op.key == "group_norm" else -1
    made = spell("layers.GroupNormalization(*, groups=32, epsilon=0.001, center=True, scale=True)", site,
                 groups=groups, center="affine", scale="affine")  # fmt: skip
    return image_layer(site, made, SCALE_AND_SHIFT)


def leaky_relu(site: Site) -> Lowered:
    if not site.every(lambda step: step.op.negative_slope >= 0):
        raise BackendError(f"its slope is not negative, as {site.op.negative_slope:g} is")
    return anywhere("layers.LeakyReLU(*, negative_slope=0.3)")(site)


def prelu(site: Site) -> Lowered:
    wire = site.inputs[0]
    shared = site.op.per_channel
    axes = list(range(1, wire.rank - 1)) if shared else list(range(1, wire.rank))
    made = spell("layers.PReLU(*, shared_axes=None)", site, shared_axes=literal(axes) if axes else None)
    shape = (*(1,) * (wire.rank - 2), -1)
    return image_layer(site, made, {"weight": ("alpha", lambda step: (("reshape", shape),))})


# Shape --------------------------------------------------------------------------------------------------------------


def linear(site: Site) -> Lowered:
    """Features that were flattened in the framework's order are met by weights in that order."""
    wire = site.inputs[0]
    layout = held(wire)
    made = spell("layers.Dense(units, *, use_bias=True)", site, units="out_features", use_bias="bias")
    weights: dict[str, Any] = {"weight": ("kernel", lambda step: (("transpose", (1, 0)),))}
    if layout.flattened:
        weights["weight"] = ("kernel", image_weights(layout.flattened))
        return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                       weights=bindings(site, weights), layouts=(canonical(2),))  # fmt: skip
    wanted = layout.plain() if layout.axes[-1] == wire.rank - 1 else canonical(wire.rank)
    return Lowered(lambda own, inputs: Call(own[""], (moved(inputs[0], wire, wanted),)), {"": made},
                   weights=bindings(site, weights), layouts=(wanted,))  # fmt: skip


def embedding(site: Site) -> Lowered:
    made = spell("layers.Embedding(input_dim, output_dim)", site, input_dim="num_embeddings",
                 output_dim="embedding_dim")  # fmt: skip
    return Lowered(lambda own, inputs: Call(own[""], tuple(plain(site, inputs))), {"": made},
                   weights=bindings(site, {"weight": "embeddings"}),
                   layouts=(canonical(site.outputs[0].rank),))  # fmt: skip


def flatten(site: Site) -> Lowered:
    wire = site.inputs[0]
    layout = held(wire)
    first, last = (resolve_axis(a, wire.rank) for a in (site.op.start_axis, site.op.end_axis))
    whole = (first, last) == (1, wire.rank - 1)
    made = call("layers.Flatten")
    if whole and layout.axes == channels_last(wire.rank).axes and wire.rank > 2:
        if site.every(lambda step: step.inputs[0].shape[1] == 1 or all(n == 1 for n in step.inputs[0].shape[2:])):
            return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made}, layouts=(canonical(2),))
        fixed = site.every(lambda step: tuple(step.inputs[0].shape[1:]) == tuple(wire.shape[1:]))
        if fixed and _only_linear(site.outputs[0]):
            flattened = Layout((0, 1), tuple(map(int, wire.shape[1:])), layout.nonnegative)
            return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made}, layouts=(flattened,))
    if whole:
        return Lowered(lambda own, inputs: Call(own[""], tuple(plain(site, inputs))), {"": made},
                       layouts=(canonical(2),))  # fmt: skip
    return reshape(site)


def _only_linear(wire: Wire) -> bool:
    """Whether nothing but linear layers can see the order of these features."""
    if wire.uses > len(wire.consumers) or not wire.consumers:
        return False
    for reader in wire.consumers:
        if not isinstance(reader, MStep) or isinstance(reader, MCall):
            return False
        if reader.op.key == "linear":
            continue
        if not (reader.op.elementwise and len(reader.inputs) == 1 and _only_linear(reader.outputs[0])):
            return False
    return True


def reshape(site: Site) -> Lowered:
    """One size may stay open: the one that the spec leaves to be inferred, or that only the input knows."""
    rank = site.outputs[0].rank
    if site.op.key == "reshape" and site.every(lambda step: -1 in step.op.shape):
        sizes = site.value(lambda step: tuple(step.op.shape), "shape")
    else:
        sizes = site.value(lambda step: tuple(step.outputs[0].shape[1:]), "shape")
    made = call("layers.Reshape", sizes)
    return Lowered(lambda own, inputs: Call(own[""], tuple(plain(site, inputs))), {"": made},
                   layouts=(canonical(rank),))  # fmt: skip


def permute(site: Site) -> Lowered:
    """No work at all: the axes get other names where they are."""
    wire = site.inputs[0]
    order = [0, *(resolve_axis(a, wire.rank) for a in site.op.axes)]
    axes = tuple(order.index(axis) for axis in held(wire).axes)
    return Lowered(lambda own, inputs: inputs[0], layouts=(Layout(axes),))


def concat(site: Site) -> Lowered:
    axis = resolve_axis(site.op.axis, site.inputs[0].rank)
    position = together(site).position(axis)
    last = position == site.inputs[0].rank - 1
    made = spell("layers.Concatenate(*, axis=-1)", site, axis=-1 if last else position)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return Call(own[""], (Items(tuple(alike(site, inputs)), "[]"),))

    return Lowered(apply, {"": made}, layouts=(signed(site, together(site)),))


def split(site: Site) -> Lowered:
    """Keras takes the number of pieces, or where to cut."""
    axis = axis_of(site, resolve_axis(site.op.axis, site.inputs[0].rank))
    if site.every(lambda step: step.op.sections is not None):
        where = site.attr("sections")
    else:
        where = site.value(lambda step: _cuts(step.op.sizes), "cuts")
    layouts = (held(site.inputs[0]).plain(),) * len(site.outputs)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        pieces = call("ops.split", inputs[0], where, axis=literal(axis))
        return pieces if len(site.outputs) > 1 else Template("{0}[0]", (pieces,))

    return Lowered(apply, layouts=layouts)


def _cuts(sizes: Sequence[int]) -> list[int]:
    total, cuts = 0, []
    for size in sizes[:-1]:
        total = total + size
        cuts.append(total)
    return cuts


def pad(site: Site) -> Lowered:
    wire = site.inputs[0]
    layout = held(wire).plain()

    def pairs(step: Step) -> tuple[tuple[int, int], ...]:
        op: Any = step.op
        everything = [(0, 0)] * (wire.rank - len(op.padding)) + list(op.padding)
        return tuple(everything[axis] for axis in layout.axes)

    pads = site.value(pairs, "padding")
    if site.op.mode == "replicate":
        return Lowered(lambda own, inputs: call("replicate_pad", inputs[0], pads), layouts=(layout,))
    options: dict[str, Code] = {}
    if site.op.mode == "reflect":
        options["mode"] = literal("reflect")
    elif site.attr("value") != literal(0.0):
        options["constant_values"] = site.attr("value")
    return Lowered(lambda own, inputs: call("ops.pad", inputs[0], pads, **options), layouts=(layout,))


def slice_(site: Site) -> Lowered:
    wire = site.inputs[0]
    position = held(wire).position(resolve_axis(site.op.axis, wire.rank))
    start, end, step = (site.attr(name) for name in ("start", "end", "step"))
    part = Slice(
        None if start == literal(0) else start,
        None if end == literal(None) else end,
        None if step == literal(1) else step,
    )
    ahead = "..., " if position == wire.rank - 1 else ":, " * position
    return Lowered(lambda own, inputs: Template("{0}[" + ahead + "{1}]", (inputs[0], part)),
                   layouts=(held(wire).plain(),))  # fmt: skip


def mean(site: Site) -> Lowered:
    wire = site.inputs[0]
    layout = held(wire)
    gone = [resolve_axis(a, wire.rank) for a in site.op.axis]
    shown = tuple(sorted(layout.position(a) for a in gone))
    text = flat(literal(shown if len(shown) > 1 else shown[0]), Style())
    keep = ", keepdims=True" if site.op.keepdims else ""
    after = layout.plain()
    if not site.op.keepdims:
        kept = [axis for axis in layout.axes if axis not in gone]
        after = Layout(tuple(sorted(kept).index(axis) for axis in kept))
    return Lowered(lambda own, inputs: Template(f"ops.mean({{0}}, axis={text}{keep})", tuple(inputs)), layouts=(after,))


def softmax(site: Site) -> Lowered:
    axis = axis_of(site, resolve_axis(site.op.axis, site.inputs[0].rank))
    layouts = (signed(site, held(site.inputs[0])),)
    if site.op.key == "softmax":
        made = spell("layers.Softmax(*, axis=-1)", site, axis=axis)
        return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made}, layouts=layouts)
    return Lowered(lambda own, inputs: call("ops.log_softmax", inputs[0], axis=literal(axis)), layouts=layouts)


def matmul(site: Site) -> Lowered:
    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        sides = []
        for code, wire, turned in zip(inputs, site.inputs, (site.op.transpose_a, site.op.transpose_b), strict=True):
            axes = list(range(wire.rank))
            if turned:
                axes[-1], axes[-2] = axes[-2], axes[-1]
            sides.append(moved(code, wire, Layout(tuple(axes))))
        return call("ops.matmul", *sides)

    return Lowered(apply, layouts=(canonical(site.outputs[0].rank),))


def upsample(site: Site) -> Lowered:
    if site.op.mode == "nearest" and site.every(lambda step: step.op.scale is not None):
        return image_layer(site, spell("layers.UpSampling2D(size)", site, size="scale"))
    size = site.value(lambda step: tuple(step.outputs[0].shape[2:]), "size")
    name = "resize_nearest" if site.op.mode == "nearest" else "resize_bilinear"
    corners = (literal(True),) if site.op.align_corners and site.op.mode == "bilinear" else ()
    return Lowered(lambda own, inputs: call(name, *imaged(site, inputs), size, *corners), layouts=image_layouts(site))


def softplus(site: Site) -> Lowered:
    beta, threshold = site.attr("beta"), site.attr("threshold")
    layouts = (signed(site, held(site.inputs[0])),)
    return Lowered(lambda own, inputs: call("softplus", inputs[0], beta, threshold), layouts=layouts)


def gelu(site: Site) -> Lowered:
    """Keras' own, whose constants are float32 even in float64 models."""
    layouts = (held(site.inputs[0]).plain(),)
    if site.every(lambda step: step.op.approximate == "tanh"):
        return Lowered(lambda own, inputs: call("ops.gelu", inputs[0], approximate=literal(True)), layouts=layouts,
                       inexact=1e-8)  # fmt: skip
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": call("layers.Activation", literal("gelu"))},
                   layouts=layouts, inexact=1e-8)  # fmt: skip


def dropout(site: Site) -> Lowered:
    made = call("layers.Dropout", site.attr("p"))
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                   layouts=(signed(site, held(site.inputs[0])),))  # fmt: skip


def relu6(site: Site) -> Lowered:
    made = call("layers.ReLU", Raw("6.0"))
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                   layouts=(signed(site, held(site.inputs[0])),))  # fmt: skip


LOWERINGS: Final[dict[str, Lowering]] = {
    "conv1d": conv,
    "conv2d": conv,
    "conv3d": conv,
    "depthwise_conv2d": depthwise,
    "separable_conv2d": separable,
    "conv_transpose2d": conv_transpose,
    "linear": linear,
    "embedding": embedding,
    "matmul": matmul,
    "max_pool1d": max_pool,
    "max_pool2d": max_pool,
    "avg_pool1d": avg_pool,
    "avg_pool2d": avg_pool,
    "adaptive_avg_pool1d": adaptive("Average"),
    "adaptive_avg_pool2d": adaptive("Average"),
    "adaptive_max_pool1d": adaptive("Max"),
    "adaptive_max_pool2d": adaptive("Max"),
    "global_avg_pool1d": global_pool("Average"),
    "global_avg_pool2d": global_pool("Average"),
    "global_max_pool1d": global_pool("Max"),
    "global_max_pool2d": global_pool("Max"),
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "instance_norm": group_norm,
    "local_response_norm": supported("local_response_norm", named=("size", "alpha", "beta", "k")),
    "relu": anywhere("layers.ReLU()"),
    "relu6": relu6,
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "elu": anywhere("layers.ELU(*, alpha=1.0)"),
    "selu": activation("selu"),
    "gelu": gelu,
    "silu": activation("silu"),
    "mish": activation("mish"),
    "sigmoid": activation("sigmoid"),
    "tanh": activation("tanh"),
    "hard_sigmoid": activation("hard_sigmoid"),
    "hard_swish": activation("hard_swish"),
    "softplus": softplus,
    "softmax": softmax,
    "log_softmax": softmax,
    "add": merging("Add"),
    "subtract": merging("Subtract"),
    "multiply": merging("Multiply"),
    "divide": divide,
    "concat": concat,
    "split": split,
    "flatten": flatten,
    "reshape": reshape,
    "permute": permute,
    "pad": pad,
    "slice": slice_,
    "upsample": upsample,
    "channel_shuffle": supported("channel_shuffle", "groups"),
    "pixel_shuffle": supported("pixel_shuffle", "upscale_factor"),
    "mean": mean,
    "dropout": dropout,
}  # fmt: skip


UNSUPPORTED: Final[dict[str, str]] = {}
