"""What a network consists of and what it costs, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from archspec._columns import UNBOUNDED, columns, html, prose
from archspec.expressions import Name, expr_of, free_names
from archspec.graph.graph import Graph, Node
from archspec.ops.base import Shape, product, show

if TYPE_CHECKING:
    from rich.table import Table

_HEADINGS: Final = ("Step", "Operation", "Output", "Parameters", "Multiply-adds", "Activations")
_MOST_ROWS: Final = 60
"""Of a table in a notebook."""
_BYTES: Final = {"float": 4, "int64": 8, "bool": 1}


@dataclass(frozen=True, slots=True)
class Row:
    """A step, or several steps below one name. Costs are those of one element of a batch."""

    path: str
    """`layer1.0.conv1`"""
    operation: str
    """`conv2d`; empty where the row stands for several steps."""
    shape: str
    """Of the output: `[batch, 64, 112, 112]`."""
    parameters: int
    """Trainable ones."""
    multiply_adds: int
    activation_bytes: int
    """Of the outputs of the steps, in float32."""
    training_only: bool = False

    @property
    def costs(self) -> tuple[str, ...]:
        """As people read them."""
        counts = (f"{count:,}" if count else "" for count in (self.parameters, self.multiply_adds))
        return *counts, _memory(self.activation_bytes)


@dataclass(frozen=True, slots=True)
class Summary:
    """The table of a network's steps, and totals. `print(summary)` shows it as text."""

    name: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    rows: tuple[Row, ...]
    parameters: int
    """Trainable ones, auxiliary heads included."""
    evaluation_parameters: int
    """Without the auxiliary heads."""
    multiply_adds: int
    """Of one evaluation of one element of a batch, without the auxiliary heads."""
    activation_bytes: int
    """What all those steps' outputs take together."""
    sizes: dict[str, int]
    """The sizes that open dimensions were given for the counts."""

    def folded(self, depth: int) -> Summary:
        """The same with one row for all neighbouring steps whose paths begin with the same `depth` names."""
        groups = groupby(self.rows, key=lambda row: row.path.split(".")[:depth])
        return replace(self, rows=tuple(_joined(".".join(path), list(rows)) for path, rows in groups))

    def to_json(self) -> dict[str, Any]:
        """As plain data that JSON can hold."""
        return asdict(self)

    def table(self) -> Table:
        """As a table of rich."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(title=self.name, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
        for index, heading in enumerate(_HEADINGS):
            table.add_column(heading, justify="left" if index < 3 else "right", no_wrap=True)
        for row in self.rows:
            texts = map(Text, (row.path, row.operation, row.shape, *row.costs))
            table.add_row(*texts, style="dim" if row.training_only else None)
        return table

    @property
    def totals(self) -> str:
        """The totals, in lines of text."""
        parameters = f"{self.parameters:,} parameters"
        if self.evaluation_parameters != self.parameters:
            parameters += f" in training, {self.evaluation_parameters:,} in evaluation"
        costs = f"{self.multiply_adds:,} multiply-adds, {_memory(self.activation_bytes)} of activations (float32)"
        given = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        return f"{parameters}\n{costs} for one element of a batch" + (f" with {given}" if given else "")

    def text(self, width: int = UNBOUNDED) -> str:
        """As lines of at most so many characters."""
        table = columns(self._cells(self.rows), "<<<>>>", width, groups=(1, 1, 3))
        return f"{self.name}\n\n{table}\n\n{prose(self.totals, width)}"

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        """As a notebook shows it: long networks with a row for each of their parts."""
        depths = range(max((row.path.count(".") for row in self.rows), default=0), 0, -1)
        folds = (self, *(self.folded(depth) for depth in depths))
        shown = next((each for each in folds if len(each.rows) <= _MOST_ROWS), folds[-1])
        return html(self._cells(shown.rows), "<<<>>>", self.name, self.totals)

    def _cells(self, rows: Sequence[Row]) -> list[tuple[str, ...]]:
        return [_HEADINGS, *((row.path, row.operation, row.shape, *row.costs) for row in rows)]


def summarize(graph: Graph) -> Summary:
    """The table of a network's steps."""
    costs: dict[Any, _Costs] = {}
    batch = max(int(tensor.shape[0]) for tensor in graph.inputs.values())
    rows = tuple(_row(node, batch, costs) for node in graph.nodes)
    lasting = [row for row in rows if not row.training_only]
    return Summary(
        name=graph.name,
        inputs={name: show(tensor.shape) for name, tensor in graph.inputs.items()},
        outputs={name: show(tensor.shape) for name, tensor in graph.outputs.items()},
        rows=rows,
        parameters=sum(row.parameters for row in rows),
        evaluation_parameters=sum(row.parameters for row in lasting),
        multiply_adds=sum(row.multiply_adds for row in lasting),
        activation_bytes=sum(row.activation_bytes for row in lasting),
        sizes=_open_dimensions(graph),
    )


class _Costs(NamedTuple):
    parameters: int
    multiply_adds: int
    activation_bytes: int


def _row(node: Node, batch: int, known: dict[Any, _Costs]) -> Row:
    inputs, outputs = ([_one(tensor.shape, batch) for tensor in tensors] for tensors in (node.inputs, node.outputs))
    key = (id(node.op), bool(node.owner), *inputs)  # steps of equal instances of a block share their operation
    if key not in known:
        weights = () if node.owner else node.op.parameters(*inputs).values()
        known[key] = _Costs(
            parameters=sum(int(product(weight.shape)) for weight in weights if weight.trainable),
            multiply_adds=int(node.op.cost(inputs, outputs)),
            activation_bytes=sum(_BYTES[t.dtype] * product(s) for t, s in zip(node.outputs, outputs, strict=True)),
        )
    shape = ", ".join(show(tensor.shape) for tensor in node.outputs)
    return Row(node.path, node.op.key, shape, *known[key], node.training_only)


def _one(shape: Shape, batch: int) -> Shape:
    """The shape for one element of a batch, which may have become several samples, or a place of another axis."""
    each = (int(size) // (batch if "batch" in free_names(expr_of(size)) else 1) for size in shape[1:])
    return (max(1, int(shape[0]) // batch), *each)


def _joined(path: str, rows: list[Row]) -> Row:
    if len(rows) == 1:
        return rows[0]
    return Row(
        path=path,
        operation="",
        shape=rows[-1].shape,
        parameters=sum(row.parameters for row in rows),
        multiply_adds=sum(row.multiply_adds for row in rows),
        activation_bytes=sum(row.activation_bytes for row in rows),
        training_only=all(row.training_only for row in rows),
    )


def _open_dimensions(graph: Graph) -> dict[str, int]:
    sizes = [size for tensor in graph.inputs.values() for size in tensor.shape[1:]]
    return {expr.id: int(size) for size in sizes if isinstance(expr := expr_of(size), Name)}


def _memory(size: int) -> str:
    if size < 2**10:
        return f"{size} B"
    return f"{size / 2**20:,.2f} MiB" if size >= 2**20 else f"{size / 2**10:,.2f} KiB"
