"""A tree as people would write it: what nothing reads is left out, and pairs of steps that are one are one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import archspec.ops as ops
from archspec.importing import idioms
from archspec.importing.attention import recognized
from archspec.importing.tree import Frame, Step, Tensor
from archspec.spec.lint import UNKNOWN


def simplified(root: Frame, kept: set[Tensor]) -> Frame:
    """The tree without dead steps, and with pools that are flattened as one step. `kept` are the outputs."""
    _undone(root, kept)
    _live(root, set(kept))
    used = Counter(tensor for step in root.steps() for tensor in step.inputs)
    steps = list(root.steps())
    givers = {tensor: step for step in steps for tensor in step.outputs}
    gone: set[Step] = set()
    for step in steps:
        before = givers.get(step.inputs[0]) if len(step.inputs) == 1 else None
        if before is None or used[step.inputs[0]] != 1 or step.inputs[0] in kept:
            continue
        if step.op == "flatten" and before.op.startswith("global_") and before.attributes == {"keepdims": True}:
            shapes = before.outputs[0].shapes[0]
            if step.attributes.get("start_axis", 1) == 1 and "end_axis" not in step.attributes and len(shapes) > 2:
                before.attributes = {}
                before.outputs = step.outputs
                gone.add(step)
    _drop(root, gone | _padded(steps, givers, used, kept) | recognized(root, kept))
    _drop(root, idioms.recognized(root, kept))
    _hoist(root)
    _grow(root)
    _default(root)
    return root


def _padded(
    steps: list[Step], givers: Mapping[Tensor, Step], used: Mapping[Tensor, int], kept: set[Tensor]
) -> set[Step]:
    """Zeros around an image belong to the convolution that reads it; and to the pool that takes the maximum, if nothing
    in the image is below zero."""
    gone = set()
    for step in steps:
        before = givers.get(step.inputs[0]) if step.inputs else None
        if before is None or before.op != "pad" or used[step.inputs[0]] != 1 or step.inputs[0] in kept:
            continue
        rank, pairs = len(step.inputs[0].shapes[0]) - 2, before.attributes["padding"]
        if "mode" in before.attributes or "value" in before.attributes or step.attributes.get("padding", 0) != 0:
            continue
        first = givers.get(before.inputs[0])
        above = first is not None and _is_above(first)
        if len(pairs) == rank and (step.op in WINDOWS or (step.op.startswith("max_pool") and above)):
            step.inputs[0] = before.inputs[0]
            step.attributes["padding"] = _short(pairs)
            gone.add(before)
    return gone


WINDOWS: Final = frozenset(
    f"{kind}{rank}d" for kind in ("conv", "depthwise_conv", "separable_conv") for rank in (1, 2, 3)
)


def _is_above(step: Step) -> bool:
    """Whether a step gives nothing below zero, whatever goes in."""
    return step.op != UNKNOWN and ops.get(step.op)(**step.attributes).nonnegative(*[False] * len(step.inputs))


def _short(pairs: Sequence[Sequence[int]]) -> Any:
    """Pairs of equal numbers as these."""
    if any(before != after for before, after in pairs):
        return [list(pair) for pair in pairs]
    return pairs[0][0] if len({before for before, _ in pairs}) == 1 else [before for before, _ in pairs]


def _undone(root: Frame, kept: set[Tensor]) -> None:
    """What gives a tensor its shape back is that tensor."""
    givers: dict[Tensor, Step] = {}
    same: dict[Tensor, Tensor] = {}
    for step in root.steps():
        step.inputs = [same.get(tensor, tensor) for tensor in step.inputs]
        if step.op not in RESHAPES:
            continue
        before = givers.get(step.inputs[0])
        if before is not None and before.inputs[0].shapes == step.outputs[0].shapes and step.outputs[0] not in kept:
            same[step.outputs[0]] = before.inputs[0]
        givers[step.outputs[0]] = step


RESHAPES: Final = frozenset(("flatten", "reshape", "squeeze", "unsqueeze"))
"""What keeps the order of all elements."""


def _hoist(frame: Frame) -> None:
    """A `concat` with which a module begins belongs to who calls it, who has its inputs."""
    items: list[Step | Frame] = []
    for item in frame.items:
        if isinstance(item, Frame):
            _hoist(item)
            while len(item.items) > 1 and isinstance(item.items[0], Step) and item.items[0].op == "concat":
                items.append(item.items.pop(0))
        items.append(item)
    frame.items = items


def _grow(root: Frame) -> None:
    """What is joined again, with one more, is joined to that: `concat([a, b, c])` after `concat([a, b])`."""
    known: dict[tuple[Tensor, ...], Tensor] = {}
    same: dict[Tensor, Tensor] = {}
    doubles: set[Step] = set()
    for step in root.steps():
        step.inputs = [same.get(tensor, tensor) for tensor in step.inputs]
        if step.op != "concat" or step.attributes.get("axis", 1) != 1:
            continue
        whole = tuple(step.inputs)
        if whole in known:
            same[step.outputs[0]] = known[whole]
            doubles.add(step)
            continue
        known[whole] = step.outputs[0]
        for count in range(len(whole) - 1, 1, -1):
            if whole[:count] in known:
                step.inputs = [known[whole[:count]], *whole[count:]]
                known[tuple(step.inputs)] = step.outputs[0]
                break
    _drop(root, doubles)


def _live(frame: Frame, wanted: set[Tensor]) -> None:
    """Leaves out what nothing reads, the last first."""
    items: list[Step | Frame] = []
    for item in reversed(frame.items):
        if isinstance(item, Frame):
            _live(item, wanted)
            if item.items:
                items.append(item)
        elif wanted.intersection(item.outputs):
            wanted.update(item.inputs)
            items.append(item)
    frame.items = items[::-1]


def _drop(frame: Frame, gone: set[Step]) -> None:
    for item in frame.items:
        if isinstance(item, Frame):
            _drop(item, gone)
    frame.items = [item for item in frame.items if item not in gone and (isinstance(item, Step) or item.items)]


def _default(frame: Frame) -> None:
    """`start_axis: 1` goes without saying."""
    for step in frame.steps():
        if step.op == "flatten" and step.attributes.get("start_axis") == 1:
            del step.attributes["start_axis"]
