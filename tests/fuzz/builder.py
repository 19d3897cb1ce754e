"""A list of steps that grows: each is run as it is added, and what it gives can be named and read by later ones."""

from __future__ import annotations

import random as stdlib
from collections.abc import Callable, Iterator
from math import prod
from typing import Any, Final

import numpy as np

from archspec import ops

from .attributes import Sizes
from .interpret import Interpreter, Names, Rejected, Step, Value, Wires, evaluate, given

MOST_STEPS: Final = 30
OPS: Final = tuple(key for key in ops.names() if not ops.get(key).across)
"""Those that may be drawn one by one; others come in forms of their own."""


class Drawing:
    """What all builders of one document share."""

    def __init__(self, seed: int, *, along: bool = False) -> None:
        self.along = along
        """Whether blocks are also called along an axis."""
        self.random = stdlib.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.blocks: dict[str, Any] = {}
        self.run = Interpreter(self.blocks, self.numbers)
        self.left = self.random.randint(3, MOST_STEPS)
        """How many steps may still come."""
        self.wanted = self.random.sample(OPS, 40)
        """Operations, those to be tried next at the end."""
        self.count = 0

    def number(self) -> int:
        self.count += 1
        return self.count

    def op(self) -> str:
        if not self.wanted:
            self.wanted = self.random.sample(OPS, 40)
        return self.wanted.pop()


class Builder:
    """Adds steps to one list of them."""

    def __init__(self, drawing: Drawing, depth: int) -> None:
        self.drawing, self.random, self.depth = drawing, drawing.random, depth
        self.layers: list[Any] = []
        self.given: list[Wires] = []
        """What flows into each."""
        self.names: Names = {}
        """Everything that references may name."""
        self.env: dict[str, Any] = {}
        """What expressions may name."""
        self.params: dict[str, dict[str, Any]] = {}
        self.current: Wires = ()
        self.read: set[str] = set()
        """References that were read."""
        self.added: list[str] = []
        """Names that the last step brought."""
        self.inner = False
        """Whether the steps stand in a list inside a step, where no new input and param can be had."""

    # What steps read ------------------------------------------------------------------------------------------------

    def fresh(self, sizes: Sizes, dtype: str = "float", limit: int | None = None) -> str:
        """A new input of these sizes. Raises Rejected if there can be none."""
        raise Rejected("no more inputs here")

    def values(self) -> Iterator[tuple[str, Value]]:
        """What single values references lead to."""
        for name, wires in self.names.items():
            if len(wires) == 1:
                yield name, wires[0]

    def obtain(self, sizes: Sizes, dtype: str, limit: int | None, alone: bool) -> str:
        """A reference to some value of these sizes. `alone`: it may be one that is the same for all samples."""
        fits = [name for name, value in self.values()
                if value.shape[1:] == sizes and value.dtype == dtype and (alone or value.shape[0] > 1)
                and (dtype != "int64" or (value.limit is not None and value.limit <= (limit or 2)))]  # fmt: skip
        if fits and self.random.random() < 0.7:
            return self.random.choice(fits)
        if alone and self.random.random() < 0.5:
            return self.source(sizes, dtype, limit)
        try:
            return self.fresh(sizes, dtype, limit)
        except Rejected:
            if fits:
                return self.random.choice(fits)
            raise

    def source(self, sizes: Sizes, dtype: str, limit: int | None) -> str:
        """A reference to a new parameter, constant or range."""
        random = self.random
        step: Step
        if dtype == "float" and random.random() < 0.6:
            step = {"op": "parameter", "shape": list(sizes)}
            if random.random() < 0.5:
                step["init"] = "normal(0.02)"
        else:
            draws: dict[str, Callable[[], Any]] = {
                "float": lambda: round(random.uniform(-2, 2), 2),
                "int64": lambda: random.randrange(limit or 2),
                "bool": lambda: random.random() < 0.5,
            }
            if len(sizes) == 1 and dtype != "bool" and sizes[0] <= (limit or sizes[0]) and random.random() < 0.5:
                step = {"op": "range", "stop": sizes[0], "dtype": dtype}
                if random.random() < 0.4:
                    step |= {"start": sizes[0] - 1, "stop": -1, "step": -1}
            elif random.random() < 0.4 or prod(sizes) > 40:
                step = {"op": "constant", "value": draws[dtype](), "shape": list(sizes)}
            else:
                step = {"op": "constant", "value": _nested(sizes, draws[dtype])}
            if dtype != "float":
                step["dtype"] = dtype
        return self.aside(step)

    def one(self) -> Value:
        """The current value, if there is one. Raises Rejected."""
        if len(self.current) != 1:
            raise Rejected("several values")
        return self.current[0]

    # Steps and their names ------------------------------------------------------------------------------------------

    def aside(self, step: Step) -> str:
        """Adds a named step; the reference to its value."""
        name = self.new_name(step["op"])
        self.keep()
        self.add({**step, "name": name})
        return name

    def new_name(self, key: str) -> str:
        number = self.drawing.number()
        return self.random.choice([f"{key}_{number}", f"s{number}", f"{key}{number}", f"part{number}"])

    def keep(self) -> None:
        """Gives a name to what the last step gave, if nothing would read it otherwise."""
        if not self.layers or any(wires == self.current for wires in self.names.values()):
            return
        if self.random.random() < 0.95:
            self.name_last()

    def name_last(self) -> str:
        """Gives the last step a name, if it has none."""
        if not self.layers:
            raise Rejected("there is no step to name")
        last = self.layers[-1]
        if isinstance(last, str):
            last = self.layers[-1] = {"op": last}
        if "name" not in last:
            name = last["name"] = self.new_name(str(last.get("op", "step")))
            if "layers" in last:  # opens a scope now
                for inner in self.added:
                    self.names[f"{name}.{inner}"] = self.names.pop(inner)
            ran = evaluate(last.get("when", True), self.env)  # what is left out passes its inputs on, and has no parts
            if len(self.current) > 1 and "op" in last and ran:
                self.names.update((f"{name}.{i}", (value,)) for i, value in enumerate(self.current))
        self.names[last["name"]] = self.current
        return str(last["name"])

    def named(self) -> str:
        """A reference to the current value."""
        for name, wires in self.names.items():
            if wires == self.current:
                return name
        return self.name_last()

    def add(self, step: Step) -> None:
        """Runs a step, and keeps it. Raises Rejected."""
        before = dict(self.names)
        taken = given(step, self.current, self.names)
        try:
            outputs = self.drawing.run.step(step, self.current, self.env, self.names)
        except Rejected:
            self.names.clear()
            self.names.update(before)
            raise
        self.read.update([step["from"]] if isinstance(step.get("from"), str) else step.get("from", ()))
        self.added = [name for name in self.names if name not in before]
        self.layers.append(step["op"] if step.keys() == {"op"} and self.random.random() < 0.7 else step)
        self.given.append(taken)
        self.drawing.left -= 1
        self.current = outputs


def _nested(sizes: Sizes, draw: Callable[[], Any]) -> Any:
    return [_nested(sizes[1:], draw) for _ in range(sizes[0])] if sizes else draw()
