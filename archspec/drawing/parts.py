"""A network as parts inside of parts, for people to look at: a block, a list or a repeat of the spec is one part.

Parts are the same for every drawing; which of them are open is decided in `folding`. Equal neighbours of a repeat are
one part that stands for all of them, and so are steps that people write on one line (convolution, batch norm, relu).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from archspec.graph import tree
from archspec.graph.graph import Graph, Node, Tensor
from archspec.ops import family
from archspec.spec.source import Path
from archspec.summary import Row, Summary, summarize

if TYPE_CHECKING:
    from archspec.backend import Text


class Drawable(Protocol):
    """What a drawing may know of an `archspec.Model`."""

    variant: str | None

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> Text: ...

    @property
    def graph(self) -> Graph: ...

    @property
    def tree(self) -> tree.Module: ...


@dataclass(eq=False, slots=True)
class Part:
    """An input, an output, some steps that are written on one line, or other parts together. Compared by identity."""

    path: str
    """From the top: `layer1.0`; that of the first, where it stands for several."""
    name: str
    """What stands in its title: `0`; empty for steps without a title."""
    block: str = ""
    """The block that it is a use of."""
    rows: list[Node] = field(default_factory=list)
    """Its steps, if it is not made of parts."""
    parts: list[Part] = field(default_factory=list)
    copies: list[Part] = field(default_factory=list)
    """Its equals, which it stands for, too."""
    tensor: Tensor | None = None
    """The network's input or output that it stands for."""
    reads: tuple[Tensor, ...] = ()
    gives: tuple[Tensor, ...] = ()
    nodes: list[Node] = field(default_factory=list)
    """All steps inside, but for those of its copies."""
    call: str = ""
    """The path of the use of its block."""
    origin: Path = ()
    """Where it stands in the document, if it is a block, a list or a repeat."""

    @property
    def count(self) -> int:
        """How many it stands for."""
        return 1 + len(self.copies)

    @property
    def title(self) -> str:
        """Its name, and that of the last that it stands for: `1-3`."""
        last = self.copies[-1].path.rpartition(".")[2] if self.copies else ""
        return f"{self.name}–{last}" if last.isdigit() and self.name.rpartition(".")[2].isdigit() else self.name

    @property
    def training(self) -> bool:
        """Whether only outputs of training depend on it."""
        return bool(self.nodes) and all(node.training_only for node in self.nodes)

    def all_nodes(self) -> Iterator[Node]:
        """All steps that it stands for."""
        yield from self.nodes
        for copy in self.copies:
            yield from copy.nodes

    def walk(self) -> Iterator[Part]:
        """It and all parts inside."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class Costs:
    """What steps take together, for one element of a batch."""

    steps: int
    parameters: int
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class Network:
    """A whole network as parts."""

    name: str
    summary: str
    root: Part
    graph: Graph
    totals: Summary
    rows: dict[str, Row]
    same: dict[Tensor, Tensor]
    """A tensor of a copy: that of the part which stands for it."""

    def drawn(self, tensor: Tensor) -> Tensor:
        """The tensor that stands for this one."""
        while tensor in self.same:
            tensor = self.same[tensor]
        return tensor

    def costs(self, part: Part) -> Costs:
        """What all steps that a part stands for take together."""
        rows = [self.rows[node.path] for node in part.all_nodes()]
        return Costs(len(rows), sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows))


def network(model: Drawable) -> Network:
    """A model as parts. Raises SpecError."""
    graph = model.graph
    made = _Maker(graph)
    children = made.parts(model.tree.items, "")
    assert not list(made.nodes), "the tree and the graph have the same steps"
    inputs = [Part(name, name, tensor=tensor, gives=(tensor,)) for name, tensor in graph.inputs.items()]
    outputs = [Part(name, name, tensor=tensor, reads=(tensor,)) for name, tensor in graph.outputs.items()]
    root = Part("", model.name, parts=children, nodes=list(graph.nodes))
    same: dict[Tensor, Tensor] = {}
    _stack(root, same)
    readers = Counter(tensor for node in graph.nodes for tensor in dict.fromkeys(node.inputs))
    readers.update(graph.outputs.values())
    _join(root, readers)
    _simplify(root)
    root.parts = [*inputs, *root.parts, *outputs]
    totals = summarize(graph)
    document = model.spec.document
    about = document.variants[model.variant].summary if model.variant else ""
    found = Network(model.name, about or document.summary, root, graph, totals,
                    {row.path: row for row in totals.rows}, same)  # fmt: skip
    _wire(found)
    return found


class _Maker:
    """Gives each step of the tree its node: both are walked in the order in which they run."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = iter(graph.nodes)

    def parts(self, items: Iterable[tree.Item], prefix: str) -> list[Part]:
        return [part for item in items for part in self._of(item, prefix)]

    def _of(self, item: tree.Item, prefix: str) -> list[Part]:
        match item:
            case tree.Step():
                return [self._step()]
            case tree.Use():
                inner = self.parts(item.module.items, f"{prefix}{item.name}.")
                group = _group(prefix + item.name, item.name, inner, item.origin, item.module.block)
                return [group] if inner else []
            case tree.Sequence() | tree.Repeat():
                items = item.items if isinstance(item, tree.Sequence) else item.iterations
                inner = self.parts(items, f"{prefix}{item.name}." if item.name else prefix)
                if not item.name or not inner:
                    return inner
                return [_group(prefix + item.name, item.name, inner, item.origin)]
            case tree.When():
                return self.parts([item.item], prefix) if item.item is not None else []
            case tree.Branches():
                return [*(part for body in item.bodies for part in self.parts(body, prefix)), self._step()]

    def _step(self) -> Part:
        node = next(self.nodes)
        return Part(node.path, "", rows=[node], nodes=[node])


