"""How `archspec.verification.worker.capture` captures a PyTorch model. Needs no archspec.

Modules of PyTorch itself are one call each, by their class; functions outside of these are calls by their names. What a
person's module runs stands between its `enter` and its `leave`.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.Transformer, nn.TransformerEncoder, nn.TransformerDecoder,
              nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)  # fmt: skip
"""Modules of PyTorch that are made of others."""
SIZES = frozenset({
    "size", "dim", "numel", "nelement", "ndimension", "__len__", "is_floating_point", "is_complex", "stride", "__get__",
    "is_contiguous", "get_device", "element_size", "__hash__", "storage_offset", "is_same_size", "__repr__",
    "is_quantized", "data_ptr",
})  # fmt: skip
"""What may be asked of a tensor without reading its numbers."""
SAME = frozenset({"contiguous", "detach", "requires_grad_", "alias", "cpu", "__deepcopy__"})
"""What gives the tensor itself."""
RATES = ("p", "dropout", "std", "drop_prob", "drop_rate", "drop_path", "dropout_prob")
"""What modules call the probability with which they drop, or the deviation of their noise."""
HERE = os.path.dirname(os.path.abspath(torch.__file__))


class Tracer:
    def __init__(self, own: Any) -> None:
        self._session = own.session
        self._made: dict[int, dict[str, Any]] = {}
        torch.backends.mha.set_fastpath_enabled(False)  # one opaque kernel else

    def make(self, function: Callable[[], Any], inputs: Mapping[str, Any]) -> None:
        def whole() -> nn.Module:
            sys.setprofile(self._note)
            try:
                made = function()
            finally:
                sys.setprofile(None)
            if not isinstance(made, nn.Module):
                raise TypeError(f"this gives {type(made).__name__}, and no torch.nn.Module")
            return made.to(torch.get_default_dtype())

        self._session.build(whole, {}, "evaluation")
        self.model: nn.Module = self._session.model

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        """The arguments of the constructor of a person's module."""
        if event != "call" or frame.f_code.co_name != "__init__" or "self" not in frame.f_locals:
            return
        made = frame.f_locals["self"]
        if isinstance(made, nn.Module) and type(made).__init__.__code__ is frame.f_code:
            given = {name: value for name, value in frame.f_locals.items() if name not in ("self", "__class__")}
            self._made[id(made)] = {name: _plain(value) for name, value in given.items() if _is_plain(value)}

    def _variables(self) -> dict[str, Any]:
        found = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        return {name: value for name, value in found.items() if not name.endswith("num_batches_tracked")}

    def _idle(self) -> list[dict[str, str]]:
        """The modules of a person of which only training shows that they drop something, or add noise."""
        return [
            {"path": path, "class": type(module).__name__} for path, module in self.model.named_modules()
            if not _is_leaf(module) and any(_is_rate(getattr(module, name, None)) for name in RATES)
        ]  # fmt: skip

    def weights(self) -> dict[str, Any]:
        """Parameters, and those buffers that are statistics or are saved."""
        saved, parameters = self.model.state_dict(), dict(self.model.named_parameters())
        return {
            name: value.detach().numpy() for name, value in self._variables().items()
            if value.is_floating_point() and (name in parameters or (name in saved and _is_statistic(name)))
        }  # fmt: skip

    def assign(self, name: str, array: Any) -> None:
        self._variables()[name].data = torch.from_numpy(array)

    def trace(self, inputs: Mapping[str, Any], write: Callable[[str, Any], None]) -> dict[str, Any]:
        run = _Run(self, write)
        given = [run.begin(name, torch.from_numpy(array)) for name, array in inputs.items()]
        hooks = [
            nn.modules.module.register_module_forward_pre_hook(run.enter),
            nn.modules.module.register_module_forward_hook(run.leave, with_kwargs=True),
        ]
        try:
            with torch.no_grad(), _Watch(run):
                result = self.model(*given)
        finally:
            for hook in hooks:
                hook.remove()
        for name, array in inputs.items():
            write(f"input {name}", array)
        for number, tensor in enumerate(_tensors(result)):
            write(f"output {number}", tensor.detach().numpy())
        return {
            "events": run.events,
            "shapes": run.shapes,
            "kinds": run.kinds,
            "inputs": run.inputs,
            "idle": self._idle(),
            "result": run.data(result),
        }


