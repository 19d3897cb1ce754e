"""The events of one run of a person's own model, as data: what its tracer sees of calls, values and weights."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np

MOST = 4096
"""How many numbers a list among arguments may have."""
_WORKER = os.path.dirname(os.path.abspath(__file__))


@dataclass(frozen=True)
class Framework:
    """What a tracer says of its framework, in `FRAMEWORK`."""

    name: str
    """What the words for its kinds of numbers may begin with: `torch`."""
    folders: tuple[str, ...]
    """Whose code is no person's: its own, and the tracer's."""
    tensors: tuple[type, ...]
    to_numpy: Callable[[Any], Any]
    dtype: type | None = None
    """What its kinds of numbers are, if they are no texts."""
    module: type | None = None
    """What a model is made of, if it must be seen with what each was made."""
    models: str = ""
    """The folder of its own models, which are written as a person's."""
    configs: bool = False
    """Whether attributes may be mappings, too."""

    def is_theirs(self, file: str) -> bool:
        """Whether a file is a person's."""
        if self.models and file.startswith(self.models):
            return True
        return not file.startswith((*self.folders, _WORKER, "<"))

    def known(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Those attributes that are plain, as data."""
        return {name: self.plain(each) for name, each in attributes.items() if self.is_plain(each)}

    def is_plain(self, value: Any) -> bool:
        """Whether a value is a number, a text, a truth value, a kind of numbers or nothing, or made of these."""
        if isinstance(value, (list, tuple)):
            return len(value) <= MOST and all(map(self.is_plain, value))
        if isinstance(value, Mapping) and self.configs:
            return all(isinstance(name, str) for name in value) and all(map(self.is_plain, value.values()))
        kinds = (bool, int, float, str, np.integer, np.floating, *([self.dtype] if self.dtype else []))
        return value is None or isinstance(value, kinds)

    def plain(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self.plain(each) for each in value]
        if isinstance(value, Mapping):
            return {"config": {name: self.plain(each) for name, each in value.items()}}
        if isinstance(value, (np.integer, np.floating)):
            value = value.item()
        if isinstance(value, float) and value - value != 0:
            return {"float": str(value)}
        if self.dtype is not None and isinstance(value, self.dtype):
            return {"dtype": str(value).removeprefix(f"{self.name}.")}
        return value


class Events:
    """What is told of one run; `trace` of a tracer fills it."""

    def __init__(self, framework: Framework, made: Made, write: Callable[[str, Any], None]) -> None:
        self._framework, self._made, self._write = framework, made, write
        self.told: list[dict[str, Any]] = []
        self.weights: dict[int, str] = {}
        """By the identity of a tensor the weight that it is."""
        self.values: dict[int, int] = {}
        """The same of what the run computed."""
        self._shapes: list[list[int]] = []
        self._kinds: list[str] = []
        self._inputs: dict[str, int] = {}
        self._constants: dict[int, str] = {}
        self._kept: list[Any] = []
        """All tensors: a new one must not get the identity of one that is gone."""

    def begin(self, name: str, tensor: Any) -> Any:
        """An input of the model, which is given back."""
        self._inputs[name] = self.bind(tensor)
        return tensor

    def bind(self, tensor: Any) -> int:
        """The number of a new value."""
        number = len(self._shapes)
        self._shapes.append([-1 if size is None else int(size) for size in tensor.shape])
        self._kinds.append(str(tensor.dtype).removeprefix(f"{self._framework.name}."))
        self.values[id(tensor)] = number
        self._kept.append(tensor)
        return number

    def same(self, tensor: Any, other: Any) -> None:
        """Says that a tensor is what another one is, if that is a value or a weight."""
        if id(other) in self.values:
            self.values[id(tensor)] = self.values[id(other)]
        elif id(other) in self.weights:
            self.weights[id(tensor)] = self.weights[id(other)]
        self._kept.append(tensor)

    def enter(
        self, module: Any, path: str, *, container: bool, name: str | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """That a part of the model runs which is made of others: all until its `leave`."""
        kind = type(module)
        self.told.append({
            "event": "enter", "path": path, "class": kind.__name__ if name is None else name,
            "kind": f"{kind.__module__}.{kind.__qualname__}", "container": container,
            "arguments": self._made.arguments(module) if arguments is None else dict(arguments),
        })  # fmt: skip

    def leave(self, result: Any) -> None:
        self.told.append({"event": "leave", "result": self.data(result)})

    def call(
        self, func: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any, *,
        attributes: Mapping[str, Any] | None = None, weights: Mapping[str, Any] | None = None, path: str = "",
    ) -> None:  # fmt: skip
        """A call of `func`; what it was given is told as `data`, since it may be overwritten."""
        self.told.append({
            "event": "call", "func": func, "path": path, "line": self._line(), "args": list(args),
            "kwargs": dict(kwargs), "attributes": dict(attributes or {}), "weights": dict(weights or {}),
            "result": self.data(result),
        })  # fmt: skip

    def reads(self, func: str, args: Any) -> None:
        """A call that looks at numbers."""
        told = [self.data(each) for each in args]
        self.told.append({"event": "read", "func": func, "line": self._line(), "args": told})

    def answer(self, result: Any, idle: Iterable[dict[str, str]], **more: Any) -> dict[str, Any]:
        """All that was told, and what the model gave. `idle` are parts of it of which only training shows that they
        drop something, or add noise."""
        return {"events": self.told, "shapes": self._shapes, "kinds": self._kinds, "inputs": self._inputs,
                "idle": list(idle), "result": self.data(result), **more}  # fmt: skip

    def tensors(self, value: Any) -> Iterator[Any]:
        """All tensors in arguments, in order."""
        if isinstance(value, self._framework.tensors):
            yield value
        elif isinstance(value, Mapping):
            for each in value.values():
                yield from self.tensors(each)
        elif isinstance(value, (list, tuple)):
            for each in value:
                yield from self.tensors(each)

    def data(self, value: Any) -> Any:
        """An argument or a result; what is neither a value nor a weight is a constant."""
        if isinstance(value, self._framework.tensors):
            if id(value) in self.values:
                return {"value": self.values[id(value)]}
            if id(value) in self.weights:
                return {"weight": self.weights[id(value)]}
            if id(value) not in self._constants:
                self._constants[id(value)] = f"constant {len(self._constants)}"
                self._kept.append(value)
                self._write(self._constants[id(value)], self._framework.to_numpy(value))
            return {"constant": self._constants[id(value)]}
        if isinstance(value, (list, tuple)):
            return [self.data(each) for each in value]
        if isinstance(value, Mapping):
            return {"fields": {str(name): self.data(each) for name, each in value.items()}}
        if isinstance(value, slice):
            return {"slice": [self.data(each) for each in (value.start, value.stop, value.step)]}
        if value is Ellipsis:
            return {"ellipsis": True}
        if self._framework.is_plain(value):
            return self._framework.plain(value)
        return {"other": str(value).removeprefix(f"{self._framework.name}.")[:60]}

    def known(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Those attributes that are plain, as data."""
        return self._framework.known(attributes)

    def _line(self) -> str:
        """Where in a person's file this is, and what stands there: `my_model.py:12: x = x.sort()`."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if self._framework.is_theirs(file):
                line = linecache.getline(file, frame.f_lineno).strip()
                return f"{os.path.basename(file)}:{frame.f_lineno}: {line}"
            frame = frame.f_back
        return ""


class Made:
    """With what each part of a model was made, by the constructors of a person's classes."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self._found: dict[int, dict[str, Any]] = {}

    def arguments(self, module: Any) -> dict[str, Any]:
        return self._found.get(id(module), {})

    def noting(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """A function that does the same, and is watched."""

        def whole() -> Any:
            sys.setprofile(self._note)
            try:
                return function()
            finally:
                sys.setprofile(None)

        return whole if self._framework.module is not None else function

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or frame.f_code.co_name != "__init__" or "self" not in frame.f_locals:
            return
        made = frame.f_locals["self"]
        if isinstance(made, self._framework.module or ()) and type(made).__init__.__code__ is frame.f_code:
            given = {name: value for name, value in frame.f_locals.items() if name not in ("self", "__class__")}
            self._found[id(made)] = self._framework.known(given)
