"""How `archspec.verification.worker` runs a person's own Paddle model, and sees its calls. Needs no archspec."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import paddle
from paddle import _C_ops, nn

_OPERATORS = (
    "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__", "__matmul__",
    "__rmatmul__", "__pow__", "__rpow__", "__floordiv__", "__mod__", "__neg__", "__abs__", "__invert__", "__getitem__",
    "__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__", "__and__", "__or__", "__xor__",
)  # fmt: skip
_LOOKS = ("item", "tolist", "numpy", "__array__", "__bool__", "__float__", "__int__", "__index__")
"""Methods that hand numbers to the model's code."""
_ARGUMENTS = {
    "conv2d": "x weight strides paddings padding_algorithm dilations groups data_format",
    "depthwise_conv2d": "x weight strides paddings padding_algorithm dilations groups data_format",
    "batch_norm": "x mean variance scale bias is_test momentum epsilon", "gelu": "x approximate",
    "layer_norm": "x scale bias epsilon begin_norm_axis", "leaky_relu": "x negative_slope", "softmax": "x axis",
    "pool2d": "x ksize strides paddings ceil_mode exclusive data_format pooling_type", "concat": "x axis",
    "dropout": "x seed p", "elu": "x alpha",
}  # fmt: skip
"""The names of arguments, which functions that are written in C do not tell."""


class Own:
    """A session whose model is a person's own."""

    def __init__(self, session: Any) -> None:
        self.session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def build(self, make: Callable[[], Any], inputs: Sequence[Any], mode: str) -> None:
        self.session.build(lambda: _layer(make()), {}, mode)

    def variables(self) -> dict[str, Any]:
        """Parameters, and of the buffers the statistics: what else is constant is no weight."""
        model = self.session.model
        own = {id(each) for each in model.parameters()}
        return {
            name: value for name, value in self.session.variables().items()
            if value.is_floating_point() and (id(value) in own or name.rpartition(".")[2] in ("_mean", "_variance"))
        }  # fmt: skip

    def run(self, inputs: Sequence[Any]) -> Any:
        return self.session.run(inputs)

    @staticmethod
    def is_tensor(value: Any) -> bool:
        return isinstance(value, paddle.Tensor)

    @contextlib.contextmanager
    def watch(self, calls: Any) -> Iterator[None]:
        names = {layer: name for name, layer in self.session.model.named_sublayers(include_self=True)}
        places: list[str] = []
        depth: list[str] = []

        def watched(name: str, function: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                if depth:
                    return function(*args, **kwargs)
                depth.append(name)
                try:
                    result = function(*args, **kwargs)
                finally:
                    depth.pop()
                arguments = dict(zip(_names(name, len(args)), args, strict=False)) | kwargs

                def again(tensors: Sequence[Any]) -> Any:
                    others, named = calls.put((args, kwargs), iter(tensors))
                    result = function(*others, **named)
                    return others[0] if name == "__setitem__" else result

                changed = args[0] if name == "__setitem__" else result
                calls.note(name, (args, kwargs), changed, path=places[-1] if places else "", arguments=arguments,
                           again=again)  # fmt: skip
                return result

            return call

        layer_call = nn.Layer.__call__

        def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
            reads = [calls.known(value) for value in calls.tensors((args, kwargs))]
            places.append(names.get(layer, places[-1] if places else ""))
            try:
                result = layer_call(layer, *args, **kwargs)
            finally:
                path = places.pop()
            if type(layer).__module__.startswith("paddle.nn") and not isinstance(layer, nn.Sequential):
                told = {name.lstrip("_"): value for name, value in vars(layer).items()}
                weights = [*layer.parameters(), *layer.buffers()]

                def again(tensors: Sequence[Any]) -> Any:
                    others, named = calls.put((args, kwargs), iter(tensors))
                    return layer_call(layer, *others, **named)

                calls.note(type(layer).__name__, (args, kwargs), result, path=path, arguments=told, weights=weights,
                           layer=True, reads=[n for n in reads if n is not None],
                           again=None if weights else again)  # fmt: skip
            return result

        def looked(name: str, function: Any) -> Any:
            def look(tensor: Any, *args: Any, **kwargs: Any) -> Any:
                if not depth:
                    calls.look(name, tensor, places[-1] if places else "")
                return function(tensor, *args, **kwargs)

            return look

        with contextlib.ExitStack() as stack:
            for name in _LOOKS:
                stack.callback(setattr, paddle.Tensor, name, getattr(paddle.Tensor, name))
                setattr(paddle.Tensor, name, looked(name, getattr(paddle.Tensor, name)))
            for owner, wanted in ((_C_ops, dir(_C_ops)), (paddle.Tensor, (*_OPERATORS, "__setitem__"))):
                for name in wanted:
                    function = getattr(owner, name)
                    if callable(function) and (owner is paddle.Tensor or not name.startswith("_")):
                        stack.callback(setattr, owner, name, function)
                        setattr(owner, name, watched(name, function))
            stack.callback(setattr, nn.Layer, "__call__", layer_call)
            nn.Layer.__call__ = called
            yield


def _layer(made: Any) -> Any:
    if not isinstance(made, nn.Layer):
        raise TypeError(f"this gives {type(made).__name__}, and no paddle.nn.Layer")
    kind = paddle.get_default_dtype()
    floats = [each for each in (*made.parameters(), *made.buffers()) if each.is_floating_point()]
    if any(each.dtype != getattr(paddle, kind) for each in floats):
        made.to(dtype=kind)  # which fails for recurrent layers, whose buffers have no numbers
    return made


def _names(name: str, count: int) -> list[str]:
    known = _ARGUMENTS.get(name.rstrip("_") if not name.startswith("__") else name, "").split()
    return known + [f"argument {number}" for number in range(len(known), count)]
