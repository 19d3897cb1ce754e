"""PaddlePaddle's `.pdparams`: a pickle of NumPy arrays by name. bfloat16 is kept there as uint16."""

from __future__ import annotations

import math
import mmap
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from archspec.weights.files.libraries import needs
from archspec.weights.files.pickles import COMMON, Known, Pickled, held, loads
from archspec.weights.files.stored import BrokenFile, Refused, Stored, put

if TYPE_CHECKING:
    from archspec.ops.base import Array

NAMES: Final = "StructuredToParameterName@@"
"""What PaddlePaddle keeps beside the arrays: its own names for them."""

PARTS: Final = "UnpackBigParamInfor@@"
"""Where it says which arrays are parts of one."""


def read(path: Path) -> Stored:
    """The arrays of a file. Raises UsageError."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
            found = loads(memory, _KNOWN)  # type: ignore[arg-type]  # a stream of bytes
        arrays = _whole({name: value.array for name, value in held(found, (Pickled,)).items()}, found)
    except Refused as error:
        raise BrokenFile(path, f"this pickle is not read: {error}") from None
    kept = {name: array for name, array in arrays.items() if array is not None}
    if path.suffix != ".pdparams" and NAMES not in found:
        return Stored(kept)
    return Stored({name: _floats(array) for name, array in kept.items() if not _again(name, kept)}, "paddle")


def _whole(arrays: dict[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays, those put together that are larger than pickles of old took. Raises Refused."""
    for name, about in found.get(PARTS, {}).items():
        match about:
            case {"slices": [*names], "OriginShape": [*sizes]} if all(type(each) is str for each in names):
                parts = [arrays.pop(each, None) for each in names]
                numbers = [part for part in parts if part is not None]
                known = all(type(size) is int and size >= 0 for size in sizes)
                if not (known and len(numbers) == len(parts) and sum(p.size for p in numbers) == math.prod(sizes)):
                    raise Refused(f"the parts of '{name!s:.80}' are not all of it")
                if name in arrays:
                    raise Refused(f"it has two arrays for '{name!s:.80}'")
                arrays[str(name)] = np.concatenate([part.reshape(-1) for part in numbers]).reshape(sizes)
            case _:
                raise Refused(f"the parts of '{name!s:.80}' are named in an unknown way")
    return arrays


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
