"""What a model says first of an image or a sequence of a size that it cannot take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from archspec.emit.aligned import Wire
from archspec.emit.code import Call, Code, Global, Infix, Items, Local, Raw, Template, literal
from archspec.emit.layouts import held, physical_shape
from archspec.emit.statements import If, Raise
from archspec.expressions import expr_of, free_names


def refusal(given: Local, wire: Wire, brackets: str) -> If:
    """Raises a ValueError if an input has another shape than that of its wire. Batch and open dimensions are free."""
    axes = held(wire).axes
    fixed = [place for place, axis in enumerate(axes) if axis and not free_names(expr_of(wire.shape[axis]))]
    starts = [place for before, place in pairwise([0, *fixed]) if place - before > 1 or not before]
    ends = [place + 1 for place, after in pairwise([*fixed, 0]) if after != place + 1]
    wrong = tuple(_differs(given, wire, axes[start:end], range(start, end), brackets)
                  for start, end in zip(starts, ends, strict=True))  # fmt: skip
    expected = ", ".join(map(str, physical_shape(wire.layout, wire.shape)))
    said = f'f"{given.name} must be [{expected}], not {{list({given.name}.shape)}}"'
    condition = wrong[0] if len(wrong) == 1 else Infix("or", wrong)
    return If(condition, [Raise(Call(Global("ValueError"), (Raw(said),)))])


def _differs(given: Local, wire: Wire, axes: Sequence[int], places: range, brackets: str) -> Code:
    """Whether neighbouring axes have other sizes."""
    sizes = tuple(literal(int(wire.shape[axis])) for axis in axes)
    if len(places) == 1:
        return Infix("!=", (Template(f"{{0}}.shape[{places.start}]", (given,)), *sizes))
    end = places.stop if places.stop < wire.rank else ""
    return Infix("!=", (Template(f"{{0}}.shape[{places.start}:{end}]", (given,)), Items(sizes, brackets)))
