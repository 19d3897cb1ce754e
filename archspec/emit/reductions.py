"""Reductions, in backends whose tensors have methods for them that take axes and `keepdim`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from archspec.emit.code import Code, literal, method
from archspec.emit.context import Lowered, Lowering, Site
from archspec.graph.tree import Step
from archspec.ops.base import resolve_axis

Sequencing = Callable[[Sequence[int]], Any]
"""How a backend writes several axes: as a tuple or as a list."""


def numbers(step: Step) -> list[int]:
    """The axes that a step reduces, in order."""
    axes = step.op.axis if isinstance(step.op.axis, tuple) else (step.op.axis,)
    return sorted(resolve_axis(axis, len(step.inputs[0].shape)) for axis in axes)


def axes(site: Site, sequence: Sequencing = tuple) -> Code:
    """Code for the axes; a number, if there is only one."""
    single = site.every(lambda step: len(numbers(step)) == 1)
    return site.value(lambda step: numbers(step)[0] if single else sequence(numbers(step)), "axis")


def keepdim(site: Site) -> dict[str, Code]:
    code = site.attr("keepdims")
    return {} if code == literal(False) else {"keepdim": code}


def reduction(name: str, *flags: str, sequence: Sequencing = tuple) -> Lowering:
    """A row for a method of tensors. Its flags are always written: frameworks have other defaults."""

    def lower(site: Site) -> Lowered:
        where, options = axes(site, sequence), {flag: site.attr(flag) for flag in flags} | keepdim(site)
        return Lowered(apply=lambda own, inputs: method(inputs[0], name, where, **options))

    return lower


def one_by_one(name: str) -> Lowering:
    """A row for a method that takes one axis. The last axis goes first, which leaves the others where they are."""

    def lower(site: Site) -> Lowered:
        count = site.same(lambda step: len(step.op.axis), "number of axes")
        places = [site.value(partial(_number, index=index), "axis") for index in reversed(range(count))]
        options = keepdim(site)

        def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
            code = inputs[0]
            for place in places:
                code = method(code, name, place, **options)
            return code

        return Lowered(apply=apply)

    return lower


def _number(step: Step, index: int) -> int:
    return numbers(step)[index]
