"""What is different between two networks: steps, shapes, costs, and which weights fit both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from archspec._columns import UNBOUNDED, columns, prose
from archspec.graph.graph import Graph, Node
from archspec.model import Model
from archspec.ops.base import product, show
from archspec.summary import Row, Summary


@dataclass(frozen=True, slots=True)
class Changed:
    """A step that both have under one name, and what differs, as it is in the first and in the second."""

    step: str
    changes: dict[str, tuple[Any, Any]]

    def __str__(self) -> str:
        return ", ".join(f"{name} {_text(old)} -> {_text(new)}" for name, (old, new) in self.changes.items())


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of two networks by name: those that have one shape in both, or are only in one of them."""

    fit: int
    fitting_numbers: int
    numbers: int
    """How many the second network has in all."""
    other_shape: dict[str, tuple[Any, Any]]
    only_first: list[str]
    only_second: list[str]

    def __str__(self) -> str:
        all_ = self.fit + len(self.other_shape) + len(self.only_second)
        numbers = f"{self.fitting_numbers:,} of {self.numbers:,} numbers"
        parts = [f"{self.fit:,} of {all_:,} weights of the second fit ({numbers})"]
        parts += [f"{len(self.other_shape):,} have another shape"] * bool(self.other_shape)
        parts += [f"{len(self.only_second):,} are not in the first"] * bool(self.only_second)
        parts += [f"{len(self.only_first):,} are only there"] * bool(self.only_first)
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two networks, and what is not the same in them. Steps are the same ones if they have the same name."""

    first: str
    second: str
    equal: int
    """Steps that are equal in all."""
    only_first: dict[str, str]
    """The steps that the other has not, with their operations and outputs."""
    only_second: dict[str, str]
    changed: list[Changed]
    others: dict[str, tuple[Any, Any]]
    """What differs beside the steps: inputs, outputs, the order of steps, training."""
    totals: dict[str, tuple[int, int]]
    weights: Weights

    @property
    def same(self) -> bool:
        return not (self.only_first or self.only_second or self.changed or self.others)

    def to_json(self) -> dict[str, Any]:
        """As plain data that JSON can hold."""
        return {"same": self.same, **asdict(self)}

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = UNBOUNDED) -> str:
        """As lines of at most so many characters."""
        title = f"{self.first} -> {self.second}" if self.first != self.second else self.first
        if self.same:
            return f"{title}: the same, {self.equal:,} steps"
        rows = [("", "Step", "What is different")]
        rows += [("-", *step) for step in self.only_first.items()]
        rows += [("+", *step) for step in self.only_second.items()]
        rows += [("~", each.step, str(each)) for each in self.changed]
        table = [columns(rows, "<<w", width), ""] if len(rows) > 1 else []
        lines = [f"{name}: {_text(old)} -> {_text(new)}" for name, (old, new) in self.others.items()]
        lines += [f"{name}: {_counts(*pair)}" for name, pair in self.totals.items()]
        count = f"{self.equal:,} steps are equal, {len(self.changed):,} differ, "
        count += f"{len(self.only_first):,} are only in the first, {len(self.only_second):,} in the second"
        return "\n".join([title, "", *table, prose("\n".join([*lines, count, str(self.weights)]), width)])


def difference(first: Model, second: Model) -> Difference:
    """What is different between two networks. Raises SpecError if one is not valid."""
    one, other = first.summary(), second.summary()
    old, new = _steps(first.graph, one), _steps(second.graph, other)
    both = [path for path in old if path in new]
    changed = [Changed(path, found) for path in both if (found := _changes(old[path], new[path]))]
    return Difference(
        first=first.name,
        second=second.name,
        equal=len(both) - len(changed),
        only_first={row.path: f"{row.operation} {row.shape}" for row in one.rows if row.path not in new},
        only_second={row.path: f"{row.operation} {row.shape}" for row in other.rows if row.path not in old},
        changed=changed,
        others=_changes(_beside(first, both), _beside(second, [path for path in new if path in old])),
        totals={
            "parameters": (one.parameters, other.parameters),
            "multiply-adds": (one.multiply_adds, other.multiply_adds),
            "bytes of activations": (one.activation_bytes, other.activation_bytes),
        },
        weights=_weights(first.graph, second.graph),
    )


def _steps(graph: Graph, summary: Summary) -> dict[str, dict[str, Any]]:
    return {
        node.path: dict(_aspects(node, row)) for node, row in zip(graph.nodes, summary.rows, strict=True)
    }  # fmt: skip


def _aspects(node: Node, row: Row) -> Iterator[tuple[str, Any]]:
    """All that is said of a step, in the order in which it is told."""
    yield "operation", node.op.key
    for name in type(node.op).model_fields:
        yield name, _plain(getattr(node.op, name))
    yield "from", [tensor.name for tensor in node.inputs]
    yield "output", row.shape
    yield "parameters", row.parameters
    yield "multiply-adds", row.multiply_adds
    yield "weights of", node.owner
    yield "only in training", node.training_only
    for name, initial in node.initial.items():
        yield f"{name} begins as".strip(), str(initial.initializer)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys([*old, *new])
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _beside(model: Model, common: list[str]) -> dict[str, Any]:
    graph, training = model.graph, model.spec.document.training
    return {
        "inputs": {name: f"{show(each.shape)} {each.dtype}" for name, each in graph.inputs.items()},
        "bounds of inputs": dict(graph.limits),
        "outputs": {name: each.name for name, each in graph.outputs.items()},
        "order of steps": common,
        "training": training.model_dump(mode="json") if training is not None else None,
    }


def _weights(first: Graph, second: Graph) -> Weights:
    old, new = ({name: tuple(map(int, each.shape)) for name, each in graph.parameters().items()}
                for graph in (first, second))  # fmt: skip
    fitting = [name for name, shape in new.items() if old.get(name) == shape]
    return Weights(
        fit=len(fitting),
        fitting_numbers=sum(int(product(new[name])) for name in fitting),
        numbers=sum(int(product(shape)) for shape in new.values()),
        other_shape={name: (list(old[name]), list(new[name])) for name in new if old.get(name, new[name]) != new[name]},
        only_first=[name for name in old if name not in new],
        only_second=[name for name in new if name not in old],
    )


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | str() | float():
            return value
        case int():
            return int(value)
        case tuple() | list():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
    return str(value)


def _text(value: Any) -> str:
    match value:
        case None | "" | []:
            return "none"
        case list():
            text = f"[{', '.join(map(_text, value))}]"
        case dict():
            text = f"{{{', '.join(f'{key}: {_text(item)}' for key, item in value.items())}}}"
        case bool():
            text = str(value).lower()
        case int():
            text = f"{value:,}"
        case _:
            text = str(value)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def _counts(old: int, new: int) -> str:
    share = f" ({new / old - 1:+.1%})" if old and new != old else ""
    return f"{old:,} -> {new:,}{share}" if old != new else f"{old:,} in both"
