"""What was captured of a model, run with two sizes of its inputs, as one trace.

A run is data: `events` in their order (`enter` and `leave` of a person's module, `call` of a function or of a module of
the framework, `read` of numbers by Python), `shapes` and `kinds` of the values by their numbers, `inputs` by name, and
the `result`. In arguments `{"value": 3}` is a value, `{"weight": name}` a weight of the model, and `{"constant": name}`
another array. What differs between the runs is a `Size`, or it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archspec.errors import ArchspecError
from archspec.verification.worker import Array


@dataclass(frozen=True, slots=True)
class Size:
    """A number that follows from the sizes of the inputs: what it is in each of the two runs."""

    runs: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a part of a model has no place in a spec."""

    why: str
    path: str = ""
    """The module: `layer1.0.conv1`."""
    kind: str = ""
    """Its class."""
    line: str = ""
    """The person's line: `my_model.py:12: x = x.sort()`."""

    def __str__(self) -> str:
        place = f"{self.path} ({self.kind}): " if self.path else f"{self.kind}: " if self.kind else ""
        return f"{place}{self.why}" + (f"\n      {self.line}" if self.line else "")


class ImportRefused(ArchspecError):
    """A model that cannot be imported, with all reasons.

    Attributes: problems: the reasons, each with its place.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        grouped: dict[str, list[Problem]] = {}
        for problem in problems:
            grouped.setdefault(problem.why, []).append(problem)
        lines = [
            f"{found[0]}" + (f"\n      and {len(found) - 1} more like it" if len(found) > 1 else "")
            for found in grouped.values()
        ]
        super().__init__("\n".join(lines))
        self.problems = tuple(problems)


class PartlyImported(ImportRefused):
    """A model of which a spec has steps that are `unknown`, with the reasons.

    Attributes: text: the spec, which `check` refuses.
    """

    def __init__(self, text: str, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.text = text


@dataclass(slots=True)
class Trace:
    """Two runs of a model as one."""

    events: list[dict[str, Any]]
    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]]
    """Of each value in each of the runs, with the batch axis wherever the model has it."""
    kinds: list[str]
    inputs: dict[str, int]
    result: Any
    arrays: Mapping[str, Array]
    idle: list[dict[str, str]]
    """The modules, by `path` and `class`, that do something in training of which evaluation shows nothing."""
    channels_last: bool = False
    """Whether images have their channels last."""
    exact: bool = False
    """Whether numbers that layers are given stay as they are, where other frameworks keep them as float32."""

    @property
    def weights(self) -> dict[str, Array]:
        begin = "weight "
        return {name.removeprefix(begin): array for name, array in self.arrays.items() if name.startswith(begin)}

    def constant(self, name: str) -> Array:
        return self.arrays[f"{name} of 0"]


def merge(runs: Sequence[Mapping[str, Any]], arrays: Mapping[str, Array]) -> Trace:
    """One trace of two runs. Raises ImportRefused where Python took another way in the second."""
    first, second = runs
    reads: list[Problem] = []
    for one, two in zip(first["events"], second["events"], strict=False):
        if one["event"] == "read":
            reads.append(read_of(one))
        if (one["event"], one.get("func")) != (two["event"], two.get("func")):
            problem = Problem(
                "other calls are made for inputs of another size, or with other numbers", line=one.get("line", "")
            )
            raise ImportRefused([*reads, problem])
    if len(first["events"]) != len(second["events"]):
        raise ImportRefused([Problem("more calls are made for inputs of another size, or with other numbers")])
    events = [_together(one, two) for one, two in zip(first["events"], second["events"], strict=True)]
    shapes = [(tuple(one), tuple(two)) for one, two in zip(first["shapes"], second["shapes"], strict=True)]
    return Trace(
        events,
        shapes,
        first["kinds"],
        first["inputs"],
        _together(first["result"], second["result"]),
        arrays,
        first["idle"],
        first.get("channels_last", False),
        first.get("exact", False),
    )


def read_of(event: Mapping[str, Any]) -> Problem:
    """That Python looks at numbers."""
    return Problem(
        f"{event['func']} reads numbers of a tensor, on which Python then decides", line=event.get("line", "")
    )


def _together(one: Any, two: Any) -> Any:
    if isinstance(one, dict) and isinstance(two, dict):
        return {name: _together(one[name], two[name]) for name in one if name in two}
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        return [_together(a, b) for a, b in zip(one, two, strict=True)]
    if type(one) is int and type(two) is int and one != two:
        return Size((one, two))
    return one if one == two else Unlike(one, two)


@dataclass(frozen=True, slots=True)
class Unlike:
    """What is something else in each of the runs."""

    one: Any
    two: Any


def values(data: Any) -> Iterator[int]:
    """The values that data speaks of."""
    if isinstance(data, Mapping):
        if "value" in data:
            yield data["value"]
        for each in data.values():
            yield from values(each)
    elif isinstance(data, (list, tuple)):
        for each in data:
            yield from values(each)


def plain(trace: Trace, name: str) -> Array | None:
    """A constant, if it is the same in both runs."""
    one, two = (trace.arrays[f"{name} of {run}"] for run in (0, 1))
    return one if one.shape == two.shape and np.array_equal(one, two) else None
