"""Pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from archspec.emit import windows
from archspec.emit.code import Code, Global, Items, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import held
from archspec.emit.signature import spell
from archspec.graph.tree import Step
from archspec.ops.base import same_pads

from .convolution import unstrided, zero_padding, zeros
from .rows import Apply, Border, check_sizes, image_layer, image_layouts, imaged


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


def _loses_gradient(step: Step) -> bool:
    """Whether a window of an average begins before the input, is larger than it, and ends inside: TensorFlow spreads
    what comes back over all of the input then."""
    sizes = step.inputs[0].shape[2:]
    axes = zip(ceil_pads(step), step.op.kernel_size, sizes, strict=True)
    return any(lo > 0 and k > size > k - lo for (lo, _), k, size in axes)


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
    if not site.every(lambda step: max(step.op.dilation) == 1):
        return _dilated_max_pool(site)
    if rank == 3:
        return _volume_pool(site, "max_pool", ceil_pads, constant_values=windows.MINUS_INFINITY)
    own = "valid"
    before: Apply = None
    if site.every(_ceil_unpadded):
        pass
    elif site.every(_pool_same):
        own = "same"
    else:
        pads = site.value(ceil_pads, "padding")
        if held(site.inputs[0]).nonnegative:
            before = Border(zero_padding(site, ceil_pads))
        else:
            around = _padded_axes(site, pads)
            before = lambda _, code: call("ops.pad", code, around, constant_values=windows.MINUS_INFINITY)  # noqa: E731
    made = spell(f"layers.MaxPooling{rank}D(pool_size, *, strides=None, padding='valid')", site,
                 pool_size="kernel_size", strides="stride", padding=own)  # fmt: skip
    same = own == "same" and site.every(lambda step: step.op.padding == "same" and not step.op.ceil_mode)
    return image_layer(site, made, None, before, sized=not (same or site.every(_sizeless)))


def _sizeless(step: Step) -> bool:
    """Whether the padding is the same for inputs of all sizes, and Keras need not be told it as `same`."""
    op: Any = step.op
    if op.ceil_mode or windows.follows_size(step):
        return False
    return windows.unpadded(step) or (op.padding != "same" and not _pool_same(step))


def _dilated_max_pool(site: Site) -> Lowered:
    check_sizes(site)
    sizes = [*_window(site), _full(site, "dilation")]

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        code = _bordered(site, inputs, ceil_pads, constant_values=windows.MINUS_INFINITY)
        return call("dilated_max_pool", code, *sizes)

    return Lowered(apply, layouts=image_layouts(site), sized=not site.every(_sizeless))


def _bordered(site: Site, inputs: Sequence[Code], pads: Callable[[Step], windows.Pairs], **options: Code) -> Code:
    """The input with padding around, if there is any."""
    (code,) = imaged(site, inputs)
    if site.every(lambda step: all(lo == hi == 0 for lo, hi in pads(step))):
        return code
    return call("ops.pad", code, _padded_axes(site, site.value(pads, "padding")), **options)


def _window(site: Site) -> list[Code]:
    """The size of the window and its step, with a number for each axis."""
    stride = site.value(lambda step: step.op.stride or step.op.kernel_size, "stride")
    return [_full(site, "kernel_size"), stride]


def _full(site: Site, name: str) -> Code:
    """An attribute with a number for each axis."""
    return site.value(lambda step: getattr(step.op, name), name)


def _volume_pool(site: Site, name: str, pads: Callable[[Step], windows.Pairs], **options: Code) -> Lowered:
    """TensorFlow has no such kernels for float64, and its float32 ones send gradients elsewhere if there are ties."""
    check_sizes(site)
    sizes = _window(site)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return call("pool3d", Global(f"ops.{name}"), _bordered(site, inputs, pads, **options), *sizes)

    return Lowered(apply, layouts=image_layouts(site), sized=not site.every(_sizeless))


def lp_pool(site: Site) -> Lowered:
    """Keras has none: the mean of powers, times their number."""
    if site.op.rank == 3:
        check_sizes(site)
    name = "lp_pool3d" if site.op.rank == 3 else "lp_pool"
    arguments = [site.attr("norm_type"), *_window(site)]
    return Lowered(lambda own, inputs: call(name, _bordered(site, inputs, ceil_pads), *arguments),
                   layouts=image_layouts(site), sized=not site.every(_sizeless))  # fmt: skip


def avg_pool(site: Site) -> Lowered:
    """Padding that does not count is Keras' `same`, or else divided out; padding that counts comes before."""
    rank = site.inputs[0].rank - 2
    text = f"layers.AveragePooling{rank}D(pool_size, *, strides=None, padding='valid')"
    sources: dict[str, Any] = {"pool_size": "kernel_size", "strides": "stride", "padding": "valid"}
    counted = site.every(lambda step: step.op.count_include_pad)
    if rank == 3 and site.every(lambda step: _ceil_unpadded(step) or _fits_counted(step)):
        return _volume_pool(site, "average_pool", ceil_pads)
    if site.every(_ceil_unpadded):
        return image_layer(site, spell(text, site, **sources), sized=not site.every(_sizeless))
    if rank < 3 and not counted and site.every(lambda step: _pool_same(step) and not _loses_gradient(step)):
        sized = not site.every(lambda step: not step.op.ceil_mode and (unstrided(step) or step.op.padding == "same"))
        return image_layer(site, spell(text, site, **{**sources, "padding": "same"}), sized=sized)
    if site.every(_fits_counted):
        sized = not site.every(lambda step: not step.op.ceil_mode and not windows.follows_size(step))
        return image_layer(site, spell(text, site, **sources), None, zeros(site), sized=sized)
    if rank == 3:
        check_sizes(site)
    name, arguments = "partial_average_pool3d", _window(site)
    if rank < 3:
        arguments = [site.attr("kernel_size"), site.attr("kernel_size" if site.op.stride is None else "stride")]
        name = "partial_average_pool"
    if counted:
        arguments.append(_padded_axes(site, site.value(_beyond, "beyond")))
        arguments.append(_padded_axes(site, site.value(windows.resolved, "padding")))
    else:
        arguments.append(_padded_axes(site, site.value(ceil_pads, "padding")))
    return Lowered(lambda own, inputs: call(name, *imaged(site, inputs), *arguments),
                   layouts=image_layouts(site), sized=not site.every(_sizeless))  # fmt: skip


