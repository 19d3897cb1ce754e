"""Which step is meant if a program raised, or its process died."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from math import inf

from archspec.backend import Interface
from archspec.graph.graph import Node
from archspec.verification.failure import Failure
from archspec.verification.report import Culprit, Finding


def first(nodes: Sequence[Node], shown: Collection[str], reached: Collection[str]) -> list[str]:
    """What the first step that was not reached shows: programs run the steps in the order of the graph, and what only
    training needs at the end."""
    for node in sorted(nodes, key=lambda node: node.training_only):
        missing = [t.name for t in node.outputs if t.name in shown and t.name not in reached]
        if missing:
            return missing
    return []


def constructed(nodes: Sequence[Node], shows: Interface, lines: Sequence[str]) -> list[str]:
    """What the step shows whose layer could not be made, if only one can be meant. `lines` are the statements that the
    error passed through."""
    attributes = [match[1] for line in lines if (match := re.match(r"self\.(\w+) = ", line))]
    if not attributes:
        return []
    path = re.compile(r"(\.\d+)*\.".join(attributes) + r"(\.|$)")
    targets = {weight.parameter.rpartition(".")[0] for weight in shows.weights if path.match(weight.target)}
    keys = {seen.tensor for key, probe in shows.probes.items() if path.match(key) for seen in probe}
    meant = [node for node in nodes if node.path in targets or keys & {t.name for t in node.outputs}]
    return [tensor.name for tensor in meant[0].outputs] if len(meant) == 1 else []


def dead(nodes: Sequence[Node], shown: Collection[str], shows: Interface, failure: Failure) -> Culprit | None:
    """The step in which the process died: the one after the last that was seen."""
    order = [t.name for node in sorted(nodes, key=lambda node: node.training_only)
             for t in node.outputs if t.name in shown]  # fmt: skip
    if failure.at == "run":
        reached: list[str] = []
    elif failure.at in shows.probes:
        reached = order[: max(order.index(seen.tensor) for seen in shows.probes[failure.at]) + 1]
    else:
        return None
    missing = first(nodes, shown, reached)
    node = next((node for node in nodes if missing and missing[0] in {t.name for t in node.outputs}), None)
    if node is None:
        return None
    return Culprit(node.path, node.op.key, Finding(missing[0], node.op.key, inf, 0.0, failure.message))
