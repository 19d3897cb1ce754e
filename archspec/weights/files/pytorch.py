"""PyTorch's `.pt`, `.pth` and `.bin`: a pickle that names tensors, and their numbers beside it.

Since version 1.6 a ZIP archive with the pickle and a member for each storage; before that one pickle after another and
then the numbers. Both are read; a whole module in a file is code, and refused.
"""

from __future__ import annotations

import mmap
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from archspec.errors import UsageError
from archspec.weights.files.libraries import needs
from archspec.weights.files.pickles import COMMON, Known, Pickled, held, loads
from archspec.weights.files.stored import CUT, BrokenFile, Refused, Stored, put
from archspec.weights.files.zips import member

if TYPE_CHECKING:
    from archspec.ops.base import Array

KINDS: Final = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64",
    "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
}  # fmt: skip
"""The names of storages, and of what they hold."""
LEGACY: Final = 0x1950A86A20F9469CFC6C
"""With which files of before version 1.6 begin, as a pickle."""
LEGACY_START: Final = b"\x80\x02\x8a\n" + LEGACY.to_bytes(10, "little")
WRAPPERS: Final = ("module.", "_orig_mod.")
"""What all names begin with if the model was wrapped when it was saved."""


@dataclass(slots=True)
class Storage:
    """The numbers of some tensors, which are read when one of them is."""

    kind: str
    key: str
    count: int
    numbers: Array | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as the pickle describes it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.strides)
        if not all(isinstance(number, int) and 0 <= number < 2**48 for number in numbers) or len(self.shape) > 32:
            raise Refused("it has a tensor of an impossible shape")
        last = self.offset + sum((size - 1) * by for size, by in zip(self.shape, self.strides, strict=True))
        size = int(np.prod(self.shape, dtype=object))
        if size > self.storage.count or (size and last >= self.storage.count):
            raise Refused(f"it has a tensor of shape {list(self.shape)} in a storage of {self.storage.count} numbers")

    def array(self) -> Array:
        """As a view of its storage."""
        assert self.storage.numbers is not None
        numbers = self.storage.numbers
        strides = [step * numbers.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides, writeable=False)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *more: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise Refused("it has a tensor without numbers")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


_KNOWN: Final[dict[str, Known]] = {
    **COMMON,
    "torch._utils._rebuild_tensor_v2": Known("tensor", _tensor),
    "torch._utils._rebuild_tensor": Known("tensor", _tensor),
    "torch._utils._rebuild_parameter": Known("parameter", lambda tensor, *more: tensor),
    "torch._utils._rebuild_parameter_with_state": Known("parameter", lambda tensor, *more: tensor),
    "torch._tensor._rebuild_from_type_v2": Known("tensor", lambda make, kind, given, state: make.make(*given)),
    "torch.Tensor": Known("Tensor"),
    "torch.nn.parameter.Parameter": Known("Parameter"),
    "torch.Size": Known("Size", tuple),
    "torch.device": Known("device", lambda *names: None),
    "torch.serialization._get_layout": Known("layout", lambda *names: None),
    **{f"torch.{name}Storage": Known(name) for name in KINDS},
    **{f"torch.{dtype}": Known(dtype) for dtype in KINDS.values()},
}


class _Storages:
    """The storages that a pickle names."""

    def __init__(self) -> None:
        self.found: dict[str, Storage] = {}

    def __call__(self, given: Any) -> Storage:
        match given:
            case ("storage", Known(name=kind), str(key), str(), int(count), *_) if kind in KINDS and count >= 0:
                return self.found.setdefault(key, Storage(kind, key, count))
        raise Refused("it names a storage in an unknown way")


_BROKEN: Final = (zipfile.BadZipFile, struct.error, EOFError, LookupError, OSError, RuntimeError, TypeError,
                  ValueError, ArithmeticError)  # fmt: skip
"""What archives and pickles raise that are not complete, or lie."""


