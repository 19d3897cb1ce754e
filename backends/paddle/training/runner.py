"""How `archspec.verification.worker` watches a script that trains in PaddlePaddle. Needs nothing of archspec."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import paddle

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


class Trainer:
    """The script's model and optimizer in a session."""

    divides = True
    """Whether the script divides the losses of batches that it adds up."""

    def __init__(self, session: Any, script: Any) -> None:
        self.model, self.script = session.model, script
        self.optimizer = script.make_optimizer(self.model)
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
        tensors = self.script.tensors(data)
        for epoch in range(epochs):
            given = self.model, self.optimizer, tensors, epoch, batch_size, seed
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
