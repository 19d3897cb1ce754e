"""How `archspec.verification.worker` watches a script that trains in PyTorch. Needs nothing of archspec."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch

RATES = ("p", "dropout", "std")
SLOTS = {"momentum_buffer": "velocity", "exp_avg": "first", "exp_avg_sq": "second", "square_avg": "square",
         "sum": "sum"}  # fmt: skip
"""What PyTorch calls what its optimizers keep."""


class Trainer:
    """The script's model and optimizer in a session."""

    divides = True
    """Whether the script divides the losses of batches that it adds up."""

    def __init__(self, session: Any, script: Any) -> None:
        def build() -> Any:
            self.model, self.optimizer = script.make("cpu")
            return self.model

        self.script = script
        session.build(build, {}, "training")
        self._gradients: dict[int, Any] = {}
        self._outputs: Any = ()
        self._averages: Any = None
        for each in filter(lambda each: each.requires_grad, self.model.parameters()):
            each.register_hook(lambda gradient, each=each: self._keep(id(each), gradient))
        self.model.register_forward_hook(self._see)

    def _keep(self, key: int, gradient: Any) -> None:
        self._gradients[key] = gradient.detach().clone()  # clipping changes it in place

    def _see(self, _: Any, __: Any, value: Any) -> None:
        self._outputs = value if isinstance(value, tuple) else (value,)

    def idle(self, but: Collection[str]) -> None:
        for path, layer in self.model.named_modules():
            for name in RATES:
                if path not in but and isinstance(getattr(layer, name, None), float):
                    setattr(layer, name, 0.0)

    def mask(self, path: str, factor: Callable[[tuple[int, ...]], Any]) -> None:
        def multiply(_: Any, inputs: Any, __: Any) -> Any:
            return inputs[0] * torch.from_numpy(factor(tuple(inputs[0].shape)))

        self.model.get_submodule(path).register_forward_hook(multiply)

    def run(
        self, data: Any, epochs: int, batch_size: int, seed: int, seen: Callable[[int, float, float], None]
    ) -> None:
        more = {}
        if hasattr(self.script, "copies"):
            more["averages"] = self._averages = self.script.copies(self.model)
        args = Namespace(batch_size=batch_size, seed=seed)
        tensors = self.script.tensors(data, "cpu")
        for epoch in range(epochs):
            given = self.model, self.optimizer, tensors, epoch, args
            for step, rate, loss in self.script.train(*given, **more):
                seen(step, rate, loss)

    def gradient(self, variable: Any) -> Any:
        found = self._gradients.get(id(variable))
        return None if found is None else found.numpy()

    def outputs(self) -> list[Any]:
        return list(self._outputs)

    def state(self, variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name, variable in variables.items():
            for key, value in self.optimizer.state.get(variable, {}).items():
                if key in SLOTS and value is not None:
                    slot = (
                        "velocity"
                        if type(self.optimizer) is torch.optim.RMSprop and key == "momentum_buffer"
                        else SLOTS[key]
                    )
                    found.setdefault(slot, {})[name] = value.detach().numpy()
        return found

    def averages(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        if self._averages is None:
            return {}
        pairs = zip(self.script.trained(self.model), self._averages, strict=True)
        kept = {id(weight): average for weight, average in pairs}
        return {name: kept[id(each)].numpy() for name, each in variables.items() if id(each) in kept}
