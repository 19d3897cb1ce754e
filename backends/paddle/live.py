"""PaddlePaddle models in the process of whoever asked for them."""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Collection, Mapping
from typing import Any

import paddle

from archspec.errors import UsageError


def build(make: Callable[[], Any], weights: Mapping[str, Any], optional: Collection[str], device: Any) -> Any:
    """A model with these weights, by key of its `state_dict`. Raises UsageError for a device that is not there."""
    if device is not None:
        try:
            paddle.nn.Layer().to(device=device)
        except (RuntimeError, TypeError, ValueError) as error:
            raise UsageError(f"PaddlePaddle has no device {device!r} here: {str(error).splitlines()[0]}") from None
    model = make()
    state = model.state_dict()
    for name, array in weights.items():
        if tuple(state[name].shape) != array.shape:
            raise AssertionError(f"'{name}' has shape {tuple(state[name].shape)}, and its weight {array.shape}")
        state[name].set_value(paddle.to_tensor(array).astype(state[name].dtype))
    return model if device is None else model.to(device=device)


Parameter = paddle.base.framework.EagerParamBase


def _reduced(parameter: Any) -> tuple[Any, ...]:
    about = {"name": parameter.name, **vars(parameter)}
    return _parameter, (parameter.numpy(), about)


def _parameter(array: Any, about: dict[str, Any]) -> Any:
    value = paddle.to_tensor(array)
    made = Parameter(value.shape, value.dtype, **about)
    made.set_value(value)
    return made


# From a pickle of PaddlePaddle's own, parameters come back as tensors that no optimizer and no layer knows.
copyreg.pickle(Parameter, _reduced)
