"""Which instances of a block share a class: by their steps, before any of them is lowered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from archspec.emit.aligned import Body, Differs, Key, MCall, leaves
from archspec.emit.instances import called, form, kinds, never
from archspec.emit.merge import merge
from archspec.expressions import Const, Expr, free_names
from archspec.graph.tree import Module
from archspec.spec.document import Document


class Sharing:
    """The blocks of a network, in the bodies that their instances share."""

    def __init__(self, document: Document, roots: Iterable[Module]) -> None:
        self._document = document
        self.instances: dict[str, dict[Key, Module]] = {}
        for module in called(roots):
            self.instances.setdefault(module.block, {})[id(module)] = module
        self._bodies: dict[Key, Body] = {}
        self._passed: dict[str, Mapping[int, int]] = {}

    def bodies(self, like: Module) -> list[Body]:
        """Those of a block for inputs of such kinds, in order of appearance. Raises Differs if there are none."""
        due = kinds(like.inputs.values())
        alike = {key: m for key, m in self.instances[like.block].items() if kinds(m.inputs.values()) == due}
        if id(like) not in self._bodies:
            self._share(like.block, alike)
        return list(dict.fromkeys(self._bodies[key] for key in alike))

    def body(self, module: Module) -> Body:
        """The one that an instance is in."""
        if id(module) not in self._bodies:
            self.bodies(module)
        return self._bodies[id(module)]

    def passed(self, block: str) -> Mapping[int, int]:
        """The results of a block that are an input of it in all instances, unless there are no others: by number, and
        which input."""
        if block not in self._passed:
            rows = [(list(m.inputs.values()), list(m.outputs.values())) for m in self.instances[block].values()]
            count = len(rows[0][1])
            found = {
                i: j for i in range(count) for j in range(min(len(inputs) for inputs, _ in rows))
                if all(outputs[i] is inputs[j] for inputs, outputs in rows)
            }  # fmt: skip
            self._passed[block] = found if len(found) < count else {}
        return self._passed[block]

    def split(self, block: str, body: Body, values: Mapping[Key, Any]) -> list[Body]:
        """Bodies of instances in which these values are the same; those that have none go with the first."""
        first = next(iter(values.values()))
        parts = _parted(body.modules, lambda key: repr(values.get(key, first)))
        for part in parts if len(parts) > 1 else _parted(body.modules, id):
            self._share(block, part)
        return list(dict.fromkeys(self._bodies[key] for key in body.modules))

    def fresh(self, block: str, body: Body) -> Body:
        """The same instances, aligned anew if orders of axes are noted there already."""
        if all(wire.layout is None for wire in body.inputs.values()):
            return body
        again = self._aligned(block, body.modules)
        assert isinstance(again, Body), again
        return again

    def network(self, roots: Mapping[Key, Module]) -> Body | str:
        """The body of the network, or why its instances have none in common."""
        return self._connected(merge(roots, {}, self.passed))

    def _connected(self, body: Body | str) -> Body | str:
        """The body, with what is inside of the blocks that are called; or why it needs several for one of them."""
        for item in leaves(body.items) if isinstance(body, Body) else ():
            if isinstance(item, MCall):
                first, *others = (self.body(call.module) for call in item.calls.values())
                if any(other is not first for other in others):
                    return f"its instances need different forms of block {item.block}"
                item.inside = tuple(first.inputs.values())
        return body

    def _share(self, block: str, modules: Mapping[Key, Module]) -> None:
        """One body for all of them; or one for those that are told to use the same operations; or for each that has the
        same steps; or for each of them."""
        found = self._aligned(block, modules)
        if isinstance(found, Body):
            self._bodies.update(dict.fromkeys(modules, found))
            return
        for by in (self._told, form, id):
            parts = _parted(modules, {key: by(module) for key, module in modules.items()}.__getitem__)
            if len(parts) > 1:
                break
        else:
            raise Differs(found)
        for part in parts:
            self._share(block, part)

    def _aligned(self, block: str, modules: Mapping[Key, Module]) -> Body | str:
        """The body of these instances, or why they have none in common."""
        folded = self._folded(block, modules)
        known = {name for name in self._document.blocks[block].params if name not in folded}
        ranks = {name: len(value.shape) for name, value in next(iter(modules.values())).inputs.items()}
        known |= {f"{name}.{2 if rank == 3 else 1}" for name, rank in ranks.items() if rank > 1}

        def said(condition: Expr) -> bool:
            return bool(names := free_names(condition)) and names <= known

        return self._connected(merge(modules, folded, self.passed, said))

    def _folded(self, block: str, modules: Mapping[Key, Module]) -> dict[str, Expr]:
        """The params that are no arguments of these instances."""
        params = self._document.blocks[block].params
        folded: dict[str, Expr] = {
            name: Const(param.default) for name, param in params.items()
            if not param.required and all(module.params[name] == param.default for module in modules.values())
        }  # fmt: skip
        for name in sorted(never(modules) - folded.keys()):
            first, *others = (module.params.get(name) for module in modules.values())
            if isinstance(first, (bool, int, float, str)) and all(other == first for other in others):
                folded[name] = Const(first)  # code for other values would need steps that no instance has
        return folded

    def _told(self, module: Module) -> Any:
        """The operations and blocks that an instance of a block was told to use."""
        params = self._document.blocks[module.block].params
        return tuple(module.params[name] for name, param in params.items() if param.type in ("operation", "block"))


def _parted(modules: Mapping[Key, Module], by: Callable[[Key], Any]) -> list[dict[Key, Module]]:
    parts: dict[Any, dict[Key, Module]] = {}
    for key, module in modules.items():
        parts.setdefault(by(key), {})[key] = module
    return list(parts.values())
