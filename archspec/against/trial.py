"""A person's own model that was run once, beside a network."""

from __future__ import annotations

from dataclasses import dataclass, field

from archspec.against.records import Recorded
from archspec.against.target import Target
from archspec.backend import Program
from archspec.graph.graph import Graph
from archspec.model import Model as Network
from archspec.verification.worker import Array


@dataclass(frozen=True, slots=True)
class Trial:
    """A person's model beside a network of one size of inputs."""

    target: Target
    network: Network
    graph: Graph
    program: Program
    recorded: Recorded
    inputs: dict[str, Array]
    precision: str
    room: int
    """The bytes that the calls of a run may take."""
    prepared: dict[str, Array] = field(default_factory=dict)
    """The inputs of the network that the model makes of what it is given."""
