"""What a judge is, and how judges read attributes: as they stand in a spec, never as our operations read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from onnx import helper
from onnx.reference import ReferenceEvaluator

torch.set_num_threads(1)  # all arrays are small

Attributes = dict[str, Any]
Ask = Callable[..., Any]
"""Of the attributes and the inputs, and of the weights by name: the outputs. Arrays are PyTorch's."""

ROUNDING: Final = 1e-12
"""How far a judge in float64 may be from the reference, by the largest element."""


@dataclass(frozen=True)
class Judge:
    """Somebody who did not write archspec, and tells what an operation is."""

    by: str
    """Who, as the documentation names it."""
    ask: Ask
    train: Ask | None = None
    """What training makes of it: the outputs, and what was drawn or learned by the names that the operation has."""
    tolerance: float = ROUNDING
    starts: Mapping[str, tuple[float, float, bool]] = field(default_factory=dict)
    """Mean and deviation of the numbers that each weight starts with, and whether it is trainable, if he tells."""


def starts(layer: torch.nn.Module) -> dict[str, tuple[float, float, bool]]:
    """What a layer of PyTorch that was just made tells of its weights."""
    weights = dict(layer.named_parameters())
    state = {name: array.double() for name, array in layer.state_dict().items() if array.dtype.is_floating_point}
    return {name: (w.mean().item(), w.std().item(), name in weights) for name, w in state.items()}


NAMES: Final = {
    2: ("batch", "features"),
    3: ("batch", "channels", "length"),
    4: ("batch", "channels", "height", "width"),
    5: ("batch", "channels", "depth", "height", "width"),
}
ALSO: Final = {(2, "channels"): 1, (3, "time"): 1, (3, "features"): 2}
"""The names of axes as the description of the language has them."""


def number(axis: int | str, rank: int) -> int:
    if isinstance(axis, int):
        return axis
    return ALSO[rank, axis] if (rank, axis) in ALSO else NAMES[rank].index(axis)


def numbers(axes: Any, rank: int) -> list[int]:
    return [number(axis, rank) for axis in (axes if isinstance(axes, list) else [axes])]


def given(a: Attributes, *names: str, **renamed: str) -> Attributes:
    """The attributes that a spec gives, by a framework's names for them: what is left out is that one's default."""
    return {theirs: a[ours] for ours, theirs in {**{name: name for name in names}, **renamed}.items() if ours in a}


def held(layer: Any, weights: dict[str, Any]) -> Any:
    """A layer of PyTorch with these weights, whose names and shapes must be those that it has."""
    layer = layer.double()
    layer.load_state_dict(weights)
    return layer.requires_grad_(False)


def each(value: Any, rank: int) -> list[Any]:
    return value if isinstance(value, list) else [value] * rank


def last_first(pairs: list[list[int]]) -> list[int]:
    """Pairs of padding as `torch.nn.functional.pad` takes them."""
    return [n for pair in reversed(pairs) for n in pair]


def onnx(operator: str, *inputs: Any, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
    """What ONNX's own reference gives for a node."""
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    node = helper.make_node(operator, names, [f"y{i}" for i in range(outputs)], domain=domain, **attributes)
    feeds = {
        name: x.numpy() if isinstance(x, torch.Tensor) else x for name, x in zip(names, inputs, strict=True) if name
    }
    with np.errstate(all="ignore"):
        found: Any = ReferenceEvaluator(node).run(None, feeds)
    return found[0] if outputs == 1 else tuple(found)


def same(size: int, kernel: int, stride: int, dilation: int) -> list[int]:
    """TensorFlow's `SAME`, from its documentation: "Notes on padding" of tf.nn."""
    if size % stride == 0:
        total = max((kernel - 1) * dilation + 1 - stride, 0)
    else:
        total = max((kernel - 1) * dilation + 1 - size % stride, 0)
    return [total // 2, total - total // 2]


def windows(
    a: Attributes, x: Any, rank: int, stride: Any = 1
) -> tuple[list[int], list[int], list[int], list[list[int]]]:
    """Kernel, stride, dilation and [before, after] of the padding, along each axis."""
    kernel, step = each(a["kernel_size"], rank), each(a.get("stride") or stride, rank)
    dilation, padding = each(a.get("dilation", 1), rank), a.get("padding", 0)
    if padding == "same":
        axes = zip(x.shape[2:], kernel, step, dilation, strict=True)
        return kernel, step, dilation, [same(*axis) for axis in axes]
    if padding == "causal":
        return kernel, step, dilation, [[(k - 1) * d, 0] for k, d in zip(kernel, dilation, strict=True)]
    return kernel, step, dilation, [each(item, 2) for item in each(padding, rank)]


def everywhere(pairs: list[list[int]], kernel: list[int]) -> bool:
    """Whether pools of PyTorch take such a padding: the same on both sides, and at most half of the window."""
    return all(before == after <= k // 2 for (before, after), k in zip(pairs, kernel, strict=True))
