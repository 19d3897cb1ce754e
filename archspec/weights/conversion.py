"""What `archspec weights` does: files of weights converted, shown and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.backend import Network
from archspec.errors import UsageError, printable
from archspec.weights import files
from archspec.weights.canonical import are_one, fingerprint, is_float, shapes
from archspec.weights.exchange import FINGERPRINT, NETWORK, of_file, save, unchecked
from archspec.weights.files.stored import CANONICAL, Stored
from archspec.weights.names import Rules

if TYPE_CHECKING:
    from archspec.ops.base import Array


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written, and what one should know of it."""

    file: str
    network: str
    weights: int
    origin: str
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.file}: {self.weights} weights of {self.network}, in the layout of {self.origin}"


def convert(
    network: Network, source: Path, target: Path, *, names: Rules | str = "", origin: str = "", to: str = "",
    like: Path | None = None, allow_missing: str | Sequence[str] = (), dtype: str = "",
) -> Converted:  # fmt: skip
    """Writes the weights of a file as those of a generated model, or of the spec; or as the file `like`, which is of
    the kind of the target, has them.

    `origin` and `to` say whose layouts the files have, where they do not. `names` are those of the source, or, if it is
    given, of `like`. Raises UsageError, BackendError.
    """
    kind = files.kind_of(target)
    if like is not None and (to or kind.origin != files.kind_of(like).origin):
        raise UsageError(f"{target}: what is to be like {like} is a file of its kind, and in its layout")
    stored = files.read(source)
    arrays = of_file(network, source, stored, "" if like is not None else names, origin, allow_missing)
    if dtype:
        arrays = {name: array.astype(_dtype(dtype)) for name, array in arrays.items()}
    unplaced: list[str] = []
    if like is None:
        unplaced = save(network, target, arrays, to)
    else:
        there = files.read(like)
        files.write(target, alike(network, arrays, like, there, names), kind.origin, {}, there.places)
    notes = _notes(network, source, stored)
    missing = [name for name in shapes(network.graph) if name not in arrays]
    if missing:
        notes.append(f"without {_some(missing)}: {source} does not have them")
    if unplaced:
        notes.append(f"without {_some(unplaced)}: the model has no place for them, as no output of it depends on them")
    return Converted(str(target), network.name, len(arrays) - len(unplaced), to or kind.origin, notes)


def _notes(network: Network, path: Path, stored: Stored) -> list[str]:
    known = stored.metadata.get(FINGERPRINT)
    if known is None or known == fingerprint(network.graph):
        return []
    name = printable(stored.metadata.get(NETWORK, "a network"), 80)
    return [f"{path} was written for another network, {name}, whose weights have the same names and shapes"]


def _dtype(name: str) -> Any:
    if name not in ("float16", "bfloat16", "float32", "float64"):
        raise UsageError(f"the numbers of weights are float16, bfloat16, float32 or float64, not '{name}'")
    return np.dtype(name) if name != "bfloat16" else files.needs("ml_dtypes").bfloat16


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + f" and {len(names) - most} more" * (len(names) > most)


def alike(
    network: Network, arrays: Mapping[str, Array], path: Path, stored: Stored, names: Rules | str
) -> dict[str, Array]:  # fmt: skip
    """Canonical weights by the names and in the shapes of another file's. What are no weights there stays.

    Each number of that file gets a number of its own; where these are found among canonical weights says where each
    comes from, whatever was renamed, split, transposed or left out on the way. Raises UsageError.
    """
    weights = {name: array for name, array in stored.arrays.items() if is_float(array.dtype)}
    twins = _twins(weights)
    ours = {name: array for name, array in weights.items() if name not in twins}
    ends = np.cumsum([1, *(array.size for array in ours.values())])
    marks = {name: np.arange(end - array.size, end, dtype=np.float64).reshape(array.shape)
             for (name, array), end in zip(ours.items(), ends[1:], strict=True)}  # fmt: skip
    places = of_file(network, path, Stored(marks, stored.origin), names, "", ())
    missing = [name for name in places if name not in arrays]
    if missing:
        raise UsageError(f"{path} has {_some(missing)}, which nothing gives")
    numbers = np.zeros(ends[-1], np.result_type(*(array.dtype for array in arrays.values())))
    filled = np.zeros(ends[-1], bool)
    for name, mark in places.items():
        place = mark.astype(np.int64)
        numbers[place], filled[place] = arrays[name], True
        if not place.all():
            raise UsageError(f"{path} has no place for the whole of '{name}'")
    found = dict(stored.arrays)
    for name, mark in marks.items():
        place = mark.astype(np.int64)
        if filled[place].all():
            found[name] = numbers[place]
    return {name: found[twins.get(name, name)] for name in found}


