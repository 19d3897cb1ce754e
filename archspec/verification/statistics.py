"""What a framework keeps of the statistics of a batch."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archspec.expressions import float32

if TYPE_CHECKING:
    from archspec.backend import Interface
    from archspec.graph.graph import Node
    from archspec.verification.worker import Array


def moved(kept: Array, name: str, node: Node, old: Array, new: Array, shows: Interface) -> Array:
    """What becomes of a running statistic that a framework has `kept` so far, by a step that makes `new` of `old` by
    the reference.

    The momentum is a float32 number, as which 0.9 and 0.1 do not add up to one; and the variance of the batch may be
    divided by n - 1.
    """
    if not node.momentum:
        return new
    share = 1 - float32(1 - node.momentum) if shows.keeps_old else node.momentum
    batch = (new - (1 - node.momentum) * old) / node.momentum
    if shows.unbiased_variance and name.endswith("running_var"):
        count = prod(node.inputs[0].shape) // node.inputs[0].shape[1]
        batch = batch * (count / (count - 1))
    return (1 - share) * kept + share * batch
