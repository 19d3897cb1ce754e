"""Keras' `.weights.h5`, `.keras` and, of before Keras 3, `.h5`.

In the first two a layer is a group that is called after its class and counted, and its variables are counted, too. Its
own name stands beside them, if Keras was new enough; then weights are `conv1/0` here, else `layers/conv2d/vars/0`.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from archspec.errors import UsageError
from archspec.weights.files.libraries import needs
from archspec.weights.files.stored import BrokenFile, Refused, Stored, put
from archspec.weights.files.zips import member

if TYPE_CHECKING:
    from archspec.ops.base import Array

ORDER: Final = (
    "kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings", "alpha", "gamma", "beta",
    "scale", "weight", "value", "bias", "moving_mean", "moving_variance",
)  # fmt: skip
"""The variables of a layer in the order in which it makes them, which is how its file counts them."""
START: Final = b"\x89HDF\r\n\x1a\n"
DEEPEST: Final = 32


def numbered(targets: Iterable[str]) -> dict[str, str]:
    """The weights of a model by the names of their layers and their numbers there: `conv1/0` for `conv1/kernel`."""
    layers: dict[str, list[str]] = {}
    for target in dict.fromkeys(targets):
        layers.setdefault(target.rpartition("/")[0], []).append(target)
    found = {}
    for layer, own in layers.items():
        for number, target in enumerate(sorted(own, key=_rank)):
            found[target] = f"{layer}/{number}"
    return found


def _rank(target: str) -> int:
    name = target.rpartition("/")[2]
    return ORDER.index(name) if name in ORDER else len(ORDER)


def by_number(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays with numbers in place of the names of variables, as files have them."""
    places = numbered(name for name in arrays if "/" in name and not name.rpartition("/")[2].isdecimal())
    return {places.get(name, name): array for name, array in arrays.items()}


def from_first(arrays: Mapping[str, Array], rules: Iterable[str]) -> dict[str, Array]:
    """Arrays of a model as if it were the first in its process: Keras counts the layers that have no name of their own
    from model to model (`conv2d_94`). `rules` begin the names of layers; those that are counted begin without number.
    """
    counted = {rule.rpartition("/")[0] for rule in rules} & {re.sub(r"_\d+/\d+$", "", rule) for rule in rules}
    layers = {name: re.fullmatch(r"(.+?)_(\d+)", name.rpartition("/")[0]) for name in arrays}
    numbers: dict[str, set[int]] = {}
    for match in layers.values():
        if match is not None and match[1] in counted:
            numbers.setdefault(match[1], set()).add(int(match[2]))
    shifts = {base: min(each) for base, each in numbers.items() if not any(f"{base}/{i}" in arrays for i in range(9))}

    def name_of(name: str) -> str:
        match = layers[name]
        if match is None or match[1] not in shifts:
            return name
        number = int(match[2]) - shifts[match[1]]
        return f"{match[1]}{f'_{number}' if number else ''}/{name.rpartition('/')[2]}"

    return {name_of(name): array for name, array in arrays.items()}


def read(path: Path) -> Stored:
    """The arrays of a file. Raises UsageError."""
    h5py = needs("h5py")
    try:
        with open(path, "rb") as file:
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    content: IO[bytes] = io.BytesIO(member(archive, "model.weights.h5", path.stat().st_size))
            else:
                content = file
            with h5py.File(content, "r") as opened:
                return _stored(_arrays(opened, h5py), path.stat().st_size)
    except (Refused, zipfile.BadZipFile, struct.error, EOFError, LookupError, OSError, RuntimeError, TypeError,
            ValueError) as error:  # fmt: skip
        raise BrokenFile(path, f"this file of Keras is not read: {' '.join(str(error).split())[:200]}") from None


def _stored(found: Iterable[tuple[str, str, Array]], most: int) -> Stored:
    arrays: dict[str, Array] = {}
    places = {}
    for name, place, array in found:
        if name in arrays:
            raise Refused(f"it has two arrays for '{name:.80}'")
        most -= array.nbytes  # one array may be there under many names
        if most < 0:
            raise Refused("its arrays are larger than the file")
        arrays[name], places[name] = array, place
    return Stored(arrays, "keras", places=places)


def _arrays(file: Any, h5py: Any) -> Iterator[tuple[str, str, Array]]:
    """Names, paths and numbers."""
    layers = _item(file, "model_weights", h5py) if "model_weights" in file else file
    if "layer_names" not in layers.attrs and "layer_names0" not in layers.attrs:
        for name in _inner(file, h5py):
            if name not in ("optimizer", "vars"):
                yield from _counted(_item(file, name, h5py), name, "", h5py, 0)
        return
    for name in _inner(layers, h5py):
        if name != "optimizer_weights":
            for path, array in _named(_item(layers, name, h5py), "", h5py, 0):
                yield path.removesuffix(":0"), path, array


