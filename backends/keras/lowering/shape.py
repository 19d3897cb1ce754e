"""Arrange elements anew: reshape, reorder, repeat and pad; and change their kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from archspec.emit.aligned import MCall, MStep, Wire
from archspec.emit.code import Call, Code, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import Layout, canonical, channels_last, held, usual
from archspec.emit.signature import spell
from archspec.errors import BackendError
from archspec.expressions import expr_of, free_names
from archspec.graph.tree import Step, Value
from archspec.ops.base import resolve_axis

from .rows import axis_of, plain


def axes(site: Site, rank: int = 0) -> list[int]:
    """The axes as the spec counts them."""
    rank = rank or site.inputs[0].rank
    found: list[int] = site.same(lambda step: [resolve_axis(a, rank) for a in step.op.axis], "axes")
    return found


def positions(site: Site) -> Code:
    """Where the framework has the axes: one, or a tuple."""
    found = tuple(axis_of(site, axis) for axis in axes(site))
    return literal(found if len(found) > 1 else found[0])


def flatten(site: Site) -> Lowered:
    wire = site.inputs[0]
    layout = held(wire)
    first, last = site.same(
        lambda step: [resolve_axis(a, wire.rank) for a in (step.op.start_axis, step.op.end_axis)], "axes"
    )
    others = (axis for axis in range(1, site.outputs[0].rank) if axis != first)
    if inferred(site, first) and any(_is_open(site, axis) for axis in others):
        raise BackendError("what it flattens and another axis are both of open size, and a Reshape infers but one")
    whole = (first, last) == (1, wire.rank - 1)
    if (first, last) == (2, wire.rank - 1) and layout.axes == channels_last(wire.rank).axes:
        length = inferred(site, 2)
        sizes = site.value(lambda step: (length or step.outputs[0].shape[2], step.outputs[0].shape[1]), "shape")
        return Lowered(
            lambda own, inputs: Call(own[""], tuple(inputs)),
            {"": call("layers.Reshape", sizes)},
            layouts=(Layout((0, 2, 1), (), layout.nonnegative),),
            sized=not length,
        )
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
    return reshape(site, first)


def _is_open(site: Site, axis: int) -> bool:
    """Whether the size of an axis of the output is known to be open: outside of blocks, if it depends on a size of an
    input that has a name."""
    modules = site.context.modules.values()
    if any(module.block for module in modules):
        return False
    sizes = [size for module in modules for value in module.inputs.values() for size in value.shape[1:]]
    named = {name for size in sizes for name in free_names(expr_of(size))}
    return any(free_names(expr_of(step.outputs[0].shape[axis])) & named for step in site.step.steps.values())


def inferred(site: Site, axis: int) -> int:
    """-1 for the axis that a flatten makes, for Keras to infer, if its size differs: it may be a product with a size
    that is open, which is None where layers are made."""
    return -1 if len({int(step.outputs[0].shape[axis]) for step in site.step.steps.values()}) > 1 else 0


def _only_linear(wire: Wire) -> bool:
    """Whether nothing but linear layers can see the order of these features."""
    if wire.uses > len(wire.consumers) or not wire.consumers:
        return False
    for reader in wire.consumers:
        if not isinstance(reader, MStep) or isinstance(reader, MCall):
            return False
        if reader.op.key == "linear" and reader.owner is None and not reader.users:
            continue
        if not (reader.op.elementwise and len(reader.inputs) == 1 and _only_linear(reader.outputs[0])):
            return False
    return True


def reshape(site: Site, flattened: int = 0) -> Lowered:
    """One size may stay open: the one that the spec leaves to be inferred, or that only the input knows; or that of the
    axis that a flatten makes."""
    rank = site.outputs[0].rank
    length = inferred(site, flattened) if flattened else 0

    def shape(step: Step) -> tuple[int, ...]:
        sizes = step.outputs[0].shape
        return (*sizes[1:flattened], length, *sizes[flattened + 1 :]) if length else sizes[1:]

    free = site.op.key == "reshape" and site.every(lambda step: -1 in step.op.shape)
    sizes = site.value((lambda step: tuple(step.op.shape)) if free else shape, "shape")
    made = call("layers.Reshape", sizes)
    return Lowered(lambda own, inputs: Call(own[""], tuple(plain(site, inputs))), {"": made},
                   layouts=(canonical(rank),), sized=not free)  # fmt: skip


def merge_batch(site: Site) -> Lowered:
    made = spell("MergeBatch(*, axis=1)", site, axis=site.value(lambda step: _number(step, step.inputs[0]), "axis"))
    return Lowered(lambda own, inputs: Call(own[""], tuple(plain(site, inputs))), {"": made},
                   layouts=(canonical(site.outputs[0].rank),))  # fmt: skip


def split_batch(site: Site) -> Lowered:
    axis = site.value(lambda step: _number(step, step.outputs[0]), "axis")
    made = spell("AllSamples(*, axis=1)" if len(site.inputs) == 1 else "SplitBatch(*, axis=1)", site, axis=axis)
    return Lowered(lambda own, inputs: Call(own[""], tuple(plain(site, inputs))), {"": made},
                   layouts=(canonical(site.outputs[0].rank),))  # fmt: skip


def _number(step: Step, value: Value) -> int:
    op: Any = step.op
    return resolve_axis(op.axis, len(value.shape))


def squeeze(site: Site) -> Lowered:
    gone, where = axes(site), positions(site)
    kept = [axis for axis in held(site.inputs[0]).axes if axis not in gone]
    return Lowered(lambda own, inputs: call("ops.squeeze", inputs[0], where),
                   layouts=(Layout(tuple(sorted(kept).index(axis) for axis in kept)),))  # fmt: skip


def unsqueeze(site: Site) -> Lowered:
    layout, where = widened(site, held(site.inputs[0]), axes(site, site.outputs[0].rank))
    return Lowered(lambda own, inputs: call("ops.expand_dims", inputs[0], where), layouts=(layout,))


def widened(site: Site, layout: Layout, new: Sequence[int]) -> tuple[Layout, Code]:
    """A layout that has new axes besides those of another: the usual one, if the old axes are in its order. And where
    the new axes are."""
    wire = site.outputs[0]
    old = [axis for axis in range(wire.rank) if axis not in new]
    order = [old[axis] for axis in layout.axes]
    for wanted in (usual(wire), canonical(wire.rank)):
        if [axis for axis in wanted.axes if axis not in new] == order:
            break
    else:
        for axis in sorted(new):
            order.insert(axis, axis)
        wanted = Layout(tuple(order))
    where = sorted(wanted.position(axis) for axis in new)
    if len(where) > 1:
        return wanted, literal(tuple(where))
    return wanted, literal(-1 if where == [wire.rank - 1] else where[0])


def permute(site: Site) -> Lowered:
    """No work at all: the axes get other names where they are."""
    wire = site.inputs[0]
    order = site.same(lambda step: step.op.order(wire.rank), "axes")
    axes = tuple(order.index(axis) for axis in held(wire).axes)
    return Lowered(lambda own, inputs: inputs[0], layouts=(Layout(axes),))


def repeated(site: Site, counts: Any) -> Lowered:
    """Copies along the axes, as many as `counts` gives for each axis of the spec."""
    layout = held(site.inputs[0]).plain()
    factors = site.value(lambda step: tuple(counts(step)[axis] for axis in layout.axes), "repeats")
    return Lowered(lambda own, inputs: call("ops.tile", inputs[0], factors), layouts=(layout,))


def expand(site: Site) -> Lowered:
    """Copies, because `ops.broadcast_to` would have to know the size of the batch."""

    def counts(step: Step) -> list[int]:
        pairs = zip(step.inputs[0].shape[1:], step.outputs[0].shape[1:], strict=True)
        return [1, *(after if before == 1 else 1 for before, after in pairs)]

    return repeated(site, counts)


def tile(site: Site) -> Lowered:
    return repeated(site, lambda step: (1, *step.op.repeats))


def roll(site: Site) -> Lowered:
    where = positions(site)
    alone = len(axes(site)) == 1
    moves = site.value(lambda step: step.op.moves()[0] if alone else step.op.moves(), "shifts")
    return Lowered(lambda own, inputs: call("ops.roll", inputs[0], moves, axis=where),
                   layouts=(held(site.inputs[0]).plain(),))  # fmt: skip


def flip(site: Site) -> Lowered:
    where = positions(site)
    return Lowered(lambda own, inputs: call("ops.flip", inputs[0], axis=where),
                   layouts=(held(site.inputs[0]).plain(),))  # fmt: skip


def pad(site: Site) -> Lowered:
    wire = site.inputs[0]
    layout = held(wire).plain()
    mode = site.same(lambda step: step.op.mode, "mode")

    def pairs(step: Step) -> tuple[tuple[int, int], ...]:
        op: Any = step.op
        everything = [(0, 0)] * (wire.rank - len(op.padding)) + list(op.padding)
        return tuple(everything[axis] for axis in layout.axes)

    pads = site.value(pairs, "padding")
    target = f"{mode}_pad" if mode in ("replicate", "circular") else "ops.pad"
    options: dict[str, Code] = {}
    if mode == "reflect":
        options["mode"] = literal("reflect")
    elif site.attr("value") != literal(0.0) and mode == "constant":
        options["constant_values"] = site.attr("value")
    return Lowered(lambda own, inputs: call(target, inputs[0], pads, **options), layouts=(layout,))


def cast(site: Site) -> Lowered:
    kind = site.same(lambda step: step.op.dtype, "dtype")
    code = call("keras.config.floatx") if kind == "float" else literal(kind)
    return Lowered(lambda own, inputs: call("ops.cast", inputs[0], code), layouts=(held(site.inputs[0]).plain(),))


def one_hot(site: Site) -> Lowered:
    wire = site.inputs[0]
    classes = site.attr("num_classes")
    return Lowered(lambda own, inputs: call("ops.one_hot", inputs[0], classes),
                   layouts=(Layout((*held(wire).axes, wire.rank)),))  # fmt: skip


ROWS: Final[dict[str, Lowering]] = {
    "flatten": flatten,
    "reshape": reshape,
    "merge_batch": merge_batch,
    "split_batch": split_batch,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "permute": permute,
    "expand": expand,
    "tile": tile,
    "roll": roll,
    "flip": flip,
    "pad": pad,
    "cast": cast,
    "one_hot": one_hot,
}
