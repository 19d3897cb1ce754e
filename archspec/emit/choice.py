"""A step whose operation is told to the block: one code for all, with an argument in the one place that differs.

`self.act(x)`, where the block is made with `F.relu` or `F.hardswish`; `layers.Activation(act)`, with `"relu"`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archspec.emit.aligned import MStep
from archspec.emit.code import Call, Code, Global, Implied, Number, Raw, Symbol
from archspec.emit.context import Context, Lowered
from archspec.emit.layouts import held
from archspec.expressions import Name

Hole = Callable[[Sequence[Code]], Code]
"""What stands in a place where codes differ."""


def chosen(context: Context, item: MStep, ways: Sequence[Lowered]) -> Lowered:
    """How a step is spelled, of how each of its operations is. Raises Differs if they differ in more than a name."""
    keys = [part.op.key for part in item.parts()]

    def hole(codes: Sequence[Code]) -> Code:
        spelled = dict(zip(keys, codes, strict=True))
        known = context.choices.setdefault(item.choice, {})
        if any(known.setdefault(key, code) != code for key, code in spelled.items()):
            raise item.differs()
        return Symbol(Name(item.choice))

    def one(codes: Sequence[Code]) -> Code:
        found = _joined(list(map(_plain, codes)), hole)
        if found is None:
            raise item.differs()
        return found

    if any(way.first or way.weights or way.layers.keys() != ways[0].layers.keys() for way in ways):
        raise item.differs()
    layouts = [way.layouts or (held(item.inputs[0]).plain(),) for way in ways]
    return Lowered(
        apply=lambda own, inputs: one([way.apply(own, inputs) for way in ways]),
        layers={suffix: one([way.layers[suffix] for way in ways]) for suffix in ways[0].layers},
        layouts=layouts[0] if all(each == layouts[0] for each in layouts) else (layouts[0][0].plain(),),
        inexact=max(way.inexact for way in ways),
        inexact_gradient=max(way.inexact_gradient for way in ways),
    )


def _plain(code: Code) -> Code:
    """A call without the defaults that no build writes."""
    if not isinstance(code, Call):
        return code
    return Call(code.target, code.args, tuple(
        (key, value) for key, value in code.kwargs
        if not isinstance(value, Implied) or isinstance(value.value, Number)
    ))  # fmt: skip


def _joined(codes: Sequence[Code], hole: Hole) -> Code | None:
    """One code for all; None if they differ in more than names and texts."""
    first = codes[0]
    if all(code == first for code in codes):
        return first
    if all(isinstance(code, Global) for code in codes) or all(isinstance(code, Raw) for code in codes):
        return hole(codes)
    calls = [code for code in codes if isinstance(code, Call)]
    shapes = {(len(made.args), tuple(key for key, _ in made.kwargs)) for made in calls}
    if len(calls) < len(codes) or len(shapes) > 1:
        return None
    parts = [_joined(column, hole) for column in zip(*(made.parts() for made in calls), strict=True)]
    if None in parts:
        return None
    target, *values = (part for part in parts if part is not None)
    count = len(calls[0].args)
    names = [key for key, _ in calls[0].kwargs]
    return Call(target, tuple(values[:count]), tuple(zip(names, values[count:], strict=True)))
