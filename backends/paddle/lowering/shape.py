"""Arrange elements anew: reshape, reorder, repeat and pad; and change their kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from archspec.emit.code import Code, Items, Raw, Template, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site, once
from archspec.emit.signature import function, layer
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis

from .rows import axis, padded


def axes(site: Site) -> Code:
    """The axes by their numbers: one, or a list."""
    rank = site.inputs[0].rank
    return once(site.value(lambda step: [resolve_axis(a, rank) for a in step.op.axis], "axis"))


def listed(numbers: Code, first: int) -> Code:
    """A tuple as a list, with a number for the batch axis before it."""
    rest = numbers.items if isinstance(numbers, Items) else (Template("*{0}", (numbers,)),)
    return Items((literal(first), *rest), "[]")


def reshape(site: Site) -> Lowered:
    """The batch is -1, or 0, which copies it, if the spec leaves another size to be inferred."""
    infers = site.every(lambda step: -1 in step.op.shape)
    sizes = site.value(lambda step: list(step.op.shape if infers else step.outputs[0].shape[1:]), "shape")
    whole = listed(sizes, 0 if infers else -1)
    return Lowered(apply=lambda own, inputs: method(inputs[0], "reshape", whole))


def merge_batch(site: Site) -> Lowered:
    number = site.same(lambda step: resolve_axis(step.op.axis, site.inputs[0].rank), "axis")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        first = inputs[0] if number == 1 else method(inputs[0], "moveaxis", literal(number), literal(1))
        return method(first, "flatten", literal(0), literal(1))

    return Lowered(apply=apply)


def split_batch(site: Site) -> Lowered:
    number = site.same(lambda step: resolve_axis(step.op.axis, site.outputs[0].rank), "axis")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        if len(inputs) == 1:
            made = method(inputs[0], "unsqueeze", literal(0))
        else:
            size, rest = Template(f"{{0}}.shape[{number}]", (inputs[1],)), Template("*{0}.shape[1:]", (inputs[0],))
            made = method(inputs[0], "reshape", Items((literal(-1), size, rest), "[]"))
        return made if number == 1 else method(made, "moveaxis", literal(1), literal(number))

    return Lowered(apply=apply)


def squeeze(site: Site) -> Lowered:
    gone = axes(site)
    return Lowered(apply=lambda own, inputs: method(inputs[0], "squeeze", gone))


def unsqueeze(site: Site) -> Lowered:
    """Paddle puts in one axis after the other: the first ones must come first."""
    rank = site.outputs[0].rank
    new = once(site.value(lambda step: sorted(resolve_axis(a, rank) for a in step.op.axis), "axis"))
    return Lowered(apply=lambda own, inputs: method(inputs[0], "unsqueeze", new))


def permute(site: Site) -> Lowered:
    order = site.value(lambda step: list(step.op.order(site.inputs[0].rank)), "axes")
    return Lowered(apply=lambda own, inputs: method(inputs[0], "transpose", order))


def expand(site: Site) -> Lowered:
    return repeated(site, "expand", listed(site.value(lambda step: step.op.shape, "shape"), -1))


def tile(site: Site) -> Lowered:
    return repeated(site, "tile", listed(site.value(lambda step: step.op.repeats, "repeats"), 1))


def repeated(site: Site, name: str, numbers: Code) -> Lowered:
    """In static graphs Paddle refuses to repeat truth values that are inputs, which it takes for trainable."""
    if site.every(lambda step: step.inputs[0].dtype != "bool"):
        return Lowered(apply=lambda own, inputs: method(inputs[0], name, numbers))
    return Lowered(apply=lambda own, inputs: call(f"{name}_flags", inputs[0], numbers))


def shifts(site: Site) -> Code:
    """One number for one axis, else one per axis."""
    alone = site.same(lambda step: len(step.op.axis) == 1, "number of axes")
    return site.value(lambda step: step.op.moves()[0] if alone else list(step.op.moves()), "shifts")


def pad(site: Site) -> Lowered:
    """`F.pad` takes the spatial axes, the last one first; or else all axes, and then the first one first."""
    rank = site.inputs[0].rank
    constant = site.same(lambda step: step.op.mode == "constant", "mode")
    count = site.same(lambda step: len(step.op.padding), "number of axes")
    options = {} if constant else {"mode": site.attr("mode")}
    spatial = 3 <= rank <= 5 and count <= rank - 2
    if not spatial and not constant:
        pairs = site.value(lambda step: step.op.padding, "padding")
        return Lowered(apply=lambda own, inputs: call("pad_axes", inputs[0], pairs, **options))

    def numbers(step: Step) -> tuple[int, ...]:
        op: Any = step.op
        whole = [*[(0, 0)] * ((rank - 2 if spatial else rank) - count), *op.padding]
        return tuple(n for pair in (reversed(whole) if spatial else whole) for n in pair)

    border, value = site.value(numbers, "padding"), site.attr("value")
    if constant and value != literal(0.0):
        options["value"] = value
    if spatial:
        return Lowered(apply=lambda own, inputs: padded(inputs[0], border, rank - 2, **options))
    return Lowered(apply=lambda own, inputs: call("F.pad", inputs[0], border, **options))


def cast(site: Site) -> Lowered:
    """Which floats a model computes with is not known before it runs: `to` and `amp.decorate` change it."""
    kind = site.same(lambda step: step.op.dtype, "dtype")
    if kind == "float":
        return layer("ToFloat()")(site)
    return Lowered(apply=lambda own, inputs: method(inputs[0], "astype", literal(kind)))


def end_axis(site: Site) -> Code:
    rank = site.inputs[0].rank
    number = site.same(lambda step: resolve_axis(step.op.end_axis, rank), "end_axis")
    return Raw("-1", 8) if number == rank - 1 else literal(number)


ROWS: Final[dict[str, Lowering]] = {
    "flatten": function("paddle.flatten(start_axis, *, stop_axis=-1)", "nn.Flatten(*, start_axis=1, stop_axis=-1)",
                        start_axis=axis("start_axis"), stop_axis=end_axis),
    "reshape": reshape,
    "merge_batch": merge_batch,
    "split_batch": split_batch,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "permute": permute,
    "expand": expand,
    "tile": tile,
    "roll": function("paddle.roll(shifts, *, axis=None)", shifts=shifts, axis=axes),
    "flip": function("paddle.flip(*, axis)", axis=axes),
    "pad": pad,
    "cast": cast,
    "one_hot": layer("OneHot(num_classes)"),
}  # fmt: skip
