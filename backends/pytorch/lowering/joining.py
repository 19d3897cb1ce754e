"""Join tensors, cut them, and select from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Code, Items, Slice, Template, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.ops.base import resolve_axis

from .rows import axis


def concat(site: Site) -> Lowered:
    where = axis()(site)
    return Lowered(apply=lambda own, inputs: call("torch.cat", Items(tuple(each(site, inputs))), dim=where))


def each(site: Site, inputs: Sequence[Code]) -> list[Code]:
    """The inputs, those that are the same for all samples repeated for each."""
    whole = next(code for index, code in enumerate(inputs) if not site.shared(index))
    kept = (literal(-1),) * (site.inputs[0].rank - 1)
    return [
        method(code, "expand", Template("{0}.shape[0]", (whole,)), *kept) if site.shared(index) else code
        for index, code in enumerate(inputs)
    ]


def expand_batch(site: Site) -> Lowered:
    kept = (literal(-1),) * (site.inputs[0].rank - 1)
    return Lowered(apply=lambda own, inputs: method(inputs[0], "expand", Template("{0}.shape[0]", (inputs[1],)), *kept))


def stack(site: Site) -> Lowered:
    where = site.value(lambda step: resolve_axis(step.op.axis, site.outputs[0].rank), "axis")
    return Lowered(apply=lambda own, inputs: call("torch.stack", Items(tuple(inputs), "[]"), dim=where))


def split(site: Site) -> Lowered:
    if site.every(lambda step: step.op.sections is not None):
        return cut(site, "torch.chunk", site.attr("sections"))
    return cut(site, "torch.split", site.value(lambda step: list(step.op.sizes), "sizes"))


def chunk(site: Site) -> Lowered:
    return cut(site, "torch.chunk", site.attr("chunks"))


def cut(site: Site, target: str, parts: Code) -> Lowered:
    where = axis()(site)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        pieces = call(target, inputs[0], parts, dim=where)
        return pieces if len(site.outputs) > 1 else Template("{0}[0]", (pieces,))

    return Lowered(apply=apply)


def slice_(site: Site) -> Lowered:
    number = site.same(lambda step: resolve_axis(step.op.axis, site.inputs[0].rank), "axis")
    start, end, step = (site.attr(name) for name in ("start", "end", "step"))
    part = Slice(
        None if start == literal(0) else start,
        None if end == literal(None) else end,
        None if step == literal(1) else step,
    )
    return Lowered(apply=lambda own, inputs: Template("{0}[" + ":, " * number + "{1}]", (inputs[0], part)))


def index_select(site: Site) -> Lowered:
    where = axis()(site)
    indices = site.value(lambda step: list(step.op.indices), "indices")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        places = call("torch.tensor", indices, device=Template("{0}.device", (inputs[0],)))
        return method(inputs[0], "index_select", where, places)

    return Lowered(apply=apply)


def gather(site: Site) -> Lowered:
    where = axis()(site)
    return Lowered(apply=lambda own, inputs: method(inputs[0], "gather", where, inputs[1]))


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
