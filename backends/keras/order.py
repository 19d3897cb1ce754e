"""Where Keras' own files have the weights of a generated model.

They have no names there: a layer is a group that is called after its class and counted in the order of `model.layers`,
which is that of a functional model's graph. The graph is found by running the generated file on stand-ins for Keras,
which note what is called on what; probes tell them the shapes of steps.
"""

from __future__ import annotations

import builtins
import math
import re
import types
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from archspec.backend import Program
from archspec.errors import BackendError
from archspec.graph.graph import Graph
from archspec.verification.worker import arrange
from archspec.weights.files.keras import numbered


def saved(program: Program, graph: Graph) -> dict[str, str]:
    """The path of each weight of a model in a `.weights.h5` file, in its order of layers: `layers/conv2d_1/vars/0`.

    Raises BackendError if the model's graph cannot be followed without Keras.
    """
    try:
        layers = _layers(program, graph)
    except Exception as error:  # whatever a stand-in lacks
        raise BackendError(
            f"Keras: the order of this model's layers is not found without Keras itself: {error}"
        ) from error
    groups = dict(_groups(layers, "layers"))
    found: dict[str, dict[str, str]] = {name: {} for name in groups}
    for target, place in numbered(weight.target for weight in program.weights).items():
        first, *inner, number = place.split("/")
        if first in found:
            found[first][target] = "/".join([groups[first], *map(_attribute, inner), "vars", number])
    return {target: place for places in found.values() for target, place in places.items()}


def _groups(layers: list[Layer], prefix: str) -> Iterator[tuple[str, str]]:
    """The group of each layer, also of those of models inside."""
    counts: Counter[str] = Counter()
    for layer in layers:
        kind = "functional" if isinstance(layer, Model) else snake_case(type(layer).__name__)
        group = f"{prefix}/{kind}_{counts[kind]}" if counts[kind] else f"{prefix}/{kind}"
        counts[kind] += 1
        if isinstance(layer, Model):
            yield from _groups(layer.layers, f"{group}/layers")
        else:
            yield layer.name, group


