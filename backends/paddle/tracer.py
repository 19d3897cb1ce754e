"""How `archspec.verification.worker.capture` captures a Paddle model. Needs no archspec.

Layers of Paddle itself are one call each, by their class; its functions, and the methods of tensors, outside of these
are calls by their names, with their arguments by name. What a person's layer runs stands between its `enter` and its
`leave`. All computes by the functions of `paddle._C_ops`: one that is seen outside of any call is a call of its own, so
that nothing passes unseen.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
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


FRAMEWORK = {
    "name": "paddle", "folders": (HERE, os.path.dirname(os.path.abspath(__file__))), "tensors": (paddle.Tensor,),
    "to_numpy": NUMPY, "dtype": paddle.dtype, "module": nn.Layer, "models": VISION,
}  # fmt: skip


class Tracer:
    def __init__(self, own: Any) -> None:
        self._own = own

    def make(self, function: Callable[[], Any], inputs: Mapping[str, Any]) -> None:
        self._own.build(function, list(inputs.values()), "evaluation")
        self.model: nn.Layer = self._own.session.model

    def variables(self) -> dict[str, Any]:
        """By the first of their names: recurrent layers give theirs to cells, too."""
        names = {id(value): name for name, value in reversed(self._own.variables().items())}
        return {name: value for name, value in self._own.variables().items() if names[id(value)] == name}

    def weights(self) -> dict[str, Any]:
        return {name: NUMPY(value) for name, value in self.variables().items()}

    def assign(self, name: str, array: Any) -> None:
        self.variables()[name].set_value(array)

    def trace(self, inputs: Mapping[str, Any], events: Any) -> dict[str, Any]:
        given = [events.begin(name, paddle.to_tensor(array)) for name, array in inputs.items()]
        with _Run(self, events):
            result = self._own.run(given)
        found: dict[str, Any] = events.answer(result, self._idle())
        return found

    def _idle(self) -> Iterator[dict[str, str]]:
        """The layers of a person of which only training shows that they drop something, or add noise."""
        for path, layer in self.model.named_sublayers(include_self=True):
            rates = [getattr(layer, name, None) for name in RATES]
            if not _is_leaf(layer) and any(isinstance(rate, float) and rate > 0 for rate in rates):
                yield {"path": path, "class": type(layer).__name__}


class _Run:
    """One run, of which is told what layers and functions show."""

    now: _Run | None = None

    def __init__(self, tracer: Tracer, events: Any) -> None:
        self.events = events
        self.inside = 0
        """Within how many calls of Paddle this is."""
        events.weights = {id(value): name for name, value in tracer.variables().items()}
        self._names = {id(layer): path for path, layer in tracer.model.named_sublayers(include_self=True)}

    def __enter__(self) -> None:
        _Run.now, self._layer = self, nn.Layer.__call__
        run = self
        nn.Layer.__call__ = lambda layer, *args, **kwargs: run.layer(layer, args, kwargs)

    def __exit__(self, *_: object) -> None:
        _Run.now, nn.Layer.__call__ = None, self._layer

    def layer(self, layer: nn.Layer, args: Any, kwargs: dict[str, Any]) -> Any:
        if self.inside:
            return self._layer(layer, *args, **kwargs)
        path, events = self._names.get(id(layer), ""), self.events
        if _is_leaf(layer):
            own = {name.lstrip("_"): value for name, value in vars(layer).items()}
            weights = {name: events.data(value) for name, value in layer.named_parameters()}
            weights |= {name: events.data(each) for name, each in layer.named_buffers() if id(each) in events.weights}
            call = functools.partial(self._layer, layer)
            told = {"attributes": events.known(own), "weights": weights, "path": path}
            return self.call(f"nn.{type(layer).__name__}", call, args, kwargs, **told)
        events.enter(layer, path, container=type(layer).__module__.startswith("paddle.nn."))
        result = self._layer(layer, *args, **kwargs)
        events.leave(result)
        return result

    def call(
        self, func: str, function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any], *, path: str = "",
        **told: Any,
    ) -> Any:  # fmt: skip
        events = self.events
        before = [events.data(each) for each in args], {name: events.data(each) for name, each in kwargs.items()}
        self.inside += 1
        try:
            result = function(*args, **kwargs)
            given = list(events.tensors((args, kwargs)))
            if "drop" in func.lower() and any(result is each for each in given):
                result = paddle.assign(result)  # what is before it, and after it, can be told apart
        finally:
            self.inside -= 1
        results = list(events.tensors(result))
        if func == "__setitem__":
            result = given[0]
            results = [result]
        elif not results or (not given and path == ""):  # a size, or what becomes a constant
            return result
        if func in SAME and id(given[0]) in events.values:
            events.same(results[0], given[0])
            return result
        for each in results:
            if func == "__setitem__" or _in_place(func) or not any(each is one for one in given):
                events.bind(each)
        events.call(func, *before, result, path=path, **told)
        return result

    def looks(self, name: str, tensor: Any) -> None:
        """That numbers of a value are read."""
        if id(tensor) in self.events.values:
            self.events.reads(name, [tensor])


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


_watch()
