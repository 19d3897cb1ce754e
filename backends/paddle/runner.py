"""How `archspec.verification.worker` fills, runs and watches a Paddle model. Needs nothing of archspec.

The target of a weight is its key in the `state_dict`: `layer1.0.bn1._mean`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import paddle
from paddle import nn

versions = {"paddle": paddle.__version__}


def to_numpy(value: Any) -> Any:
    return value.numpy()


def from_numpy(array: Any) -> Any:
    return paddle.to_tensor(array)


RATES = ("p", "dropout", "std")
"""What layers call the probability with which they drop, or the deviation of their noise."""


class Session:
    """One model of one run."""

    draws = False
    """Whether weights begin as the program says; else random ones with zeros."""
    seed = 1_618_033
    """Of the framework's random numbers, and none that a file would take."""

    def __init__(self, dtype: str, see: Callable[[str, Any], Any]) -> None:
        paddle.set_default_dtype(dtype)
        self.see = see
        self.model: Any = None
        self.layers: dict[str, Any] = {}
        self.paths: dict[Any, str] = {}

        self.made: list[tuple[nn.Layer, str, Any]] = []
        """What probes saw while the model was made: the same in every run."""

    def probe(self, owner: nn.Layer, name: str, value: Any) -> Any:
        if owner not in self.paths:
            self.made.append((owner, name, value))
            return value
        path = self.paths[owner]
        return self.see(f"{path}.{name}" if path else name, value)

    def build(self, make: Callable[[], Any], hooks: Mapping[str, str], mode: str) -> None:
        nn.initializer.Initializer.__call__ = _START if self.draws else _initialize
        paddle.seed(self.seed)
        self.model = make()
        self.learning = mode == "training"
        (self.model.train if self.learning else self.model.eval)()
        self.model.training = mode != "evaluation"  # the model's own choice of outputs
        layers = dict(self.model.named_sublayers(include_self=True))
        self.layers = layers
        self.paths = {layer: path for path, layer in layers.items()}
        for path, key in hooks.items():
            layers[path].register_forward_post_hook(lambda _, __, value, key=key: self.see(key, value))

    def rate(self, path: str) -> Any:
        return next(iter(_rates(self.layers[path])), None)

    def train(self, path: str, value: Any) -> Any:
        layer = self.layers[path]
        was = layer.training
        try:
            layer.train()
            with paddle.no_grad():
                return layer(value)
        finally:
            if not was:
                layer.eval()

    def counted(self, paths: Sequence[str]) -> dict[str, int]:
        counts = dict.fromkeys(paths, 0)
        for path in paths:
            count = lambda layer, _, path=path: counts.update(  # noqa: E731
                {path: counts[path] + (layer.training == self.learning)}
            )
            self.layers[path].register_forward_pre_hook(count)
        return counts

    def random(self) -> Iterator[str]:
        """Paddle's own layers that are random in training: what a block of the file calls p may be anything."""
        layers = self.layers.items()
        return (path for path, layer in layers if type(layer).__module__.startswith("paddle.") and any(_rates(layer)))

    def idle(self) -> None:
        idle(self.model.sublayers(include_self=True))

    def trainable(self) -> set[str]:
        return {name for name, value in self.model.named_parameters() if not value.stop_gradient}

    def besides(self) -> Iterator[str]:
        """What the model does to the framework, or training to its weights, besides what gradients do."""
        if paddle.framework.core.default_cpu_generator().initial_seed() != self.seed:
            yield "it seeds the framework's random numbers"
        for name, weight in self.model.named_parameters():
            if getattr(weight, "regularizer", None) is not None:
                yield f"'{name}' has a regularizer"
            if getattr(weight, "optimize_attr", {}).get("learning_rate", 1.0) != 1.0:
                yield f"'{name}' has a learning rate of its own"
            if not getattr(weight, "need_clip", True):
                yield f"the gradient of '{name}' is not clipped"

    def variables(self) -> dict[str, Any]:
        return dict(self.model.state_dict())

    def assign(self, variable: Any, array: Any) -> None:
        variable.set_value(array)

    def run(self, inputs: Sequence[Any]) -> Any:
        for seen in self.made:
            self.probe(*seen)
        with paddle.no_grad():
            return self.model(*inputs)

    def record(self, inputs: Sequence[Any], variables: Sequence[Any], once: bool) -> Any:
        for tensor in (*(x for x in inputs if x.is_floating_point()), *variables):
            tensor.stop_gradient = False
        for layer in self.model.sublayers():
            if isinstance(layer, nn.layer.rnn.RNNBase):  # its kernel has gradients in training only
                layer.training, layer.dropout = True, 0.0
        return self.model(*inputs)

    def leaf(self, array: Any) -> tuple[Any, Any]:
        tensor = paddle.to_tensor(array)
        if not tensor.is_floating_point():
            return tensor, tensor
        tensor.stop_gradient = False
        return tensor, tensor.clone()  # which may be overwritten in place

    def pull(self, values: Sequence[Any], cotangents: Sequence[Any], sources: Sequence[Any]) -> Sequence[Any]:
        for source in sources:
            source.clear_gradient(False)
        # Paddle takes no value twice, not even by another name, as a slice of all of it gives: so each is another one.
        pairs = zip(values, cotangents, strict=True)
        kept = [(paddle.assign(value), cotangent) for value, cotangent in pairs if not value.stop_gradient]
        if kept:
            found, of = zip(*kept, strict=True)
            # `paddle.grad` is wrong for some layers unless all weights take part.
            paddle.autograd.backward(list(found), list(of), retain_graph=True)
        return [source.grad for source in sources]


_START = nn.initializer.Initializer.__call__
_ZERO = nn.initializer.Constant(0.0)
_RANDOM = ("Kaiming", "MSRA", "Normal", "Orthogonal", "TruncatedNormal", "Uniform", "Xavier")


def _initialize(self: Any, weight: Any, block: Any = None) -> Any:
    """Random numbers take long, and every weight is assigned afterwards."""
    return _START(_ZERO if type(self).__name__.startswith(_RANDOM) else self, weight, block)


def idle(layers: Iterable[Any]) -> None:
    """Takes the randomness out of layers, whose rates have these names."""
    for layer in layers:
        if getattr(layer, "mode", None) == "downscale_in_infer":  # whose mean is what it gives in evaluation
            layer.training = False
            continue
        for name in RATES:
            if isinstance(getattr(layer, name, None), float):
                setattr(layer, name, 0.0)


def _rates(layer: Any) -> list[Any]:
    return [getattr(layer, name) for name in RATES if isinstance(getattr(layer, name, None), float)]