def snake_case(name: str) -> str:
    """As Keras calls the group of a class: `conv2d` for `Conv2D`."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _attribute(name: str) -> str:
    """The attribute that holds a layer of this name inside of another."""
    direction = re.match("(forward|backward)_", name)
    if direction:
        return f"{direction[1]}_layer"
    return "cell" if name.endswith("_cell") else _ATTRIBUTES.get(name, name)


_ATTRIBUTES: Final = {
    "query": "query_dense", "key": "key_dense", "value": "value_dense", "attention_output": "output_dense",
}  # fmt: skip


# The graph ------------------------------------------------------------------------------------------------------------


class Node:
    """One call of a layer or operation."""

    def __init__(self, operation: Any, inputs: list[Tensor]) -> None:
        self.operation, self.inputs = operation, inputs


class Tensor:
    """What a call gives. Its shape, with a batch of one, is None where nobody asks for it."""

    __array_ufunc__ = None  # arithmetic with an array is ours
    __iter__ = None
    dtype = "float32"

    def __init__(self, node: Node, shape: tuple[int, ...] | None = None) -> None:
        self.node, self.known = node, shape

    @property
    def shape(self) -> tuple[int, ...]:
        if self.known is None:
            raise LookupError(f"nobody knows the shape that {self.node.operation} gives")
        return self.known

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: Any) -> Tensor:
        return Tensor(Node("[]", [self]), None if self.known is None else _dummy(self)[index].shape)


def _operator(name: str) -> Any:
    return lambda self, *others: _called(name, [self, *others], {})


for _name in (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow neg lt le gt ge eq ne and rand "
    "or ror xor rxor invert abs matmul rmatmul"
).split():
    setattr(Tensor, f"__{_name}__", _operator(_name))
Tensor.__hash__ = object.__hash__  # type: ignore[method-assign]


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors among arguments, in the order in which Keras takes them."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield from _tensors(value[key])


def _dummy(value: Any) -> Any:
    """Arrays of no size in memory for the tensors among arguments."""
    if isinstance(value, Tensor):
        return np.broadcast_to(np.float32(0), value.shape)
    return type(value)(map(_dummy, value)) if isinstance(value, (list, tuple)) else value


def _called(name: str, arguments: Any, options: Mapping[str, Any]) -> Any:
    """What an operation gives that is no layer."""
    inputs = list(_tensors([arguments, options]))
    if not inputs:
        return getattr(np, name, lambda value, *more, **others: value)(*arguments, **options)
    node = Node(name, inputs)
    if name == "split":
        places = arguments[1]
        count = places if isinstance(places, int) else len(places) + 1
        return [Tensor(node, shape) for shape in _shape("split", arguments, options) or [None] * count]
    if name == "unstack":
        sizes = inputs[0].shape
        axis = options.get("axis", 0) % len(sizes)
        return [Tensor(node, (*sizes[:axis], *sizes[axis + 1 :])) for _ in range(sizes[axis])]
    if name == "top_k":
        return Tensor(node), Tensor(node)
    return Tensor(node, _shape(name, arguments, options))


_MOVING: Final = frozenset(
    "append broadcast_to concatenate expand_dims flip max mean min moveaxis pad prod repeat reshape roll split squeeze "
    "stack sum swapaxes take tile transpose tril var".split()
)
"""What NumPy has under the same name with the same arguments, and gives an array of the same shape."""
_SELDOM: Final = frozenset("argmax argmin einsum glu logsumexp matmul one_hot rmatmul take_along_axis".split())
"""What has another shape, which is known to the step that it is part of."""


def _shape(name: str, arguments: Any, options: Mapping[str, Any]) -> Any:
    if any(tensor.known is None for tensor in _tensors([arguments, options])) or name in _SELDOM:
        return None
    if name in _MOVING:
        given = {key: _dummy(value) for key, value in options.items()}
        result = getattr(np, name)(*_dummy(list(arguments)), **given)
        return [each.shape for each in result] if name == "split" else result.shape
    if name == "average_pool":
        return _pooled(*arguments, **options)
    sizes = [np.shape(_dummy(value)) for value in arguments if isinstance(value, (Tensor, np.ndarray))]
    return np.broadcast_shapes(*sizes)


def _pooled(x: Tensor, size: Any, strides: Any = None, padding: str = "valid", **more: Any) -> tuple[int, ...]:
    inner = x.shape[1:-1]
    sizes, steps = (each if isinstance(each, (tuple, list)) else (each,) * len(inner)
                    for each in (size, size if strides is None else strides))  # fmt: skip
    same = padding == "same"
    counts = [-(-(n if same else n - k + 1) // s) for n, k, s in zip(inner, sizes, steps, strict=True)]
    return (x.shape[0], *counts, x.shape[-1])


# Stand-ins ------------------------------------------------------------------------------------------------------------


class Layer:
    """The base of all layers."""

    trainable = True

    def __init__(self, *given: Any, name: str = "", return_state: bool = False, **options: Any) -> None:
        self.name, self.given, self.gives_state = name, given, return_state

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        node = Node(self, list(_tensors([arguments, options])))
        if not node.inputs:
            raise LookupError(f"{self.name} is called on no tensor")
        inner = self.given[0] if type(self).__name__ == "Bidirectional" else self
        if not inner.gives_state:
            return Tensor(node)
        states = (2 if type(inner).__name__ == "LSTM" else 1) * (1 if inner is self else 2)
        return [Tensor(node) for _ in range(1 + states)]


class Classes:
    """`keras.layers`."""

    Layer = Layer

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self.__dict__[name] = type(name, (Layer,), {})
        return found


class Functions:
    """`keras.ops`."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: _called(name, arguments, options)

    def shape(self, x: Any) -> Any:
        return x.shape


class Anything:
    """What a file uses of Keras without calling it on tensors: initializers, registrations."""

    def __getattr__(self, name: str) -> Any:
        return Anything()

    def __call__(self, *given: Any, **options: Any) -> Any:
        return given[0] if len(given) == 1 and isinstance(given[0], type) else Anything()