def _fits_counted(step: Step) -> bool:
    """Whether all that windows cover counts."""
    return bool(step.op.count_include_pad) and ceil_pads(step) == windows.resolved(step)


def _beyond(step: Step) -> tuple[tuple[int, int], ...]:
    pairs = zip(ceil_pads(step), windows.resolved(step), strict=True)
    return tuple((0, wide[1] - hi) for wide, (_, hi) in pairs)


def adaptive(kind: str) -> Lowering:
    """Where sizes divide, it is ordinary pooling; Keras' adaptive max pooling crashes on some of the others."""

    def lower(site: Site) -> Lowered:
        rank = site.inputs[0].rank - 2
        if (rank == 3 or site.open) and site.every(lambda step: max(step.op.output_size) == 1):
            return image_layer(site, call(f"layers.Global{kind}Pooling{rank}D", keepdims=literal(True)))
        check_sizes(site)
        if rank < 3 and site.every(lambda step: all(i % o == 0 for i, o in _adaptive_sizes(step))):
            size = site.value(lambda step: tuple(i // o for i, o in _adaptive_sizes(step)), "pool_size")
            return image_layer(site, call(f"layers.{kind}Pooling{rank}D", _once(size)), sized=True)
        size = _full(site, "output_size")
        reduce = Global("ops.mean" if kind == "Average" else "ops.max")
        return Lowered(lambda own, inputs: call("adaptive_pool", reduce, *imaged(site, inputs), size),
                       layouts=image_layouts(site))  # fmt: skip

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


def each(name: str, row: Lowering) -> dict[str, Lowering]:
    """A row for one, two and three axes."""
    return {f"{name}{rank}d": row for rank in (1, 2, 3)}


ROWS: Final[dict[str, Lowering]] = {
    **each("max_pool", max_pool),
    **each("avg_pool", avg_pool),
    **each("lp_pool", lp_pool),
    **each("adaptive_avg_pool", adaptive("Average")),
    **each("adaptive_max_pool", adaptive("Max")),
    **each("global_avg_pool", global_pool("Average")),
    **each("global_max_pool", global_pool("Max")),
}
