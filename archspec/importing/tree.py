"""A model as a tree: modules that a person wrote, and in them steps, which are operations of the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archspec.backend import Moves
from archspec.ops.base import DType, Shape


@dataclass(eq=False, slots=True)
class Tensor:
    """What a step gives: its shapes in the two runs, the batch first."""

    shapes: tuple[Shape, Shape]
    dtype: DType = "float"
    name: str = ""
    """Of an input of the network."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which of the model's weights one of a step's is, and how that is laid out there."""

    weight: str
    layout: Moves = ()


@dataclass(eq=False, slots=True)
class Step:
    """An operation."""

    op: str
    attributes: dict[str, Any]
    inputs: list[Tensor]
    outputs: list[Tensor]
    weights: dict[str, Origin] = field(default_factory=dict)
    name: str = ""
    """What the model calls it: `conv1`, or the number of its place; empty if it is a function."""
    weights_of: Step | None = None
    single: bool = False
    """Whether the model keeps its numbers as float32 in float64, too."""
    inexact: float = 0.0
    """By how much what the model computes is another number, though it is meant to be this operation."""


@dataclass(eq=False, slots=True)
class Frame:
    """What a module that a person wrote does."""

    name: str
    kind: str
    """The name of its class."""
    whole: str
    """With its module, by which classes of one name are told apart; empty for a container."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    items: list[Step | Frame] = field(default_factory=list)

    def steps(self) -> Iterator[Step]:
        """All steps in it, in order."""
        for item in self.items:
            if isinstance(item, Step):
                yield item
            else:
                yield from item.steps()
