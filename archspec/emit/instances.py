"""The instances of blocks in the module tree: which there are, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from archspec.emit.merge import Key
from archspec.expressions import free_names
from archspec.graph import tree
from archspec.graph.tree import Item, Module
from archspec.spec.source import Path


def form(module: Module) -> Any:
    """What instances of a block must have in common to share a class without further thought."""
    return tuple(
        (path, kinds(item.outputs), item.op.key) if isinstance(item, tree.Step)
        else (path, kinds(item.outputs), item.module.block, form(item.module))
        for path, item in leaves(module.items, "")
    )  # fmt: skip


def never(modules: Mapping[Key, Module]) -> set[str]:
    """The names in the conditions of steps that no instance of a block has."""
    conditions: dict[Path, tuple[set[str], list[bool]]] = {}
    for module in modules.values():
        for item in _whens(module.items):
            names, taken = conditions.setdefault(item.origin, (set(), []))
            names |= free_names(item.condition)
            taken.append(item.taken)
    return {name for names, taken in conditions.values() if not any(taken) for name in names}


def _whens(items: Iterable[Item]) -> Iterator[tree.When]:
    for item in items:
        match item:
            case tree.When():
                yield item
                yield from _whens([item.item] if item.item is not None else [])
            case tree.Sequence(items=inner) | tree.Repeat(iterations=inner):
                yield from _whens(inner)
            case tree.Branches():
                for body in item.bodies:
                    yield from _whens(body)


def kinds(values: Iterable[tree.Value]) -> tuple[tuple[int, str], ...]:
    """How many axes values have, and what kind of numbers."""
    return tuple((len(value.shape), value.dtype) for value in values)


def called(roots: Iterable[Module]) -> list[Module]:
    """The modules that are called, directly or not, in order of appearance."""
    found: dict[int, Module] = {}

    def visit(module: Module) -> None:
        for _, item in leaves(module.items, ""):
            if isinstance(item, tree.Use) and id(item.module) not in found:
                found[id(item.module)] = item.module
                visit(item.module)

    for root in roots:
        visit(root)
    return list(found.values())


def leaves(items: Iterable[Item], prefix: str) -> Iterator[tuple[str, tree.Step | tree.Use]]:
    """The steps and calls of one module, with their paths inside it."""
    for item in items:
        match item:
            case tree.Step() | tree.Use():
                yield prefix + item.name, item
            case tree.Sequence():
                yield from leaves(item.items, f"{prefix}{item.name}." if item.name else prefix)
            case tree.Repeat():
                yield from leaves(item.iterations, f"{prefix}{item.name}." if item.name else prefix)
            case tree.When():
                yield from leaves([item.item] if item.item is not None else [], prefix)
            case tree.Branches():
                for body in item.bodies:
                    yield from leaves(body, prefix)
                yield prefix + item.join.name, item.join
