"""The elaborated network as a plain list of steps, in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from archspec.expressions import Dim, float32
from archspec.graph import tree
from archspec.graph.mode import Mode
from archspec.graph.tree import Item, Module, Value
from archspec.ops.base import DType, Operation, Parameter, Shape
from archspec.spec.initial import Initial
from archspec.spec.source import Path


@dataclass(eq=False, slots=True)
class Tensor:
    """A tensor between steps. Compared by identity."""

    name: str
    """`image` for an input, `layer1.0.conv1` for a step's only output, `split1.0` for one of several."""
    shape: Shape
    dtype: DType


@dataclass(eq=False, slots=True)
class Node:
    """One operation applied to tensors."""

    path: str
    """The step's name from the top: `layer1.0.conv1`."""
    op: Operation
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    origin: Path
    """Where the step stands in the document."""
    training_only: bool = False
    """Whether only outputs that exist in training depend on it."""
    owner: str = ""
    """The path of the step whose weights this one uses; empty: its own."""
    initial: Mapping[str, Initial] = field(default_factory=dict)
    """How its own weights begin, by the operation's names of them."""
    beside: tuple[Tensor, ...] = ()
    """For a step without inputs the first input of the block around, which a framework may call its layer on."""

    def parameters(self) -> dict[str, Parameter]:
        """The weights that the step uses, by their full canonical names: `layer1.0.conv1.weight`."""
        weights = self.op.parameters(*(x.shape for x in self.inputs))
        return {self.parameter(name): weight for name, weight in weights.items()}

    def parameter(self, name: str) -> str:
        """The full name of a weight that the operation calls `name`."""
        return parameter_name(self.owner or self.path, name)


def parameter_name(path: str, name: str) -> str:
    """`conv1.weight`; the name of the step alone where its only weight has no other."""
    return f"{path}.{name}" if name else path


@dataclass(eq=False, slots=True)
class Graph:
    """A network with every size known."""

    name: str
    inputs: dict[str, Tensor]
    nodes: list[Node]
    outputs: dict[str, Tensor]
    training_outputs: frozenset[str] = frozenset()
    """The names of the outputs that exist only in training (auxiliary heads)."""
    limits: dict[str, int] = field(default_factory=dict)
    """For an integer input with a bound: numbers are drawn from 0 up to, and without, this."""

    def steps(self, mode: Mode) -> list[Node]:
        """Those that run in a mode."""
        return [node for node in self.nodes if mode is not Mode.EVALUATION or not node.training_only]

    def results(self, mode: Mode) -> dict[str, Tensor]:
        """The outputs that exist in a mode."""
        late = self.training_outputs if mode is Mode.EVALUATION else ()
        return {name: tensor for name, tensor in self.outputs.items() if name not in late}

    def parameters(self, mode: Mode = Mode.TRAINING) -> dict[str, Parameter]:
        """The weights that a mode needs, all by default, by canonical name."""
        found: dict[str, Parameter] = {}
        for node in self.steps(mode):
            for name, weight in node.parameters().items():
                found.setdefault(name, weight)  # of a shared one the first step says what it is
        return found

    def initial(self) -> dict[str, Initial]:
        """How each weight begins, by canonical name."""
        return {
            node.parameter(name): initial
            for node in self.nodes if not node.owner for name, initial in node.initial.items()
        }  # fmt: skip


def same_weights(mine: Module, other: Module, seen: set[tuple[int, int]] | None = None) -> bool:
    """Whether two networks consist of the same steps, with weights of the same shapes; modules in `seen` do."""
    seen = set() if seen is None else seen
    if (id(mine), id(other)) in seen:
        return True
    seen.add((id(mine), id(other)))
    pairs = zip_longest(tree.leaves(mine.items, ""), tree.leaves(other.items, ""), fillvalue=("", None))
    for (path, one), (name, two) in pairs:
        match one, two:
            case tree.Use(), tree.Use() if path == name and same_weights(one.module, two.module, seen):
                pass
            case tree.Step(), tree.Step() if path == name and _weights(one) == _weights(two):
                pass
            case _:
                return False
    return True


def _weights(step: tree.Step) -> dict[str, Shape]:
    found = step.op.parameters(*(value.shape for value in step.inputs))
    return {name: parameter.shape for name, parameter in found.items()}


def flatten(module: Module, name: str, limits: dict[str, int] | None = None) -> Graph:
    """The graph of a whole network."""
    inputs = {key: Tensor(key, value.shape, value.dtype) for key, value in module.inputs.items()}
    values: dict[int, Tensor] = {id(value): inputs[key] for key, value in module.inputs.items()}
    nodes: list[Node] = []
    _walk(module.items, "", values, nodes, next(iter(inputs.values())))
    outputs = {key: values[id(value)] for key, value in module.outputs.items()}
    graph = Graph(name, inputs, nodes, outputs, module.training_outputs, limits or {})
    _mark_training(graph)
    return graph


