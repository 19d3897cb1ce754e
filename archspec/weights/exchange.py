"""Weights of any origin as those of a spec, and the way back.

An origin is a place whose names and layouts arrays have: `canonical`, or the name of a backend, whose generated model
it is. It is stated, or a file says it, or names and shapes allow only one; else it is refused, since nobody can tell a
square kernel from its transpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archspec.backend import Backend, Network, Program, Weight, backends
from archspec.errors import BackendError, UsageError
from archspec.ops.base import describe
from archspec.weights import files
from archspec.weights.canonical import alike, checked, fingerprint, floats, problems_of, shapes, without
from archspec.weights.files import keras
from archspec.weights.files.stored import CANONICAL, Stored
from archspec.weights.layouts import arranged, physical_shape, restored
from archspec.weights.names import LAYOUTS, Rules, renamed, rules
from archspec.weights.start import start

if TYPE_CHECKING:
    from archspec.ops.base import Array

FINGERPRINT = "archspec.fingerprint"
NETWORK = "archspec.network"


def load(
    network: Network,
    path: str | Path,
    *,
    names: Rules | str = "",
    origin: str = "",
    allow_missing: str | Sequence[str] = (),
) -> dict[str, Array]:
    """The canonical weights that a file holds for a network.

    `origin` says whose layouts they have, where the file does not. `names` is a library or a mapping of names, as in
    `Model.weights`. Raises UsageError, and as the backend does whose layouts they have.
    """
    return of_file(network, Path(path), files.read(Path(path)), names, origin, allow_missing)


def of_file(
    network: Network, path: Path, stored: Stored, names: Rules | str, origin: str, allow_missing: str | Sequence[str]
) -> dict[str, Array]:  # fmt: skip
    """The same of a file that was read."""
    try:
        return canonical(network, stored.arrays, names, origin, allow_missing, stored.origin)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def save(network: Network, path: str | Path, arrays: Mapping[str, Array], origin: str = "") -> list[str]:
    """Writes canonical weights of a network as a file of the kind that the path's ending says. Gives the names of those
    that have no place there: what no output depends on, and the heads that only training needs, in Keras.

    `origin` is whose layouts a `.safetensors` file has: by default it is canonical. Raises UsageError, and BackendError
    as the backend does.
    """
    path = Path(path)
    kind = files.kind_of(path)
    if origin and origin != kind.origin and kind.origin != CANONICAL:
        raise UsageError(f"{path}: a file of this kind is for {kind.origin}, not for {origin}")
    origin = origin or kind.origin
    about = {NETWORK: network.name, FINGERPRINT: fingerprint(network.graph)}
    if origin == CANONICAL:
        files.write(path, arrays, origin, about, {})
        return []
    backend = _backend(origin)
    program = backend.generate(network)
    places: Mapping[str, str] = {}
    found = arranged(arrays, program.weights)
    if backend.saved is not None and kind.origin == origin:
        places = backend.saved(program, network.graph)
        found = {target: array for target, array in found.items() if target in places}
    files.write(path, found, origin, about, places)
    placed = {weight.parameter for weight in program.weights if weight.target in found}
    return [name for name in arrays if name not in placed]


def targets(
    network: Network, program: Program, weights: str | Path | Mapping[str, Array], names: Rules | str, origin: str,
    allow_missing: str | Sequence[str],
) -> dict[str, Array]:  # fmt: skip
    """The weights of a file, or arrays of an origin, as a model of this program takes them: in its layouts, with
    numbers that every framework knows. Raises UsageError, BackendError."""
    if isinstance(weights, (str, Path)):
        arrays = load(network, weights, names=names, origin=origin, allow_missing=allow_missing)
    elif isinstance(weights, Mapping):
        arrays = canonical(network, weights, names, origin, allow_missing)
    else:
        raise UsageError(f"weights are a file, or a mapping of names to NumPy arrays, not {describe(weights)}")
    found = arranged(arrays, program.weights)
    for weight in program.weights:
        if weight.target in found and weight.parameter not in arrays:
            raise UsageError(f"nothing gives '{weight.parameter}', which is one weight with others in this model")
    return {name: array if array.dtype.kind == "f" else array.astype(np.float32) for name, array in found.items()}


def numbers(
    network: Network, weights: str | Path | Mapping[str, Array] | None, names: Rules | str, origin: str, seed: int
) -> dict[str, Array]:
    """The canonical weights of a file, or of arrays of an origin; without, those with which the network starts. Raises
    UsageError."""
    if weights is None:
        return start(network.graph, seed)
    if isinstance(weights, Mapping):
        return canonical(network, weights, names, origin)
    return load(network, weights, names=names, origin=origin)


def laid_out(network: Network, arrays: Mapping[str, Array], origin: str) -> dict[str, Array]:
    """Canonical weights by the names and in the layouts of an origin. Raises UsageError, BackendError."""
    return dict(arrays) if origin == CANONICAL else arranged(arrays, _backend(origin).generate(network).weights)


def canonical(
    network: Network, arrays: Mapping[str, Array], names: Rules | str = "", origin: str = "",
    allow_missing: str | Sequence[str] = (), kind: str = "",
) -> dict[str, Array]:  # fmt: skip
    """Weights of an origin as those of a spec. It is what `origin` states; else the library of `names` says it, or the
    `kind` of file that they are of. Raises UsageError, BackendError."""
    found, origin = _named(network, arrays, names, origin, kind)
    if origin:
        return checked(network.graph, _from(network, found, origin), allow_missing)
    return _of_unknown_origin(network, found, allow_missing)


def unchecked(
    network: Network, arrays: Mapping[str, Array], names: Rules | str, origin: str, kind: str
) -> dict[str, Array]:  # fmt: skip
    """The same, whatever is missing, left over, or has another shape; but of an origin that is known."""
    found, origin = _named(network, arrays, names, origin, kind)
    return _from(network, found, origin, whole=False) if origin else _of_unknown_origin(network, found, ())


def _named(
    network: Network, arrays: Mapping[str, Array], names: Rules | str, origin: str, kind: str
) -> tuple[dict[str, Array], str]:
    """The arrays that can be weights, without the names of a library, and their origin, if it is known."""
    found = floats(arrays)
    library = names if isinstance(names, str) else ""
    if isinstance(names, str):
        family = Path(network.spec.source.file).stem
        origin = origin or (LAYOUTS.get(names, CANONICAL) if names else "")
        names = rules(names, network.name, family)
    if "keras" in (origin, kind):
        found = keras.by_number(found)
    if library == "keras":
        found = keras.from_first(found, names)
    return renamed(found, names), origin or kind


def _of_unknown_origin(
    network: Network, arrays: Mapping[str, Array], allow_missing: str | Sequence[str]
) -> dict[str, Array]:  # fmt: skip
    """Weights whose origin nobody tells: what they are by the only origin whose names and shapes they have."""
    fitting: dict[str, dict[str, Array]] = {}
    for origin in (CANONICAL, *(backend.name for backend in backends())):
        try:
            found = _from(network, arrays, origin)
        except BackendError:
            continue
        if not problems_of(network.graph, without(network.graph, found, allow_missing), allow_missing):
            fitting[origin] = checked(network.graph, found, allow_missing)
    if not fitting:
        return checked(network.graph, arrays, allow_missing)
    first, *others = fitting.items()
    for origin, found in others:
        name = next((name for name, array in first[1].items() if not np.array_equal(array, found[name])), None)
        if name is not None:
            raise UsageError(
                f"whose layout these weights have cannot be told: '{name}' has the shape that it has in a model of "
                f"{first[0]} and in one of {origin}, with the numbers in another order; say which (origin, or --from)"
            )
    return first[1]


def _from(network: Network, arrays: Mapping[str, Array], origin: str, whole: bool = True) -> dict[str, Array]:
    """Arrays of an origin by the spec's names. What has another name, or another shape than there, stays as it is.

    A weight that a framework's model has no place for, because nothing that it gives depends on it, is zeros if all
    weights are to be there.
    """
    if origin == CANONICAL:
        return dict(arrays)
    backend = _backend(origin)
    program = backend.generate(network)
    weights, due = program.weights, shapes(network.graph)
    if backend.saved is not None:
        arrays = _by_target(arrays, program, partial(backend.saved, program, network.graph))
    fitting: dict[str, Array] = {}
    for weight in weights:
        array, shape = arrays.get(weight.target), physical_shape(weight, due[weight.parameter])
        if array is None:
            continue
        # Axes of size one may stand elsewhere, but not where the spec has them: that is the spec's layout then.
        if array.shape == shape or (alike(array.shape, shape) and array.shape != due[weight.parameter]):
            fitting[weight.target] = array.reshape(shape)
    found = {name: array for name, array in arrays.items() if name not in fitting}
    named = [_alone(weight) for weight in weights if weight.parameter in found]
    named = [w for w in named if found[w.parameter].shape == physical_shape(w, due[w.parameter])]
    placed = {weight.parameter for weight in weights}
    unused = {name: np.zeros(shape, np.float32) for name, shape in due.items()
              if whole and name not in placed | arrays.keys()}  # fmt: skip
    return {**unused, **found, **restored(found, named, due), **restored(fitting, weights, due)}


def _alone(weight: Weight) -> Weight:
    """Where a parameter is by its own name: in the same layout, but for its place among others."""
    moves = weight.layout
    pads = [place for place, (move, _) in enumerate(moves) if move == "pad"]
    return Weight(weight.parameter, weight.parameter, moves[: pads[0]] if pads else moves)


def _by_target(
    arrays: Mapping[str, Array], program: Program, saved: Callable[[], Mapping[str, str]]
) -> Mapping[str, Array]:  # fmt: skip
    """Arrays of a file that counts the weights of each layer, and perhaps the layers, by their targets."""
    targets = {place: target for target, place in keras.numbered(w.target for w in program.weights).items()}
    arrays = keras.by_number(arrays)
    if any("/vars/" in name for name in arrays):
        targets |= {place: target for target, place in saved().items()}
    return {targets.get(name, name): array for name, array in arrays.items()}


def _backend(origin: str) -> Backend:
    return backends([origin])[0]
