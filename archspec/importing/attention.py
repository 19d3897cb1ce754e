"""Attention that is written out, as the operation that it is: `softmax(q @ k.T * scale) @ v`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import inf, isclose, sqrt

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
    hidden, masks = _causal(softmax.inputs[0], alone)
    scores, scale, steps = _scaled(hidden, alone)
    product = alone.get(scores)
    if product is None or product.op != "matmul" or product.attributes:
        return []
    query, more, before = _scaled(product.inputs[0], alone)
    key, factor, between = _scaled(product.inputs[1], alone)
    turned = alone.get(key)
    order = [*range(1, rank - 2), rank - 1, rank - 2]
    if turned is None or turned.op != "permute" or turned.attributes != {"axes": order}:
        return []
    steps = [softmax, product, turned, *masks, *steps, *before, *between]
    features = query.shapes[0][-1]
    if not here.issuperset(steps) or key.shapes[0][:-2] != query.shapes[0][:-2]:
        return []
    scale *= more * factor
    last.op, last.inputs = "scaled_dot_product_attention", [query, turned.inputs[0], last.inputs[1]]
    last.attributes = {} if isclose(scale, 1 / sqrt(features), rel_tol=1e-7) else {"scale": scale}
    if masks:
        last.attributes["causal"] = True
    return steps


def _causal(tensor: Tensor, alone: dict[Tensor, Step]) -> tuple[Tensor, list[Step]]:
    """The scores of which those of later places are hidden, with the steps that do it; or the tensor, and none."""
    filled = alone.get(tensor)
    if filled is None or filled.op != "masked_fill" or filled.attributes != {"value": -inf}:
        return tensor, []
    turned = alone.get(filled.inputs[1])
    mask = alone.get(turned.inputs[0]) if turned is not None and turned.op == "logical_not" else None
    if turned is None or mask is None or mask.op != "constant" or not isinstance(mask.attributes["value"], list):
        return tensor, []
    seen = mask.attributes["value"]
    while len(seen) == 1 and isinstance(seen[0], list) and isinstance(seen[0][0], list):
        seen = seen[0]
    places = filled.outputs[0].shapes[0][-2:]
    causal = [[row >= column for column in range(places[1])] for row in range(places[0])]
    return (filled.inputs[0], [filled, turned, mask]) if seen == causal else (tensor, [])


def _scaled(tensor: Tensor, alone: dict[Tensor, Step]) -> tuple[Tensor, float, list[Step]]:
    """What a tensor is a multiple of."""
    step = alone.get(tensor)
    if step is None or step.op not in ("multiply", "divide") or "value" not in step.attributes or len(step.inputs) > 1:
        return tensor, 1.0, []
    value = step.attributes["value"]
    return step.inputs[0], value if step.op == "multiply" else 1 / value, [step]