def _group(path: str, name: str, parts: list[Part], origin: Path, block: str = "") -> Part:
    nodes = [node for part in parts for node in part.nodes]
    return Part(path, name, block, parts=parts, nodes=nodes, call=path if block else "", origin=origin)


# Equal neighbours ---------------------------------------------------------------------------------------------------


def _stack(part: Part, same: dict[Tensor, Tensor]) -> None:
    """Makes equal neighbours, each of which reads what the one before it gives, one part, on all levels."""
    kept: list[Part] = []
    for each in part.parts:
        if kept and _continues(kept[-1], each):
            first = kept[-1]
            for mine, yours in zip(each.nodes, first.nodes, strict=True):
                same.update(zip(mine.outputs, yours.outputs, strict=True))
            first.copies.append(each)
        else:
            kept.append(each)
    part.parts = kept
    for each in kept:
        _stack(each, same)


def _continues(first: Part, part: Part) -> bool:
    """Whether a part is the equal of one that stands for those before it, and reads what the last of these gives."""
    if len(part.nodes) != len(first.nodes) or part.path.rpartition(".")[0] != first.path.rpartition(".")[0]:
        return False
    if first.block != part.block or not (first.parts and part.parts) or form(first) != form(part):
        return False
    last = (first.copies or [first])[-1]
    given = {tensor for node in last.nodes for tensor in node.outputs}
    before, now = _outside(last), _outside(part)
    return any(tensor in given for tensor in now) and all(
        one is other or one in given for one, other in zip(now, before, strict=True)
    )


def _outside(part: Part) -> list[Tensor]:
    """What the steps of a part read that none of them gives, in order."""
    given = {tensor for node in part.nodes for tensor in node.outputs}
    return list(dict.fromkeys(t for node in part.nodes for t in node.inputs if t not in given))


def form(part: Part, *, sized: bool = True) -> tuple[object, ...]:
    """What makes a part: equal for parts of equal steps, put together in the same way, and with `sized` of the same
    sizes. Rates of dropout do not count, which rise with the depth of a network."""
    number: dict[Tensor, int] = {}
    found: list[object] = []
    for node in part.nodes:
        for tensor in (*node.inputs, *node.outputs):
            number.setdefault(tensor, len(number))
        wires = [number[tensor] for tensor in (*node.inputs, *node.outputs)]
        shapes = [tensor.shape[1:] for tensor in node.inputs]
        attributes = () if family(node.op.key) == "regularization" else (*node.op,)
        name = node.path.removeprefix(part.path)
        if not sized:
            attributes, shapes = (), []
        found.append((name, node.op.key, attributes, (*wires,), (*shapes,), node.training_only))
    return tuple(found)


# Steps on one line --------------------------------------------------------------------------------------------------


def _join(part: Part, readers: Counter[Tensor]) -> None:
    kept: list[Part] = []
    for each in part.parts:
        if kept and each.rows and kept[-1].rows and _follows(kept[-1].rows[-1], each.rows[0], readers):
            kept[-1].rows += each.rows
            kept[-1].nodes += each.nodes
        else:
            kept.append(each)
    part.parts = kept
    for each in kept:
        _join(each, readers)


def _follows(before: Node, node: Node, readers: Counter[Tensor]) -> bool:
    """Whether a step is written on the line of the one before it, and nothing else reads what that gives."""
    given = before.outputs
    return node.op.follows and node.inputs == given and len(given) == 1 and readers[given[0]] == 1 and (
        node.training_only == before.training_only
    )  # fmt: skip


def _simplify(part: Part) -> None:
    """Takes parts that hold one other part away: their names stand in its title."""
    for each in part.parts:
        _simplify(each)
    part.parts = [_only(each) for each in part.parts]


def _only(part: Part) -> Part:
    if len(part.parts) != 1:
        return part
    (inner,) = part.parts
    if inner.copies and part.copies:
        return part
    part.name = f"{part.name}.{inner.name}" if inner.name else part.name
    part.block = ": ".join(filter(None, (part.block, inner.block)))
    part.rows, part.parts = inner.rows, inner.parts
    part.call = inner.call or part.call
    part.copies = part.copies or inner.copies
    part.nodes = inner.nodes
    return part


# What parts read and give -------------------------------------------------------------------------------------------


def _wire(found: Network) -> None:
    """Tells each part what it reads and what others read of it."""
    readers: Counter[Tensor] = Counter()
    for node in found.graph.nodes:
        readers.update({*node.inputs})  # a step counts once for what it reads twice
    readers.update(found.graph.outputs.values())
    for part in found.root.walk():
        if part.tensor is not None:
            part.reads = tuple(map(found.drawn, part.reads))
            continue
        part.reads = tuple(dict.fromkeys(map(found.drawn, _outside(part))))
        inside: Counter[Tensor] = Counter()
        for node in part.all_nodes():
            inside.update({*node.inputs})
        given = (tensor for node in part.all_nodes() for tensor in node.outputs)
        part.gives = tuple(dict.fromkeys(found.drawn(t) for t in given if readers[t] > inside[t]))
    for part in found.root.walk():
        for inner in part.parts:  # what only a copy further out gives to others
            own = {found.drawn(tensor) for node in inner.nodes for tensor in node.outputs}
            inner.gives = (*inner.gives, *(t for t in part.gives if t in own and t not in inner.gives))
