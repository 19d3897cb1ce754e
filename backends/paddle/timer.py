"""How `archspec.bench` times a PaddlePaddle model. Needs nothing of archspec."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import paddle

versions = {"paddle": paddle.__version__}


def limit(threads: int) -> None:
    paddle.base.core.set_num_threads(threads)


def prepare(make: Callable[[], Any], training: bool, compiled: bool) -> Callable[[Sequence[Any]], Callable[[], None]]:
    """Compiled by `paddle.jit.to_static`."""
    model = make()
    model.train() if training else model.eval()
    run = paddle.jit.to_static(model, full_graph=True) if compiled else model

    def infer(inputs: Sequence[Any]) -> None:
        with paddle.no_grad():
            run(*inputs)

    optimizer = paddle.optimizer.SGD(1e-6, parameters=model.parameters()) if training else None

    def train(inputs: Sequence[Any]) -> None:
        assert optimizer is not None
        loss(run(*inputs)).backward()
        optimizer.step()
        optimizer.clear_grad()

    def ready(arrays: Sequence[Any]) -> Callable[[], None]:
        inputs = [paddle.to_tensor(array) for array in arrays]
        return lambda: (train if training else infer)(inputs)

    return ready


def loss(given: Any) -> Any:
    """The mean squares of all outputs, added up."""
    values = given.values() if isinstance(given, dict) else given if isinstance(given, (tuple, list)) else [given]
    return sum(value.square().mean() for value in values if value.is_floating_point())
