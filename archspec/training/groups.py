"""Groups of weights that are trained in a way of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archspec import ops
from archspec.graph import tree
from archspec.graph.graph import Graph
from archspec.graph.tree import Module
from archspec.ops.base import Parameter
from archspec.spec.initial import KINDS


@dataclass(frozen=True, slots=True)
class Share:
    """How weights of a group are trained, beside what holds for all."""

    rate: float = 1.0
    """What the learning rate is multiplied by."""
    decay: float | None = None
    """What the weight decay is multiplied by; None for what the optimizer's `decays` says."""
    frozen: bool = False
    """Whether they stay as they begin."""
    momentum: float | None = None
    """A momentum of their own; None for that of the optimizer."""


class Weights:
    """The trainable weights of a network, to be chosen by kind, operation, block or step."""

    def __init__(self, network: Module, graph: Graph) -> None:
        self.blocks: dict[str, list[str]] = {}
        """By the name of a block, the paths of its instances."""
        for path, name in _instances(network, ""):
            self.blocks.setdefault(name, []).append(path)
        self.found: dict[str, tuple[str, str, Parameter]] = {}
        """By canonical name: the path of the step, its operation, and the weight."""
        for node in graph.nodes:
            for name, parameter in node.parameters().items():
                if parameter.trainable and not node.owner:
                    self.found.setdefault(name, (node.path, node.op.key, parameter))
        parts = [path.split(".") for path, _, _ in self.found.values()]
        self.steps = {".".join(part[: end + 1]) for part in parts for end in range(len(part))}

    def known(self, key: str) -> bool:
        """Whether a key means something: not that there are such weights."""
        operation, _, kind = key.rpartition(".")
        if key in KINDS or key in self.blocks or key in self.steps or key in ops.names():
            return True
        return operation in ops.names() and kind in KINDS

    def names(self) -> list[str]:
        """What may be chosen, for hints."""
        return [*KINDS, *self.blocks, *sorted(self.steps), *{op for _, op, _ in self.found.values()}]

    def chosen(self, key: str) -> Iterator[str]:
        """The weights that a key means."""
        operation, _, kind = key.rpartition(".")
        inside = self.blocks.get(key, []) if key not in self.steps else [key]
        for name, (path, op, parameter) in self.found.items():
            if (
                key in (parameter.kind, op)
                or (operation, kind) == (op, parameter.kind)
                or any(path == place or path.startswith(f"{place}.") for place in inside)
            ):
                yield name


def _instances(module: Module, prefix: str) -> Iterator[tuple[str, str]]:
    for path, item in tree.leaves(module.items, prefix):
        if isinstance(item, tree.Use):
            yield path, item.module.block
            yield from _instances(item.module, f"{path}.")


def shares(groups: Sequence[tuple[Share, Collection[str]]]) -> Mapping[str, Share]:
    """The share of each weight that a group has: that of the first one."""
    found: dict[str, Share] = {}
    for share, names in groups:
        for name in names:
            found.setdefault(name, share)
    return found
