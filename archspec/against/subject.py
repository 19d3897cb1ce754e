"""A person's own model as a subject of verification, with weights poured in where the walk found them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspec.against.target import Target
from archspec.backend import Interface, Moves
from archspec.graph.graph import Graph
from archspec.graph.mode import Mode


@dataclass(frozen=True, slots=True)
class Own:
    """A person's own model."""

    target: Target
    shows: Interface
    given: Mapping[str, Any] | None = None
    """What the model is given, if that is not what the spec's network is: where `worker.load` finds it."""
    unused: tuple[str, ...] = ()
    """Weights of the model that the spec has no place for."""

    @property
    def name(self) -> str:
        return self.target.text

    @property
    def worker(self) -> str:
        return self.target.backend.name

    @property
    def interface(self) -> Interface:
        return self.shows

    def made(self, dtype: str, mode: Mode) -> dict[str, Any]:
        own = spoken(self.target) | {"given": self.given, "unused": list(self.unused)}
        return {"source": "", "entry": "", "arguments": {}, "own": own}

    def shipped(self, dtype: str, mode: Mode, graph: Graph, other: Graph) -> dict[str, Any] | None:
        return None


def spoken(target: Target) -> dict[str, Any]:
    """What the worker is told of a model."""
    return {
        "file": target.file, "module": target.module, "name": target.name, "arguments": target.arguments,
        "recorder": str(target.backend.recorder),
    }  # fmt: skip


def recording(
    target: Target, dtype: str, data: Mapping[str, Any], inputs: Mapping[str, Moves], into: Path,
    again: Sequence[tuple[int, int, bool]] = (), numbers: Mapping[str, Any] | None = None,
    stored: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A request to record a run with random weights; with what calls give `again`, for other `numbers`. With
    `stored`, the weights are those of a file: its path, and its arrays if they have the model's names."""
    return {
        "record": True, "own": spoken(target), "dtype": dtype, "data": data, "inputs": inputs,
        "mode": Mode.EVALUATION, "into": str(into), "again": list(again), "numbers": numbers, "stored": stored,
    }  # fmt: skip
