"""What rows give while code is written, with numbers for names: each step's code, as it should be in an instance.

A row is asked once more, at the moment at which the writer asks it, with a context that gives a variable of its own
where the block's code has an expression. What the code is in an instance is told by the instance's numbers, not by the
names that the writer found for them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from types import CodeType
from typing import Any

from archspec.emit.aligned import Key, MCall, MStep
from archspec.emit.code import Code, Items, Local, Raw, Symbol, Template, literal
from archspec.emit.context import Context, Lowered, Site
from archspec.emit.layouts import Layout
from archspec.emit.printing import Style, flat
from archspec.emit.program import Generator
from archspec.expressions import Expr, Name, rename

STYLE = Style(names=lambda expr: rename(expr, lambda name: Name(_plain_name(name))))


def _plain_name(name: str) -> str:
    """A name of the block as one that is like none of the code's own."""
    return name if name.startswith("number_") else f"param_{name.replace('.', '_')}"


class Told:
    """A context that gives a variable for what is an expression, and notes what each stands for in each instance."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.numbers: dict[str, dict[Key, Any]] = {}
        self.names: dict[Any, str] = {}
        """Rows join what is equal: the same expression has the same name."""
        self.wrong: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.context, name)

    def unify(
        self, values: Mapping[Key, Any], item: MStep | MCall, exprs: Sequence[Expr] = (), name: str = ""
    ) -> Code:  # fmt: skip
        return self._told(self.context.unify(values, item, exprs, name), values)

    def _told(self, code: Code, values: Mapping[Key, Any]) -> Code:
        if isinstance(code, Symbol):
            numbers = {key: _plain(value) for key, value in values.items()}
            name = self.names.setdefault((code.expr, repr(numbers)), f"number_{len(self.names)}")
            self.numbers[name] = numbers
            return replace(code, expr=Name(name))
        if isinstance(code, Items):
            parts = [self._told(part, {key: value[i] for key, value in values.items()})
                     for i, part in enumerate(code.items)]  # fmt: skip
            return Items(tuple(parts), code.brackets)
        if any(literal(_plain(value)) != code for value in values.values()):
            self.wrong.append(f"{flat(code, STYLE)} stands for {list(values.values())}")
        return code


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(map(_plain, value))
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


@dataclass(eq=False)
class Answer:
    """What a row gave for one step of a block, in all its instances."""

    site: Site
    told: Told
    lowered: Lowered
    first: dict[int, Code] = field(default_factory=dict)
    value: Code | None = None
    layouts: tuple[Layout | None, ...] = ()
    """How inputs were laid out."""
    codes: dict[int, CodeType] = field(default_factory=dict)

    def env(self, key: Key) -> dict[str, Any]:
        """What the names of the code stand for in an instance."""
        found = {_plain_name(name): value for name, value in self.site.context.envs[key].items()}
        return found | {name: values[key] for name, values in self.told.numbers.items() if key in values}

    def run(self, code: Code, known: dict[str, Any], given: Mapping[str, Any]) -> Any:
        """What a piece of code gives."""
        if id(code) not in self.codes:
            self.codes[id(code)] = compile(flat(code, STYLE), f"<{self.site.path}>", "eval")
        return eval(self.codes[id(code)], known, given)


class Rows:
    """All that rows gave, by the step of the tree that it is for."""

    def __init__(self) -> None:
        self.answers: dict[int, list[tuple[Answer, Key]]] = {}

    def note(self, generator: Generator, site: Site, lowered: Lowered) -> Lowered:
        """Asks the row once more; the answer to the writer notes what is made of it."""
        told = Told(site.context)
        second = generator.table[site.op.key](replace(site, context=told))  # type: ignore[arg-type]
        if site.frozen and (still := generator.dialect.blocks.frozen):
            learned = {place.layer for place in second.weights.values()}
            layers = {key: still(made) if key in learned else made for key, made in second.layers.items()}
            second = replace(second, layers=layers)
        answer = Answer(site, told, second)
        for key, step in site.step.steps.items():
            self.answers.setdefault(id(step), []).append((answer, key))

        def apply(own: Mapping[str, Code], codes: Sequence[Code]) -> Code:
            answer.value = second.apply(_own(own), _given(codes))
            answer.layouts = tuple(wire.layout for wire in site.inputs)
            return lowered.apply(own, codes)

        def before(index: int, real: Any, shadow: Any) -> Any:
            def spell(own: Mapping[str, Code], codes: Sequence[Code]) -> Code:
                answer.first[index] = shadow(_own(own), _given(codes))
                return real(own, codes)  # type: ignore[no-any-return]

            return spell

        first = tuple(map(before, count(), lowered.first, second.first))
        return replace(lowered, apply=apply, first=first)


def _own(layers: Iterable[str]) -> dict[str, Code]:
    return {suffix: Raw(f"own_{i}") for i, suffix in enumerate(layers)}


def _given(codes: Sequence[Code]) -> list[Code]:
    """Variables for inputs; as rows may ask whether one is a variable, others are no variables."""
    return [replace(code, name=f"given_{i}") if isinstance(code, Local) else Template("{0}", (Raw(f"given_{i}"),))
            for i, code in enumerate(codes)]  # fmt: skip


@contextlib.contextmanager
def noted() -> Iterator[Rows]:
    """Notes what rows give to the generators that write code meanwhile."""
    rows, lower = Rows(), Generator.lower

    def lowering(self: Generator, site: Site) -> Lowered:
        return rows.note(self, site, lower(self, site))

    Generator.lower = lowering  # type: ignore[method-assign]
    try:
        yield rows
    finally:
        Generator.lower = lower  # type: ignore[method-assign]
