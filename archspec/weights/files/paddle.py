"""PaddlePaddle's `.pdparams`: a pickle of NumPy arrays by name. bfloat16 is kept there as uint16."""

from __future__ import annotations

import mmap
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from archspec.weights.files.libraries import needs
from archspec.weights.files.pickles import COMMON, Known, Pickled, Refused, held, loads
from archspec.weights.files.stored import BrokenFile, Stored, put

if TYPE_CHECKING:
    from archspec.ops.base import Array

NAMES: Final = "StructuredToParameterName@@"
"""What PaddlePaddle keeps beside the arrays: its own names for them."""


def read(path: Path) -> Stored:
    """The arrays of a file. Raises UsageError."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
            found = loads(memory, _KNOWN)  # type: ignore[arg-type]  # a stream of bytes
        arrays = {name: value.array for name, value in held(found, (Pickled,)).items()}
    except Refused as error:
        raise BrokenFile(path, f"this pickle is not read: {error}") from None
    kept = {name: array for name, array in arrays.items() if array is not None}
    if path.suffix != ".pdparams" and NAMES not in found:
        return Stored(kept)
    return Stored({name: _floats(array) for name, array in kept.items() if not _again(name, kept)}, "paddle")


def _tensor(items: Any) -> Any:
    """A tensor stands in a pair with its own name."""
    found = tuple(items)
    return found[1] if len(found) == 2 and isinstance(found[1], Pickled) else found


_KNOWN: Final = {**COMMON, "builtins.tuple": Known("tuple", _tensor), "__builtin__.tuple": Known("tuple", _tensor)}


def _again(name: str, arrays: Mapping[str, Array]) -> bool:
    """Whether a weight of a recurrent layer is there by another name, too: each is, by those of its cell."""
    match = re.fullmatch(r"(.*\.)?(\d+)\.cell(_fw|_bw)?\.(weight_ih|weight_hh|bias_ih|bias_hh)", name)
    if match is None:
        return False
    other = f"{match[1] or ''}{match[4]}_l{match[2]}{'_reverse' if match[3] == '_bw' else ''}"
    return other in arrays and np.array_equal(arrays[name], arrays[other])


def _floats(array: Array) -> Array:
    return array.view(needs("ml_dtypes").bfloat16) if array.dtype == "uint16" else array


def write(
    path: Path, arrays: Mapping[str, Array], origin: str, metadata: Mapping[str, str], places: Mapping[str, str]
) -> None:
    """Writes arrays, as `paddle.load` takes them. Raises UsageError."""
    plain = {name: array.view("uint16") if array.dtype.name == "bfloat16" else array for name, array in arrays.items()}
    with put(path) as aside, open(aside, "wb") as file:
        pickle.dump(plain, file, protocol=4)
