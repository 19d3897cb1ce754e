"""How `archspec.verification.worker.capture` captures a Paddle model. Needs no archspec.

Layers of Paddle itself are one call each, by their class; its functions, and the methods of tensors, outside of these
are calls by their names, with their arguments by name. What a person's layer runs stands between its `enter` and its
`leave`. All computes by the functions of `paddle._C_ops`: one that is seen outside of any call is a call of its own, so
that nothing passes unseen.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType, FunctionType
from typing import Any

import paddle
from paddle import _C_ops, nn

HERE = os.path.dirname(os.path.abspath(paddle.__file__))
VISION = os.path.join(HERE, "vision", "models")
"""Whose models are written as a person's."""
CONTAINERS = (nn.Sequential, nn.LayerList, nn.LayerDict, nn.Transformer, nn.TransformerEncoder, nn.TransformerDecoder,
              nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)  # fmt: skip
"""Layers of Paddle that are made of others."""
OPERATORS = (
    "add radd sub rsub mul rmul truediv rtruediv matmul rmatmul pow rpow floordiv mod neg abs invert getitem setitem "
    "lt le gt ge eq ne and or xor"
).split()
NAMES = frozenset(paddle.__all__) | frozenset(nn.functional.__all__)
METHODS = (*(f"__{name}__" for name in OPERATORS), "clone", "contiguous", "detach", "astype", "unflatten")
LOOKS = ("item", "tolist", "numpy", "__array__", "__bool__", "__float__", "__int__", "__index__")
"""Methods that hand numbers to the model's code."""
SAME = frozenset({"contiguous", "detach", "clone"})
"""What gives the tensor itself."""
RATES = ("p", "dropout", "std", "drop_prob", "drop_rate", "drop_path")
"""What layers call the probability with which they drop, or the deviation of their noise."""
NUMPY = paddle.Tensor.numpy


class Tracer:
    def __init__(self, own: Any) -> None:
        self._own = own
        self._made: dict[int, dict[str, Any]] = {}

    def make(self, function: Callable[[], Any], inputs: Mapping[str, Any]) -> None:
        def whole() -> nn.Layer:
            sys.setprofile(self._note)
            try:
                return function()
            finally:
                sys.setprofile(None)

        self._own.build(whole, list(inputs.values()), "evaluation")
        self.model: nn.Layer = self._own.session.model

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        """The arguments of the constructor of a person's layer."""
        if event != "call" or frame.f_code.co_name != "__init__" or "self" not in frame.f_locals:
            return
        made = frame.f_locals["self"]
        if isinstance(made, nn.Layer) and type(made).__init__.__code__ is frame.f_code:
            given = {name: value for name, value in frame.f_locals.items() if name not in ("self", "__class__")}
            self._made[id(made)] = {name: _plain(value) for name, value in given.items() if _is_plain(value)}

    def made_with(self, layer: nn.Layer) -> dict[str, Any]:
        return self._made.get(id(layer), {})

    def variables(self) -> dict[str, Any]:
        """By the first of their names: recurrent layers give theirs to cells, too."""
        names = {id(value): name for name, value in reversed(self._own.variables().items())}
        return {name: value for name, value in self._own.variables().items() if names[id(value)] == name}

    def weights(self) -> dict[str, Any]:
        return {name: NUMPY(value) for name, value in self.variables().items()}

    def assign(self, name: str, array: Any) -> None:
        self.variables()[name].set_value(array)

    def trace(self, inputs: Mapping[str, Any], write: Callable[[str, Any], None]) -> dict[str, Any]:
        run = _Run(self, write)
        given = [run.begin(name, paddle.to_tensor(array)) for name, array in inputs.items()]
        with run:
            result = self._own.run(given)
        for name, array in inputs.items():
            write(f"input {name}", array)
        for number, tensor in enumerate(_tensors(result)):
            write(f"output {number}", NUMPY(tensor))
        return {
            "events": run.events, "shapes": run.shapes, "kinds": run.kinds, "inputs": run.inputs,
            "idle": list(self._idle()), "result": run.data(result),
        }  # fmt: skip

    def _idle(self) -> Iterator[dict[str, str]]:
        """The layers of a person of which only training shows that they drop something, or add noise."""
        for path, layer in self.model.named_sublayers(include_self=True):
            rates = [getattr(layer, name, None) for name in RATES]
            if not _is_leaf(layer) and any(isinstance(rate, float) and rate > 0 for rate in rates):
                yield {"path": path, "class": type(layer).__name__}


