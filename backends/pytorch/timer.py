"""How `archspec.bench` times a PyTorch model. Needs nothing of archspec."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import torch

versions = {"torch": torch.__version__}


def limit(threads: int) -> None:
    torch.set_num_threads(threads)


def prepare(make: Callable[[], Any], training: bool, compiled: bool) -> Callable[[Sequence[Any]], Callable[[], None]]:
    """Compiled by `torch.compile`, anew for each batch."""
    model = make().train(training)
    run = torch.compile(model, dynamic=False) if compiled else model

    def infer(inputs: Sequence[Any]) -> None:
        with torch.inference_mode():
            run(*inputs)

    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6) if training else None

    def train(inputs: Sequence[Any]) -> None:
        assert optimizer is not None
        optimizer.zero_grad()
        loss(run(*inputs)).backward()
        optimizer.step()

    def ready(arrays: Sequence[Any]) -> Callable[[], None]:
        inputs = [torch.from_numpy(array) for array in arrays]
        return lambda: (train if training else infer)(inputs)

    return ready


def loss(given: Any) -> Any:
    """The mean squares of all outputs, added up."""
    values = given.values() if isinstance(given, dict) else given if isinstance(given, (tuple, list)) else [given]
    return sum(value.square().mean() for value in values if value.is_floating_point())
