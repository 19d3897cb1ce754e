"""What differs among the uses of a class, as params.

Values and conditions are looked for in a small grammar on purpose: what fits all uses by chance is no rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archspec.importing.folding import Defaults
from archspec.importing.items import Expression, First, Growing, Item, outside
from archspec.importing.names import fitting, unique


@dataclass(frozen=True, slots=True)
class Rule:
    """What may stand for a value, or a condition, in the text of a block."""

    text: str
    reads: tuple[str, ...]
    """The params in it."""
    column: Sequence[Any]
    """What it is in each of the uses."""

    @property
    def is_whole(self) -> bool:
        return all(type(value) is int for value in self.column)


class Params:
    """The params of a block: found as its attributes are looked at."""

    def __init__(self, uses: Sequence[Item], defaults: Defaults) -> None:
        self.defaults = defaults
        """Of the blocks that are there already."""
        self._count = len(uses)
        self._sizes = dict(_sizes(uses))
        self._known = {
            name: [use.arguments[name] for use in uses] for name in uses[0].arguments
            if all(name in use.arguments for use in uses)
        }  # fmt: skip
        self._known = {name: column for name, column in self._known.items() if fitting(name) == name}
        self._taken: dict[str, list[Any]] = {}

    def arguments(self) -> dict[str, list[Any]]:
        return self._taken

    def value(self, name: str, column: Sequence[Any], present: Sequence[bool], item: Item) -> Any:
        """What stands for the values of all uses, of which some may not have the step at all."""
        column = _widened(column)
        if any(isinstance(value, First) for value in column):
            both = [value if isinstance(value, First) else First(value, value) for value in column]
            return First(self.value(name, [each.first for each in both], present, item),
                         self.value(name, [each.others for each in both], present, item))  # fmt: skip
        if all(isinstance(value, Growing) for value in column):
            return Growing(self.value(name, [each.start for each in column], present, item),
                           self.value(name, [each.step for each in column], present, item))  # fmt: skip
        if _equal(column, [column[0]] * len(column)):
            own = self._known.get(name) or self._taken.get(name)
            if not all(present) and own is not None and _equal(column, _those(own, present)):
                # Of a step under a condition: what would be right for other uses, too.
                return self._said(Rule(name, (name,), own))
            if not all(present) and name in ("out_channels", "out_features", "stride"):
                for param, values in self._taken.items():
                    if _equal(column, _those(values, present)):
                        return Expression(param)
            return column[0]
        for rule in self._values(name):
            if _equal(column, _those(rule.column, present)):
                return self._said(rule)
        name = "depth" if name == "repeat" else name
        hint = f"{item.name}_{name}" if item.name and not item.name.isdigit() and name in self._taken else name
        param = unique(fitting(hint), set(self._taken) | {"x"})
        full = iter(column)
        self._taken[param] = [next(full) if there else column[0] for there in present]
        return Expression(param)

    def condition(self, holds: Sequence[bool], item: Item, there: Sequence[int]) -> Expression:
        """When a step is there, among those uses that have what is around it."""
        for rule in self._conditions():
            if [rule.column[place] for place in there] == list(holds):
                return self._said(rule)
        hint = item.name if item.name and not item.name.isdigit() else item.head if item.form == "op" else "wide"
        param = unique(f"with_{fitting(hint)}", set(self._taken) | {"x"})
        full = [False] * self._count
        for place, each in zip(there, holds, strict=True):
            full[place] = each
        self._taken[param] = full
        return Expression(param)

    def _said(self, rule: Rule) -> Expression:
        """What a rule says, with the params that it reads."""
        for name in rule.reads:
            if name in self._known and name not in self._taken:
                self._taken[name] = list(self._known[name])
        return Expression(rule.text)

    def _names(self, wanted: str = "") -> list[Rule]:
        """Params, and arguments of the constructor that are no sizes of the input; those that are read, and the one of
        the wanted name, come first."""
        known = [name for name, column in self._known.items() if column not in self._sizes.values()]
        known.sort(key=lambda name: (name not in self._taken, name != wanted))
        others = [name for name in self._taken if name not in self._known]
        return [Rule(name, (name,), self._known.get(name) or self._taken[name]) for name in [*known, *others]]

    def _values(self, wanted: str) -> Iterator[Rule]:
        """What a value may be, the likely first."""
        names, sizes = self._names(wanted), [Rule(size, (), column) for size, column in self._sizes.items()]
        yield from [*names, *sizes]
        whole = [rule for rule in names if rule.is_whole]
        for size in sizes:
            for rule in whole:
                if max(rule.column) > 1:
                    product = [a * b for a, b in zip(rule.column, size.column, strict=True)]
                    yield Rule(f"{rule.text} * {size.text}", rule.reads, product)
        for rule in [*whole, *sizes]:
            yield Rule(f"{rule.text} // 2", rule.reads, [value // 2 for value in rule.column])
            for factor in range(2, 9):
                yield Rule(f"{factor} * {rule.text}", rule.reads, [factor * value for value in rule.column])
                if not any(value % factor for value in rule.column):
                    yield Rule(f"{rule.text} // {factor}", rule.reads, [value // factor for value in rule.column])

    def _conditions(self) -> Iterator[Rule]:
        """What a condition may be, the likely first."""
        names = self._names()
        for rule in names:
            if all(type(value) is bool for value in rule.column):
                yield rule
                yield Rule(f"not {rule.text}", rule.reads, [not value for value in rule.column])
        whole = [rule for rule in names if rule.is_whole]
        strides = [rule for rule in whole if "stride" in rule.text]
        taken = [rule for rule in whole if rule.text in self._taken]
        for size, column in self._sizes.items():
            for rule, factor in [(rule, factor) for rule in taken for factor in (1, 2, 4)]:
                product = rule.text if factor == 1 else f"{factor} * {rule.text}"
                differs = [a != factor * b for a, b in zip(column, rule.column, strict=True)]
                for stride in strides:
                    either = [a != 1 or b for a, b in zip(stride.column, differs, strict=True)]
                    reads = (*stride.reads, *rule.reads)
                    yield Rule(f"{stride.text} != 1 or {size} != {product}", reads, either)
                    yield Rule(f"{stride.text} == 1 and {size} == {product}", reads, [not each for each in either])
                yield Rule(f"{size} != {product}", rule.reads, differs)
                yield Rule(f"{size} == {product}", rule.reads, [not each for each in differs])
        for rule in [*strides, *whole]:
            yield Rule(f"{rule.text} != 1", rule.reads, [value != 1 for value in rule.column])


def _sizes(uses: Sequence[Item]) -> Iterator[tuple[str, list[int]]]:
    first = [outside(use)[:1] for use in uses]
    if not all(first):
        return
    shapes = [tensors[0].shapes[0] for tensors in first]
    ranks = {len(shape) for shape in shapes}
    if ranks <= {4, 5} and len(ranks) == 1:
        yield "x.channels", [shape[1] for shape in shapes]
    elif ranks == {2}:
        yield "x.features", [shape[1] for shape in shapes]


def _those(values: Sequence[Any], present: Sequence[bool]) -> list[Any]:
    return [value for value, there in zip(values, present, strict=True) if there]


def _equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(
        type(a) is type(b) and a == b for a, b in zip(one, other, strict=True)
    )  # fmt: skip


def _widened(column: Sequence[Any]) -> list[Any]:
    """Numbers beside lists of numbers as lists: `3` is `[3, 3]`."""
    lengths = {len(value) for value in column if isinstance(value, list)}
    if len(lengths) != 1 or not all(type(value) is int or isinstance(value, list) for value in column):
        return list(column)
    (length,) = lengths
    return [value if isinstance(value, list) else [value] * length for value in column]


def type_of(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values}
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "str"), (list, "list")):
        if kinds == {kind}:
            return name
    return "float" if kinds <= {int, float} else "list" if list in kinds else "int"