class _Run:
    """The events of one run."""

    now: _Run | None = None

    def __init__(self, tracer: Tracer, write: Callable[[str, Any], None]) -> None:
        self._tracer, self._write = tracer, write
        self.events: list[dict[str, Any]] = []
        self.shapes: list[list[int]] = []
        self.kinds: list[str] = []
        self.inputs: dict[str, int] = {}
        self.inside = 0
        """Within how many calls of Paddle this is."""
        self._values: dict[int, int] = {}
        self._kept: list[Any] = []
        """All tensors: a new one must not get the identity of one that is gone."""
        self._weights = {id(value): name for name, value in tracer.variables().items()}
        self._names = {id(layer): path for path, layer in tracer.model.named_sublayers(include_self=True)}
        self._constants: dict[int, str] = {}

    def __enter__(self) -> None:
        _Run.now, self._layer = self, nn.Layer.__call__
        run = self
        nn.Layer.__call__ = lambda layer, *args, **kwargs: run.layer(layer, args, kwargs)

    def __exit__(self, *_: object) -> None:
        _Run.now, nn.Layer.__call__ = None, self._layer

    def begin(self, name: str, tensor: Any) -> Any:
        self.inputs[name] = self._bind(tensor)
        return tensor

    def _bind(self, tensor: Any) -> int:
        number = len(self.shapes)
        self.shapes.append(list(tensor.shape))
        self.kinds.append(str(tensor.dtype).removeprefix("paddle."))
        self._values[id(tensor)] = number
        self._kept.append(tensor)
        return number

    def layer(self, layer: nn.Layer, args: Any, kwargs: dict[str, Any]) -> Any:
        if self.inside:
            return self._layer(layer, *args, **kwargs)
        path, kind = self._names.get(id(layer), ""), type(layer)
        if _is_leaf(layer):
            own = {name.lstrip("_"): value for name, value in vars(layer).items() if _is_plain(value)}
            weights = {name: self.data(value) for name, value in layer.named_parameters()}
            weights |= {name: self.data(value) for name, value in layer.named_buffers() if id(value) in self._weights}
            call = functools.partial(self._layer, layer)
            return self.call(f"nn.{kind.__name__}", call, args, kwargs, attributes=own, weights=weights, path=path)
        self.events.append({
            "event": "enter", "path": path, "class": kind.__name__, "kind": f"{kind.__module__}.{kind.__qualname__}",
            "container": kind.__module__.startswith("paddle.nn."), "arguments": self._tracer.made_with(layer),
        })  # fmt: skip
        result = self._layer(layer, *args, **kwargs)
        self.events.append({"event": "leave", "result": self.data(result)})
        return result

    def call(
        self, func: str, function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any], *,
        attributes: Mapping[str, Any] | None = None, weights: Mapping[str, Any] | None = None, path: str = "",
    ) -> Any:  # fmt: skip
        told, names = [self.data(each) for each in args], {name: self.data(each) for name, each in kwargs.items()}
        self.inside += 1
        try:
            result = function(*args, **kwargs)
            given = list(_tensors((args, kwargs)))
            if "drop" in func.lower() and any(result is each for each in given):
                result = paddle.assign(result)  # what is before it, and after it, can be told apart
        finally:
            self.inside -= 1
        results = list(_tensors(result))
        if func == "__setitem__":
            result = given[0]
            results = [result]
        elif not results or (not given and path == ""):  # a size, or what becomes a constant
            return result
        if func in SAME and "value" in (known := self.data(given[0])):
            self._values[id(results[0])] = known["value"]
            self._kept.append(results[0])
            return result
        for each in results:
            if func == "__setitem__" or _in_place(func) or not any(each is one for one in given):
                self._bind(each)
        self.events.append({
            "event": "call", "func": func, "path": path, "line": _line(), "args": told, "kwargs": names,
            "attributes": {name: _plain(each) for name, each in (attributes or {}).items()},
            "weights": weights or {}, "result": self.data(result),
        })  # fmt: skip
        return result

    def looks(self, name: str, tensor: Any) -> None:
        """That numbers of a value are read."""
        if id(tensor) in self._values:
            self.events.append({"event": "read", "func": name, "line": _line(), "args": [self.data(tensor)]})

    def data(self, value: Any) -> Any:
        if isinstance(value, paddle.Tensor):
            if id(value) in self._values:
                return {"value": self._values[id(value)]}
            if id(value) in self._weights:
                return {"weight": self._weights[id(value)]}
            if id(value) not in self._constants:
                self._constants[id(value)] = f"constant {len(self._constants)}"
                self._kept.append(value)
                self._write(self._constants[id(value)], NUMPY(value))
            return {"constant": self._constants[id(value)]}
        if isinstance(value, (list, tuple)):
            return [self.data(each) for each in value]
        if isinstance(value, Mapping):
            return {"fields": {str(name): self.data(each) for name, each in value.items()}}
        if isinstance(value, slice):
            return {"slice": [self.data(each) for each in (value.start, value.stop, value.step)]}
        if value is Ellipsis:
            return {"ellipsis": True}
        return _plain(value) if _is_plain(value) else {"other": str(value).removeprefix("paddle.")[:60]}


