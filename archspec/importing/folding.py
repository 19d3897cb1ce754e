"""Steps that stand there several times, one after another, become one with `repeat` or `each`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
    found: list[Item] = []
    start = 0
    while start < len(items):
        end = start + 1
        while end < len(items) and _follows(items[end - 1], items[end], used, kept):
            end += 1
        run = items[start:end]
        whole = len(run) == len(items) and run[0].form == "block" and run[0].name.isdigit() and not run[0].when
        if len(run) > 1 or (whole and _is_plain(run[0])):
            found.append(_folded(run, defaults.get(run[0].head, {})))
        else:
            found += run
        start = end
    return found


def _is_plain(item: Item) -> bool:
    return item.form == "block" and len(item.inputs) == len(item.outputs) == 1 and "repeat" not in item.values and (
        not item.name or item.name.isdigit()
    )  # fmt: skip


def _follows(one: Item, other: Item, used: Counter[Tensor], kept: set[Tensor]) -> bool:
    between = result(one)
    return (
        _is_plain(one) and _is_plain(other) and one.head == other.head and between is not None
        and first_input(other) is between and used[between] == 1 and between not in kept
    )  # fmt: skip


def _folded(run: Sequence[Item], defaults: Mapping[str, Any]) -> Item:
    first = run[0]
    values: dict[str, Any] = {}
    rows: list[dict[str, Any]] = [{} for _ in run]
    for name in dict.fromkeys(name for item in run for name in item.values):
        every = [item.values.get(name, defaults.get(name)) for item in run]
        value = _pattern(every)
        if value is None:
            for row, each in zip(rows, every, strict=True):
                row[name] = each
        else:
            values[name] = value
    each = rows if rows[0] else []
    if not each:
        values["repeat"] = len(run)
    name = "" if first.name.isdigit() else first.name
    return Item("block", first.head, values, list(first.inputs), list(run[-1].outputs), name, each=each)


def _pattern(every: Sequence[Any]) -> Any:
    """One value for all; None if there is no simple one."""
    first, *others = every
    if all(value == first and type(value) is type(first) for value in others):
        return first
    if len(set(map(repr, others))) == 1:
        return First(first, others[0])
    if len(every) > 2 and all(type(value) is int for value in every):
        steps = {b - a for a, b in zip(every, every[1:], strict=False)}
        if len(steps) == 1:
            return Growing(first, steps.pop())
    return None
