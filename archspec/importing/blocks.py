"""Classes that are used several times become blocks of the spec, and what differs among their uses is a param.

The uses with most steps are the pattern of a block; others are it with steps left out, under a
condition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import archspec.ops as ops
from archspec.importing.folding import Defaults, fold, usage
from archspec.importing.items import First, Growing, Item, first_input, made, outside, result
from archspec.importing.names import fitting, unique
from archspec.importing.params import Params, type_of
from archspec.importing.trace import ImportRefused, Problem
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
    defaults: dict[str, Mapping[str, Any]] = {}
    for whole in _inner_first(root):
        uses = [item for item in root.everything() if item.form == "layers" and item.head == whole and item is not root]
        used = usage([root])
        for use in uses:
            use.items = fold(use.items, used, kept, defaults)
        for group in _alike(uses):
            if len(group) < 2:
                continue
            block = _block(group, usage([root]), kept, group[0].kind.lstrip("_") or "Block", defaults)
            if block is not None:
                found.blocks.append(block)
                defaults[block.name] = block.params
    root.items = fold(root.items, usage([root]), kept, defaults)
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


Pairs = dict[Item, "Item | None"]
"""By each step of a pattern the same of a use; None if the use leaves it out."""


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


def _aligned(pattern: Item, use: Item) -> Pairs | None:
    """What a use has of a pattern; None if it is not the pattern with steps left out."""
    ours, theirs = outside(pattern), outside(use)
    if len(ours) != len(theirs):
        return None
    pairs: Pairs = {}
    begin = ours[0] if ours else None
    return pairs if _along(pattern.items, use.items, begin, dict(zip(ours, theirs, strict=True)), pairs) else None


def _along(
    pattern: Sequence[Item], use: Sequence[Item], before: Tensor | None, same: dict[Tensor, Tensor], pairs: Pairs
) -> bool:  # fmt: skip
    """Goes along two lists of steps; notes which tensors are the same, and which steps."""
    place = 0
    for item in pattern:
        there = use[place] if place < len(use) else None
        trial, found = dict(same), Pairs()
        if there is not None and _same(item, there, trial, found):
            same.update(trial)
            pairs.update(found)
            place += 1
        else:
            last, passed = result(item), first_input(item) or before
            reads = set(item.inputs) if item.form != "layers" else set(outside(item))
            if last is None or passed is None or passed not in reads or passed not in same:
                return False
            same[last] = same[passed]
            pairs.update(dict.fromkeys(item.everything()))
        before = result(item)
    return place == len(use)


def _same(one: Item, other: Item, same: dict[Tensor, Tensor], pairs: Pairs) -> bool:
    """Whether two steps are the same but for numbers, and for steps in them that are left out."""
    if (one.form, one.head) != (other.form, other.head) or bool(one.each) != bool(other.each) or one.each != other.each:
        return False
    numbered = one.name.isdigit() and other.name.isdigit()
    if one.name != other.name and not numbered:
        return False
    if len(one.inputs) != len(other.inputs) or len(one.outputs) != len(other.outputs):
        return False
    if any(same.get(a) is not b for a, b in zip(one.inputs, other.inputs, strict=True)):
        return False
    pairs[one] = other
    same.update(zip(one.outputs, other.outputs, strict=True))
    if one.form == "join":
        return one.items[0].head == other.items[0].head and _same(one.items[0], other.items[0], same, pairs)
    return one.form != "layers" or _along(one.items, other.items, first_input(one), same, pairs)


# A block of uses that are alike.


def _block(
    uses: Sequence[Item], used: Counter[Tensor], kept: set[Tensor], kind: str, defaults: Defaults
) -> Block | None:  # fmt: skip
    """The block of these, which become calls of it; None if they are not as alike as they seemed."""
    name = unique(kind, defaults)
    pattern = max(uses, key=lambda use: sum(1 for _ in use.everything()))
    found = [_aligned(pattern, use) for use in uses]
    results = [_results(use, used, kept) for use in uses]
    if len({len(each) for each in results}) != 1 or not results[0]:
        return None
    pairs = [each for each in found if each is not None]
    if len(pairs) != len(uses):
        return None
    last = all(len(each) == 1 and each[0] is _last(use) for use, each in zip(uses, results, strict=True))
    if not last:
        places = {tuple(_place(use, tensor) for tensor in each) for use, each in zip(uses, results, strict=True)}
        if len(places) != 1 or any(None in each.values() for each in pairs):
            return None
    _lend(uses)
    params = Params(uses, defaults)
    for item in pattern.items:
        _unify(item, pairs, params)
    for item in pattern.items:
        _conditions(item, pairs, [True] * len(uses), params)
    given = outside(pattern)
    inputs = _inputs(given)
    outputs = {}
    if len(results[0]) > 1 or _last(pattern) is not results[uses.index(pattern)][0]:
        named = set[str]()
        for tensor in results[uses.index(pattern)]:
            outputs[unique(_giver(pattern, tensor) or "output", named)] = tensor
    arguments = params.arguments()
    taken = [outside(use) for use in uses]
    items = _conditional(pattern.items)
    for number, use in enumerate(uses):
        use.form, use.head, use.items, use.arguments = "block", name, [], {}
        use.inputs, use.outputs, use.gives = taken[number], results[number], tuple(outputs)
        use.values = {each: values[number] for each, values in arguments.items()}
    typical = {each: type_of(values) for each, values in arguments.items()}
    for each, values in arguments.items():
        common, count = Counter(map(repr, values)).most_common(1)[0]
        if count * 2 > len(values) and common in ("0", "1", "True", "False"):
            usual = next(value for value in values if repr(value) == common)
            if not isinstance(usual, (First, Growing)):
                typical[each] = usual
                for use in uses:
                    if repr(use.values[each]) == common:
                        del use.values[each]
    return Block(name, inputs, given, typical, items, outputs)


def _lend(uses: Sequence[Item]) -> None:
    """Notes which uses have the weights of an earlier one. Raises ImportRefused if one has some of these."""
    places = {each.step: use for use in uses for each in use.everything() if each.step is not None}
    for use in uses:
        steps = [step for step, where in places.items() if where is use and step.weights]
        outer = [step for step in steps if step.weights_of is not None and places.get(step.weights_of) is not use]
        lenders = {places.get(step.weights_of) for step in outer if step.weights_of is not None}
        if not outer:
            continue
        if len(lenders) != 1 or None in lenders or len(outer) != len(steps):
            why = f"uses of '{use.kind}' share some of their weights; a spec shares all of a block's"
            raise ImportRefused([Problem(why)])
        (use.lender,) = lenders
        for step in outer:
            step.weights_of = None


def _conditions(item: Item, pairs: Sequence[Pairs], around: Sequence[bool], params: Params) -> None:
    """Says when a step is there, if it is not wherever what is around it is."""
    holds = [each[item] is not None for each in pairs]
    there = [place for place, each in enumerate(around) if each]
    if not all(holds[place] for place in there):
        item.when = params.condition([holds[place] for place in there], item, there)
    for inner in item.items:
        _conditions(inner, pairs, holds, params)


def _conditional(items: Sequence[Item]) -> list[Item]:
    """A join under a condition passes on what the step before it gives."""
    found = []
    for item in items:
        item.items = _conditional(item.items)
        if item.when is not None and first_input(item) is None:
            when, item.when = item.when, None
            item = Item("layers", "", items=[item], when=when)
        found.append(item)
    return found


def _results(use: Item, used: Counter[Tensor], kept: set[Tensor]) -> list[Tensor]:
    inner = usage(use.items)
    return [tensor for tensor in made(use.items) if used[tensor] > inner[tensor] or tensor in kept]


def _last(use: Item) -> Tensor | None:
    return result(use.items[-1]) if use.items else None


def _place(use: Item, tensor: Tensor) -> int:
    return list(made(use.items)).index(tensor)


def _giver(use: Item, tensor: Tensor) -> str:
    return next((fitting(item.name) for item in use.everything() if tensor in item.outputs and item.name), "")


def _inputs(given: Sequence[Tensor]) -> list[str]:
    return ["x", *(f"input{number}" for number in range(2, len(given) + 1))][: max(1, len(given))]


def _unify(pattern: Item, pairs: Sequence[Pairs], params: Params) -> None:
    """Puts params in place of what differs."""
    present = [each[pattern] is not None for each in pairs]
    uses = [use for each in pairs if (use := each[pattern]) is not None]
    if pattern.form == "op" and pattern.head == "split" and len({tuple(use.values) for use in uses}) > 1:
        for use in uses:
            axis = use.values.get("axis", 1)
            use.values = {"axis": axis, "sizes": [tensor.shapes[0][axis] for tensor in use.outputs]}
        pattern.values.pop("sections", None)
    columns = _columns(pattern, uses, params.defaults)
    for name, column in columns.items():
        pattern.values[name] = params.value(name, column, present, pattern)
    for item in pattern.items:
        _unify(item, pairs, params)


def _columns(pattern: Item, uses: Sequence[Item], defaults: Defaults) -> dict[str, list[Any]]:
    """By each attribute, or argument, what it is in each of the uses."""
    names = dict.fromkeys(name for use in uses for name in use.values)
    if pattern.form != "op":  # of which every use has all, or the default
        usual = defaults.get(pattern.head, {})
        return {name: [use.values.get(name, usual.get(name)) for use in uses] for name in names}
    columns = {}
    fields = ops.get(pattern.head).model_fields
    for name in fields:
        if name in names:
            default = None if fields[name].is_required() else fields[name].get_default()
            columns[name] = [
                use.values.get(name, list(default) if isinstance(default, tuple) else default) for use in uses
            ]
    return columns
