"""How `archspec.verification.worker` runs a person's own PyTorch model, and sees its calls. Needs no archspec."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


class Own:
    """A session whose model is a person's own."""

    def __init__(self, session: Any) -> None:
        self.session, self.still = session, False
        torch.backends.mha.set_fastpath_enabled(False)  # one opaque kernel else

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def build(self, make: Callable[[], Any], inputs: Sequence[Any], mode: str) -> None:
        self.session.build(lambda: _module(make()).to(torch.get_default_dtype()), {}, mode)

    @staticmethod
    def opened(path: str) -> Any:
        """The model of a file of TorchScript."""
        try:
            return torch.jit.load(path, map_location="cpu")
        except RuntimeError as error:
            if "constants.pkl" in str(error) or "not a ZIP" in str(error) or "PytorchStreamReader" in str(error):
                raise TypeError(
                    "this is no TorchScript; of other files, name what makes the model: FILE.py:NAME"
                ) from None
            raise

    def variables(self) -> dict[str, Any]:
        """Parameters, and of the buffers the statistics: what else is constant is no weight."""
        model, found = self.session.model, {}
        buffers = {id(each) for each in model.buffers()}
        for name, value in self.session.variables().items():
            statistic = name.rpartition(".")[2].startswith("running_")
            if value.is_floating_point() and (id(value) not in buffers or statistic):
                found[name] = value
        return found

    def idle(self) -> None:
        self.session.idle()
        self.still = True

    def run(self, inputs: Sequence[Any]) -> Any:
        with _Still() if self.still else contextlib.nullcontext():
            return self.session.run(inputs)

    @staticmethod
    def is_tensor(value: Any) -> bool:
        return isinstance(value, torch.Tensor)

    @contextlib.contextmanager
    def watch(self, calls: Any) -> Iterator[None]:
        names = {module: name for name, module in self.session.model.named_modules()}
        places: list[str] = []
        before: list[Any] = []

        def enter(module: nn.Module, given: Any) -> None:
            places.append(names.get(module, places[-1] if places else ""))
            before.append([calls.known(value) for value in calls.tensors(given)])

        def leave(module: nn.Module, given: Any, result: Any) -> None:
            path, reads = places.pop(), [number for number in before.pop() if number is not None]
            if type(module).__module__.startswith("torch.nn") and not isinstance(module, nn.Sequential):
                weights = [*module.parameters(), *module.buffers()]
                calls.note(type(module).__name__, given, result, path=path, arguments=vars(module), weights=weights,
                           layer=True, reads=reads)  # fmt: skip

        hooks = [
            nn.modules.module.register_module_forward_pre_hook(enter),
            nn.modules.module.register_module_forward_hook(leave),
        ]
        try:
            scripted = isinstance(self.session.model, torch.jit.ScriptModule)
            with _Dispatched(calls) if scripted else _Watch(calls, places):
                yield
        finally:
            for hook in hooks:
                hook.remove()


def _module(made: Any) -> nn.Module:
    if not isinstance(made, nn.Module):
        raise TypeError(f"this gives {type(made).__name__}, and no torch.nn.Module")
    return made


class _Still(TorchFunctionMode):  # type: ignore[misc]
    """Functions that drop something give what they are given."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "dropout" in getattr(func, "__name__", "") and args:
            return args[0]
        return func(*args, **(kwargs or {}))


class _Watch(TorchFunctionMode):  # type: ignore[misc]
    """Tells of each call of a function of PyTorch; calls inside of it are its own."""

    def __init__(self, calls: Any, places: list[str]) -> None:
        super().__init__()
        self.calls, self.places = calls, places

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", str(func))
        if name == "__get__" and isinstance(result, torch.Tensor):  # `weight.T`
            name = getattr(getattr(func, "__self__", None), "__name__", name)
        elif name in ("__get__", "__set__"):
            return result
        given, changed = (args, kwargs), result
        if name == "__setitem__":
            changed = args[0]
        path = self.places[-1] if self.places else ""
        if name in _LOOKS:
            self.calls.look(name, given, path)

        def again(tensors: Sequence[Any]) -> Any:
            args, kwargs = self.calls.put(given, iter(tensors))
            result = func(*args, **kwargs)
            return args[0] if name == "__setitem__" else result

        self.calls.note(name, given, changed, path=path, arguments=_named(func, args, kwargs), again=again)
        return result


class _Dispatched(TorchDispatchMode):  # type: ignore[misc]
    """Tells of each operator, which is all that is seen of TorchScript."""

    def __init__(self, calls: Any) -> None:
        super().__init__()
        self.calls = calls

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = (args, kwargs or {})
        result = func(*args, **given[1])
        name = func._schema.name.removeprefix("aten::")
        if name in _LOOKS:
            self.calls.look(name, given)
        names = [argument.name for argument in func._schema.arguments]

        def again(tensors: Sequence[Any]) -> Any:
            others, named = self.calls.put(given, iter(tensors))
            return func(*others, **named)

        told = dict(zip(names, args, strict=False)) | given[1]
        self.calls.note(name, given, result, arguments=told, again=again)
        return result


_LOOKS = {
    "item", "tolist", "numpy", "__array__", "__bool__", "__float__", "__int__", "__index__", "__contains__", "equal",
    "allclose", "is_nonzero", "_local_scalar_dense",
}  # fmt: skip
"""Functions that hand numbers to the model's code."""
_SIGNATURES: dict[Any, list[str]] = {}
_BUILT_IN = {
    "conv1d": "input weight bias stride padding dilation groups",
    "conv2d": "input weight bias stride padding dilation groups",
    "conv3d": "input weight bias stride padding dilation groups",
    "conv_transpose1d": "input weight bias stride padding output_padding groups dilation",
    "conv_transpose2d": "input weight bias stride padding output_padding groups dilation",
    "conv_transpose3d": "input weight bias stride padding output_padding groups dilation",
    "avg_pool2d": "input kernel_size stride padding ceil_mode count_include_pad divisor_override",
    "max_pool2d": "input kernel_size stride padding dilation ceil_mode",
    "gelu": "input approximate", "softmax": "input dim", "cat": "tensors dim", "flatten": "input start_dim end_dim",
    "mean": "input dim keepdim", "scaled_dot_product_attention": "query key value attn_mask dropout_p is_causal scale",
    "clamp": "input min max", "leaky_relu": "input negative_slope", "batch_norm": "input weight bias mean var training "
    "momentum eps", "layer_norm": "input normalized_shape weight bias eps",
}  # fmt: skip


def _named(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name."""
    if func not in _SIGNATURES:
        try:
            names = list(inspect.signature(func).parameters)
        except (TypeError, ValueError):  # it is written in C
            names = _BUILT_IN.get(getattr(func, "__name__", ""), "").split()
        _SIGNATURES[func] = names
    names = _SIGNATURES[func]
    return {names[i] if i < len(names) else f"argument {i}": value for i, value in enumerate(args)} | dict(kwargs)