def _is_rate(value: Any) -> bool:
    return isinstance(value, float) and value > 0


def _is_statistic(name: str) -> bool:
    return name.rpartition(".")[2].startswith("running_")


class _Run:
    """The events of one run."""

    def __init__(self, tracer: Tracer, write: Callable[[str, Any], None]) -> None:
        self._tracer, self._write = tracer, write
        self.model = tracer.model
        self.events: list[dict[str, Any]] = []
        self.shapes: list[list[int]] = []
        self.kinds: list[str] = []
        self.inputs: dict[str, int] = {}
        self.inside = 0
        """Within how many modules of PyTorch a call is."""
        self._values: dict[int, int] = {}
        self._kept: list[Any] = []
        """All tensors: a new one must not get the identity of one that is gone."""
        weights = tracer.weights()
        named = tracer._variables()
        self._weights = {id(named[name]): name for name in reversed(list(named)) if name in weights}
        self._names = {id(module): name for name, module in self.model.named_modules()}
        self._constants: dict[int, str] = {}

    def begin(self, name: str, tensor: Any) -> Any:
        self.inputs[name] = self._bind(tensor)
        return tensor

    def _bind(self, tensor: Any) -> int:
        number = len(self.shapes)
        self.shapes.append(list(tensor.shape))
        self.kinds.append(str(tensor.dtype).removeprefix("torch."))
        self._values[id(tensor)] = number
        self._kept.append(tensor)
        return number

    def enter(self, module: nn.Module, _: Any) -> None:
        if _is_leaf(module):
            self.inside += 1
        elif not self.inside:
            kind = type(module)
            self.events.append({
                "event": "enter", "path": self._names.get(id(module), ""), "class": kind.__name__,
                "kind": f"{kind.__module__}.{kind.__qualname__}", "container": kind.__module__.startswith("torch."),
                "arguments": self._tracer._made.get(id(module), {}),
            })  # fmt: skip

    def leave(self, module: nn.Module, given: Any, more: Mapping[str, Any], result: Any) -> Any:
        if not _is_leaf(module):
            if not self.inside:
                self.events.append({"event": "leave", "result": self.data(result)})
            return result
        result = _apart(type(module).__name__, given, result)
        self.inside -= 1
        if not self.inside:
            own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
            weights = {name: self.data(value) for name, value in module.named_parameters(remove_duplicate=False)}
            weights |= {name: self.data(value) for name, value in module.named_buffers() if _is_statistic(name)}
            changes, path = bool(getattr(module, "inplace", False)), self._names.get(id(module), "")
            func = f"nn.{type(module).__name__}"
            self.call(func, given, more, result, attributes=own, weights=weights, path=path, changes=changes)
        return result

    def call(
        self, func: str, args: Any, kwargs: Mapping[str, Any], result: Any, *,
        attributes: Mapping[str, Any] | None = None, weights: Mapping[str, Any] | None = None, path: str = "",
        changes: bool = False,
    ) -> None:  # fmt: skip
        tensors = list(_tensors((args, kwargs)))
        results = list(_tensors(result))
        event = {
            "event": "call", "func": func, "path": path, "line": _line(),
            "args": [self.data(each) for each in args],
            "kwargs": {name: self.data(each) for name, each in kwargs.items()},
            "attributes": {name: _plain(each) for name, each in (attributes or {}).items() if _is_plain(each)},
            "weights": weights or {},
        }  # fmt: skip
        for each in results:
            if not (any(each is t for t in tensors) and not changes):
                self._bind(each)
        event["result"] = self.data(result)
        self.events.append(event)

    def reads(self, func: str, args: Any) -> None:
        """A call that looks at numbers."""
        self.events.append({"event": "read", "func": func, "line": _line(), "args": [self.data(each) for each in args]})

    def data(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if id(value) in self._values:
                return {"value": self._values[id(value)]}
            if id(value) in self._weights:
                return {"weight": self._weights[id(value)]}
            if id(value) not in self._constants:
                self._constants[id(value)] = f"constant {len(self._constants)}"
                self._kept.append(value)
                self._write(self._constants[id(value)], value.detach().numpy())
            return {"constant": self._constants[id(value)]}
        if isinstance(value, (list, tuple)):
            return [self.data(each) for each in value]
        if isinstance(value, Mapping):
            return {"fields": {str(name): self.data(each) for name, each in value.items()}}
        if isinstance(value, slice):
            return {"slice": [self.data(each) for each in (value.start, value.stop, value.step)]}
        if value is Ellipsis:
            return {"ellipsis": True}
        return _plain(value) if _is_plain(value) else {"other": str(value).removeprefix("torch.")[:60]}


class _Watch(TorchFunctionMode):  # type: ignore[misc]
    """Tells of each call of a function of PyTorch; calls inside of it are its own."""

    def __init__(self, run: _Run) -> None:
        super().__init__()
        self._run = run

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, run = kwargs or {}, self._run
        name = getattr(func, "__name__", str(func))
        if run.inside or name in ("__set__",):
            return func(*args, **kwargs)
        tensors = list(_tensors((args, kwargs)))
        result = _apart(name, (args, kwargs), func(*args, **kwargs))
        if name in SIZES or (not tensors and not list(_tensors(result))):
            if name == "__get__" and isinstance(result, torch.Tensor):
                run.call(_attribute(func), args, kwargs, result)
            return result
        if name in SAME:
            for each in _tensors(result):
                if tensors and each is not tensors[0]:
                    known = run.data(tensors[0])
                    if "value" in known:
                        run._values[id(each)] = known["value"]
                    elif "weight" in known:
                        run._weights[id(each)] = known["weight"]
                    run._kept.append(each)
            return result
        if name == "__setitem__":
            run.call("__setitem__", args, kwargs, args[0], changes=True)
        elif list(_tensors(result)):
            run.call(name, args, kwargs, result, changes=_in_place(name, kwargs))
        elif any("value" in run.data(each) for each in tensors):
            run.reads(name, args)
        return result


def _apart(name: str, given: Any, result: Any) -> Any:
    """What drops gives, in evaluation, the very tensor that it is given: here another one with the same numbers, so
    that who reads what comes before it, and who reads what comes after, can be told apart."""
    if "drop" in name.lower() and any(result is each for each in _tensors(given)):
        return result.view(result.shape)
    return result


def _in_place(name: str, kwargs: Mapping[str, Any]) -> bool:
    return name.startswith("__i") or (name.endswith("_") and not name.startswith("__")) or bool(kwargs.get("inplace"))


def _attribute(func: Any) -> str:
    """`T`, of what gets it."""
    return getattr(getattr(func, "__self__", None), "__name__", "attribute")


def _is_leaf(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn.") and not isinstance(module, CONTAINERS)


def _tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple, torch.Size)):
        return len(value) <= 4096 and all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str, torch.dtype))


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value - value != 0:
        return {"float": str(value)}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    return value


def _line() -> str:
    """Where in a person's file this is, and what stands there: `my_model.py:12: x = x.sort()`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((HERE, os.path.dirname(__file__), "<")) and "/archspec/verification/worker" not in file:
            return f"{os.path.basename(file)}:{frame.f_lineno}: {linecache.getline(file, frame.f_lineno).strip()}"
        frame = frame.f_back
    return ""
