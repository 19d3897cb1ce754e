"""The text of a spec, as people write it: a step a line, no attribute that is the default, no reference that goes
without saying."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import archspec.ops as ops
from archspec.importing.blocks import Block, Found
from archspec.importing.items import Expression, First, Growing, Item, first_input, made, outside, result
from archspec.importing.names import fitting, unique
from archspec.importing.trace import ImportRefused, Problem
from archspec.importing.tree import Step, Tensor
from archspec.spec.lint import UNKNOWN

WIDTH: Final = 120


@dataclass(frozen=True, slots=True)
class Head:
    """What a spec begins with."""

    name: str
    summary: str
    source: str
    inputs: Mapping[str, Any]
    """By name the sizes, or a mapping with more."""
    notes: Sequence[str] = ()


def write(
    head: Head, found: Found, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor], expect: Sequence[str]
) -> str:
    """The spec of a model."""
    lines = [f"# {note}" for note in head.notes]
    lines += ["archspec: 1", f"name: {head.name}", f"summary: {_scalar(head.summary)}"]
    if head.source:
        lines.append(f"source: {_scalar(head.source)}")
    lines += ["", "inputs:", *(f"  {name}: {_flow(said)}" for name, said in head.inputs.items())]
    if found.blocks:
        lines += ["", "blocks:"]
        for number, block in enumerate(found.blocks):
            lines += [""] * (number > 0)
            lines += _block(block)
    last = result(found.root.items[-1]) if found.root.items else None
    alone = list(outputs) == ["output"] and outputs["output"] is last
    wanted = set() if alone else set(outputs.values())
    scope = _Scope(found.root.items, {tensor: name for name, tensor in inputs.items()}, wanted)
    lines += ["", "layers:", *scope.lines("  ")]
    if not alone:
        if list(outputs) == ["output"]:
            lines += ["", f"outputs: {scope.names[outputs['output']]}"]
        else:
            lines += ["", "outputs:", *(f"  {name}: {scope.names[tensor]}" for name, tensor in outputs.items())]
    if expect:
        lines += ["", "expect:", *(f"  {line}" for line in expect)]
    return "\n".join(lines) + "\n"


def _block(block: Block) -> Iterator[str]:
    yield f"  {block.name}:"
    if block.inputs != ["x"]:
        yield f"    inputs: [{', '.join(block.inputs)}]"
    if block.params:
        yield from _wrapped(
            "    params: ", [f"{name}: {_value(value)}" for name, value in block.params.items()], "    "
        )
    names = dict(zip(block.given, block.inputs, strict=False))
    scope = _Scope(block.items, names, set(block.outputs.values()))
    yield "    layers:"
    yield from scope.lines("      ")
    if len(block.outputs) == 1:
        yield f"    outputs: {scope.names[next(iter(block.outputs.values()))]}"
    elif block.outputs:
        named = ", ".join(f"{name}: {scope.names[tensor]}" for name, tensor in block.outputs.items())
        yield f"    outputs: {{{named}}}"


@dataclass(slots=True)
class _Scope:
    """The steps of the document, or of a block, with the names by which they refer to each other."""

    items: Sequence[Item]
    given: Mapping[Tensor, str]
    wanted: set[Tensor]
    """What outputs need a name for, unless it is the last."""
    names: dict[Tensor, str] = field(default_factory=dict)
    _said: dict[Item, str] = field(default_factory=dict)
    _lenders: dict[Step | Item, str] = field(default_factory=dict)
    """Their names, for those that use their weights."""

    def __post_init__(self) -> None:
        self.names = dict(self.given)
        first = self._begin()
        needed = set(self.wanted)
        self._needs(self.items, first, needed)
        self._name(self.items, "", set(self.given.values()), needed)

    def _begin(self) -> Tensor | None:
        """What flows into the first step, if that is one tensor."""
        return next(iter(self.given)) if len(self.given) == 1 else None

    def _needs(self, items: Sequence[Item], before: Tensor | None, needed: set[Tensor]) -> Tensor | None:
        """Notes which tensors are spoken of by name."""
        for item in items:
            if item.form == "layers":
                begin = first_input(item)
                if begin is not None and begin is not before and not _is_source(item.items[0]):
                    needed.add(begin)
                self._needs(item.items, begin if begin is not None else before, needed)
            elif item.inputs and item.inputs != [before]:
                needed.update(item.inputs)
            if item.form == "layers" and item.when is not None and begin is not before and begin is not None:
                needed.add(begin)
            before = result(item)
        return before

    def _name(self, items: Sequence[Item], path: str, taken: set[str], needed: set[Tensor]) -> None:
        """Names each step whose result is spoken of, or that the model names, and what it gives."""
        every = [each for top in self.items for each in top.everything()]
        lenders = {each.lender for each in every} | {each.step.weights_of for each in every if each.step is not None}
        for item in items:
            name = self._chosen(item, needed, lenders)
            if name:
                name = self._said[item] = unique(name, taken)
            whole = f"{path}{name}"
            self._lenders[item.step or item] = whole
            if item.form == "layers":
                last = result(item)
                inner = needed - {last} if name else needed
                own = self._spoken(item, f"{whole}.") if name else taken
                self._name(item.items, f"{whole}." if name else path, own, inner)
                if last is not None and name:
                    self.names[last] = whole
            elif len(item.outputs) == 1:
                self.names[item.outputs[0]] = whole
            else:
                self.names.update(
                    {each: f"{whole}.{part}" for each, part in zip(item.outputs, _parts(item), strict=False)}
                )

    def _spoken(self, item: Item, path: str) -> set[str]:
        """The names by which a sequence speaks of what comes from outside of it, which nothing in it may have."""
        given = [tensor for tensor in outside(item) if tensor in self.names]
        return {self._reference(tensor, path).partition(".")[0] for tensor in given}

    def _chosen(self, item: Item, needed: set[Tensor], lenders: set[Step | Item | None]) -> str:
        """The name of a step, if it has one: the model's, or else its operation's."""
        lends = item in lenders or (item.step is not None and item.step in lenders)
        spoken = lends or bool(needed.intersection(made([item])))
        if item.form == "op" and not spoken and (item.step is None or not item.step.weights):
            return ""
        if item.name and not item.name.isdigit():
            return fitting(item.name)
        name = fitting(f"{item.kind or item.head}{item.name}"[:40])
        return name[0].lower() + name[1:] if spoken else ""

    def lines(self, margin: str) -> Iterator[str]:
        before = self._begin()
        yield from self._lines(self.items, before, margin, "")

    def _lines(self, items: Sequence[Item], before: Tensor | None, margin: str, path: str) -> Iterator[str]:
        for item in items:
            yield from self._item(item, before, margin, path)
            before = result(item)

    def _item(self, item: Item, before: Tensor | None, margin: str, path: str) -> Iterator[str]:
        entries = list(self._entries(item, before, path))
        if item.each:
            rows = [f"{{{', '.join(f'{name}: {_value(value)}' for name, value in row.items())}}}" for row in item.each]
            head = ", ".join([*entries, *(f"{name}: {name}" for name in item.each[0])])
            yield from _wrapped(f"{margin}- {{{head}, each: ", rows, margin + "   ", "[", "]}")
        elif item.form == "join":
            (inner,) = item.items
            (line,) = self._item(inner, inner.inputs[0], "", path)
            entries += [f"branches: {{before: [], new: [{line.removeprefix('- ')}]}}", f"join: {item.head}"]
            yield from (f"{margin}{'  ' if place else '- '}{entry}" for place, entry in enumerate(entries))
        elif item.form == "layers":
            entries.append("layers:")
            yield from (f"{margin}{'  ' if place else '- '}{entry}" for place, entry in enumerate(entries))
            name, begin = self._said.get(item, ""), first_input(item)
            inside = f"{path}{name}." if name else path
            yield from self._lines(item.items, begin if begin is not None else before, f"{margin}    ", inside)
        elif entries == [f"op: {item.head}"]:
            yield f"{margin}- {item.head}"
        else:
            yield from _wrapped(f"{margin}- ", entries, margin + "   ")

    def _entries(self, item: Item, before: Tensor | None, path: str) -> Iterator[str]:
        """What stands in a step, in its order."""
        if item.form in ("op", "block"):
            yield f"{item.form}: {item.head}"
        if item in self._said:
            yield f"name: {self._said[item]}"
        given = item.inputs
        if item.form == "layers":
            begin = first_input(item)
            given = [] if begin is None or _is_source(item.items[0]) else [begin]
        if given and given != [before]:
            references = [self._reference(tensor, path) for tensor in given]
            yield f"from: {references[0]}" if len(references) == 1 else f"from: [{', '.join(references)}]"
        if item.when is not None:
            yield f"when: {_scalar(item.when)}"
        lender = item.step.weights_of if item.step is not None else item.lender
        if lender is not None:
            yield f"weights_of: {self._owner(lender, path)}"
        yield from (f"{name}: {_value(value)}" for name, value in _ordered(item))

    def _owner(self, lender: Step | Item, path: str) -> str:
        if lender not in self._lenders:
            raise ImportRefused([Problem(f"'{lender.name}' of one block lends its weights to a step of another")])
        name = self._lenders[lender]
        return name.removeprefix(path) if path and name.startswith(path) else name

    def _reference(self, tensor: Tensor, path: str) -> str:
        name = self.names[tensor]
        while path:
            if name.startswith(path):
                return name.removeprefix(path)
            path = path[: path[:-1].rfind(".") + 1]
        return name


def _ordered(item: Item) -> list[tuple[str, Any]]:
    """Attributes in the operation's own order."""
    if item.form != "op":
        return list(item.values.items())
    if item.head == UNKNOWN:
        return list(item.values.items())
    order = list(ops.get(item.head).model_fields)
    return sorted(item.values.items(), key=lambda each: order.index(each[0]))


