"""A person's own model in a framework's process: made by their function, given random weights, and run with every call
recorded.

A backend's `recorder.py` defines `Own(session)`: the session, with `build(make, inputs, mode)` (a model that is ready
to be called), `variables()` (those that are weights: what training changes, and statistics), `run(inputs)`, and
`watch(calls)`, in which each call of the framework is told to `calls.note`; and `is_tensor(value)`.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import prod, sqrt
from types import FrameType
from typing import Any
from zlib import crc32

import numpy as np

from .arrays import Array, Writer, arrange, cast, load
from .model import RunError


class OwnError(RunError):
    """Why a person's code gives no model that can be run."""


def own_session(request: Mapping[str, Any], runner: Any, see: Callable[[str, Any], Any]) -> Any:
    """A session whose model is a person's own, not built yet; its weights are those that are one."""
    session = runner.Session(request["dtype"], see)
    session.draws = True
    return _recorder(request["own"]["recorder"]).Own(session)


def build(own: Any, request: Mapping[str, Any], inputs: Sequence[Any]) -> None:
    """Makes the model, in their code's own words of what is wrong. Raises OwnError."""
    with said(request["own"]):
        own.build(factory(request["own"]), inputs, request["mode"])
    for name, variable in own.variables().items():
        if _kind(variable) != request["dtype"]:
            raise OwnError(f"its weight '{name}' stays {_kind(variable)}")


def _kind(value: Any) -> str:
    """`float64`, of what each framework has words of its own for."""
    return str(value.dtype).removeprefix("torch.").removeprefix("paddle.").removeprefix("<dtype: '").removesuffix("'>")


def _recorder(path: str) -> Any:
    name = f"archspec_recorder_{crc32(path.encode())}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def factory(own: Mapping[str, Any]) -> Callable[[], Any]:
    """What makes the model. Raises OwnError if there is no such thing, or it needs arguments that are not given."""
    found: Any = _module(own["file"]) if own["file"] else importlib.import_module(own["module"])
    where = own["file"] or own["module"]
    for part in own["name"].split("."):
        if not hasattr(found, part):
            raise OwnError(f"{where} has no '{own['name']}'")
        found = getattr(found, part)
    if not callable(found):
        raise OwnError(f"'{own['name']}' of {where} cannot be called: it is {type(found).__name__}")
    if not (inspect.isfunction(found) or inspect.isclass(found) or inspect.isbuiltin(found)):
        return lambda: found  # a model that is there already
    try:
        inspect.signature(found).bind(**own["arguments"])
    except TypeError as error:
        hint = f"name a function that needs none, or give them: {own['name']}(num_classes=10)"
        raise OwnError(f"'{own['name']}' cannot be called like this: {error}; {hint}") from None
    except ValueError:  # it has no signature
        pass
    return partial(found, **own["arguments"])


def _module(file: str) -> Any:
    """The module of a file, loaded anew; its folder, where its siblings are, comes last of all places to look for
    modules, so that nothing there takes the place of a framework's."""
    folder, stem = os.path.dirname(file), os.path.splitext(os.path.basename(file))[0]
    if folder not in sys.path:
        sys.path.append(folder)
    for name, there in list(sys.modules.items()):
        if os.path.dirname(getattr(there, "__file__", None) or "") == folder:
            del sys.modules[name]  # of another request, perhaps of another text
    name = stem if stem not in sys.modules else f"own_{stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise OwnError(f"{file} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def said(own: Mapping[str, Any]) -> Iterator[None]:
    """Errors of a person's code as OwnErrors that begin with the line of it that raised."""
    try:
        yield
    except OwnError:
        raise
    except (Exception, SystemExit) as error:
        at = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_theirs(own, frame.filename)]
        place = f"{os.path.basename(at[-1].filename)}:{at[-1].lineno}: {at[-1].line}: " if at else ""
        if isinstance(error, SyntaxError) and error.filename:
            place = f"{os.path.basename(error.filename)}:{error.lineno}: "
        text = " ".join(str(error).split())
        raise OwnError(f"{place}{type(error).__name__}: {text[:300]}") from (error if at else None)


def _is_theirs(own: Mapping[str, Any], filename: str) -> bool:
    return bool(own["file"]) and os.path.dirname(filename) == os.path.dirname(own["file"])