def read(path: Path) -> Stored:
    """The arrays of a file. Raises UsageError."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
            found = _zipped(file, len(memory)) if zipfile.is_zipfile(file) else _legacy(memory)
        return Stored(_arrays(found), "pytorch")
    except Refused as error:
        raise BrokenFile(path, f"this file of PyTorch is not read: {error}") from None
    except _BROKEN:
        raise BrokenFile(path, f"this file of PyTorch is not read: {CUT}") from None


def _zipped(file: IO[bytes], size: int) -> Any:
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(names) != 1:
            raise Refused("it has no single data.pkl")
        root = names[0].removesuffix("data.pkl")
        big = f"{root}byteorder" in archive.namelist() and member(archive, f"{root}byteorder", 16) == b"big"
        storages = _Storages()
        found = loads(member(archive, names[0], size), _KNOWN, storages)
        for storage in storages.found.values():
            data = member(archive, f"{root}data/{storage.key}", size)
            size -= len(data)  # members that lie over each other would be more than the file
            storage.numbers = _numbers(storage, data, big)
    return found


def _legacy(memory: mmap.mmap) -> Any:
    file: Any = memory  # a stream of bytes
    if loads(file, {}) != LEGACY:
        raise Refused("it is neither an archive nor what PyTorch wrote before version 1.6")
    loads(file, {})
    about = loads(file, {})
    storages = _Storages()
    found = loads(file, _KNOWN, storages)
    for key in loads(file, {}):
        storage = storages.found[key]
        count = int.from_bytes(file.read(8), "little")
        wanted = count * _dtype(storage).itemsize
        if count != storage.count or wanted > len(memory) - file.tell():
            raise Refused(f"its storage '{key:.50}' is not complete")
        storage.numbers = _numbers(storage, file.read(wanted), not about.get("little_endian", True))
    return found


def _dtype(storage: Storage) -> np.dtype[Any]:
    needs("ml_dtypes")  # gives NumPy the dtype bfloat16
    return np.dtype(KINDS[storage.kind])


def _numbers(storage: Storage, data: bytes, big: bool) -> Array:
    found = np.frombuffer(data, _dtype(storage).newbyteorder(">") if big else _dtype(storage))
    if len(found) < storage.count:
        raise Refused(f"its storage '{storage.key:.50}' has {len(found)} numbers, not {storage.count}")
    return found


def _arrays(found: Any) -> dict[str, Array]:
    """The weights of a state dictionary, or of a checkpoint that holds one."""
    tensors = held(found, (Tensor, Pickled))
    for wrapper in WRAPPERS * 2:
        if all(name.startswith(wrapper) for name in tensors):
            tensors = {name.removeprefix(wrapper): value for name, value in tensors.items()}
    values = {name: value.array() if isinstance(value, Tensor) else value.array for name, value in tensors.items()}
    return {name: array for name, array in values.items() if array is not None}


# Writing --------------------------------------------------------------------------------------------------------------


def write(
    path: Path, arrays: Mapping[str, Array], origin: str, metadata: Mapping[str, str], places: Mapping[str, str]
) -> None:
    """Writes arrays as a state dictionary, as `torch.load` takes it with `weights_only=True`. Raises UsageError."""
    for name, array in arrays.items():
        if array.dtype.name not in KINDS.values():
            raise UsageError(f"PyTorch has no numbers of the kind {array.dtype.name}, as '{name}' has")
    with put(path) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), _pickled(arrays))
        archive.writestr(zipfile.ZipInfo("archive/byteorder"), b"little")
        for key, array in enumerate(arrays.values()):
            little = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
            archive.writestr(zipfile.ZipInfo(f"archive/data/{key}"), little.reshape(-1).view(np.uint8).data)
        archive.writestr(zipfile.ZipInfo("archive/version"), b"3\n")


def _pickled(arrays: Mapping[str, Array]) -> bytes:
    """The pickle of an ordered dictionary of tensors, in protocol 2."""
    parts = [b"\x80\x02ccollections\nOrderedDict\n)R("]
    for key, (name, array) in enumerate(arrays.items()):
        strides = [1]
        for size in reversed(array.shape[1:]):
            strides.insert(0, strides[0] * size)
        storage = next(kind for kind, dtype in KINDS.items() if dtype == array.dtype.name)
        persistent = b"(" + _text("storage") + f"ctorch\n{storage}Storage\n".encode()
        persistent += _text(str(key)) + _text("cpu") + _whole(array.size) + b"tQ"
        shape = b"".join(map(_whole, array.shape))
        steps = b"".join(map(_whole, strides[: array.ndim]))
        made = persistent + _whole(0) + b"(" + shape + b"t(" + steps + b"t\x89ccollections\nOrderedDict\n)R"
        parts.append(_text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + made + b"tR")
    return b"".join([*parts, b"u."])


def _text(text: str) -> bytes:
    data = text.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def _whole(number: int) -> bytes:
    data = number.to_bytes(9, "little", signed=True)
    return b"\x8a\x09" + data if number >= 2**31 else b"J" + number.to_bytes(4, "little")
