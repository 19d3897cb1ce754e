"""How `archspec.verification.worker` fills, runs and watches a PyTorch model. Needs nothing of archspec.

The target of a weight is its key in the `state_dict`: `layer1.0.conv1.weight`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

versions = {"torch": torch.__version__}

torch.exp(torch.zeros(1))
"""Before threads do: of two that are the first to call MKL's functions, one may get another variant, one bit off."""


def to_numpy(value: Any) -> Any:
    return value.detach().numpy()


def from_numpy(array: Any) -> Any:
    return torch.from_numpy(array)


RATES = ("p", "dropout", "std")
"""What layers call the probability with which they drop, or the deviation of their noise."""


class Session:
    """One model of one run."""

    draws = False
    """Whether weights begin as the program says; else random numbers are left out."""
    seed = 1_618_033
    """Of the framework's random numbers, and none that a file would take."""

    def __init__(self, dtype: str, see: Callable[[str, Any], Any]) -> None:
        torch.set_default_dtype(getattr(torch, dtype))
        self.see = see
        self.model: Any = None
        self.paths: dict[Any, str] = {}

        self.made: list[tuple[nn.Module, str, Any]] = []
        """What probes saw while the model was made: the same in every run."""

    def probe(self, owner: nn.Module, name: str, value: Any) -> Any:
        if owner not in self.paths:
            self.made.append((owner, name, value))
            return value
        path = self.paths[owner]
        return self.see(f"{path}.{name}" if path else name, value)

    def build(self, make: Callable[[], Any], hooks: Mapping[str, str], mode: str) -> None:
        torch.manual_seed(self.seed)
        with contextlib.nullcontext() if self.draws else _NoInitialization():
            self.model = make()
        self.learning = mode == "training"
        self.model.train(self.learning)
        self.model.training = mode != "evaluation"  # the model's own choice of outputs
        modules = dict(self.model.named_modules())
        self.paths = {module: path for path, module in modules.items()}
        for path, key in hooks.items():
            modules[path].register_forward_hook(lambda _, __, value, key=key: self.see(key, value))

    def layer(self, path: str) -> Any:
        return self.model.get_submodule(path)

    def rate(self, path: str) -> Any:
        return next(iter(_rates(self.layer(path))), None)

    def train(self, path: str, value: Any) -> Any:
        layer = self.layer(path)
        was = layer.training
        try:
            with torch.no_grad():
                return layer.train()(value)
        finally:
            layer.train(was)

    def counted(self, paths: Sequence[str]) -> dict[str, int]:
        counts = dict.fromkeys(paths, 0)
        for path in paths:
            count = lambda layer, _, path=path: counts.update(  # noqa: E731
                {path: counts[path] + (layer.training == self.learning)}
            )
            self.layer(path).register_forward_pre_hook(count)
        return counts

    def random(self) -> Iterator[str]:
        """PyTorch's own layers that are random in training: what a block of the file calls p may be anything."""
        layers = self.model.named_modules()
        return (path for path, layer in layers if type(layer).__module__.startswith("torch.") and any(_rates(layer)))

    def idle(self) -> None:
        idle(self.model.modules())

    def trainable(self) -> set[str]:
        return {name for name, value in self.model.named_parameters(remove_duplicate=False) if value.requires_grad}

    def besides(self) -> Iterator[str]:
        """What the model does to the framework, or to gradients of its weights, besides computing."""
        if torch.initial_seed() != self.seed:
            yield "it seeds the framework's random numbers"
        if not torch.is_grad_enabled():
            yield "it turns gradients off"
        for name, weight in self.model.named_parameters():
            if weight._backward_hooks or weight._post_accumulate_grad_hooks:
                yield f"the gradient of '{name}' is changed by a hook"

    def variables(self) -> dict[str, Any]:
        state = self.model.state_dict(keep_vars=True)
        return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}

    def assign(self, variable: Any, array: Any) -> None:
        variable.data = torch.from_numpy(array)

    def run(self, inputs: Sequence[Any]) -> Any:
        for seen in self.made:
            self.probe(*seen)
        with torch.no_grad():
            return self.model(*inputs)

    def record(self, inputs: Sequence[Any], variables: Sequence[Any], once: bool) -> Any:
        for tensor in (*(x for x in inputs if x.is_floating_point()), *variables):
            tensor.requires_grad_()
        return self.model(*inputs)

    def leaf(self, array: Any) -> tuple[Any, Any]:
        tensor = torch.from_numpy(array)
        if not tensor.is_floating_point():
            return tensor, tensor
        return tensor.requires_grad_(), tensor.clone()  # which may be overwritten in place

    def pull(self, values: Sequence[Any], cotangents: Sequence[Any], sources: Sequence[Any]) -> Sequence[Any]:
        kept = [(value, each) for value, each in zip(values, cotangents, strict=True) if value.requires_grad]
        if not kept or not sources:
            return [None] * len(sources)
        found, of = zip(*kept, strict=True)
        # Steps may have computed something in common.
        return torch.autograd.grad(found, sources, of, retain_graph=True, allow_unused=True)  # type: ignore[no-any-return]


def idle(layers: Iterable[Any]) -> None:
    """Takes the randomness out of layers, whose rates have these names."""
    for layer in layers:
        for name in RATES:
            if isinstance(getattr(layer, name, None), float):
                setattr(layer, name, 0.0)


def _rates(layer: Any) -> list[Any]:
    return [getattr(layer, name) for name in RATES if isinstance(getattr(layer, name, None), float)]


_SLOW = nn.init.orthogonal_, nn.init.trunc_normal_


class _NoInitialization(TorchFunctionMode):  # type: ignore[misc]
    """Leaves weights as they are allocated: random numbers take long, and every weight is assigned afterwards."""

    skipped = frozenset({nn.init.kaiming_uniform_, torch.Tensor.uniform_, torch.Tensor.normal_})

    def __enter__(self) -> Any:
        nn.init.orthogonal_ = nn.init.trunc_normal_ = lambda tensor, *_, **__: tensor
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        nn.init.orthogonal_, nn.init.trunc_normal_ = _SLOW
        super().__exit__(*raised)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func in self.skipped:
            return args[0] if args else given["tensor"]
        return func(*args, **given)
