"""What differs among the uses of a class, as params.

Values and conditions are looked for in a small grammar on purpose: what fits all uses by chance is no rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from archspec.importing.folding import Defaults
from archspec.importing.items import Expression, First, Growing, Item, outside
from archspec.importing.names import fitting, unique


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
                return self._read(name)  # of a step under a condition, which would be right for other uses, too
            if not all(present) and name in ("out_channels", "out_features", "stride"):
                for param, values in self._taken.items():
                    if _equal(column, _those(values, present)):
                        return Expression(param)
            return column[0]
        rule = self._rule(name, column, present)
        if rule is not None:
            return rule
        name = "depth" if name == "repeat" else name
        hint = f"{item.name}_{name}" if item.name and not item.name.isdigit() and name in self._taken else name
        param = unique(fitting(hint), set(self._taken) | {"x"})
        full = iter(column)
        self._taken[param] = [next(full) if there else column[0] for there in present]
        return Expression(param)

    def _rule(self, name: str, column: Sequence[Any], present: Sequence[bool]) -> Expression | None:
        candidates = [(each, values) for each, values in self._known.items() if not any(
            _equal(values, sizes) for sizes in self._sizes.values())]  # fmt: skip
        candidates.sort(key=lambda each: (each[0] not in self._taken, each[0] != name))
        candidates += [(each, values) for each, values in self._taken.items() if each not in self._known]
        sizes = list(self._sizes.items())
        for each, values in [*candidates, *sizes]:
            if _equal(column, _those(values, present)):
                return self._read(each)
        if not all(type(value) is int for value in column):
            return None
        for each, values in [*candidates, *sizes]:
            there = _those(values, present)
            if not all(type(value) is int for value in there):
                continue
            if all(value == number // 2 for value, number in zip(column, there, strict=True)):
                return Expression(f"{self._read(each)} // 2")
            if each in self._sizes:
                for other, counts in self._known.items():
                    numbers = _those(counts, present)
                    if all(type(n) is int for n in numbers) and len(set(numbers)) > 0 and max(counts) > 1 and all(
                        value == n * size for value, n, size in zip(column, numbers, there, strict=True)
                    ):  # fmt: skip
                        return Expression(f"{self._read(other)} * {each}")
            for factor in range(2, 9):
                if all(value == factor * number for value, number in zip(column, there, strict=True)):
                    return Expression(f"{factor} * {self._read(each)}")
                if all(value * factor == number for value, number in zip(column, there, strict=True)):
                    return Expression(f"{self._read(each)} // {factor}")
        return None

    def _read(self, name: str) -> Expression:
        if name in self._known and name not in self._taken:
            self._taken[name] = list(self._known[name])
        return Expression(name)

    def condition(self, holds: Sequence[bool], item: Item, there: Sequence[int]) -> Expression:
        """When a step is there, among those uses that have what is around it."""
        known = {name: [column[place] for place in there] for name, column in {**self._known, **self._taken}.items()}
        sizes = {name: [column[place] for place in there] for name, column in self._sizes.items()}
        for name, column in known.items():
            if all(type(value) is bool for value in column):
                if list(column) == list(holds):
                    return self._read(name)
                if [not value for value in column] == list(holds):
                    return Expression(f"not {self._read(name)}")
        whole = {name: column for name, column in known.items() if all(type(value) is int for value in column)}
        strides = [name for name in whole if "stride" in name]
        for size, column in sizes.items():
            for name, factor in [(name, factor) for name in self._taken if name in whole for factor in (1, 2, 4)]:
                product = name if factor == 1 else f"{factor} * {name}"
                differs = [a != factor * b for a, b in zip(column, whole[name], strict=True)]
                for stride in strides:
                    steps = [value != 1 for value in whole[stride]]
                    either = [a or b for a, b in zip(steps, differs, strict=True)]
                    if either == list(holds):
                        return Expression(f"{self._read(stride)} != 1 or {size} != {product}")
                    if [not each for each in either] == list(holds):
                        return Expression(f"{self._read(stride)} == 1 and {size} == {product}")
                if differs == list(holds):
                    return Expression(f"{size} != {product}")
                if [not each for each in differs] == list(holds):
                    return Expression(f"{size} == {product}")
        for name in [*strides, *whole]:
            if [value != 1 for value in whole[name]] == list(holds):
                return Expression(f"{self._read(name)} != 1")
        hint = item.name if item.name and not item.name.isdigit() else item.head if item.form != "layers" else "wide"
        param = unique(fitting(f"with_{hint}" if hint in self._taken else hint), set(self._taken) | {"x"})
        if param in {each.name for each in [item]}:
            param = unique(f"has_{param}", set(self._taken))
        full = [False] * self._count
        for place, each in zip(there, holds, strict=True):
            full[place] = each
        self._taken[param] = full
        return Expression(param)


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
