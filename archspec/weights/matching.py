"""Which weight of a file is which of a network, where nobody knows its names: a proposal, for people to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from archspec._columns import UNBOUNDED, columns
from archspec.backend import Network, backends
from archspec.errors import UsageError, printable
from archspec.ops.base import Shape
from archspec.weights import files
from archspec.weights.canonical import floats, shapes
from archspec.weights.files.stored import CANONICAL
from archspec.weights.layouts import physical_shape

_ROLES = {
    "gamma": "weight", "scale": "weight", "kernel": "weight", "beta": "bias", "_mean": "running_mean",
    "moving_mean": "running_mean", "_variance": "running_var", "moving_variance": "running_var",
}  # fmt: skip
"""What the last part of a name is called elsewhere."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A weight of the file, and the one of the network that it may be."""

    theirs: str
    ours: str
    shape: Shape
    why: str


@dataclass(slots=True)
class Proposal:
    """What may be what."""

    pairs: list[Pair]
    missing: list[str] = field(default_factory=list)
    """Weights of the network for which the file has nothing of that shape."""
    left: list[str] = field(default_factory=list)
    """Weights of the file that are none of the network."""

    @property
    def names(self) -> dict[str, str]:
        """As a file of names says it."""
        return {pair.theirs: pair.ours for pair in self.pairs}

    def text(self, width: int = UNBOUNDED) -> str:
        """As lines, of which those of the table have at most so many characters."""
        rows = [(printable(p.theirs), p.ours, "x".join(map(str, p.shape)) or "1", p.why) for p in self.pairs]
        lines = [columns([("The file's", "The network's", "Shape", "By"), *rows], "<<><", width)]
        lines += [f"nothing fits {name}" for name in self.missing]
        lines += [f"{printable(name)} fits nothing" for name in self.left]
        return "\n".join(lines)


def proposed(network: Network, path: Path, origin: str = "") -> Proposal:
    """Pairs weights of a file with those of a network: by their names, by shapes that only one has, and else in their
    order among those of one shape and role, if there are equally many. Raises UsageError if neither the file nor
    `origin` tells whose layouts it has; and for Keras, whose files have numbers in place of names."""
    stored = files.read(path)
    origin = origin or stored.origin or files.kind_of(path).origin
    if origin == CANONICAL and stored.origin != CANONICAL:
        raise UsageError(f"{path} does not say whose layouts it has: --from pytorch, keras, paddle or canonical")
    if origin == "keras":
        hint = "hold the model itself against the spec: archspec verify SPEC --against MODEL --save-names FILE"
        raise UsageError(f"{path}: Keras counts the weights of a layer, so that names tell nothing; {hint}")
    theirs = {name: array.shape for name, array in floats(stored.arrays).items()}
    ours = shapes(network.graph)
    if origin != CANONICAL:
        due = ours
        weights = backends([origin])[0].generate(network).weights
        ours = {weight.target: physical_shape(weight, due[weight.parameter]) for weight in weights}
    pairs = list(_pairs(theirs, ours))
    found, given = {pair.ours for pair in pairs}, {pair.theirs for pair in pairs}
    return Proposal(
        sorted(pairs, key=lambda pair: list(ours).index(pair.ours)),
        [name for name in ours if name not in found], [name for name in theirs if name not in given],
    )  # fmt: skip


def _pairs(theirs: Mapping[str, Shape], ours: Mapping[str, Shape]) -> Iterator[Pair]:
    same = [name for name in ours if theirs.get(name) == ours[name]]
    yield from (Pair(name, name, ours[name], "name") for name in same)
    left, due = _groups(theirs.keys() - set(same), theirs), _groups(ours.keys() - set(same), ours)
    for key in due:
        if len(left.get(key, ())) == len(due[key]):
            why = "shape" if len(due[key]) == 1 else "order"
            yield from (Pair(one, other, key[0], why) for one, other in zip(left[key], due[key], strict=True))


def _groups(names: Iterable[str], shapes: Mapping[str, Shape]) -> dict[tuple[Shape, str], list[str]]:
    """Names by shape and role, in the order in which they come."""
    wanted, found = set(names), dict[tuple[Shape, str], list[str]]()
    for name, shape in shapes.items():
        if name in wanted:
            last = name.replace("/", ".").rpartition(".")[2]
            found.setdefault((tuple(shape), _ROLES.get(last, last)), []).append(name)
    return found
