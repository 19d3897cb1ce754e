"""How `archspec.verification.worker` fills, runs and watches a Flax NNX model. Needs nothing of archspec.

The target of a weight is its path, with elements of containers by number: `layer1.0.conv1.kernel`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"

import flax
import jax
import numpy as np
from flax import nnx
from jax import numpy as jnp
from jax.interpreters import partial_eval

versions = {"flax": flax.__version__, "jax": jax.__version__}


def to_numpy(value: Any) -> Any:
    array = np.asarray(value[...] if isinstance(value, nnx.Variable) else value)
    return array.astype(np.int64) if array.dtype == np.int32 else array  # what whole numbers are without 64 bits


def from_numpy(array: Any) -> Any:
    return jnp.asarray(array)


def modules(module: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """A module and all below it, by their paths."""
    yield path, module
    inner: Any = vars(module).items()
    if isinstance(module, (nnx.Sequential, nnx.List)):
        inner = enumerate(module.layers if isinstance(module, nnx.Sequential) else module)
    for name, value in inner:
        if isinstance(value, (nnx.Module, nnx.List)):
            yield from modules(value, f"{path}.{name}" if path else str(name))


def variables(model: Any) -> dict[str, Any]:
    return {f"{path}.{name}" if path else name: value for path, module in modules(model)
            for name, value in vars(module).items() if isinstance(value, (nnx.Param, nnx.BatchStat))}  # fmt: skip


class Session:
    """One model of one run.

    JAX differentiates functions: each run is one of a copy of the model, made of its structure and its variables.
    """

    def __init__(self, dtype: str, see: Callable[[str, Any], Any]) -> None:
        jax.config.update("jax_enable_x64", dtype == "float64")
        self.dtype, self.see, self.seed = dtype, see, 0
        self.model: Any = None
        self.hooks: Mapping[str, str] = {}
        self.learning = False
        self.paths: dict[int, str] = {}
        self.counts: dict[str, int] = {}
        self.drawing: dict[str, Any] = {}  # copies of random layers, whose draws go on from call to call
        self.kept: list[Any] = []
        """What probes saw in this run."""
        self.spare: list[Any] = []  # zeros to add to what `leaf` gives, by which gradients are taken

    def probe(self, owner: nnx.Module, name: str, value: Any) -> Any:
        path = self.paths[id(owner)]
        return self.seen(f"{path}.{name}" if path else name, value)

    def seen(self, key: str, value: Any) -> Any:
        self.kept += value if isinstance(value, (tuple, list)) else [value]
        return self.see(key, value)

    def build(self, make: Callable[..., Any], hooks: Mapping[str, str], mode: str) -> None:
        self.model, self.hooks, self.learning = make(rngs=nnx.Rngs(self.seed)), hooks, mode == "training"
        for variable in self.variables().values():
            variable.set_value(variable[...].astype(self.dtype))
        for _, module in modules(self.model):
            if getattr(module, "dtype", None) is not None:  # an embedding keeps that of its table
                module.dtype = jnp.dtype(self.dtype)
        self.model.train() if self.learning else self.model.eval()

    def layer(self, path: str) -> Any:
        return dict(modules(self.model))[path]

    def rate(self, path: str) -> Any:
        return getattr(self.layer(path), "rate", None)

    def train(self, path: str, value: Any) -> Any:
        layer = self.drawing.setdefault(path, nnx.clone(self.layer(path)))
        layer.train()
        return layer(value)

    def counted(self, paths: Sequence[str]) -> dict[str, int]:
        self.counts = dict.fromkeys(paths, 0)
        return self.counts

    def idle(self) -> None:
        for _, module in modules(self.model):
            if isinstance(getattr(module, "rate", None), float):
                module.rate = 0.0

    def trainable(self) -> set[str]:
        return {name for name, variable in self.variables().items() if isinstance(variable, nnx.Param)}

    def variables(self) -> dict[str, Any]:
        return variables(self.model)

    def assign(self, variable: Any, array: Any) -> None:
        variable.set_value(jnp.asarray(array))

    def run(self, inputs: Sequence[Any]) -> Any:
        copy = nnx.clone(self.model)
        found = variables(copy)
        result = self._call(copy, inputs)
        for name, own in variables(self.model).items() if self.learning else ():
            own.set_value(found[name][...])
        return result

    def _call(self, model: Any, inputs: Sequence[Any]) -> Any:
        """Calls a copy of the model, whose layers in containers are watched."""
        found = dict(modules(model))
        self.paths = {id(module): path for path, module in found.items()}
        self.kept = []
        for path in self.counts:
            self._wrap(found, path, lambda value, path=path: self._count(path, value))
        for path, key in self.hooks.items():
            self._wrap(found, path, lambda value, key=key: self.seen(key, value))
        return model(*inputs)

    def _count(self, path: str, value: Any) -> Any:
        self.counts[path] += 1
        return value

    @staticmethod
    def _wrap(found: Mapping[str, Any], path: str, then: Callable[[Any], Any]) -> None:
        """Has a layer hand what it gives to a function."""
        above, _, name = path.rpartition(".")
        owner = found[above]
        layer = owner.layers[int(name)] if isinstance(owner, nnx.Sequential) else getattr(owner, name)
        watched = Watched(layer, then)
        if isinstance(owner, nnx.Sequential):
            owner.layers[int(name)] = nnx.data(watched)  # also where a function stood
        else:
            setattr(owner, name, watched)

    def record(self, inputs: Sequence[Any], variables: Sequence[Any], once: bool) -> Any:
        """Traces a run: what comes out stands for values."""
        self.sources: dict[int, int] = {id(source): index for index, source in enumerate((*inputs, *variables))}
        self.arguments = [*inputs, *(variable[...] for variable in variables)]
        count, shapes = len(self.arguments), [value.shape for value in self.kept]
        zeros = [jnp.zeros(shape, self.dtype) for shape in shapes]
        own = {id(variable): name for name, variable in self.variables().items()}
        result: Any = None

        def traced(*values: Any) -> Any:
            nonlocal result
            copy = nnx.clone(self.model)
            there = dict(modules(copy))
            for variable, value in zip(variables, values[len(inputs) : count], strict=True):
                path, _, name = own[id(variable)].rpartition(".")
                setattr(there[path], name, type(variable)(value))
            self.spare = list(enumerate(values[count:], count))
            result = self._call(copy, values[: len(inputs)])
            outputs = result if isinstance(result, (tuple, list)) else [result]
            self.values = [*self.kept, *outputs]
            return self.values

        self.program = jax.make_jaxpr(traced)(*self.arguments, *zeros)
        self.arguments += zeros
        return result

    def leaf(self, array: Any) -> tuple[Any, Any]:
        value = jnp.asarray(array)
        if not jnp.issubdtype(value.dtype, jnp.floating):
            return value, value
        index, zero = next(each for each in self.spare if each[1].shape == value.shape)
        self.spare = [each for each in self.spare if each[0] != index]
        self.sources[id(zero)] = index
        return zero, value + zero

    def pull(self, values: Sequence[Any], cotangents: Sequence[Any], sources: Sequence[Any]) -> Sequence[Any]:
        """Only what the values depend on is computed again."""
        places = [next(i for i, value in enumerate(self.values) if value is wanted) for wanted in values]
        jaxpr, used = partial_eval.dce_jaxpr(self.program.jaxpr, [i in places for i in range(len(self.values))])
        arguments = {i: value for i, value in enumerate(self.arguments) if used[i]}
        by = [i for i in map(self.sources.__getitem__, map(id, sources)) if i in arguments
              and jnp.issubdtype(arguments[i].dtype, jnp.floating)]  # fmt: skip

        def wanted(*given: Any) -> Any:
            known = arguments | dict(zip(by, given, strict=True))
            return jax.core.eval_jaxpr(jaxpr, self.program.consts, *known.values())

        _, back = jax.vjp(wanted, *(arguments[i] for i in by))
        order = sorted(range(len(places)), key=places.__getitem__)
        found = dict(zip(by, back([cotangents[i] for i in order]), strict=True))
        return [found.get(self.sources[id(source)]) for source in sources]


class Watched(nnx.Module):
    """A layer, and what gets its result."""

    def __init__(self, layer: Any, then: Callable[[Any], Any]) -> None:
        self.layer, self.then = layer, then

    def __call__(self, *inputs: Any) -> Any:
        return self.then(self.layer(*inputs))
