"""Warnings about what an elaborated network computes for nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from archspec.graph import tree
from archspec.graph.frames import Findings
from archspec.graph.tree import Item, Module
from archspec.spec.source import Path


def warn_unused(network: Module, findings: Findings) -> None:
    """Warns of steps and inputs that nothing uses, in any instance of their block."""
    used: dict[tuple[Path, str], bool] = {}
    for module in modules(network, {}):
        _note(module, used)
    for (path, what), ever in used.items():
        if not ever:
            findings.warning(path, f"nothing uses {what}")


def unmet(network: Module, lines: Collection[Path]) -> set[Path]:
    """Those of these lines of `init` by which no weight of the network begins."""
    left = set(lines)
    for module in modules(network, {}):
        for item in everything(module.items):
            if isinstance(item, tree.Step):
                left.difference_update(initial.origin for initial in item.initial.values())
    return left


def _note(module: Module, used: dict[tuple[Path, str], bool]) -> None:
    """Notes for each step and input of a module whether it is used."""
    items = list(everything(module.items))
    reads = {id(value) for value in module.outputs.values()}
    for item in items:
        reads.update(id(value) for value in item.inputs)
        if isinstance(item, tree.Branches):
            reads.update(id(value) for value in item.results)
    for item in items:
        if isinstance(item, (tree.Step, tree.Use)):
            what = (
                f"{item.op.key} '{item.name}'" if isinstance(item, tree.Step) else f"{item.module.block} '{item.name}'"
            )
            key = (item.origin, f"the output of {what}")
            used[key] = used.get(key, False) or any(id(value) in reads for value in item.outputs)
    for name, value in module.inputs.items():
        where: Path = ("blocks", module.block, "inputs") if module.block else ("inputs", name)
        used[where, f"input '{name}'"] = used.get((where, f"input '{name}'"), False) or id(value) in reads


def modules(module: Module, seen: dict[int, Module]) -> Iterator[Module]:
    if id(module) not in seen:
        seen[id(module)] = module
        yield module
        for item in everything(module.items):
            if isinstance(item, tree.Use):
                yield from modules(item.module, seen)


def everything(items: list[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        match item:
            case tree.Sequence():
                yield from everything(item.items)
            case tree.Repeat():
                yield from everything(item.iterations)
            case tree.When():
                yield from everything([item.item] if item.item is not None else [])
            case tree.Branches():
                for body in item.bodies:
                    yield from everything(body)
                yield item.join