def _seen(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose calls are seen while a model runs."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        run = _Run.now
        if run is None or run.inside:
            return function(*args, **kwargs)
        return run.call(name, function, *_named(function, args, kwargs))

    return call


def _named(function: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Arguments by their names, where that says the same."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return args, kwargs
    kinds = {each.kind for each in bound.signature.parameters.values()}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY}:
        return args, kwargs
    return (), dict(bound.arguments)


def _looked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def look(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        run = _Run.now
        if run is None or run.inside:
            return function(tensor, *args, **kwargs)
        run.looks(name, tensor)
        run.inside += 1
        try:
            return function(tensor, *args, **kwargs)
        finally:
            run.inside -= 1

    return look


def _watch() -> None:
    """Makes all that computes visible: before a person's module is loaded, which may take functions by name."""
    for owner in (paddle, nn.functional, paddle.Tensor):
        for name in (*NAMES, *METHODS):
            function = getattr(owner, name, None)
            if isinstance(function, FunctionType) or (owner is paddle.Tensor and name in METHODS and function):
                setattr(owner, name, _seen(name, function))
    for name in dir(_C_ops):
        function = getattr(_C_ops, name)
        if callable(function) and not name.startswith("_"):
            setattr(_C_ops, name, _seen(name, function))
    for name in LOOKS:
        setattr(paddle.Tensor, name, _looked(name, getattr(paddle.Tensor, name)))


def _in_place(name: str) -> bool:
    return name.endswith("_") and not name.startswith("__")


def _is_leaf(layer: nn.Layer) -> bool:
    return type(layer).__module__.startswith("paddle.nn.") and type(layer) not in CONTAINERS


def _tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, paddle.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= 4096 and all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str, paddle.dtype))


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value - value != 0:
        return {"float": str(value)}
    if isinstance(value, paddle.dtype):
        return {"dtype": str(value).removeprefix("paddle.")}
    return value


def _line() -> str:
    """Where in a person's file this is, and what stands there: `my_model.py:12: x = paddle.sort(x)`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        theirs = not file.startswith((HERE, os.path.dirname(__file__), "<")) or file.startswith(VISION)
        if theirs and "/archspec/verification/worker" not in file:
            return f"{os.path.basename(file)}:{frame.f_lineno}: {linecache.getline(file, frame.f_lineno).strip()}"
        frame = frame.f_back
    return ""


_watch()
