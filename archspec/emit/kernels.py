"""What rows need for layers whose weights flow in, in all backends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archspec.emit.code import Code, Template
from archspec.emit.context import Site
from archspec.graph.tree import Step


def layered(site: Site) -> Site:
    """The step as the layer that has such weights of its own, so that all that is known of that holds."""
    steps = {key: _layer(step) for key, step in site.step.steps.items()}
    return Site(site.context, replace(site.step, steps=steps), site.path)


def _layer(step: Step) -> Step:
    return replace(step, op=step.op.layer(*(value.shape for value in step.inputs)))


def unbatched(codes: Sequence[Code]) -> list[Code]:
    """Weights without their batch axis of size 1."""
    return [Template("{0}[0]", (code,)) for code in codes]