def _counted(group: Any, path: str, names: str | None, h5py: Any, depth: int) -> Iterator[tuple[str, str, Array]]:
    """The variables of a group and of those in it, by `names` of layers, which is None if one has none."""
    if depth > DEEPEST or not isinstance(group, h5py.Group):
        raise Refused("its groups are nested too deeply, or are none")
    own = _inner(group, h5py)
    if "vars" in own:
        variables = _item(group, "vars", h5py)
        name = variables.attrs.get("name")
        if isinstance(name, bytes):
            name = name.decode(errors="replace")
        if depth or "name" in variables.attrs:
            inside = depth > 1 and path.split("/")[-2] == "layers" and str(name).startswith(f"{names}_")
            above = "" if inside else names  # layers of a model inside have names that begin with its own
            names = f"{above}/{name}".removeprefix("/") if isinstance(name, str) and above is not None else None
        for number in _inner(variables, h5py):
            array = _numbers(_item(variables, number, h5py), h5py)
            place = f"{path}/vars/{number}"
            yield place if names is None else f"{names}/{number}", place, array
    for name in own:
        if name != "vars":
            yield from _counted(_item(group, name, h5py), f"{path}/{name}", names, h5py, depth + 1)


def _named(group: Any, path: str, h5py: Any, depth: int) -> Iterator[tuple[str, Array]]:
    """The variables of a layer by their own paths."""
    if depth > DEEPEST:
        raise Refused("its groups are nested too deeply")
    for name in _inner(group, h5py):
        item, inner = _item(group, name, h5py), f"{path}/{name}".removeprefix("/")
        if isinstance(item, h5py.Group):
            yield from _named(item, inner, h5py, depth + 1)
        else:
            yield inner, _numbers(item, h5py)


def _inner(group: Any, h5py: Any) -> list[str]:
    if not isinstance(group, h5py.Group):
        raise Refused("it has an array where a group should be")
    return list(group)


def _item(group: Any, name: str, h5py: Any) -> Any:
    """What a group has under a name, unless that is a link to elsewhere."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise Refused(f"'{name:.80}' is a link")
    return group[name]


def _numbers(data: Any, h5py: Any) -> Array:
    is_array = isinstance(data, h5py.Dataset) and data.shape is not None
    if not is_array or data.is_virtual or data.external or data.dtype.hasobject:
        raise Refused(f"'{data.name:.80}' is no array of this file")
    declared = data.size * data.dtype.itemsize if data.size else 0
    if data.id.get_create_plist().get_nfilters() or data.id.get_storage_size() < declared:
        raise Refused(f"'{data.name:.80}' is compressed, or has fewer numbers than it says, as Keras does not write it")
    array = np.asarray(data[()])
    if array.dtype.kind == "V" and array.dtype.itemsize == 2 and data.attrs.get("dtype") == "bfloat16":
        return array.view(needs("ml_dtypes").bfloat16)
    return array


# Writing --------------------------------------------------------------------------------------------------------------


def write(
    path: Path, arrays: Mapping[str, Array], origin: str, metadata: Mapping[str, str], places: Mapping[str, str]
) -> None:
    """Writes arrays, given by target, where Keras looks for them. Raises UsageError."""
    if path.suffix == ".keras":
        raise UsageError(f"{path}: a .keras file has the layers of a model, too, which Keras alone can write; in "
                         "Python, archspec.load(SPEC).build('keras', weights=IN).save(OUT) does it, or a .weights.h5 "
                         "file is loaded by the generated model")  # fmt: skip
    h5py = needs("h5py")
    with put(path) as aside, h5py.File(aside, "w") as file:
        if path.name.endswith(".weights.h5"):
            _write_counted(file, arrays, places)
        else:
            _write_named(file, {target: arrays[target] for target in places if target in arrays})


def _write_counted(file: Any, arrays: Mapping[str, Array], places: Mapping[str, str]) -> None:
    for target, array in arrays.items():
        inside, _, number = places[target].rpartition("/vars/")
        groups, names = inside.split("/"), target.split("/")[:-1]
        above = len(groups) - len(names)  # that have no name of their own
        path = "/".join(groups[:above])
        for group, name in zip(groups[above:], names, strict=True):
            path = f"{path}/{group}".removeprefix("/")
            file.require_group(f"{path}/vars").attrs["name"] = name
        small = array.dtype.name == "bfloat16"
        data = file[f"{inside}/vars"].create_dataset(number, data=array.view("V2") if small else array)
        if small:
            data.attrs["dtype"] = "bfloat16"


def _write_named(file: Any, arrays: Mapping[str, Array]) -> None:
    """As before Keras 3: by layer, in the order of layers, and by the path of a weight."""
    layers: dict[str, list[str]] = {}
    for target in arrays:
        layers.setdefault(target.partition("/")[0], []).append(target)
    file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"3"
    file.attrs["layer_names"] = [name.encode() for name in layers]
    for layer, targets in layers.items():
        group = file.create_group(layer)
        group.attrs["weight_names"] = [target.encode() for target in targets]
        for target in targets:
            group[target] = arrays[target]
