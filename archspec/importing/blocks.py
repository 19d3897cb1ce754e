"""Classes that are used several times become blocks of the spec, what differs among their uses its params.

The uses with most steps are the pattern of a block; others are it with steps left out, under a condition. Conditions and
values are looked for in a small grammar on purpose: what fits all uses by chance is no rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import archspec.ops as ops
from archspec.importing.folding import fold, usage
from archspec.importing.items import Expression, First, Growing, Item, first_input, made, outside, result
from archspec.importing.names import fitting, unique
from archspec.importing.tree import Tensor


@dataclass(eq=False, slots=True)
class Block:
    """A block of the spec."""

    name: str
    inputs: list[str]
    given: list[Tensor]
    """Its inputs, as the steps in it read them."""
    params: dict[str, Any]
    """Their defaults, or the names of their types."""
    items: list[Item]
    outputs: dict[str, Tensor]
    """None if it is the last step's result."""


@dataclass(slots=True)
class Found:
    """A model with its blocks."""

    root: Item
    blocks: list[Block] = field(default_factory=list)


def find(root: Item, kept: set[Tensor]) -> Found:
    """Makes blocks of classes, the inner ones first. `kept` are the outputs of the network."""
    found = Found(root)
    names: set[str] = set()
    for whole in _inner_first(root):
        uses = [item for item in root.everything() if item.form == "layers" and item.head == whole and item is not root]
        used = usage([root])
        for use in uses:
            use.items = fold(use.items, used, kept, {block.name: block.params for block in found.blocks})
        if len(uses) < 2:
            continue
        for group in _alike(uses):
            if len(group) < 2 and len(uses) - len(group) < 1:
                continue
            used = usage([root])
            block = _block(group, used, kept, unique(group[0].kind.lstrip("_") or "Block", names))
            if block is not None:
                found.blocks.append(block)
    root.items = fold(root.items, usage([root]), kept, {block.name: block.params for block in found.blocks})
    return found


def _inner_first(root: Item) -> list[str]:
    heights: dict[str, int] = {}

    def height(item: Item) -> int:
        most = max((height(each) for each in item.items), default=0)
        if item.form == "layers" and item.head:
            most += 1
            heights[item.head] = max(heights.get(item.head, 0), most)
        return most

    height(root)
    return sorted(heights, key=lambda whole: heights[whole])


def _alike(uses: Sequence[Item]) -> list[list[Item]]:
    """The uses in groups, each of which is one block."""
    groups: list[list[Item]] = []
    for use in sorted(uses, key=lambda use: -sum(1 for _ in use.everything())):
        for group in groups:
            if _aligned(group[0], use) is not None:
                group.append(use)
                break
        else:
            groups.append([use])
    return [sorted(group, key=uses.index) for group in groups]


def _aligned(pattern: Item, use: Item) -> list[bool] | None:
    """Which of the pattern's steps a use has; None if it is not the pattern with steps left out."""
    ours, theirs = outside(pattern), outside(use)
    if len(ours) != len(theirs):
        return None
    same = dict(zip(ours, theirs, strict=True))
    present, place, before = [], 0, ours[0] if ours else None
    for item in pattern.items:
        there = use.items[place] if place < len(use.items) else None
        trial = dict(same)
        if there is not None and _same(item, there, trial):
            same, place = trial, place + 1
            present.append(True)
        else:
            last, passed = result(item), first_input(item) or before
            reads = set(item.inputs) if item.form != "layers" else set(outside(item))
            if last is None or passed is None or passed not in reads or passed not in same:
                return None
            same[last] = same[passed]
            present.append(False)
        before = result(item)
    return present if place == len(use.items) else None


def _same(one: Item, other: Item, same: dict[Tensor, Tensor]) -> bool:
    """Whether two steps are the same but for numbers; notes which tensors are the same."""
    if (one.form, one.head if one.form != "layers" or one.head else "", one.name) != (other.form, other.head, other.name):
        return False
    if len(one.inputs) != len(other.inputs) or len(one.outputs) != len(other.outputs):
        return False
    if len(one.items) != len(other.items) or bool(one.each) != bool(other.each) or one.each != other.each:
        return False
    if any(same.get(a) is not b for a, b in zip(one.inputs, other.inputs, strict=True)):
        return False
    if one.form == "block" and one.values.keys() != other.values.keys():
        return False
    same.update(zip(one.outputs, other.outputs, strict=True))
    return all(_same(a, b, same) for a, b in zip(one.items, other.items, strict=True))


# A block of uses that are alike.


