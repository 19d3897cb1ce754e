"""The calls of one run of a person's own model, as its recorder tells them; and some once more, on other numbers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, Writer

EDGES = np.array([
    0.0, -0.5, 0.5, -1.0, 1.0, -2.0, 2.0, -2.9, 2.9, -3.1, 3.1, -5.9, 5.9, -6.1, 6.1, -9.0, 9.0, 25.0, 60.0, -60.0, 2e3,
    -2e3,
])  # fmt: skip
"""Numbers on both sides of what activations bend at."""

Again = Callable[[Sequence[Any]], Any]
"""A call on other tensors in the place of its own."""


class _Call(NamedTuple):
    number: int
    tensors: list[Any]
    results: list[Any]
    again: Again


class Calls:
    """The calls of one run, and the values that they gave, written at once: what is in place overwrites them."""

    def __init__(self, own: Mapping[str, Any], weights: Mapping[str, Any], runner: Any, is_tensor: Any, writer: Writer):
        self.active = True
        self.records: list[dict[str, Any]] = []
        self.looks: list[dict[str, Any]] = []
        """Where the model's code looks at numbers that depend on its inputs."""
        self._own, self._runner, self._is_tensor, self._writer = own, runner, is_tensor, writer
        self._weights = {id(variable): [name] for name, variable in weights.items()}
        """By the identity of a tensor the weights that it is made of alone."""
        self._at: dict[int, int] = {}
        self._made: dict[int, Any] = {}
        """By the numbers of calls the tensors that they gave, of which later ones may have made others in place."""
        self._live: set[int] = set()
        """The identities of tensors that depend on the model's inputs."""
        self._kept: list[Any] = list(weights.values())
        """All tensors: a new one must not get the identity of one that is gone."""
        self._calls: list[_Call] = []
        self._overwritten: dict[int, int] = {}
        """By the identity of a tensor the last call that changed it in place."""

    def weight(self, tensor: Any, variable: Any) -> None:
        """Says that a tensor is what a weight holds."""
        if id(variable) in self._weights:
            self._weights[id(tensor)] = self._weights[id(variable)]
            self._kept.append(tensor)

    def enter(self, name: str, tensor: Any) -> None:
        """An input of the model."""
        self._live.add(id(tensor))
        self._add("input", [tensor], (), (), {"path": name})

    def known(self, tensor: Any) -> int | None:
        """The call that gave this tensor."""
        return self._at.get(id(tensor))

    def look(self, func: str, given: Any, path: str = "") -> None:
        """A call that hands numbers of tensors to the model's code, which may do this or that by them."""
        if self.active and any(id(each) in self._live for each in self.tensors(given)):
            self.looks.append({"func": func, "path": path, "line": self._line()})

    def note(
        self, func: str, given: Any, result: Any, *, path: str = "", arguments: Mapping[str, Any] | None = None,
        weights: Iterable[Any] = (), layer: bool = False, reads: Sequence[int] | None = None,
        again: Again | None = None,
    ) -> None:  # fmt: skip
        """A call of `func` on what is `given`, at a place of the model. A `layer` has `weights` of its own, and gives
        what a call in it gave. `again` calls it on other tensors, in the order in which those given come."""
        if not self.active:
            return
        self.active = False  # reading a value is no call of the model's
        try:
            self._note(func, given, result, path, arguments or {}, weights, layer, reads, again)
        finally:
            self.active = True

    def _note(
        self, func: str, given: Any, result: Any, path: str, arguments: Mapping[str, Any], weights: Iterable[Any],
        layer: bool, reads: Sequence[int] | None, again: Again | None,
    ) -> None:  # fmt: skip
        results = list(self.tensors(result))
        if not results:
            return
        tensors = list(self.tensors(given))
        made = [name for each in (*tensors, *weights) for name in self._weights.get(id(each), ())]
        before = [self._at[id(each)] for each in tensors if id(each) in self._at] if reads is None else list(reads)
        plain = [each for each in tensors if id(each) not in self._weights]
        if made and not layer and not before and not plain:  # a transposed or expanded weight
            for value in results:
                self._weights[id(value)] = list(dict.fromkeys(made))
        live = [each for each in tensors if id(each) in self._live]
        kept = {"path": path, "arguments": _plain(arguments), "line": self._line(), "layer": layer}
        first = len(self.records)
        self._add(func, results, before, list(dict.fromkeys(made)), kept)
        if live:
            self._live.update(map(id, results))
        if again is not None:
            call = _Call(first, tensors, results, again)
            if not layer:
                self._calls.append(call)
            if len(live) == 1 and len(results) == 1 and not made:
                self._bend(call, live[0], results[0])
        for value in results:
            if any(value is each for each in tensors):
                self._overwritten[id(value)] = first

    def _add(
        self, func: str, results: Sequence[Any], reads: Sequence[int], weights: Sequence[str], more: Mapping[str, Any]
    ) -> None:
        for place, value in enumerate(results):
            number = len(self.records)
            there = self._at.get(id(value)) if more.get("layer") else None
            key = self.records[there]["value"] if there is not None else f"record {number}"
            if there is None:
                self._writer.add(key, np.array(self._runner.to_numpy(value)))
            self.records.append({"func": func, "value": key, "reads": list(dict.fromkeys(reads)), "place": place,
                                 "weights": list(weights), "bends": "", "moves": False, **more})  # fmt: skip
            if there is None:
                self._at[id(value)], self._made[number] = number, value
            self._kept.append(value)

    def _bend(self, call: _Call, given: Any, result: Any) -> None:
        """What a function of one tensor gives for numbers that a run hardly meets: beyond a bound, say; and whether all
        that it does is to move them."""
        if "float" not in kind(given) or "float" not in kind(result) or _size(given) != _size(result):
            return
        if tuple(given.shape) == tuple(result.shape):
            value = self._on(call, given, np.resize(EDGES, given.shape))
            if value is not None and value.shape == tuple(result.shape):
                self._writer.add(f"bends {call.number}", value)
                self.records[call.number]["bends"] = f"bends {call.number}"
        if result is given or _same(*(np.array(self._runner.to_numpy(each)) for each in (given, result))):
            count = _size(given)
            far = np.geomspace(1e-9, 1e9, max(count, 2))[:count] * np.resize([1.0, -1.0], count)
            moved = self._on(call, given, far.reshape(tuple(given.shape)))
            self.records[call.number]["moves"] = moved is not None and _same(far.astype(moved.dtype), moved)

    def _on(self, call: _Call, tensor: Any, numbers: Array) -> Array | None:
        """What a call gives for other numbers in place of one of its tensors; None if it cannot be told."""
        if self._stale(call, {id(tensor)}):
            return None
        other = self._like(tensor, numbers)
        try:
            found = call.again([other if each is tensor else each for each in call.tensors])
        except Exception:  # it is no such function, then
            return None
        values = list(self.tensors(found))
        return np.array(self._runner.to_numpy(values[0])) if len(values) == 1 else None

    def _like(self, tensor: Any, numbers: Array) -> Any:
        kept = np.array(self._runner.to_numpy(tensor)).dtype
        return self._runner.from_numpy(np.array(numbers).astype(kept))

    def _stale(self, call: _Call, given: set[int]) -> bool:
        """Whether what a call was given is no more, but for the tensors that are given anew."""
        return any(
            self._overwritten.get(id(each), -1) >= call.number or (id(each) in map(id, call.results))
            for each in call.tensors if id(each) not in given
        )  # fmt: skip

    def again(self, at: int, to: int, numbers: Array, other: bool) -> Array | None:
        """What the call `to` gives if the call `at` had given these numbers, computed by all calls between; with
        `other` numbers in what else it is given, too. None if that cannot be told."""
        started = self._made[at]
        anew = {id(started): self._like(started, numbers)}
        last = next((each for each in self._calls if each.number <= to < each.number + len(each.results)), None)
        for each in last.tensors if last is not None and other else ():
            if id(each) in self._live and not self._depends(each, at):
                anew[id(each)] = self._otherwise(each)
        try:
            for call in self._calls:
                if not at < call.number <= to or not any(id(each) in anew for each in call.tensors):
                    continue
                if self._stale(call, set(anew)):
                    return None
                found = list(self.tensors(call.again([anew.get(id(each), each) for each in call.tensors])))
                if len(found) != len(call.results):
                    return None
                anew.update({id(old): new for old, new in zip(call.results, found, strict=True)})
                for place, old in enumerate(call.results):
                    if call.number + place == to:
                        return np.array(self._runner.to_numpy(anew[id(old)]))
        except Exception:  # a model's code may not take such numbers
            return None
        return None

    def _depends(self, tensor: Any, at: int) -> bool:
        """Whether a tensor comes from a call."""
        waiting, seen = [self._at[id(tensor)]], set[int]()
        while waiting:
            number = waiting.pop()
            if number == at:
                return True
            if number > at and number not in seen:
                seen.add(number)
                waiting += self.records[number]["reads"]
        return False

    def _otherwise(self, tensor: Any) -> Any:
        array = np.array(self._runner.to_numpy(tensor))
        match array.dtype.kind:
            case "f":
                return self._like(tensor, array * 100 + 1)
            case "b":
                return self._like(tensor, ~array)
        return tensor

    def tensors(self, value: Any) -> Iterator[Any]:
        """All tensors in arguments, in order."""
        if self._is_tensor(value):
            yield value
        elif isinstance(value, Mapping):
            for each in value.values():
                yield from self.tensors(each)
        elif isinstance(value, (list, tuple)):
            for each in value:
                yield from self.tensors(each)

    def put(self, value: Any, tensors: Iterator[Any]) -> Any:
        """Arguments with others in place of their tensors."""
        if self._is_tensor(value):
            return next(tensors)
        if isinstance(value, Mapping):
            return {key: self.put(each, tensors) for key, each in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self.put(each, tensors) for each in value)
        return value

    def _line(self) -> str:
        """Where in the person's file this is: `my_model.py:12`."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            if is_theirs(self._own, frame.f_code.co_filename):
                return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
            frame = frame.f_back
        return ""


def kind(value: Any) -> str:
    """`float64`, of what each framework has words of its own for."""
    return str(value.dtype).removeprefix("torch.").removeprefix("paddle.").removeprefix("<dtype: '").removesuffix("'>")


def is_theirs(own: Mapping[str, Any], filename: str) -> bool:
    """Whether a file is one of the person's, beside the one that they named."""
    return bool(own["file"]) and os.path.dirname(filename) == os.path.dirname(own["file"])


def _size(value: Any) -> int:
    return int(np.prod([int(each) for each in value.shape], dtype=np.int64))


def _same(one: Array, other: Array) -> bool:
    """Whether they have the same numbers, in whatever order."""
    if one.size != other.size or not np.isclose(one.sum(dtype=np.float64), other.sum(dtype=np.float64)):
        return False
    return bool(np.array_equal(np.sort(one, None), np.sort(other, None)))


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that are numbers, texts, truth values, or rows of these."""
    return {name: value for name, value in ((n, _data(v)) for n, v in arguments.items()) if value is not None}


def _data(value: Any) -> Any:
    if isinstance(value, (bool, int, float, str)):
        return value if not isinstance(value, float) or np.isfinite(value) else str(value)
    if isinstance(value, (list, tuple)) and len(value) <= 8:
        items = [_data(each) for each in value]
        return None if any(each is None for each in items) else items
    return None
