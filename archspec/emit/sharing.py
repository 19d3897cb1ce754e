"""Which instances of a block share a class: by their steps, before any of them is lowered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from archspec.emit.instances import called, form, kinds, never
from archspec.emit.merge import Body, Differs, Key, MCall, leaves, merge
from archspec.expressions import Const, Expr, free_names
from archspec.graph.tree import Module
from archspec.spec.document import Document


@dataclass(eq=False, slots=True)
class Form:
    """Instances of a block that share a class."""

    block: str
    modules: dict[Key, Module]
    folded: dict[str, Expr]
    """Params that need no argument, because every instance leaves them at their default."""
    said: Callable[[Expr], bool]
    """See `merge`."""
    _bodies: list[Body]

    def body(self) -> Body:
        """The instances, aligned: anew each time, since orders of axes are noted there."""
        body = self._bodies.pop() if self._bodies else merge(self.modules, self.said)
        assert isinstance(body, Body), body
        return body


class Sharing:
    """The forms of all blocks of a network."""

    def __init__(self, document: Document, roots: Iterable[Module]) -> None:
        self._document = document
        self.instances: dict[str, dict[Key, Module]] = {}
        for module in called(roots):
            self.instances.setdefault(module.block, {})[id(module)] = module
        self._forms: dict[Key, Form] = {}

    def forms(self, like: Module) -> list[Form]:
        """The forms of a block for inputs of such kinds, in order of appearance. Raises Differs if there are none."""
        due = kinds(like.inputs.values())
        alike = {key: m for key, m in self.instances[like.block].items() if kinds(m.inputs.values()) == due}
        if id(like) not in self._forms:
            self._note(like.block, alike)
        return list(dict.fromkeys(self._forms[key] for key in alike))

    def split(self, whole: Form, values: Mapping[Key, Any]) -> list[Form]:
        """The forms of instances in which these values are the same; those that have none go with the first."""
        first = next(iter(values.values()))
        parts = _parted(whole.modules, lambda key: repr(values.get(key, first)))
        for part in parts if len(parts) > 1 else _parted(whole.modules, id):
            self._note(whole.block, part)
        return list(dict.fromkeys(self._forms[key] for key in whole.modules))

    def _note(self, block: str, modules: dict[Key, Module]) -> None:
        """One form for all of them; or one for those that are told to use the same operations; or for each that has the
        same steps; or for each of them."""
        found = self._form(block, modules)
        if isinstance(found, Form):
            self._forms.update(dict.fromkeys(modules, found))
            return
        for by in (self._told, form, id):
            parts = _parted(modules, lambda key, by=by: by(modules[key]))  # type: ignore[misc]
            if len(parts) > 1:
                break
        else:
            raise Differs(found, {})
        for part in parts:
            self._note(block, part)

    def _form(self, block: str, modules: dict[Key, Module]) -> Form | str:
        """The form of these instances, or why they have none in common."""
        folded = self._folded(block, modules)
        known = {name for name in self._document.blocks[block].params if name not in folded}
        ranks = {name: len(value.shape) for name, value in next(iter(modules.values())).inputs.items()}
        known |= {f"{name}.{2 if rank == 3 else 1}" for name, rank in ranks.items() if rank > 1}

        def said(condition: Expr) -> bool:
            return bool(names := free_names(condition)) and names <= known

        body = merge(modules, said)
        if isinstance(body, str):
            return body
        for item in leaves(body.items):
            if isinstance(item, MCall):
                used = {id(found) for call in item.calls.values() for found in self._of(call.module)}
                if len(used) > 1:
                    return f"its instances need different forms of block {item.block}"
        return Form(block, modules, folded, said, [body])

    def _of(self, module: Module) -> list[Form]:
        return [found for found in self.forms(module) if id(module) in found.modules]

    def _folded(self, block: str, modules: dict[Key, Module]) -> dict[str, Expr]:
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