def _block(uses: Sequence[Item], used: Counter[Tensor], kept: set[Tensor], name: str) -> Block | None:
    pattern = max(uses, key=lambda use: sum(1 for _ in use.everything()))
    present = [_aligned(pattern, use) for use in uses]
    results = [_results(use, used, kept) for use in uses]
    if any(each is None for each in present) or len({len(each) for each in results}) != 1 or not results[0]:
        return None
    places = {tuple(_place(use, tensor) for tensor in each) for use, each in zip(uses, results, strict=True)}
    whole = all(each is not None and all(each) for each in present)
    if len(places) != 1 and not (all(len(each) == 1 and each[0] is _last(use) for use, each in zip(uses, results, strict=True))):
        return None
    if len(results[0]) > 1 and not whole:
        return None
    params = _Params(uses)
    for place, item in enumerate(pattern.items):
        there = [
            use.items[sum(each[:place])] if each[place] else None
            for use, each in zip(uses, present, strict=True) if each is not None
        ]  # fmt: skip
        _unify(item, [each for each in there if each is not None], [each is not None for each in there], params)
    for place, item in enumerate(pattern.items):
        holds = [bool(each and each[place]) for each in present]
        if not all(holds):
            item.when = params.condition(holds, item)
    given = outside(pattern)
    inputs = _inputs(given)
    outputs = {}
    if len(results[0]) > 1 or _last(pattern) is not results[uses.index(pattern)][0]:
        named = set[str]()
        for tensor in results[uses.index(pattern)]:
            outputs[unique(_giver(pattern, tensor) or "output", named)] = tensor
    arguments = params.arguments()
    taken = [outside(use) for use in uses]
    items = [_conditional(item) for item in pattern.items]
    for number, use in enumerate(uses):
        use.form, use.head, use.items, use.arguments = "block", name, [], {}
        use.inputs, use.outputs = taken[number], results[number]
        use.values = {each: values[number] for each, values in arguments.items()}
    defaults = {each: _type(values) for each, values in arguments.items()}
    for each, values in arguments.items():
        common, count = Counter(map(repr, values)).most_common(1)[0]
        if count * 2 > len(values) and isinstance(values[0], (bool, int, float)) and each not in ("out_channels",):
            usual = next(value for value in values if repr(value) == common)
            if not isinstance(usual, (First, Growing)):
                defaults[each] = usual
                for use in uses:
                    if repr(use.values[each]) == common:
                        del use.values[each]
    return Block(name, inputs, given, defaults, items, outputs)


def _conditional(item: Item) -> Item:
    """A join under a condition passes on what the step before it gives."""
    if item.when is None or first_input(item) is not None:
        return item
    when, item.when = item.when, None
    return Item("layers", "", items=[item], when=when)


def _results(use: Item, used: Counter[Tensor], kept: set[Tensor]) -> list[Tensor]:
    inner = usage(use.items)
    return [tensor for tensor in made(use.items) if used[tensor] > inner[tensor] or tensor in kept]


def _last(use: Item) -> Tensor | None:
    tensors = list(made(use.items[-1:]))
    return tensors[-1] if tensors else None


def _place(use: Item, tensor: Tensor) -> int:
    return list(made(use.items)).index(tensor)


def _giver(use: Item, tensor: Tensor) -> str:
    return next((fitting(item.name) for item in use.everything() if tensor in item.outputs and item.name), "")


def _inputs(given: Sequence[Tensor]) -> list[str]:
    return ["x", *(f"input{number}" for number in range(2, len(given) + 1))][: max(1, len(given))]


def _unify(pattern: Item, uses: Sequence[Item], present: Sequence[bool], params: _Params) -> None:
    """Puts params in place of what differs."""
    if pattern.head == "split" and pattern.form == "op" and len({tuple(use.values) for use in uses}) > 1:
        for use in uses:
            axis = use.values.get("axis", 1)
            use.values = {"axis": axis, "sizes": [tensor.shapes[0][axis] for tensor in use.outputs]}
        pattern.values.pop("sections", None)
    if pattern.form == "op":
        fields = ops.get(pattern.head).model_fields
        names = dict.fromkeys(name for use in uses for name in use.values)
        columns = {}
        for name in names:
            default = None if fields[name].is_required() else fields[name].get_default()
            columns[name] = [use.values.get(name, list(default) if isinstance(default, tuple) else default) for use in uses]
    else:
        columns = {name: [use.values[name] for use in uses] for name in pattern.values}
    for name, column in columns.items():
        pattern.values[name] = params.value(name, column, present, pattern)
    for place, item in enumerate(pattern.items):
        _unify(item, [use.items[place] for use in uses], present, params)


class _Params:
    """The params of a block: found as its attributes are looked at."""

    def __init__(self, uses: Sequence[Item]) -> None:
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

    def condition(self, holds: Sequence[bool], item: Item) -> Expression:
        """When a step is there."""
        known = {**self._known, **self._taken}
        for name, column in known.items():
            if all(type(value) is bool for value in column):
                if list(column) == list(holds):
                    return self._read(name)
                if [not value for value in column] == list(holds):
                    return Expression(f"not {self._read(name)}")
        whole = {name: column for name, column in known.items() if all(type(value) is int for value in column)}
        strides = [name for name in whole if "stride" in name]
        for size, sizes in self._sizes.items():
            for name, factor in [(name, factor) for name in self._taken if name in whole for factor in (1, 2, 4)]:
                product = name if factor == 1 else f"{factor} * {name}"
                differs = [a != factor * b for a, b in zip(sizes, whole[name], strict=True)]
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
        self._taken[param] = list(holds)
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


def _type(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values}
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "str"), (list, "list")):
        if kinds == {kind}:
            return name
    return "float" if kinds <= {int, float} else "list" if list in kinds else "int"


def params_of(blocks: Sequence[Block]) -> Mapping[str, Block]:
    return {block.name: block for block in blocks}
