"""What a report knows of a network, as plain data: its steps and parts, and which lines they are in each file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from archspec.backend import Backend
from archspec.drawing.parts import Network, Part, network
from archspec.drawing.text import by
from archspec.errors import BackendError
from archspec.graph.graph import Node
from archspec.model import Model
from archspec.report.lines import Span, lines


@dataclass(frozen=True, slots=True)
class Code:
    """A generated file."""

    backend: str
    title: str
    text: str
    """Empty if the framework cannot express the network."""
    problem: str
    lines: dict[str, tuple[Span, ...]]
    """By path, those of steps and of uses of blocks."""
    notes: dict[str, str] = field(default_factory=dict)
    """By operation, the difference that its code bridges."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is shown of a network besides its proof."""

    model: Model
    network: Network
    codes: tuple[Code, ...]

    @classmethod
    def of(cls, model: Model, chosen: Sequence[Backend]) -> Facts:
        """The facts of a model. Raises SpecError if it is not valid."""
        return cls(model, network(model), tuple(code(model, backend) for backend in chosen))

    def step(self, node: Node) -> dict[str, Any]:
        """What is shown of a step."""
        row = self.network.rows[node.path]
        return {
            "op": node.op.key,
            "attributes": attributes(node),
            "reads": [[tensor.name, shape(tensor.shape)] for tensor in node.inputs],
            "gives": [shape(tensor.shape) for tensor in node.outputs],
            "weights": weights(node),
            "parameters": row.parameters,
            "macs": row.multiply_adds,
            "bytes": row.activation_bytes,
            "training": node.training_only,
            "spec": [self.model.spec.source.lines_of(node.origin)],
            "code": {each.backend: each.lines[node.path] for each in self.codes if node.path in each.lines},
            "shown": self._shown(node),
        }

    def part(self, part: Part) -> dict[str, Any]:
        """What is shown of a block, a list or a repeat."""
        costs = self.network.costs(part)
        document, source = self.model.spec.document, self.model.spec.source
        block = document.blocks.get(part.block.rpartition(": ")[2])
        spec = [source.lines_of(part.origin)]
        if block is not None:
            spec.append(source.lines_of(("blocks", part.block.rpartition(": ")[2])))
        return {
            "block": part.block,
            "summary": block.summary if block is not None else "",
            "count": part.count,
            "to": part.copies[-1].path if part.copies else "",
            "reads": [[tensor.name, shape(tensor.shape)] for tensor in part.reads],
            "gives": [shape(tensor.shape) for tensor in part.gives],
            "steps": costs.steps,
            "parameters": costs.parameters,
            "macs": costs.multiply_adds,
            "bytes": sum(self.network.rows[node.path].activation_bytes for node in part.all_nodes()),
            "spec": spec,
            "code": {each.backend: each.lines[part.call] for each in self.codes if part.call in each.lines},
        }

    def _shown(self, node: Node) -> str:
        """The step that stands for this one in drawings."""
        return self.network.drawn(node.outputs[0]).name.removesuffix(".0" if len(node.outputs) > 1 else "")


def code(model: Model, backend: Backend) -> Code:
    """The generated file of one framework, and what its lines came from."""
    try:
        program = backend.generate(model)
    except BackendError as error:
        return Code(backend.name, backend.title, "", str(error), {})
    return Code(backend.name, backend.title, program.source, "", lines(program), program.notes)


def shape(sizes: Sequence[int]) -> str:
    """A shape without the batch: `64×56×56`."""
    return by(sizes[1:])


def weights(node: Node) -> list[list[str]]:
    """The weights that a step uses, with their shapes, and what they are if they are not trained."""
    return [
        [name, "×".join(str(int(size)) for size in each.shape) or "1", "" if each.trainable else "not trained"]
        for name, each in node.parameters().items()
    ]


def attributes(node: Node) -> list[list[str]]:
    """The attributes of an operation that have a value, as a spec would say them."""
    return [[name, _value(value)] for name, value in node.op if value is not None and value != ()]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_value, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(int(value) if isinstance(value, int) else value)
