"""Warnings about what a network may well not mean, though it is valid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from archspec import ops
from archspec.graph import tree
from archspec.graph.frames import Findings
from archspec.graph.tree import Item, Module, Value
from archspec.graph.unused import everything, modules

KEEPING: Final = 0.9
"""What TensorFlow calls a momentum, the weight of the old statistics, is at least this where people set it."""


def warn_suspects(network: Module, findings: Findings) -> None:
    """Warns once of each step in the spec that says something else than people usually mean by it."""
    told: dict[Any, tuple[str, str]] = {}
    for module in modules(network, {}):
        items = list(everything(module.items))
        images = {id(value) for value in _images(items)}
        for item in items:
            if isinstance(item, tree.Step):
                told |= {(*item.origin, *where): text for where, text in _suspected(item, images)}
    for path, (message, hint) in told.items():
        findings.warning(path, message, hint=hint)


def _suspected(step: tree.Step, images: set[int]) -> Iterable[tuple[tuple[str, ...], tuple[str, str]]]:
    op: Any = step.op
    if "momentum" in type(op).model_fields and KEEPING <= op.momentum < 1:
        message = f"{op.key} '{step.name}': momentum (={op.momentum:g}) is the weight of the new batch"
        yield (), (message, f"where it is that of the old statistics, as in TensorFlow, write {1 - op.momentum:.4g}")
    if op.key == "linear" and id(step.inputs[0]) in images:
        message = f"linear '{step.name}': works along the last axis, which is the width of an image"
        yield (), (message, "flatten before it, or a conv2d with a kernel_size of 1, works on channels")


def _images(items: Iterable[Item]) -> Iterable[Value]:
    """The values that are images for sure: what convolutions and pools give, and what element by element follows."""
    known: set[int] = set()
    for item in items:
        if not isinstance(item, tree.Step):
            continue
        follows = item.op.elementwise or item.op.follows
        image = ops.family(item.op.key) in ("convolution", "pooling")
        if image or (follows and item.inputs and id(item.inputs[0]) in known):
            for value in item.outputs:
                if len(value.shape) == 4:
                    known.add(id(value))
                    yield value
