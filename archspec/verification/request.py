"""What a worker is told: which subject to run, what it is given, and what is wanted of the run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archspec.graph.graph import Graph
from archspec.graph.mode import Mode
from archspec.verification.subject import Subject


@dataclass(frozen=True, slots=True)
class Pull:
    """Gradients that are wanted together, which the result has as `gradient <name><of>`."""

    values: Mapping[str, str]
    """Outputs, or in a forced run tensors, of whose projection they are: the name of the numbers in the data with which
    the elements are multiplied."""
    inputs: tuple[str, ...]
    """Inputs, and in a forced run tensors, by which they are."""
    weights: tuple[str, ...]
    of: str = ""
    along: Mapping[str, str] = field(default_factory=dict)
    """By name the directions in the data along which only the slopes are wanted, `slope <name><of>`, and the gradients
    where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a run is given: arrays in files, as `worker.save` returned them."""

    data: dict[str, Any]
    """Parameters and inputs, and what outputs are multiplied with for gradients."""
    forced: dict[str, Any] | None = None
    """What shall replace the values of steps."""
    pinned: dict[str, Any] | None = None
    """What shall replace those few of which other values would be right, too."""
    numbers: dict[str, Any] | None = None
    """Cotangents and directions for gradients of steps."""
    edges: dict[str, Any] | None = None
    """What shall replace inputs and tensors in another run after the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted of a run."""

    outputs: Collection[str]
    """The ones expected."""
    optional: Collection[str] = ()
    """Parameters that may have no place in the model."""
    statistics: Collection[str] = ()
    """In training, those that normalizations keep of the batch: they are in the result by the names of their
    parameters, as the framework lays them out."""
    pulls: Sequence[Pull] = ()
    """Gradients of outputs, or in a forced run of steps, each alone."""
    at_edges: Collection[str] = ()
    """Tensors of the run at edges, `edge <name>`."""
    shipped: Graph | None = None
    """The network, if the file itself is held against the outputs, too, if there is one."""
    other: Graph | None = None
    """The same with inputs of other sizes, for a call of the file of which nothing must be left."""
    repeat: int = 1


def message(
    subject: Subject, dtype: str, given: Given, wanted: Wanted, into: Path, *,
    mode: Mode = Mode.EVALUATION, arguments: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A request to run a subject, whose result goes `into` a file. In training, what is random is idle. The model is
    made with `arguments`, beside those that the mode needs."""
    shows, made = subject.interface, subject.made(dtype, mode)
    forced = given.forced is not None
    values, sources = (shows.shown, shows.shown | shows.inputs) if forced else (shows.outputs, shows.inputs)
    network = wanted.shipped
    return {
        **made,
        "arguments": made["arguments"] | dict(arguments or {}),
        "dtype": dtype,
        "data": given.data,
        "weights": [(w.parameter, w.target, w.layout, w.parameter in wanted.optional, w.shared) for w in shows.weights],
        "inputs": shows.inputs,
        "outputs": [name for name in shows.outputs if name in wanted.outputs],
        "probes": {key: [(o.tensor, o.layout) for o in seen] for key, seen in shows.probes.items()},
        "hooks": shows.hooks,
        "mode": mode,
        "forced": given.forced,
        "pinned": given.pinned,
        "numbers": given.numbers,
        "edges": given.edges,
        "at_edges": list(wanted.at_edges),
        "repeat": wanted.repeat,
        "statistics": list(wanted.statistics),
        "pulls": [
            {
                "values": [(name, cotangent, values[name]) for name, cotangent in pull.values.items()],
                "inputs": [(name, sources[name]) for name in pull.inputs],
                "weights": pull.weights,
                "of": pull.of,
                "along": pull.along,
            }
            for pull in wanted.pulls
        ],
        "shipped": None if network is None else subject.shipped(dtype, mode, network, wanted.other or network),
        "into": str(into),
    }
