"""What is one step in people's minds, and more than one node: products with a bias, norms with a second scale, and the
weights of recurrent layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .values import Known

GATES = {"RNN": (0,), "LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}
"""Of each gate in the order of ONNX its place in that of PyTorch."""
NOTE = "second scales and shifts of norms are in these norms' own"


def merged(walk: Any, node: Any, inputs: Sequence[Known | None]) -> bool:
    """Whether what a node adds, or multiplies by, became a weight of what came before."""
    if node.op_type not in ("Add", "Mul") or len(inputs) != 2:
        return False
    place = 0 if inputs[1] is not None and inputs[1].static is not None else 1
    x, other, name = inputs[place], inputs[1 - place], node.input[place]
    if x is None or other is None or x.giver is None or x.static is not None or not other.same or walk.uses[name] != 1:
        return False
    assert other.static is not None
    event, rank, array = x.giver, len(x.shapes[0]), other.static[0]
    axis = rank - 1 if event["func"] == "MatMul" else 1
    if rank <= axis or array.dtype.kind != "f" or array.size != x.shapes[0][axis]:
        return False
    if [1] * (rank - array.ndim) + list(array.shape) != [array.size if each == axis else 1 for each in range(rank)]:
        return False
    if event["func"] == "BatchNormalization":
        done = _scaled(walk, node, event, array.reshape(-1))
    else:
        done = node.op_type == "Add" and _biased(walk, node, event, other)
    if done:
        walk.env[node.output[0]] = x
        walk.uses[name] = walk.uses[node.output[0]]
    return done


def _biased(walk: Any, node: Any, event: dict[str, Any], bias: Known) -> bool:
    given = walk.given[id(event)]
    if event["func"] not in ("MatMul", "Conv", "ConvTranspose") or len(event["args"]) > 2 or given[1].static is None:
        return False
    assert bias.static is not None
    if bias.static[0].ndim != 1 or not bias.weight:
        bias = walk.weight(bias.static[0].reshape(-1), node.output[0])
    event["args"].append(walk.data(bias))
    return True


def _scaled(walk: Any, node: Any, event: dict[str, Any], array: Any) -> bool:
    given = walk.given[id(event)]
    if any(each.static is None for each in given[1:3]):
        return False
    scale, shift = (each.static[0] for each in given[1:3])
    scale, shift = (scale * array, shift * array) if node.op_type == "Mul" else (scale, shift + array)
    names = [f"{node.output[0]}.{part}" for part in ("scale", "shift")]
    given[1:3] = [walk.weight(each, name) for each, name in zip((scale, shift), names, strict=True)]
    event["args"][1:3] = [walk.data(each) for each in given[1:3]]
    if NOTE not in walk.notes:
        walk.notes.append(NOTE)
    return True


def recurrent(walk: Any, node: Any, event: dict[str, Any], inputs: Sequence[Known | None]) -> None:
    """Gives an event weights as PyTorch has them: for each direction, the gates in another order."""
    order = GATES[node.op_type]
    kernels = [inputs[place] if place < len(inputs) else None for place in (1, 2, 3)]
    if any(each is not None and not each.same for each in kernels) or kernels[0] is None or kernels[1] is None:
        return
    base = node.name.replace("/", ".").strip(".") or next(filter(None, node.output))
    for direction, end in enumerate(("l0", "l0_reverse")[: kernels[0].shapes[0][0]]):
        for part, known in zip(("weight_ih", "weight_hh", "bias"), kernels, strict=True):
            if known is None or known.static is None:
                continue
            rows = np.split(known.static[0][direction], len(order) * (2 if part == "bias" else 1))
            for half, name in enumerate(("bias_ih", "bias_hh") if part == "bias" else (part,)):
                gates = rows[half * len(order) : (half + 1) * len(order)]
                array = np.concatenate([gates[order.index(place)] for place in range(len(order))])
                event["weights"][f"{name}_{end}"], _ = walk.data(walk.weight(array, f"{base}.{name}_{end}"))
