"""Join tensors, cut them, and select from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from archspec.emit.code import Call, Code, Items, Slice, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import held
from archspec.emit.signature import spell
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis

from .rows import alike, axis_of, signed, together
from .shape import widened


def axis(site: Site) -> int:
    """The axis as the spec counts it."""
    number: int = site.same(lambda step: resolve_axis(step.op.axis, site.inputs[0].rank), "axis")
    return number


def concat(site: Site) -> Lowered:
    """The layer takes what comes out for floats."""
    position = together(site).position(axis(site))
    layouts = (signed(site, together(site)),)
    shown = -1 if position == site.inputs[0].rank - 1 else position
    stretched = [index for index in range(len(site.inputs)) if site.shared(index)]
    suffixes = {index: f"each{index}" if len(stretched) > 1 else "each" for index in stretched}
    made: dict[str, Code] = {suffix: call("ForEach") for suffix in suffixes.values()}

    def parts(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        codes = alike(site, inputs)
        whole = next(code for index, code in enumerate(codes) if index not in suffixes)
        each = (Call(own[suffixes[i]], (c, whole)) if i in suffixes else c for i, c in enumerate(codes))
        return Items(tuple(each), "[]")

    if site.every(lambda step: step.outputs[0].dtype != "float"):
        return Lowered(lambda own, inputs: call("ops.concatenate", parts(own, inputs), axis=literal(shown)), made,
                       layouts=layouts)  # fmt: skip
    made[""] = spell("layers.Concatenate(*, axis=-1)", site, axis=shown)
    return Lowered(lambda own, inputs: Call(own[""], (parts(own, inputs),)), made, layouts=layouts)


def expand_batch(site: Site) -> Lowered:
    layout = signed(site, held(site.inputs[0]))
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": call("ForEach")}, layouts=(layout,))


def stack(site: Site) -> Lowered:
    new = site.same(lambda step: resolve_axis(step.op.axis, site.outputs[0].rank), "axis")
    layout, where = widened(site, together(site), [new])
    return Lowered(lambda own, inputs: call("ops.stack", Items(tuple(alike(site, inputs)), "[]"), axis=where),
                   layouts=(layout,))  # fmt: skip


def split(site: Site) -> Lowered:
    if site.every(lambda step: step.op.sections is not None):
        return cut(site, site.attr("sections"))
    return cut(site)


def chunk(site: Site) -> Lowered:
    if site.every(lambda step: step.inputs[0].shape[axis(site)] % step.op.chunks == 0):
        return cut(site, site.attr("chunks"))
    # Where pieces end follows from a size; that of the last axis is the same for all inputs.
    return cut(site, sized=axis(site) in held(site.inputs[0]).axes[1:-1])


def cut(site: Site, count: Code | None = None, *, sized: bool = False) -> Lowered:
    """Keras takes the number of equal pieces, or where to cut."""

    def cuts(step: Step) -> list[int]:
        return list(accumulate(value.shape[axis(site)] for value in step.outputs[:-1]))

    if len(site.outputs) == 1:
        count = literal(1)  # not no cuts, with which the split fails when it runs
    parts = site.value(cuts, "cuts") if count is None else count
    where = literal(axis_of(site, axis(site)))

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        pieces = call("ops.split", inputs[0], parts, axis=where)
        return pieces if len(site.outputs) > 1 else Template("{0}[0]", (pieces,))

    return Lowered(apply, layouts=(held(site.inputs[0]).plain(),) * len(site.outputs), sized=sized)


FEW: Final = 8


def slice_(site: Site) -> Lowered:
    """A few elements of an axis that may be open are taken one by one: to Keras, a slice of it is open, too."""
    wire, number = site.inputs[0], axis(site)
    position = held(wire).position(number)
    before = {int(step.inputs[0].shape[number]) for step in site.step.steps.values()}
    after = {int(step.outputs[0].shape[number]) for step in site.step.steps.values()}
    if len(before) > 1 and len(after) == 1 and max(after) <= FEW:
        places = site.value(_places, "places")
        return Lowered(lambda own, inputs: call("ops.take", inputs[0], places, axis=literal(axis_of(site, number))),
                       layouts=(held(wire).plain(),))  # fmt: skip
    start, end, step = (site.attr(name) for name in ("start", "end", "step"))
    part = Slice(
        None if start == literal(0) else start,
        None if end == literal(None) else end,
        None if step == literal(1) else step,
    )
    ahead = "..., " if position == wire.rank - 1 else ":, " * position
    return Lowered(lambda own, inputs: Template("{0}[" + ahead + "{1}]", (inputs[0], part)),
                   layouts=(held(wire).plain(),))  # fmt: skip


def _places(step: Step) -> list[int]:
    """What a slice takes, counted from the end of the axis if the slice is."""
    op: Any = step.op
    size = int(step.inputs[0].shape[resolve_axis(op.axis, len(step.inputs[0].shape))])
    places = range(size)[op.start : op.end : op.step]
    return [place - size if op.start < 0 else place for place in places]


def index_select(site: Site) -> Lowered:
    where = literal(axis_of(site, axis(site)))
    indices = site.value(lambda step: list(step.op.indices), "indices")
    return Lowered(lambda own, inputs: call("ops.take", inputs[0], indices, axis=where),
                   layouts=(held(site.inputs[0]).plain(),))  # fmt: skip


def gather(site: Site) -> Lowered:
    where = literal(together(site).position(axis(site)))
    return Lowered(lambda own, inputs: call("ops.take_along_axis", *alike(site, inputs), axis=where),
                   layouts=(together(site).plain(),))  # fmt: skip


ROWS: Final[dict[str, Lowering]] = {
    "concat": concat,
    "stack": stack,
    "expand_batch": expand_batch,
    "split": split,
    "chunk": chunk,
    "slice": slice_,
    "index_select": index_select,
    "gather": gather,
}
