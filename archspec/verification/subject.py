"""What is held against the reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any, Final, Protocol

from archspec.backend import Interface, Program
from archspec.graph.graph import Graph
from archspec.graph.mode import Mode
from archspec.verification.probes import left_out


class Subject(Protocol):
    """Something that lives in a worker, takes canonical weights and inputs, and shows values."""

    @property
    def name(self) -> str:
        """What it is called in a report."""

    @property
    def worker(self) -> str:
        """The worker of the pool in which it lives, which may have several."""

    @property
    def interface(self) -> Interface:
        """How weights and inputs reach it, what it shows, and how exact that is."""

    def made(self, dtype: str, mode: Mode) -> dict[str, Any]:
        """What the worker makes it of: Python as `source`, the `entry` in it that gives the model, and `arguments`."""

    def shipped(self, dtype: str, mode: Mode, graph: Graph, other: Graph) -> dict[str, Any] | None:
        """What the worker holds of the file itself, of this network, if the source is another one with probes. Sizes of
        an `other` call, of which nothing must be left, are those of another graph of it."""


@dataclass(frozen=True, slots=True)
class Generated:
    """The model that a backend's program makes."""

    name: str
    worker: str
    program: Program

    @property
    def interface(self) -> Interface:
        return self.program

    def made(self, dtype: str, mode: Mode) -> dict[str, Any]:
        program = self.program
        return {
            "source": program.rounded if dtype == "float64" else program.probed,
            "entry": program.entry,
            "arguments": program.training_arguments if mode is not Mode.EVALUATION else {},
        }

    def shipped(self, dtype: str, mode: Mode, graph: Graph, other: Graph) -> dict[str, Any] | None:
        program, here = self.program, {node.path for node in graph.steps(mode)}
        starts = _starts(graph) if dtype == "float32" and program.starts else {}
        return {
            "source": program.source,
            "written": program.written if dtype == "float64" and program.written != program.rounded else "",
            "defaults": left_out(program),
            "parameters": {name: p.trainable for name, p in graph.parameters().items()},
            "starts": starts,
            "models": _models(starts) if graph is not other else 1,
            "random": {step: layers for step, layers in program.random.items() if step in here},
            "drawing": sorted({layer for layers in program.random.values() for layer in layers}),
            "graph": dtype == "float32",
            "before": _before(graph, other, fixed=bool(SIZED.search(program.source))),
            "again": dtype == "float64" and mode is not Mode.TRAINING,
        }


SIZED: Final = re.compile(r"(_shape=|Input\()\([\w, ]*\)")
"""Where a file says how large its inputs are."""


def _before(graph: Graph, other: Graph, *, fixed: bool) -> dict[str, list[int]]:
    """What of each input another call is given: one sample, of the sizes of the other graph unless they are fixed."""
    found = {}
    for name, tensor in graph.inputs.items():
        _, *sizes = tensor.shape if fixed else map(min, tensor.shape, other.inputs[name].shape)
        found[name] = [1, *map(int, sizes)]
    return found


def _starts(graph: Graph) -> dict[str, Any]:
    """How each weight begins, as data."""
    found = {}
    parameters = graph.parameters()
    for name, initial in graph.initial().items():
        each = initial.distribution
        found[name] = {
            "kind": type(each).__name__, "number": each.number, "shape": tuple(map(int, parameters[name].shape)),
            "mean": each.mean, "std": each.std, "bound": each.bound if isfinite(each.bound) else None,
            "kurtosis": each.kurtosis,
        }  # fmt: skip
    return found


NUMBERS: Final = 1024
"""How many numbers of each weight are wanted, to see that half of them have half the deviation that is meant."""
MODELS: Final = 16
MADE: Final = 256, 1 << 22
"""How many weights, and numbers in them, are made for that: a thousand weights take a second in some frameworks."""


def _models(starts: Mapping[str, Any]) -> int:
    """How many fresh models have enough numbers of each weight that is drawn; or fewer, if they are large."""
    drawn = [prod(start["shape"]) for start in starts.values() if start["std"] and start["kind"] != "Rotation"]
    least, total = min(drawn, default=0), sum(prod(start["shape"]) for start in starts.values())
    return max(1, min(-(-NUMBERS // least), MODELS, MADE[0] // len(starts), MADE[1] // total)) if least else 1


@dataclass(frozen=True, slots=True)
class Written:
    """A model that a format's file holds."""

    name: str
    worker: str
    shows: Interface
    files: Mapping[str, Mapping[str, Any]]
    """By dtype what the runner's session opens: the `path`, and the names of values by the `steps` that give them."""

    @property
    def interface(self) -> Interface:
        return self.shows

    def made(self, dtype: str, mode: Mode) -> dict[str, Any]:
        return {"source": "", "entry": "", "arguments": {}, "opened": self.files[dtype]}

    def shipped(self, dtype: str, mode: Mode, graph: Graph, other: Graph) -> dict[str, Any] | None:
        return {"file": True} if dtype == "float32" else None


def generated(programs: Mapping[str, Program]) -> tuple[Generated, ...]:
    """The programs of backends, each by the name of its backend, whose worker it lives in."""
    return tuple(Generated(name, name, program) for name, program in programs.items())
