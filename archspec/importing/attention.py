"""Attention that is written out, as the operation that it is: `softmax(q @ k.T * scale) @ v`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import isclose, sqrt

from archspec.importing.tree import Frame, Step, Tensor


def recognized(root: Frame, kept: set[Tensor]) -> set[Step]:
    """Makes attention of products of matrices, and gives the steps that are left over. `kept` are the outputs."""
    used = Counter(tensor for step in root.steps() for tensor in step.inputs)
    givers = {tensor: step for step in root.steps() for tensor in step.outputs}
    alone = {tensor: step for tensor, step in givers.items() if used[tensor] == 1 and tensor not in kept}
    gone: set[Step] = set()
    for frame in _frames(root):
        for step in [item for item in frame.items if isinstance(item, Step) and item.op == "matmul"]:
            gone.update(_attention(step, alone, {item for item in frame.items if isinstance(item, Step)}))
    return gone


def _frames(frame: Frame) -> Iterator[Frame]:
    yield frame
    for item in frame.items:
        if isinstance(item, Frame):
            yield from _frames(item)


def _attention(last: Step, alone: dict[Tensor, Step], here: set[Step]) -> list[Step]:
    """The steps before the last product that are attention with it, which it becomes; none if they are not."""
    softmax = alone.get(last.inputs[0])
    rank = len(last.outputs[0].shapes[0])
    if last.attributes or softmax is None or softmax.op != "softmax" or rank != 4:
        return []
    if softmax.attributes.get("axis", -1) not in (-1, rank - 1):
        return []
    scores, scale, steps = _scaled(softmax.inputs[0], alone)
    product = alone.get(scores)
    if product is None or product.op != "matmul" or product.attributes:
        return []
    query, more, before = _scaled(product.inputs[0], alone)
    key, factor, between = _scaled(product.inputs[1], alone)
    turned = alone.get(key)
    order = [*range(1, rank - 2), rank - 1, rank - 2]
    if turned is None or turned.op != "permute" or turned.attributes != {"axes": order}:
        return []
    steps = [softmax, product, turned, *steps, *before, *between]
    features = query.shapes[0][-1]
    if not here.issuperset(steps) or key.shapes[0][:-2] != query.shapes[0][:-2]:
        return []
    scale *= more * factor
    last.op, last.inputs = "scaled_dot_product_attention", [query, turned.inputs[0], last.inputs[1]]
    last.attributes = {} if isclose(scale, 1 / sqrt(features), rel_tol=1e-7) else {"scale": scale}
    return steps


def _scaled(tensor: Tensor, alone: dict[Tensor, Step]) -> tuple[Tensor, float, list[Step]]:
    """What a tensor is a multiple of."""
    step = alone.get(tensor)
    if step is None or step.op not in ("multiply", "divide") or "value" not in step.attributes or len(step.inputs) > 1:
        return tensor, 1.0, []
    value = step.attributes["value"]
    return step.inputs[0], value if step.op == "multiply" else 1 / value, [step]
