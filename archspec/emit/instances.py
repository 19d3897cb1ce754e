"""The instances of blocks in the module tree: which there are, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from archspec.emit.aligned import Key, MCall, MStep
from archspec.expressions import expr_of, free_names
from archspec.graph import tree
from archspec.graph.tree import Item, Module, leaves
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


def called_again(roots: Iterable[Module]) -> set[int]:
    """The ids of modules whose layers are called several times, by calls of blocks that use the weights of others."""
    found: set[int] = set()
    uses = [item for root in roots for module in (root, *called([root])) for _, item in leaves(module.items, "")
            if isinstance(item, tree.Use)]  # fmt: skip
    shared = [module for use in uses if use.owner is not None for module in (use.module, use.owner.module)]
    found.update(id(module) for module in (*shared, *called(shared)))
    return found


def names_of(item: MStep | MCall) -> set[str]:
    """The names that attributes and sizes of a step, or of what it takes and gives, follow from."""
    found: set[str] = set()
    for step in (item.steps if isinstance(item, MStep) else item.calls).values():
        exprs = step.exprs if isinstance(step, tree.Step) else step.arguments
        sizes = [size for value in (*step.inputs, *step.outputs) for size in value.shape]
        found |= {name for expr in (*exprs.values(), *map(expr_of, sizes)) for name in free_names(expr)}
    return found
