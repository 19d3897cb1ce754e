"""How `archspec.verification.worker` watches a script that trains in PaddlePaddle. Needs nothing of archspec."""

from __future__ import annotations

import contextlib
import inspect
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import paddle
from paddle.nn import functional

RATES = ("p", "dropout", "dropout_prob", "std")
SLOTS = {
    "velocity": "velocity",
    "moment1": "first",
    "moment2": "second",
    "mean_square": "square",
    "momentum": "velocity",
    "moment": "sum",
}
"""What PaddlePaddle calls what its optimizers keep."""
AVERAGES = {f"{kind}avg_pool{rank}d": rank for kind in ("", "adaptive_") for rank in (1, 2, 3)}
"""The functions whose gradients have float32 numbers in them, and over how many axes they go."""


class Trainer:
    """The script's model and optimizer in a session."""

    divides = True
    """Whether the script divides the losses of batches that it adds up."""

    def __init__(self, session: Any, script: Any) -> None:
        def build() -> Any:
            self.model, self.optimizer = script.make()
            return self.model

        self.script = script
        session.build(build, {}, "training")
        self._gradients: dict[str, Any] = {}
        self._outputs: Any = ()
        self._averages: Any = None
        for each in self.model.parameters():
            if not each.stop_gradient:
                each.register_hook(lambda gradient, key=each.name: self._keep(key, gradient))
        self.model.register_forward_post_hook(self._see)

    def _keep(self, key: str, gradient: Any) -> None:
        self._gradients[key] = gradient.numpy().copy()

    def _see(self, _: Any, __: Any, value: Any) -> None:
        self._outputs = value if isinstance(value, (tuple, list)) else (value,)

    def idle(self, but: Collection[str]) -> None:
        for path, layer in self.model.named_sublayers():
            for name in RATES:
                if path not in but and isinstance(getattr(layer, name, None), float):
                    setattr(layer, name, 0.0)

    def mask(self, path: str, factor: Callable[[tuple[int, ...]], Any]) -> None:
        def multiply(_: Any, inputs: Any, __: Any) -> Any:
            return inputs[0] * paddle.to_tensor(factor(tuple(inputs[0].shape)))

        dict(self.model.named_sublayers())[path].register_forward_post_hook(multiply)

    def run(
        self, data: Any, epochs: int, batch_size: int, seed: int, seen: Callable[[int, float, float], None]
    ) -> None:
        more = {}
        if hasattr(self.script, "copies"):
            more["averages"] = self._averages = self.script.copies(self.model)
        args = Namespace(batch_size=batch_size, seed=seed)
        tensors = self.script.tensors(data)
        with exact_averages():
            for epoch in range(epochs):
                given = self.model, self.optimizer, tensors, epoch, args
                for step, rate, loss in self.script.train(*given, **more):
                    seen(step, rate, loss)

    def gradient(self, variable: Any) -> Any:
        return self._gradients.get(variable.name)

    def outputs(self) -> list[Any]:
        return list(self._outputs)

    def state(self, variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        names = {variable.name: name for name, variable in variables.items()}
        found: dict[str, dict[str, Any]] = {}
        for key, kept in self.optimizer._accumulators.items():
            slot = SLOTS.get(key.rsplit(".", 1)[-1].removesuffix("_acc_0"))
            for name, value in kept.items():
                if slot is not None and name in names:
                    found.setdefault(slot, {})[names[name]] = value.numpy()
        return found

    def averages(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        if self._averages is None:
            return {}
        pairs = zip(self.script.trained(self.model), self._averages, strict=True)
        kept = {weight.name: average for weight, average in pairs}
        return {name: kept[each.name].numpy() for name, each in variables.items() if each.name in kept}


@contextlib.contextmanager
def exact_averages() -> Iterator[None]:
    """Within, the gradients of all averages are those of float64, whoever calls the functions: Paddle multiplies by
    1 / n as a float32 number, which a run of training would amplify."""
    own = {name: getattr(functional, name) for name in AVERAGES}
    for name, pool in own.items():
        setattr(functional, name, _exact(pool, AVERAGES[name]))
    try:
        yield
    finally:
        for name, pool in own.items():
            setattr(functional, name, pool)


def _exact(pool: Callable[..., Any], rank: int) -> Callable[..., Any]:
    signature = inspect.signature(pool)

    def pooled(*given: Any, **named: Any) -> Any:
        found = pool(*given, **named)
        if not found.stop_gradient:
            bound = signature.bind(*given, **named)
            bound.apply_defaults()
            sizes = list(zip(bound.arguments["x"].shape[2:], found.shape[2:], strict=True))
            share = 1 / _divisors(sizes, rank, bound.arguments)
            amiss = paddle.to_tensor(share / share.astype(np.float32), dtype=found.dtype)
            found.register_hook(lambda gradient: gradient * amiss)
        return found

    return pooled


def _divisors(sizes: Sequence[tuple[int, int]], rank: int, given: Mapping[str, Any]) -> Any:
    """What each sum is divided by, for axes of such sizes before and after."""
    axes: list[Any] = []
    if "output_size" in given:
        for size, count in sizes:
            place = np.arange(count)
            axes.append(-(-(place + 1) * size // count) - place * size // count)
    else:
        kernel = _each(given["kernel_size"], rank)
        stride = kernel if given["stride"] is None else _each(given["stride"], rank)
        pads = _each(given["padding"], rank)
        pads = pads if len(pads) == 2 * rank else [pad for pad in pads for _ in range(2)]
        inside = given["exclusive"] or pads[::2] != pads[1::2]  # Paddle counts no padding that is one-sided
        for (size, count), k, s, lo, hi in zip(sizes, kernel, stride, pads[::2], pads[1::2], strict=True):
            start = np.arange(count) * s - lo
            end = np.minimum(start + k, size + hi)
            axes.append(np.minimum(end, size) - np.maximum(start, 0) if inside else end - start)
    return prod(np.ix_(*axes), start=np.float64(1))


def _each(given: Any, rank: int) -> list[int]:
    return [given] * rank if isinstance(given, int) else list(given)
