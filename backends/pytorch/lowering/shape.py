"""Arrange elements anew: reshape, reorder, repeat and pad; and change their kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from archspec.emit.code import Code, Items, Raw, Template, call, literal, method
from archspec.emit.context import Lowered, Lowering, Site, once
from archspec.emit.signature import function, layer
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis

from .rows import axis


def axes(site: Site) -> Code:
    """The axes by their numbers."""
    return site.value(lambda step: tuple(resolve_axis(a, site.inputs[0].rank) for a in step.op.axis), "axis")


def spread(numbers: Code) -> Sequence[Code]:
    """A tuple as arguments."""
    return numbers.items if isinstance(numbers, Items) else (Template("*{0}", (numbers,)),)


def reshape(site: Site) -> Lowered:
    """The batch is -1 unless the spec leaves another size to be inferred."""
    infers = site.every(lambda step: -1 in step.op.shape)
    sizes = site.value(lambda step: tuple(step.op.shape if infers else step.outputs[0].shape[1:]), "shape")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        batch = Template("{0}.shape[0]", (inputs[0],)) if infers else literal(-1)
        return method(inputs[0], "reshape", batch, *spread(sizes))

    return Lowered(apply=apply)


def merge_batch(site: Site) -> Lowered:
    number = site.same(lambda step: resolve_axis(step.op.axis, site.inputs[0].rank), "axis")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        first = inputs[0] if number == 1 else method(inputs[0], "movedim", literal(number), literal(1))
        return method(first, "flatten", literal(0), literal(1))

    return Lowered(apply=apply)


def split_batch(site: Site) -> Lowered:
    number = site.same(lambda step: resolve_axis(step.op.axis, site.outputs[0].rank), "axis")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        if len(inputs) == 1:
            made = method(inputs[0], "unsqueeze", literal(0))
        elif number == 1:
            return method(inputs[0], "unflatten", literal(0), Template("{0}.shape[:2]", (inputs[1],)))
        else:
            sizes = Template(f"(-1, {{0}}.shape[{number}])", (inputs[1],))
            made = method(inputs[0], "unflatten", literal(0), sizes)
        return made if number == 1 else method(made, "movedim", literal(1), literal(number))

    return Lowered(apply=apply)


def squeeze(site: Site) -> Lowered:
    gone = once(axes(site))
    return Lowered(apply=lambda own, inputs: method(inputs[0], "squeeze", gone))


def unsqueeze(site: Site) -> Lowered:
    """One new axis at a time, or several as `None` between the others."""
    rank = site.outputs[0].rank
    new = site.same(lambda step: {resolve_axis(a, rank) for a in step.op.axis}, "axes")
    if len(new) == 1:
        return Lowered(apply=lambda own, inputs: method(inputs[0], "unsqueeze", *map(literal, new)))
    shown = ", ".join("None" if axis in new else ":" for axis in range(max(new) + 1))
    return Lowered(apply=lambda own, inputs: Template(f"{{0}}[{shown}]", tuple(inputs)))


def permute(site: Site) -> Lowered:
    order = site.value(lambda step: step.op.order(site.inputs[0].rank), "axes")
    return Lowered(apply=lambda own, inputs: method(inputs[0], "permute", *spread(order)))


def expand(site: Site) -> Lowered:
    sizes = site.value(lambda step: step.op.shape, "shape")
    return Lowered(apply=lambda own, inputs: method(inputs[0], "expand", literal(-1), *spread(sizes)))


def tile(site: Site) -> Lowered:
    repeats = site.value(lambda step: step.op.repeats, "repeats")
    return Lowered(apply=lambda own, inputs: method(inputs[0], "repeat", literal(1), *spread(repeats)))


def shifts(site: Site) -> Code:
    """One number for one axis, else one per axis."""
    alone = site.same(lambda step: len(step.op.axis) == 1, "number of axes")
    return site.value(lambda step: step.op.moves()[0] if alone else step.op.moves(), "shifts")


def flip(site: Site) -> Lowered:
    where = axes(site)
    return Lowered(apply=lambda own, inputs: method(inputs[0], "flip", *spread(where)))


def pad(site: Site) -> Lowered:
    """`F.pad` takes the last axes, the last one first; but with a mode at least all axes beyond the channels."""
    rank = site.inputs[0].rank
    constant = site.same(lambda step: step.op.mode == "constant", "mode")
    count = site.same(lambda step: len(step.op.padding), "number of axes")
    options = {} if constant else {"mode": site.attr("mode")}
    count = count if constant else max(count, rank - 2)
    if not constant and count > 3:
        pairs = site.value(lambda step: step.op.padding, "padding")
        return Lowered(apply=lambda own, inputs: call("pad_axes", inputs[0], pairs, **options))

    def numbers(step: Step) -> tuple[int, ...]:
        op: Any = step.op
        whole = [*[(0, 0)] * (count - len(op.padding)), *op.padding]
        return tuple(n for pair in reversed(whole) for n in pair)

    pads, value = site.value(numbers, "padding"), site.attr("value")
    if constant and value != literal(0.0):
        options["value"] = value
    return Lowered(apply=lambda own, inputs: call("F.pad", inputs[0], pads, **options))


def cast(site: Site) -> Lowered:
    """Which floats a model computes with is not known before it runs: `half()` and `to` change it."""
    kind = site.same(lambda step: step.op.dtype, "dtype")
    if kind == "float":
        return layer("ToFloat()")(site)
    name = {"int64": "long", "bool": "bool"}[kind]
    return Lowered(apply=lambda own, inputs: method(inputs[0], name))


def end_axis(site: Site) -> Code:
    rank = site.inputs[0].rank
    number = site.same(lambda step: resolve_axis(step.op.end_axis, rank), "end_axis")
    return Raw("-1", 8) if number == rank - 1 else literal(number)


ROWS: Final[dict[str, Lowering]] = {
    "flatten": function("torch.flatten(start_dim, *, end_dim=-1)", "nn.Flatten(*, start_dim=1, end_dim=-1)",
                        start_dim=axis("start_axis"), end_dim=lambda site: end_axis(site)),
    "reshape": reshape,
    "merge_batch": merge_batch,
    "split_batch": split_batch,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "permute": permute,
    "expand": expand,
    "tile": tile,
    "roll": function("torch.roll(*, shifts, dims=None)", shifts=shifts, dims=lambda site: once(axes(site))),
    "flip": flip,
    "pad": pad,
    "cast": cast,
    "one_hot": layer("OneHot(num_classes)"),
}  # fmt: skip