class Calls:
    """The calls of one run, and the values that they gave, written at once: what is in place overwrites them."""

    def __init__(self, own: Mapping[str, Any], weights: Mapping[str, Any], runner: Any, is_tensor: Any, writer: Writer):
        self.active = True
        self.records: list[dict[str, Any]] = []
        self._own, self._runner, self._is_tensor, self._writer = own, runner, is_tensor, writer
        self._weights = {id(variable): [name] for name, variable in weights.items()}
        """By the identity of a tensor the weights that it is made of alone."""
        self._at: dict[int, int] = {}
        self._kept: list[Any] = list(weights.values())
        """All tensors: a new one must not get the identity of one that is gone."""

    def weight(self, tensor: Any, variable: Any) -> None:
        """Says that a tensor is what a weight holds."""
        if id(variable) in self._weights:
            self._weights[id(tensor)] = self._weights[id(variable)]
            self._kept.append(tensor)

    def enter(self, name: str, tensor: Any) -> None:
        """An input of the model."""
        self._add("input", [tensor], (), (), {"path": name})

    def known(self, tensor: Any) -> int | None:
        """The call that gave this tensor."""
        return self._at.get(id(tensor))

    def note(
        self, func: str, given: Any, result: Any, *, path: str = "", arguments: Mapping[str, Any] | None = None,
        weights: Iterable[Any] = (), layer: bool = False, reads: Sequence[int] | None = None,
        again: Callable[[Any], Any] | None = None,
    ) -> None:  # fmt: skip
        """A call of `func` on what is `given`, at a place of the model. A `layer` has `weights` of its own, and gives
        what a call in it gave. `again` calls it on another tensor in place of the only one."""
        results = list(self._tensors(result)) if self.active else []
        if not results:
            return
        tensors = list(self._tensors(given))
        made = [name for each in (*tensors, *weights) for name in self._weights.get(id(each), ())]
        before = [self._at[id(each)] for each in tensors if id(each) in self._at] if reads is None else list(reads)
        plain = [each for each in tensors if id(each) not in self._weights]
        if made and not layer and not before and not plain:  # a transposed or expanded weight
            for value in results:
                self._weights[id(value)] = list(dict.fromkeys(made))
        kept = {"path": path, "arguments": _plain(arguments or {}), "line": self._line(), "layer": layer}
        first = len(self.records)
        self._add(func, results, before, list(dict.fromkeys(made)), kept)
        if again is not None and len(tensors) == 1 and len(results) == 1 and not made:
            self._bend(first, tensors[0], results[0], again)

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
                                 "weights": list(weights), "bends": "", **more})  # fmt: skip
            if there is None:
                self._at[id(value)] = number
            self._kept.append(value)

    def _bend(self, number: int, given: Any, result: Any, again: Callable[[Any], Any]) -> None:
        """What a function of one tensor gives for numbers that a run hardly meets: beyond a bound, say."""
        if tuple(given.shape) != tuple(result.shape) or "float" not in _kind(given):
            return
        edges = np.resize(EDGES, given.shape).astype(np.array(self._runner.to_numpy(given)).dtype)
        self.active = False
        try:
            value = again(self._runner.from_numpy(edges))
        except Exception:  # it is no such function, then
            value = None
        finally:
            self.active = True
        if self._is_tensor(value) and tuple(value.shape) == tuple(result.shape):
            self._writer.add(f"bends {number}", np.array(self._runner.to_numpy(value)))
            self.records[number]["bends"] = f"bends {number}"

    def _tensors(self, value: Any) -> Iterator[Any]:
        if self._is_tensor(value):
            yield value
        elif isinstance(value, Mapping):
            for each in value.values():
                yield from self._tensors(each)
        elif isinstance(value, (list, tuple)):
            for each in value:
                yield from self._tensors(each)

    def _line(self) -> str:
        """Where in the person's file this is: `my_model.py:12`."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            if _is_theirs(self._own, frame.f_code.co_filename):
                return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
            frame = frame.f_back
        return ""


EDGES = np.array([0.0, -0.5, 0.5, -1.0, 1.0, -2.0, 2.0, -2.9, 2.9, -3.1, 3.1, -5.9, 5.9, -6.1, 6.1, -9.0, 9.0, 25.0])
"""Numbers on both sides of what activations bend at."""


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


def record(request: Mapping[str, Any], runner: Any, clock: Any, writer: Writer) -> dict[str, Any]:
    """Records a run of a person's model with random weights; gives its calls."""
    data = load(**request["data"])
    own = own_session(request, runner, lambda key, value: value)
    given = {name: cast(arrange(data[name], layout), request["dtype"]) for name, layout in request["inputs"].items()}
    inputs = [runner.from_numpy(array) for array in given.values()]
    with clock.enter("build"):
        build(own, request, inputs)
    variables = own.variables()
    with clock.enter("weights"):
        for name, variable in variables.items():
            array = np.array(runner.to_numpy(variable))
            array = np.ascontiguousarray(drawn(name, array))
            own.session.assign(variable, array)
            writer.add(f"weight {name}", array)
    calls = Calls(request["own"], variables, runner, own.is_tensor, writer)
    with clock.enter("run"), said(request["own"]):
        for name, value in zip(given, inputs, strict=True):
            calls.enter(name, value)
        with own.watch(calls):
            outputs = own.run(inputs)
    results = list(calls._tensors(outputs))
    if not results:
        raise OwnError(f"the model gives {type(outputs).__name__}, which has no tensor")
    for value in results:
        if "float" in _kind(value) and _kind(value) != request["dtype"]:
            raise OwnError(f"what it gives is {_kind(value)}")
        if calls.known(value) is None:
            calls.note("the model", (), value)
    names = list(outputs) if isinstance(outputs, Mapping) else []
    return {"records": calls.records, "returned": [calls.known(value) for value in results], "names": names}


def drawn(name: str, array: Array) -> Array:
    """Random numbers for a weight, of a kind that goes with those that it has: what is positive, as variances are,
    stays so, and scales stay near one."""
    random = np.random.default_rng(crc32(name.encode()))
    if array.dtype.kind != "f" or not array.size:
        return array
    numbers = np.asarray(random.random(array.shape, dtype=np.float32))
    if array.ndim < 2:
        numbers = numbers + np.float32(0.5 if float(array.min()) > 0 else -0.5)
    else:
        fan = prod(array.shape) / max(array.shape)
        numbers = np.asarray((numbers - np.float32(0.5)) * np.float32(2 * sqrt(3.0) / sqrt(max(1.0, fan))))
    return numbers.astype(array.dtype)