def _twins(arrays: Mapping[str, Array]) -> dict[str, str]:
    """The matrices that are there under another name, too, as those that two layers share; by that name."""
    first: dict[tuple[Any, ...], str] = {}
    found = {}
    for name, array in arrays.items():
        if array.ndim > 1:
            other = first.setdefault((array.shape, array.dtype.name, hash(array.tobytes())), name)
            if other != name and are_one(array, arrays[other]):
                found[name] = other
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """How two arrays of one name differ."""

    name: str
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    largest: float | None = None
    """The largest absolute difference; None of arrays that have different shapes."""
    relative: float | None = None
    """By the largest value of the first array."""
    unequal: int = 0
    """How many numbers are NaN or infinite in one and not in the other."""

    def __str__(self) -> str:
        if self.largest is None:
            return f"{self.name}: shape {list(self.shapes[0])} and {list(self.shapes[1])}"
        text = f"{self.name}: up to {self.largest:.2g}"
        if self.relative is not None:
            text += f" ({self.relative:.1g} of the largest value)"
        return text + f"; {self.unequal} are NaN or infinite in one of them" * bool(self.unequal)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sets of weights, side by side."""

    only: tuple[list[str], list[str]]
    """The names that the first has alone, and the second."""
    differences: list[Difference]
    equal: int
    notes: list[str]

    @property
    def same(self) -> bool:
        return not (self.only[0] or self.only[1] or self.differences)


def compare(
    paths: tuple[Path, Path], network: Network | None = None, names: Rules | str = "", origin: str = ""
) -> Comparison:
    """What differs between the weights of two files. Raises UsageError, BackendError.

    With a network they may be of any two origins; `names` are those that files have, but for canonical ones.
    """
    stored = [files.read(path) for path in paths]
    if network is None:
        if stored[0].origin != stored[1].origin:
            whose = " and ".join(each.origin or "unknown" for each in stored)
            raise UsageError(
                f"these files have weights as two frameworks have them ({whose}): --spec says of which network"
            )
        return _compared(stored[0].arrays, stored[1].arrays, [])
    found = [_leniently(network, *each, names, origin) for each in zip(paths, stored, strict=True)]
    notes = [note for path, each in zip(paths, stored, strict=True) for note in _notes(network, path, each)]
    return _compared(found[0], found[1], notes)


def _leniently(network: Network, path: Path, stored: Stored, names: Rules | str, origin: str) -> dict[str, Array]:
    """The weights of a file as those of a network, whatever is missing or left over."""
    own = "" if stored.origin == CANONICAL else names
    try:
        return unchecked(network, stored.arrays, own, "" if stored.origin else origin, stored.origin)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _compared(first: dict[str, Array], second: dict[str, Array], notes: list[str]) -> Comparison:
    only = [name for name in first if name not in second], [name for name in second if name not in first]
    found = [_difference(name, array, second[name]) for name, array in first.items() if name in second]
    differences = [each for each in found if each is not None]
    return Comparison(only, differences, len(found) - len(differences), notes)


def _difference(name: str, first: Array, second: Array) -> Difference | None:
    sizes = first.shape, second.shape
    if first.shape != second.shape:
        return Difference(name, sizes)
    one, other = first.astype(np.float64), second.astype(np.float64)
    finite = np.isfinite(one) & np.isfinite(other)
    unequal = int((~finite & ~((one == other) | (np.isnan(one) & np.isnan(other)))).sum())
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.where(finite, np.abs(one - other), 0)
    largest = float(apart.max(initial=0))
    if not largest and not unequal:
        return None
    scale = float(np.abs(one[np.isfinite(one)]).max(initial=0))
    return Difference(name, sizes, largest, largest / scale if scale else None, unequal)
