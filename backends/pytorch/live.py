"""PyTorch models in the process of whoever asked for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch

from archspec.errors import UsageError


def build(make: Callable[[], Any], weights: Mapping[str, Any], optional: Collection[str], device: Any) -> Any:
    """A model with these weights, by key of its `state_dict`. Raises UsageError for a device that is not there."""
    if device is not None:
        try:
            torch.empty(0, device=device)
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            raise UsageError(f"PyTorch has no device {device!r} here: {str(error).splitlines()[0]}") from None
    model = make()
    state = model.state_dict()
    for name, array in weights.items():
        if tuple(state[name].shape) != array.shape:
            raise AssertionError(f"'{name}' has shape {tuple(state[name].shape)}, and its weight {array.shape}")
        state[name].copy_(torch.tensor(array))
    return model if device is None else model.to(device)
