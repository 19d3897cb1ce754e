"""Padding of sliding windows, as backends need to know it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec.emit.code import Code, Items, Raw
from archspec.emit.context import Site, once
from archspec.expressions import float32
from archspec.graph.tree import Step
from archspec.ops.base import window_pads

Pairs = tuple[tuple[int, int], ...]


def resolved(step: Step) -> Pairs:
    """The padding of a convolution or pooling per axis, before and after, with `same` as numbers."""
    return _pads(step, step.inputs[0].shape[2:], step.op.padding)


def numbers(step: Step, padding: Any = None) -> Pairs:
    """The same, or another padding, as plain numbers, which forget where they come from."""
    return _pads(step, tuple(map(int, step.inputs[0].shape[2:])), step.op.padding if padding is None else padding)


def _pads(step: Step, sizes: tuple[int, ...], padding: Any) -> Pairs:
    op: Any = step.op
    stride = op.kernel_size if op.stride is None else op.stride
    dilation = getattr(op, "dilation", (1,) * len(sizes))
    return window_pads(padding, sizes, op.kernel_size, stride, dilation)


def unpadded(step: Step) -> bool:
    return all(before == after == 0 for before, after in numbers(step))


def symmetric(step: Step) -> bool:
    return all(before == after for before, after in numbers(step))


def skips(step: Step) -> bool:
    """Whether windows are smaller than the steps between them, and padded as `same` where that makes a difference: the
    sizes at which an open axis is looked at need not show it."""
    op: Any = step.op
    if getattr(op, "padding", None) != "same":
        return False
    stride = op.kernel_size if op.stride is None else op.stride
    dilation = getattr(op, "dilation", (1,) * len(stride))
    return any(1 < (k - 1) * d + 1 < s for k, d, s in zip(op.kernel_size, dilation, stride, strict=True))


def follows_size(step: Step) -> bool:
    """Whether the padding is `same`, and other numbers for inputs of other sizes."""
    op: Any = step.op
    stride = op.kernel_size if op.stride is None else op.stride
    return op.padding == "same" and any(k > 1 < s for k, s in zip(op.kernel_size, stride, strict=True))


def fitted(step: Step) -> Pairs:
    """The padding of a pool with which windows that stay inside are those that the spec counts, `ceil_mode` or not."""
    op: Any = step.op
    stride = op.kernel_size if op.stride is None else op.stride
    dilation = getattr(op, "dilation", (1,) * len(op.kernel_size))
    sizes = zip(step.inputs[0].shape[2:], step.outputs[0].shape[2:], strict=True)
    return tuple(
        (lo, max(hi, (count - 1) * s + (k - 1) * d + 1 - size - lo))
        for (lo, hi), (size, count), k, s, d in zip(
            resolved(step), sizes, op.kernel_size, stride, dilation, strict=True
        )
    )


def overhang(step: Step) -> Pairs:
    """How far the windows reach beyond the padding that the spec asks for."""
    return tuple((0, there - hi) for (_, there), (_, hi) in zip(fitted(step), resolved(step), strict=True))


def padded(step: Step) -> tuple[int, ...]:
    """The size of what `fold` adds up, its border included."""
    return tuple(size + lo + hi for size, (lo, hi) in zip(step.outputs[0].shape[2:], resolved(step), strict=True))


def negated(step: Step) -> Pairs:
    """The padding that takes a border off again."""
    return tuple((-lo, -hi) for lo, hi in resolved(step))


def crops(step: Step) -> tuple[int, ...]:
    """The same as one flat tuple, the last axis first."""
    return tuple(size for pair in reversed(negated(step)) for size in pair)


def before(site: Site) -> Code:
    """The padding per axis where it is the same on both sides: one number, or one per axis."""
    return once(site.value(lambda step: tuple(pair[0] for pair in resolved(step)), "padding"))


def flat_pads(site: Site, *, last_first: bool, pads: Callable[[Step], Pairs] = resolved, name: str = "padding") -> Code:
    """The padding as one flat tuple `(before, after, before, after)`, the last axis first or the first."""

    def flattened(step: Step) -> tuple[int, ...]:
        pairs = pads(step)[::-1] if last_first else pads(step)
        return tuple(size for pair in pairs for size in pair)

    return site.value(flattened, name)


def nested_pads(site: Site) -> Code:
    """The padding as `((before, after), (before, after))`; a single number if all are equal."""
    code = site.value(resolved, "padding")
    if isinstance(code, Items):
        inner = tuple(once(pair) for pair in code.items)
        if inner == tuple(once(pair) for pair in code.items if not isinstance(once(pair), Items)):
            return once(Items(inner)) if len(set(inner)) == 1 else Items(inner)
    return code


def nearest_in_float32(step: Step) -> bool:
    """Whether scales in float32, which frameworks compute, pick the same nearest neighbours as whole numbers do."""
    late = int(step.op.mode == "nearest_exact")
    for before, after in zip(step.inputs[0].shape[2:], step.outputs[0].shape[2:], strict=True):
        size, count = int(before), int(after)
        scale = float32(float32(size) / float32(count))
        if any(int(float32((j + late / 2) * scale)) != (2 * j + late) * size // (2 * count) for j in range(count)):
            return False
    return True


def ratios_in_float32(step: Step) -> bool:
    """Whether the ratios of sizes that bilinear resizing takes steps of are float32 numbers."""
    for before, after in zip(step.inputs[0].shape[2:], step.outputs[0].shape[2:], strict=True):
        less = int(step.op.align_corners)
        ratio = (int(before) - less) / max(int(after) - less, 1)
        if ratio != float32(ratio):
            return False
    return True


MINUS_INFINITY = Raw('float("-inf")')
