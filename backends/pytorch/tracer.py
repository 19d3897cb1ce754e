"""How `archspec.verification.worker.capture` captures a PyTorch model. Needs no archspec.

Modules of PyTorch itself are one call each, by their class; functions outside of these are calls by their names. What a
person's module runs stands between its `enter` and its `leave`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
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


FRAMEWORK = {
    "name": "torch", "folders": (HERE, os.path.dirname(os.path.abspath(__file__))), "tensors": (torch.Tensor,),
    "to_numpy": lambda tensor: tensor.detach().numpy(), "dtype": torch.dtype, "module": nn.Module,
}  # fmt: skip


class Tracer:
    def __init__(self, own: Any) -> None:
        self._session = own.session
        torch.backends.mha.set_fastpath_enabled(False)  # one opaque kernel else

    def make(self, function: Callable[[], Any], inputs: Mapping[str, Any]) -> None:
        def whole() -> nn.Module:
            made = function()
            if not isinstance(made, nn.Module):
                raise TypeError(f"this gives {type(made).__name__}, and no torch.nn.Module")
            return made.to(torch.get_default_dtype())

        self._session.build(whole, {}, "evaluation")
        self.model: nn.Module = self._session.model

    def variables(self) -> dict[str, Any]:
        found = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        return {name: value for name, value in found.items() if not name.endswith("num_batches_tracked")}

    def _idle(self) -> Iterator[dict[str, str]]:
        """The modules of a person of which only training shows that they drop something, or add noise."""
        for path, module in self.model.named_modules():
            rates = [getattr(module, name, None) for name in RATES]
            if not _is_leaf(module) and any(isinstance(rate, float) and rate > 0 for rate in rates):
                yield {"path": path, "class": type(module).__name__}

    def weights(self) -> dict[str, Any]:
        """Parameters, and those buffers that are statistics or are saved."""
        saved, parameters = self.model.state_dict(), dict(self.model.named_parameters())
        return {
            name: value.detach().numpy() for name, value in self.variables().items()
            if value.is_floating_point() and (name in parameters or (name in saved and _is_statistic(name)))
        }  # fmt: skip

    def assign(self, name: str, array: Any) -> None:
        self.variables()[name].data = torch.from_numpy(array)

    def trace(self, inputs: Mapping[str, Any], events: Any) -> dict[str, Any]:
        run = _Run(self, events)
        given = [events.begin(name, torch.from_numpy(array)) for name, array in inputs.items()]
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
        found: dict[str, Any] = events.answer(result, self._idle())
        return found


def _is_statistic(name: str) -> bool:
    return name.rpartition(".")[2].startswith("running_")


class _Run:
    """One run, of which is told what modules and functions show."""

    def __init__(self, tracer: Tracer, events: Any) -> None:
        self.events = events
        self.inside = 0
        """Within how many modules of PyTorch a call is."""
        weights, named = tracer.weights(), tracer.variables()
        events.weights = {id(named[name]): name for name in reversed(list(named)) if name in weights}
        self._names = {id(module): name for name, module in tracer.model.named_modules()}

    def enter(self, module: nn.Module, _: Any) -> None:
        if _is_leaf(module):
            self.inside += 1
        elif not self.inside:
            container = type(module).__module__.startswith("torch.")
            self.events.enter(module, self._names.get(id(module), ""), container=container)

    def leave(self, module: nn.Module, given: Any, more: Mapping[str, Any], result: Any) -> Any:
        if not _is_leaf(module):
            if not self.inside:
                self.events.leave(result)
            return result
        result = self.apart(type(module).__name__, given, result)
        self.inside -= 1
        if not self.inside:
            data = self.events.data
            own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
            weights = {name: data(value) for name, value in module.named_parameters(remove_duplicate=False)}
            weights |= {name: data(value) for name, value in module.named_buffers() if _is_statistic(name)}
            told = {"attributes": self.events.known(own), "weights": weights, "path": self._names.get(id(module), "")}
            changes = bool(getattr(module, "inplace", False))
            self.call(f"nn.{type(module).__name__}", given, more, result, changes=changes, **told)
        return result

    def call(
        self, func: str, args: Any, kwargs: Mapping[str, Any], result: Any, *, changes: bool = False, **told: Any
    ) -> None:
        tensors = list(self.events.tensors((args, kwargs)))
        given = [self.events.data(each) for each in args]
        named = {name: self.events.data(each) for name, each in kwargs.items()}
        for each in self.events.tensors(result):
            if changes or not any(each is one for one in tensors):
                self.events.bind(each)
        self.events.call(func, given, named, result, **told)

    def apart(self, name: str, given: Any, result: Any) -> Any:
        """What drops gives, in evaluation, the very tensor that it is given: here another one with the same numbers, so
        that who reads what comes before it, and who reads what comes after, can be told apart."""
        if "drop" in name.lower() and any(result is each for each in self.events.tensors(given)):
            return result.view(result.shape)
        return result


class _Watch(TorchFunctionMode):  # type: ignore[misc]
    """Tells of each call of a function of PyTorch; calls inside of it are its own."""

    def __init__(self, run: _Run) -> None:
        super().__init__()
        self._run = run

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, run, events = kwargs or {}, self._run, self._run.events
        name = getattr(func, "__name__", str(func))
        if run.inside or name in ("__set__",):
            return func(*args, **kwargs)
        tensors = list(events.tensors((args, kwargs)))
        result = run.apart(name, (args, kwargs), func(*args, **kwargs))
        results = list(events.tensors(result))
        if name in SIZES or (not tensors and not results):
            if name == "__get__" and isinstance(result, torch.Tensor):
                run.call(_attribute(func), args, kwargs, result)
            return result
        if name in SAME:
            for each in results:
                if tensors and each is not tensors[0]:
                    events.same(each, tensors[0])
            return result
        if name == "__setitem__":
            run.call("__setitem__", args, kwargs, args[0], changes=True)
        elif results:
            run.call(name, args, kwargs, result, changes=_in_place(name, kwargs))
        elif any(id(each) in events.values for each in tensors):
            events.reads(name, args)
        return result


def _in_place(name: str, kwargs: Mapping[str, Any]) -> bool:
    return name.startswith("__i") or (name.endswith("_") and not name.startswith("__")) or bool(kwargs.get("inplace"))


def _attribute(func: Any) -> str:
    """`T`, of what gets it."""
    return getattr(getattr(func, "__self__", None), "__name__", "attribute")


def _is_leaf(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn.") and not isinstance(module, CONTAINERS)
