"""Sequential containers: plain chains of layers, which need no statements of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from archspec.emit.aligned import MCall, Merged, MRepeat, MSequence, MStep
from archspec.emit.code import Code, Items, call, literal
from archspec.emit.context import symbols
from archspec.emit.dialect import Classes
from archspec.emit.flow import Placed
from archspec.emit.layouts import held
from archspec.emit.loops import fold, repeated
from archspec.emit.plan import Plan
from archspec.expressions import substitute
from archspec.spec.source import Path


@dataclass(slots=True)
class Element:
    """One element of a sequential container."""

    name: str
    code: Code
    placed: dict[tuple[str, Path], Placed]
    operation: str = ""
    """What it is called among others that have names, if it has no weights: after its operation."""


class Containers:
    """Steps of a block as elements of containers; `unknown` are the names that no constructor is told."""

    def __init__(self, plan: Plan, words: Classes, unknown: Callable[[Iterable[str]], set[str]]) -> None:
        self.plan = plan
        self.words = words
        self.unknown = unknown

    def alone(self, item: MCall | MStep) -> Element | None:
        """A single step as a layer, if it is just one that takes one value and gives one."""
        if isinstance(item, MStep) and list(self.plan.lowered[item][1].layers) != [""]:
            return None
        elements = self._element(item) if len(item.inputs) == len(item.outputs) == 1 else None
        return elements[0] if elements else None

    def container(self, item: Merged) -> Element | None:
        """A sequence or repeat as one sequential container, if it is a plain chain of layers."""
        elements = self._elements(item)
        if not elements or len({element.name for element in elements}) < len(elements):
            return None
        numbered = [element.name for element in elements] == [str(i) for i in range(len(elements))]
        if isinstance(item, MRepeat) and item.varies:
            least = min(len(repeat.iterations) for repeat in item.repeats.values())
            count = substitute(next(iter(item.repeats.values())).count, self.plan.context.folded)
            loops = repeated([element.code for element in elements], count, least)
            if loops is None:
                return None
            code: Code = call(self.words.sequential, *loops)
        elif numbered:
            code = call(self.words.sequential, *fold([element.code for element in elements]))
        elif self.words.named is None:
            return None
        else:
            _name_by_operation(elements)
            pairs = tuple(Items((literal(element.name), element.code)) for element in elements)
            inner = (call(self.words.named, Items(pairs, "[]")),) if self.words.named else pairs
            code = call(self.words.sequential, *inner)
        placed: dict[tuple[str, Path], Placed] = {}
        for element in elements:
            move(element.placed.values(), element.name)
            placed |= element.placed
        return Element(getattr(item, "name", ""), code, placed)

    def _elements(self, item: Merged) -> list[Element] | None:
        items = item.items if isinstance(item, MSequence) else item.iterations if isinstance(item, MRepeat) else [item]
        elements: list[Element] = []
        current = item.inputs
        for inner in items:
            if inner.inputs != current or len(inner.inputs) != 1 or len(inner.outputs) != 1:
                return None
            last = inner is items[-1]
            if not last and (inner.outputs[0].uses != 1 or inner.outputs[0].label):
                return None
            made = self._element(inner)
            if made is None:
                return None
            elements += made
            current = inner.outputs
        if isinstance(item, MRepeat) and item.varies:
            return elements if held(item.inputs[0]).axes == held(current[0]).axes else None
        return elements if item.outputs == current else None

    def _element(self, item: Merged) -> list[Element] | None:
        match item:
            case MStep():
                lowered = self.plan.lowered[item][1]
                if item.owner is not None or item.users:  # what others use has a name of its own
                    return None
                if lowered.module is None or lowered.first or self.unknown(symbols(lowered.module)):
                    return None
                layers = {suffix: lowered.places.get(suffix, "") for suffix in lowered.layers}
                placed = Placed.step(item, lowered, "", "", hooked=True, layers=layers)
                operation = "" if lowered.weights else item.op.key
                module = lowered.module
                if self.words.frozen and self.plan.frozen(item):
                    module = self.words.frozen(module)
                return [Element(item.name, module, dict.fromkeys(item.keys, placed), operation)]
            case MCall():
                if item.owner is not None or item.users or not self.plan.fits(item):
                    return None
                placed = Placed("", block=self.plan.blocks[item])
                return [Element(item.name, self.plan.calls[item], {item.key: placed})]
            case MSequence() if item.over is not None:
                return None
            case MSequence() | MRepeat():
                if not item.name:
                    return None if isinstance(item, MRepeat) and item.varies else self._elements(item)
                made = self.container(item)
                return [made] if made is not None else None
        return None


def _name_by_operation(elements: Sequence[Element]) -> None:
    """Where others have names, steps without are called after their operations, not by their numbers."""
    taken = {element.name for element in elements}
    for element in elements:
        if element.name.isdigit() and element.operation:
            name = element.operation
            while name in taken:
                name += "_"
            element.name = name
            taken.add(element.name)


def move(placed: Iterable[Placed], prefix: str) -> None:
    """Notes that layers are below another one."""
    for each in placed:
        each.name = f"{prefix}.{each.name}".rstrip(".")
        each.layers = {suffix: f"{prefix}.{inner}".rstrip(".") for suffix, inner in each.layers.items()}