def _walk(items: Iterable[Item], prefix: str, values: dict[int, Tensor], nodes: list[Node], first: Tensor) -> None:
    for item in items:
        match item:
            case tree.Step():
                nodes.append(_node(item, prefix, values, () if item.inputs else (first,)))
            case tree.Use():
                inner = {id(v): values[id(w)] for v, w in zip(item.module.inputs.values(), item.inputs, strict=True)}
                _walk(item.module.items, f"{prefix}{item.name}.", inner, nodes, next(iter(inner.values())))
                for mine, yours in zip(item.outputs, item.module.outputs.values(), strict=True):
                    values[id(mine)] = inner[id(yours)]
            case tree.Sequence():
                _walk(item.items, f"{prefix}{item.name}." if item.name else prefix, values, nodes, first)
            case tree.Repeat():
                _walk(item.iterations, f"{prefix}{item.name}." if item.name else prefix, values, nodes, first)
                if not item.iterations:
                    _pass(item.inputs, item.outputs, values)
            case tree.When():
                if item.item is not None:
                    _walk([item.item], prefix, values, nodes, first)
                else:
                    _pass(item.inputs, item.outputs, values)
            case tree.Branches():
                for body in item.bodies:
                    _walk(body, prefix, values, nodes, first)
                nodes.append(_node(item.join, prefix, values))


def _pass(inputs: tuple[Value, ...], outputs: tuple[Value, ...], values: dict[int, Tensor]) -> None:
    for before, after in zip(inputs, outputs, strict=True):
        values[id(after)] = values[id(before)]


def _node(step: tree.Step, prefix: str, values: dict[int, Tensor], beside: tuple[Tensor, ...] = ()) -> Node:
    path = prefix + step.name
    single = len(step.outputs) == 1
    outputs = []
    for index, value in enumerate(step.outputs):
        tensor = Tensor(path if single else f"{path}.{index}", _plain(value.shape), value.dtype)
        values[id(value)] = tensor
        outputs.append(tensor)
    inputs = tuple(values[id(v)] for v in step.inputs)
    owner = ""
    if step.owner is not None:
        owner = values[id(step.owner.outputs[0])].name
        owner = owner if len(step.owner.outputs) == 1 else owner.removesuffix(".0")
    return Node(path, _numbers_only(step.op), inputs, tuple(outputs), step.origin, owner=owner, initial=step.initial,
                beside=beside)  # fmt: skip


def _plain(shape: Shape) -> Shape:
    """The sizes as numbers, but for the batch: a block's own names for them mean nothing outside."""
    return (*shape[:1], *map(int, shape[1:]))


def _numbers_only(op: Operation) -> Operation:
    """The operation without what its sizes came from: in a graph only numbers count, and they are faster."""
    changed = {name: _without_names(value) for name, value in op if _has_names(value)}
    return op.model_copy(update=changed) if changed else op


def _has_names(value: Any) -> bool:
    return any(map(_has_names, value)) if isinstance(value, tuple) else isinstance(value, Dim)


def _without_names(value: Any) -> Any:
    if isinstance(value, Dim):
        return int(value)
    return tuple(map(_without_names, value)) if isinstance(value, tuple) else value


def _mark_training(graph: Graph) -> None:
    if not graph.training_outputs:
        return
    needed = {id(tensor) for name, tensor in graph.outputs.items() if name not in graph.training_outputs}
    for node in reversed(graph.nodes):
        node.training_only = not any(id(tensor) in needed for tensor in node.outputs)
        if not node.training_only:
            needed.update(id(tensor) for tensor in node.inputs)


def unreachable(graph: Graph, *, beside: bool = False) -> frozenset[str]:
    """The paths of steps that no output depends on, not even one of training; `beside`: nor a step without inputs, if
    it is called on them. Their weights may be those of others."""
    needed = {id(tensor) for tensor in graph.outputs.values()}
    dead = set()
    for node in reversed(graph.nodes):
        if any(id(tensor) in needed for tensor in node.outputs):
            needed.update(id(tensor) for tensor in (*node.inputs, *(node.beside if beside else ())))
        else:
            dead.add(node.path)
    return frozenset(dead)


def settled(graph: Graph) -> frozenset[str]:
    """The paths of steps that depend on constants alone, and never see other numbers than theirs."""
    there: set[int] = set()
    found = set()
    for node in graph.nodes:
        shapes = [tensor.shape for tensor in node.inputs]
        if {id(tensor) for tensor in node.inputs} <= there and not (
            node.op.parameters(*shapes) or node.op.draws(*shapes)
        ):
            there.update(id(tensor) for tensor in node.outputs)
            found.add(node.path)
    return frozenset(found)


def rounded(graph: Graph) -> Graph:
    """The graph with every float attribute rounded to the nearest float32, as frameworks keep many of them."""
    return replace(graph, nodes=[replace(node, op=_rounded(node.op)) for node in graph.nodes])


def _rounded(op: Operation) -> Operation:
    floats = {name: float32_each(value) for name, value in op if isinstance(value, (float, tuple))}
    return op.model_copy(update=floats) if floats else op


def float32_each(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(float32_each, value))
    return float32(value) if isinstance(value, float) else value
