"""How `archspec.verification.worker` watches a script that trains in Keras. Needs nothing of archspec."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras
import tensorflow

RATES = ("rate", "dropout", "stddev")
SLOTS = {
    keras.optimizers.SGD: {"velocity": "momentums"},
    keras.optimizers.Adam: {"first": "_momentums", "second": "_velocities"},
    keras.optimizers.RMSprop: {"square": "_velocities", "velocity": "_momentums"},
    keras.optimizers.Adagrad: {"sum": "_accumulators"},
}
"""Where Keras has what its optimizers keep."""


class Trainer:
    """The script's compiled model in a session."""

    divides = False
    """Whether the script divides the losses of batches that it adds up."""

    def __init__(self, session: Any, script: Any) -> None:
        session.build(script.make, {}, "training")
        self.model, self.script = session.model, script
        self.optimizer = self.model.optimizer
        self.optimizer.build(self.model.trainable_variables)
        self.model.run_eagerly = True  # or nothing could be seen between steps
        self._gradients: dict[str, Any] = {}
        self._outputs: Any = ()
        self._averages: Any = None
        apply = self.optimizer.apply

        def watched(gradients: Any, variables: Any = None) -> Any:
            gradients = list(gradients)
            pairs = zip(gradients, variables or self.model.trainable_variables, strict=True)
            self._gradients = {each.path: _dense(gradient) for gradient, each in pairs if gradient is not None}
            return apply(gradients, variables)

        self.optimizer.apply = watched
        compute_loss = self.model.compute_loss

        def seen(*given: Any, **named: Any) -> Any:
            outputs = named.get("y_pred", given[2] if len(given) > 2 else None)
            self._outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
            return compute_loss(*given, **named)

        self.model.compute_loss = seen

    def idle(self, but: Collection[str]) -> None:
        for layer in self.model.layers:
            for name in RATES:
                rate = getattr(layer, name, None)
                if layer.name not in but and isinstance(rate, float) and rate:
                    setattr(layer, name, 0.0)

    def mask(self, path: str, factor: Callable[[tuple[int, ...]], Any]) -> None:
        def multiply(inputs: Any, training: Any = None, **named: Any) -> Any:
            return inputs * tensorflow.convert_to_tensor(factor(tuple(inputs.shape))) if training else inputs

        self.model.get_layer(path).call = multiply

    def run(
        self, data: Any, epochs: int, batch_size: int, seed: int, seen: Callable[[int, float, float], None]
    ) -> None:
        more = {}
        if hasattr(self.script, "Averages"):
            more["averages"] = self._averages = self.script.Averages(self.model)
        given = self.script.tensors(data)
        args = Namespace(batch_size=batch_size, seed=seed)
        for epoch in range(epochs):
            self.script.train(self.model, given, epoch, args, seen, **more)

    def gradient(self, variable: Any) -> Any:
        return self._gradients.get(variable.path)

    def outputs(self) -> list[Any]:
        return list(self._outputs)

    def state(self, variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """What the optimizer keeps. Keras' own velocity is -r v, with the learning rate r in it."""
        order = [each.path for each in self.optimizer._trainable_variables]
        own = type(self.optimizer) is keras.optimizers.SGD
        factor = -1 / float(self.optimizer.learning_rate) if own else 1.0
        lists = next(lists for kind, lists in SLOTS.items() if isinstance(self.optimizer, kind))
        found: dict[str, dict[str, Any]] = {}
        for slot, attribute in lists.items():
            kept = getattr(self.optimizer, attribute, None) or []
            arrays = {path: each.numpy() for path, each in zip(order, kept, strict=False) if each is not None}
            for name, variable in variables.items():
                if variable.path in arrays:
                    found.setdefault(slot, {})[name] = factor * arrays[variable.path]
        return found

    def averages(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        if self._averages is None:
            return {}
        pairs = zip(self.model.trainable_variables, self._averages.values, strict=True)
        kept = {weight.path: average for weight, average in pairs}
        return {name: kept[each.path] for name, each in variables.items() if each.path in kept}


def _dense(gradient: Any) -> Any:
    return tensorflow.convert_to_tensor(gradient).numpy().copy()
