"""What was recorded of one run of a person's own model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archspec.verification.worker import Array
from archspec.verification.workers import Result


@dataclass(frozen=True, slots=True)
class Record:
    """One call of a function or a layer of the framework, or of a model's input."""

    number: int
    func: str
    """`batch_norm`, `BatchNorm2d`; `input`."""
    path: str
    """Where in the model: the name of the layer around it."""
    line: str
    """Where in the person's file: `my_model.py:12`; empty if none of it is called meanwhile."""
    reads: tuple[int, ...]
    """The calls that gave what it is given."""
    weights: tuple[str, ...]
    """Those that it is given, in order, as they are or transposed; of a layer, all that it has."""
    arguments: Mapping[str, Any]
    layer: bool
    """Whether it is a layer, which gives what a call in it gave."""
    value: str
    bends: Array | None
    """What it gives for `EDGES`, if it is a function of each number."""
    moves: bool
    """Whether all that it does is to move the numbers of one tensor."""

    @property
    def place(self) -> str:
        """As a report says it: `BatchNorm2d 'bn1' (my_model.py:12)`."""
        return _place(self.func, self.path, self.line)


@dataclass(frozen=True, slots=True)
class Look:
    """A call by which the model's code looks at numbers: it may do something else if they are others."""

    func: str
    path: str
    line: str

    @property
    def place(self) -> str:
        """As a report says it: `item (my_model.py:12)`."""
        return _place(self.func, self.path, self.line)


class Recorded:
    """All calls of a run."""

    def __init__(self, result: Result, dtype: str) -> None:
        self.dtype = dtype
        self.records = [_record(number, each, result.arrays) for number, each in enumerate(result.seen["records"])]
        self.values = [result.arrays[record.value] for record in self.records]
        self.weights = {name.removeprefix("weight "): array.astype(np.float64) for name, array in result.arrays.items()
                        if name.startswith("weight ")}  # fmt: skip
        self.returned: tuple[int, ...] = tuple(result.seen["returned"])
        self.looks = [Look(**each) for each in result.seen.get("looks", ())]
        self.names: tuple[str, ...] = tuple(result.seen["names"])
        """Of what is returned, if they have names."""
        self._readers: dict[int, list[int]] = {}
        for record in self.records:
            for number in record.reads:
                self._readers.setdefault(number, []).append(record.number)

    def readers(self, numbers: Sequence[int]) -> list[int]:
        """The calls that are given what one of these gave."""
        return sorted({reader for number in numbers for reader in self._readers.get(number, ())} - set(numbers))

    def after(self, numbers: Sequence[int]) -> set[int]:
        """The calls that depend on one of these."""
        found: set[int] = set()
        waiting = list(numbers)
        while waiting:
            for reader in self._readers.get(waiting.pop(), ()):
                if reader not in found:
                    found.add(reader)
                    waiting.append(reader)
        return found

    def before(self, number: int) -> set[int]:
        """The calls on which one depends."""
        found: set[int] = set()
        waiting = [number]
        while waiting:
            for each in self.records[waiting.pop()].reads:
                if each not in found:
                    found.add(each)
                    waiting.append(each)
        return found

    def between(self, numbers: Sequence[int], last: int) -> set[int]:
        """The calls by which one depends on others, the last of them with it; none if it does not."""
        after, found, waiting = self.after(numbers), set[int](), [last]
        while waiting:
            number = waiting.pop()
            if number in after and number not in found:
                found.add(number)
                waiting += self.records[number].reads
        return found


def _place(func: str, path: str, line: str) -> str:
    name = f"{func} '{path}'" if path else func
    return f"{name} ({line})" if line else name


def _record(number: int, data: Mapping[str, Any], arrays: Mapping[str, Array]) -> Record:
    return Record(
        number, data["func"], data["path"], data.get("line", ""), tuple(data["reads"]), tuple(data["weights"]),
        data.get("arguments", {}), bool(data.get("layer")), data["value"],
        arrays[data["bends"]] if data["bends"] else None, bool(data.get("moves")),
    )  # fmt: skip