class Model(Layer):
    def __init__(self, inputs: Any, outputs: Any, name: str = "") -> None:
        super().__init__(name=name)
        self.inputs, self.result, self.outputs = list(_tensors(inputs)), outputs, list(_tensors(outputs))

    @property
    def layers(self) -> list[Layer]:
        """Its layers in their order."""
        return [each for each in _ordered(self.outputs) if isinstance(each, Layer)]

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        given = list(_tensors(arguments))
        alike = [each.known for each in given] == [each.known for each in self.inputs]
        node = Node(self, given)
        found = [Tensor(node, each.known if alike else None) for each in self.outputs]
        return found if isinstance(self.result, (list, tuple)) else found[0]


HIDDEN: Final = frozenset({"open", "exec", "eval", "compile", "input", "breakpoint", "help", "exit", "quit"})
"""What generated code never needs."""


def _layers(program: Program, graph: Graph) -> list[Layer]:
    """The layers of a model in their order."""
    tensors = {tensor.name: tensor for node in graph.nodes for tensor in node.outputs}

    def shape(name: str, layout: Any) -> tuple[int, ...]:
        tensor = tensors.get(name) or graph.inputs[name]
        given = np.broadcast_to(np.int8(0), (1, *map(int, tensor.shape[1:])))
        return arrange(given, layout).shape  # type: ignore[no-any-return]

    def probe(key: str, value: Any) -> Any:
        values = list(value) if isinstance(value, (list, tuple)) else [value]
        for each, seen in zip(values, program.probes.get(key, ()), strict=False):
            if isinstance(each, Tensor):
                each.known = shape(seen.tensor, seen.layout)
        return value

    def entered(sizes: Any, *more: Any, name: str = "", **options: Any) -> Tensor:
        if not name:  # of a model inside
            return Tensor(Node("input", []), (1, *(_OPEN if size is None else size for size in sizes)))
        return Tensor(Node("input", []), shape(name, program.inputs[name]))

    keras = types.SimpleNamespace(
        layers=Classes(), ops=Functions(), Input=entered, Model=Model, saving=Anything(), initializers=Anything(),
        random=Anything(), activations=Anything(), regularizers=Anything(),
        config=types.SimpleNamespace(floatx=lambda: Tensor.dtype),
    )  # fmt: skip
    modules = {"keras": keras, "numpy": np, "math": math}
    plain = {name: value for name, value in vars(builtins).items() if name not in HIDDEN}
    names: dict[str, Any] = {
        "__builtins__": {**plain, "__import__": lambda name, *more: modules[name]},
        "__name__": "generated",
    }
    names |= {"probe": probe, "nearest": lambda value: value}
    exec(compile(program.probed, "<generated>", "exec", dont_inherit=True), names)
    model: Any = names[program.entry]
    found: list[Layer] = model().layers
    return found


_OPEN: Final = 64
"""A number for a size that is open: on none does the order of layers depend."""


def _ordered(outputs: list[Tensor]) -> list[Any]:
    """The operations that outputs depend on, as Keras orders them: by how far they are from an output, and then as a
    search through the inputs meets them."""
    met: dict[Any, int] = {}
    done: dict[Node, None] = {}
    for output in outputs:
        todo: list[tuple[Node, Iterator[Tensor]]] = []

        def enter(node: Node, todo: list[tuple[Node, Iterator[Tensor]]] = todo) -> None:
            met.setdefault(_key(node), len(met))
            todo.append((node, iter(node.inputs)))

        if output.node not in done:
            enter(output.node)
        while todo:
            node, inputs = todo[-1]
            following = next(inputs, None)
            if following is None:
                done[node] = None
                todo.pop()
            elif following.node not in done:
                enter(following.node)
    depths: dict[Node, int] = {}
    deepest: dict[Any, int] = {}
    for node in reversed(done):
        key = _key(node)
        depth = depths[node] = deepest[key] = max(depths.get(node, 0), deepest.get(key, 0))
        for each in node.inputs:
            depths[each.node] = max(depth + 1, depths.get(each.node, 0))
    return sorted(deepest, key=lambda key: (-deepest[key], met[key]))


def _key(node: Node) -> Any:
    """What is called: a layer, whose calls are one operation, or this call itself."""
    return node.operation if isinstance(node.operation, Layer) else node
