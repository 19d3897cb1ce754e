"""The elaborated network as a plain list of steps, in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from archspec.expressions import Dim, Expr, Name, dim, expr_of, float32, free_names, substitute
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
    frozen: bool = False
    """Whether training leaves its weights and statistics alone."""

    def parameters(self) -> dict[str, Parameter]:
        """The weights that the step uses, by their full canonical names: `layer1.0.conv1.weight`."""
        weights = self.op.parameters(*(x.shape for x in self.inputs))
        if self.frozen:
            weights = {name: replace(weight, trainable=False) for name, weight in weights.items()}
        return {self.parameter(name): weight for name, weight in weights.items()}

    @property
    def momentum(self) -> float:
        """The weight of a new batch in the statistics that the step keeps; zero if it leaves them alone."""
        return 0.0 if self.frozen else getattr(self.op, "momentum", 0.0)

    def parameter(self, name: str) -> str:
        """The full name of a weight that the operation calls `name`."""
        return parameter_name(self.owner or self.path, name)


def parameter_name(path: str, name: str) -> str:
    """`conv1.weight`; the name of the step alone where its only weight has no other."""
    return f"{path}.{name}" if name else path


@dataclass(frozen=True, slots=True)
class Again:
    """One of several calls of a block with one set of weights."""

    first: int
    last: int
    """The numbers of its first node and of its last."""
    outputs: tuple[Tensor, ...]
    owner: str
    """The path of the call that has the weights."""


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
    again: tuple[Again, ...] = ()
    """Calls of blocks that have weights together, in their order; those in one come before it."""

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


def same_weights(mine: Module, other: Module) -> bool:
    """Whether two networks consist of the same steps, with weights of the same shapes."""
    return not unlike_weights(mine, other)


def unlike_weights(mine: Module, other: Module, seen: set[tuple[int, int]] | None = None) -> str:
    """How the steps of a block differ from those of another, or their weights; nothing if they do not, as those of
    modules in `seen`."""
    seen = set() if seen is None else seen
    if mine is other or (id(mine), id(other)) in seen:
        return ""
    seen.add((id(mine), id(other)))
    pairs = zip_longest(tree.leaves(mine.items, ""), tree.leaves(other.items, ""), fillvalue=("", None))
    for (path, one), (name, two) in pairs:
        match one, two:
            case tree.Use(), tree.Use() if path == name:
                if problem := unlike_weights(one.module, two.module, seen):
                    return f"in '{path}' {problem}"
            case tree.Step(), tree.Step() if path == name and one.op.key == two.op.key:
                if one.frozen != two.frozen:
                    return f"'{path}' is {'not ' * two.frozen}frozen, and is{' not' * one.frozen} there"
                weights, there = _weights(one), _weights(two)
                for key, shape in weights.items():
                    if there.get(key) != shape:
                        called = f"the {key} of '{path}'" if key else f"'{path}'"
                        return f"{called} would be {_size(shape)}, and is {_size(there.get(key, ()))} there"
            case _:
                return f"its steps are others: '{path or name}' is not there in both"
    return ""


def _size(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def _weights(step: tree.Step) -> dict[str, tuple[int, ...]]:
    found = step.op.parameters(*(value.shape for value in step.inputs))
    return {name: tuple(map(int, parameter.shape)) for name, parameter in found.items()}


def flatten(module: Module, name: str, limits: dict[str, int] | None = None) -> Graph:
    """The graph of a whole network."""
    inputs = {key: Tensor(key, value.shape, value.dtype) for key, value in module.inputs.items()}
    values: dict[int, Tensor] = {id(value): inputs[key] for key, value in module.inputs.items()}
    nodes: list[Node] = []
    owners = Owners()
    here = Here(sizes={name: Name(name) for name in module.open})
    _walk(module.items, "", values, nodes, next(iter(inputs.values())), owners, here)
    outputs = {key: values[id(value)] for key, value in module.outputs.items()}
    graph = Graph(name, inputs, nodes, outputs, module.training_outputs, limits or {}, owners.again())
    _mark_training(graph)
    return graph


@dataclass(slots=True)
class Owners:
    """Whose weights steps use."""

    calls: dict[int, str] = field(default_factory=dict)
    """id of a call of a block: where it is in the module that is being walked through."""
    steps: dict[str, str] = field(default_factory=dict)
    """Path of a step that has no weights of its own: that of the one whose weights it uses."""
    spans: dict[str, Again] = field(default_factory=dict)
    """By path of a call, which is its own owner here."""
    lenders: dict[str, str] = field(default_factory=dict)
    """Path of a call that uses the weights of another: that of the other."""

    def again(self) -> tuple[Again, ...]:
        """The calls that have weights together."""
        shared = {*self.lenders, *self.lenders.values()}
        found = ((path, self.lenders.get(path, path)) for path in self.spans if path in shared) if shared else ()
        return tuple(replace(self.spans[path], owner=owner) for path, owner in found)

    def owner(self, step: tree.Step, path: str, lent: tuple[str, str], values: Mapping[int, Tensor]) -> str:
        """The path of the step whose weights another uses; nothing if they are its own. In a call that uses those of
        another one, both begin with paths of calls that are `lent`."""
        found = ""
        if step.owner is not None:
            found = values[id(step.owner.outputs[0])].name
            found = found if len(step.owner.outputs) == 1 else found.removesuffix(".0")
        if lent[1]:
            found = lent[1] + (found or path).removeprefix(lent[0])
        if found:
            found = self.steps[path] = self.steps.get(found, found)
        return found


@dataclass(frozen=True, slots=True)
class Here:
    """What is known of a block where it is called."""

    lent: tuple[str, str] = ("", "")
    """The paths of the call and of the one whose weights it uses."""
    sizes: Mapping[str, Expr] = field(default_factory=dict)
    """What its names of sizes mean in the network, if that has open sizes."""

    def inside(self, use: tree.Use, values: Mapping[int, Tensor]) -> Mapping[str, Expr]:
        """The same for a block that is called here."""
        found: dict[str, Expr] = {}
        for (name, inner), outer in zip(use.module.inputs.items(), use.inputs, strict=True) if self.sizes else ():
            for axis, (own, size) in enumerate(zip(inner.shape, values[id(outer)].shape, strict=True)):
                found[f"{name}.{axis}"] = expr_of(size)
                if isinstance(symbol := expr_of(own), Name):
                    found[symbol.id] = expr_of(size)
        return found

    def plain(self, shape: Shape) -> Shape:
        """The sizes as numbers, but for the batch, and for what follows from open sizes: a block's own names for others
        mean nothing outside."""
        batch = self._size(shape[0]) if "batch" in self.sizes else shape[0]
        return (batch, *(self._size(size) if self.sizes else int(size) for size in shape[1:]))

    def _size(self, size: int) -> int:
        if not (names := free_names(expr_of(size))) or not names <= self.sizes.keys():
            return int(size)
        return dim(int(size), substitute(expr_of(size), self.sizes, whole=True))


def _walk(
    items: Iterable[Item], prefix: str, values: dict[int, Tensor], nodes: list[Node], first: Tensor, owners: Owners,
    here: Here,
) -> None:  # fmt: skip
    for item in items:
        match item:
            case tree.Step():
                nodes.append(_node(item, prefix, values, owners, here, () if item.inputs else (first,)))
            case tree.Use():
                inner = {id(v): values[id(w)] for v, w in zip(item.module.inputs.values(), item.inputs, strict=True)}
                path = owners.calls[id(item)] = f"{prefix}{item.name}."
                inside = Here(here.lent, here.inside(item, values))
                if item.owner is not None:
                    owners.lenders[path] = owners.calls[id(item.owner)]
                    inside = replace(inside, lent=(path, owners.lenders[path]))
                start = len(nodes)
                _walk(item.module.items, path, inner, nodes, next(iter(inner.values())), owners, inside)
                for mine, yours in zip(item.outputs, item.module.outputs.values(), strict=True):
                    values[id(mine)] = inner[id(yours)]
                gives = tuple(values[id(value)] for value in item.outputs)
                owners.spans[path] = Again(start, len(nodes) - 1, gives, path)
            case tree.Sequence():
                _walk(item.items, f"{prefix}{item.name}." if item.name else prefix, values, nodes, first, owners, here)
            case tree.Repeat():
                path = f"{prefix}{item.name}." if item.name else prefix
                _walk(item.iterations, path, values, nodes, first, owners, here)
                if not item.iterations:
                    _pass(item.inputs, item.outputs, values)
            case tree.When():
                if item.item is not None:
                    _walk([item.item], prefix, values, nodes, first, owners, here)
                else:
                    _pass(item.inputs, item.outputs, values)
            case tree.Branches():
                for body in item.bodies:
                    _walk(body, prefix, values, nodes, first, owners, here)
                nodes.append(_node(item.join, prefix, values, owners, here))


def _pass(inputs: tuple[Value, ...], outputs: tuple[Value, ...], values: dict[int, Tensor]) -> None:
    for before, after in zip(inputs, outputs, strict=True):
        values[id(after)] = values[id(before)]


def _node(
    step: tree.Step, prefix: str, values: dict[int, Tensor], owners: Owners, here: Here,
    beside: tuple[Tensor, ...] = (),
) -> Node:  # fmt: skip
    path = prefix + step.name
    single = len(step.outputs) == 1
    outputs = []
    for index, value in enumerate(step.outputs):
        tensor = Tensor(path if single else f"{path}.{index}", here.plain(value.shape), value.dtype)
        values[id(value)] = tensor
        outputs.append(tensor)
    inputs = tuple(values[id(v)] for v in step.inputs)
    owner = owners.owner(step, path, here.lent, values)
    return Node(path, _numbers_only(step.op), inputs, tuple(outputs), step.origin, owner=owner, initial=step.initial,
                beside=beside, frozen=step.frozen)  # fmt: skip


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
    it is called on them, where calls of blocks that have weights together run as a whole, and in their order. Their
    weights may be those of others."""
    needed = {id(tensor) for tensor in graph.outputs.values()}
    dead = set()
    ends: dict[int, list[Again]] = {}
    for call in graph.again[::-1] if beside else ():
        ends.setdefault(call.last, []).append(call)
    due: set[str] = set()
    for number in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[number]
        for call in ends.get(number, ()):
            inside = graph.nodes[call.first : number + 1]
            if call.owner in due or any(id(tensor) in needed for each in inside for tensor in each.outputs):
                needed.update(map(id, call.outputs))
                due.update([call.owner] if any(_keeps(each) for each in inside) else ())
        if any(id(tensor) in needed for tensor in node.outputs):
            needed.update(id(tensor) for tensor in (*node.inputs, *(node.beside if beside else ())))
        else:
            dead.add(node.path)
    return frozenset(dead)


def _keeps(node: Node) -> bool:
    """Whether training changes what a step keeps of its inputs."""
    return any(weight.statistic for weight in node.parameters().values())


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
