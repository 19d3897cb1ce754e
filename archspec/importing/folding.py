"""Steps that stand there several times, one after another, become one with `repeat` or `each`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from archspec.importing.items import First, Growing, Item, first_input, read, result
from archspec.importing.tree import Tensor

Defaults = Mapping[str, Mapping[str, Any]]


def fold(items: list[Item], used: Counter[Tensor], kept: set[Tensor], defaults: Defaults) -> list[Item]:
    """The items with repeats in place of calls of one block in a chain. `used` counts who reads a tensor, `kept` are
    the outputs of the network, and `defaults` are those of each block's params."""
    folded: list[Item] = []
    for item in items:
        if item.form == "layers":
            item.items = fold(item.items, used, kept, defaults)
            only = item.items[0] if len(item.items) == 1 else None
            if only is not None and "repeat" in only.values and not only.name and item.name and not item.head:
                only.name = item.name
                item = only
        folded.append(item)
    return _runs(folded, used, kept, defaults)


def usage(items: Sequence[Item]) -> Counter[Tensor]:
    return Counter(read(items))


def _runs(items: list[Item], used: Counter[Tensor], kept: set[Tensor], defaults: Defaults) -> list[Item]:
    items = _joins(items, used, kept)
    found: list[Item] = []
    start = 0
    while start < len(items):
        end = start + 1
        while end < len(items) and _follows(items[end - 1], items[end], used, kept):
            end += 1
        run = items[start:end]
        whole = len(run) == len(items) and run[0].form == "block" and run[0].name.isdigit() and not run[0].when
        if len(run) > 1 or (whole and _is_plain(run[0])):
            found.append(_folded(run, defaults.get((run[0].items or run)[0].head, {})))
        else:
            found += run
        start = end
    return found


def _joins(items: list[Item], used: Counter[Tensor], kept: set[Tensor]) -> list[Item]:
    """Two or more times one after another: what comes in is joined to what a block makes of it."""
    pairs = [_is_join(one, other, used, kept) for one, other in pairwise(items)]
    found: list[Item] = []
    place = 0
    while place < len(items):
        here = place < len(pairs) and pairs[place]
        near = (place + 2 < len(pairs) and pairs[place + 2]) or (place >= 2 and pairs[place - 2])
        if here and near:
            block, join = items[place : place + 2]
            found.append(Item("join", join.head, {}, list(block.inputs), list(join.outputs), block.name, [block]))
            block.name = ""
            place += 2
        else:
            found.append(items[place])
            place += 1
    return found


def _is_join(one: Item, other: Item, used: Counter[Tensor], kept: set[Tensor]) -> bool:
    return (
        one.form == "block" and len(one.inputs) == len(one.outputs) == 1 and not one.each and "repeat" not in one.values
        and other.form == "op" and other.head in ("concat", "add") and not other.values and not other.when
        and other.inputs == [one.inputs[0], one.outputs[0]] and used[one.outputs[0]] == 1 and one.outputs[0] not in kept
    )  # fmt: skip


def _is_plain(item: Item) -> bool:
    if item.lender is not None:
        return False
    return item.form in ("block", "join") and len(item.inputs) == len(item.outputs) == 1 and "repeat" not in item.values


def _numbered(one: str, other: str) -> bool:
    """`3` and `4`; `layer3` and `layer4`."""
    first, second = one.rstrip("0123456789"), other.rstrip("0123456789")
    if not one and not other:
        return True
    numbers = one[len(first) :], other[len(second) :]
    return first == second and all(numbers) and int(numbers[1]) == int(numbers[0]) + 1


def _follows(one: Item, other: Item, used: Counter[Tensor], kept: set[Tensor]) -> bool:
    between = result(one)
    return (
        _is_plain(one) and _is_plain(other) and _heads(one) == _heads(other) and between is not None
        and first_input(other) is between and _numbered(one.name, other.name) and between not in kept
        and used[between] == (2 if other.form == "join" else 1)
    )  # fmt: skip


def _heads(item: Item) -> tuple[str, ...]:
    return (item.form, item.head, *(each.head for each in item.items))


def _folded(run: Sequence[Item], defaults: Mapping[str, Any]) -> Item:
    first = run[0]
    values: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {}
    rows: list[dict[str, Any]] = [{} for _ in run]
    inner = [item.items[0] if item.form == "join" else item for item in run]
    for name in dict.fromkeys(name for item in inner for name in item.values):
        every = [item.values.get(name, defaults.get(name)) for item in inner]
        value = _pattern(every)
        columns[name] = every
        if value is not None:
            values[name] = value
    if len(values) < len(columns):
        for name, every in columns.items():
            if isinstance(values.get(name), (First, Growing, type(None))):
                values.pop(name, None)
                for row, each in zip(rows, every, strict=True):
                    row[name] = each
    each = rows if rows[0] else []
    if not each:
        values["repeat"] = len(run)
    name = first.name.rstrip("0123456789")
    if first.form == "join":
        item = first.items[0]
        item.values = {key: value for key, value in values.items() if key != "repeat"}
        repeat = {} if each else {"repeat": len(run)}
        return Item("join", first.head, repeat, list(first.inputs), list(run[-1].outputs), name, [item], each=each)
    return Item("block", first.head, values, list(first.inputs), list(run[-1].outputs), name, each=each)


def _pattern(every: Sequence[Any]) -> Any:
    """One value for all; None if there is no simple one."""
    first, *others = every
    if all(value == first and type(value) is type(first) for value in others):
        return first
    if len(set(map(repr, others))) == 1:
        return First(first, others[0])
    if len(every) > 2 and all(type(value) is int for value in every):
        steps = {b - a for a, b in pairwise(every)}
        if len(steps) == 1:
            return Growing(first, steps.pop())
    return None