def _is_source(item: Item) -> bool:
    return item.form == "op" and not item.inputs


def _parts(item: Item) -> Sequence[str]:
    if item.form == "block":
        return item.gives
    gives = () if item.head == UNKNOWN else ops.get(item.head).gives
    return gives if len(gives) >= len(item.outputs) else [str(number) for number in range(len(item.outputs))]


def _wrapped(begin: str, entries: Sequence[str], margin: str, left: str = "{", right: str = "}") -> Iterator[str]:
    """Entries in brackets, on as many lines as they take."""
    line = begin + left
    fresh = True
    for number, entry in enumerate(entries):
        for part, piece in enumerate(_PLACES.split(entry) if len(entry) > WIDTH - len(margin) else [entry]):
            more = piece if fresh else f", {piece}"
            ending = len(right) if number == len(entries) - 1 else 1
            if not fresh and len(line) + len(more) + ending > WIDTH:
                yield line + ","
                line, more = margin + " " * bool(part), piece
            line += more
            fresh = False
    yield line + right


_PLACES: Final = re.compile(r"(?<=\]), (?=\[)|(?<=\d), (?=-?\d)")
"""Where a long list may go on in the next line."""


def _value(value: Any) -> str:
    """A value in brackets."""
    if isinstance(value, First):
        return _quoted(f"{_inner(value.first)} if index == 0 else {_inner(value.others)}")
    if isinstance(value, Growing):
        return _quoted(f"{_inner(value.start)} + {_inner(value.step)} * index")
    if isinstance(value, Expression):
        return _quoted(str(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if value is None:
        return "null"
    if isinstance(value, str) and not value.isidentifier():
        return f'"{value}"'
    return _number(value) if isinstance(value, float) else str(value)


def _inner(value: Any) -> str:
    return str(value) if isinstance(value, Expression) else _value(value)


def _number(value: float) -> str:
    text = repr(value)
    return text.replace("e-0", "e-")


def _quoted(text: str) -> str:
    return f'"{text}"' if any(sign in text for sign in ",[]{}:#'") else text


def _scalar(text: str) -> str:
    return f'"{text}"' if ": " in text or text[:1] in "[{'\"&*!%@`" or " #" in text else str(text)


def _flow(said: Any) -> str:
    if isinstance(said, Mapping):
        return f"{{{', '.join(f'{name}: {_flow(value)}' for name, value in said.items())}}}"
    return _value(said)
