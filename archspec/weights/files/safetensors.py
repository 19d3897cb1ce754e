"""`.safetensors`: arrays by name, and texts. Canonical files have the spec's names and shapes, and its fingerprint."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archspec.weights.files.libraries import needs
from archspec.weights.files.stored import CANONICAL, BrokenFile, Stored, put

if TYPE_CHECKING:
    from archspec.ops.base import Array

ORIGINS: Final = {"archspec": CANONICAL, "pt": "pytorch", "pd": "paddle", "keras": "keras"}
"""What `format` in a file's metadata says of its layouts; other words, such as `np`, say nothing."""
FORMATS: Final = {origin: word for word, origin in ORIGINS.items()}


def read(path: Path) -> Stored:
    """The arrays of a file. Raises UsageError."""
    safetensors = needs("safetensors")
    needs("ml_dtypes")  # gives NumPy the dtype bfloat16
    arrays = {}
    try:
        with safetensors.safe_open(path, "np") as file:
            metadata = dict(file.metadata() or {})
            _once(path)
            for name in file.keys():  # noqa: SIM118
                arrays[name] = file.get_tensor(name)
    except safetensors.SafetensorError as error:
        raise BrokenFile(path, f"no complete .safetensors file: {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise BrokenFile(path, f"'{name:.80}' has numbers of a kind, or axes, that NumPy does not have") from None
    return Stored(arrays, ORIGINS.get(metadata.get("format", ""), ""), metadata)


def _once(path: Path) -> None:
    """Raises BrokenFile for a header with two arrays of one name, of which the library takes the last."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            twice = next(name for name, count in Counter(name for name, _ in items).items() if count > 1)
            raise BrokenFile(path, f"it has two arrays for '{twice:.80}'")
        return found

    with open(path, "rb") as file:
        json.loads(file.read(int.from_bytes(file.read(8), "little")), object_pairs_hook=pairs)


def write(
    path: Path, arrays: Mapping[str, Array], origin: str, metadata: Mapping[str, str], places: Mapping[str, str]
) -> None:
    """Writes arrays of an origin. Raises UsageError."""
    needs("safetensors")
    from safetensors.numpy import save_file

    told = {"format": FORMATS[origin]} if origin in FORMATS else {}
    with put(path) as aside:
        save_file(dict(arrays), aside, {**metadata, **told})
        _in_order(aside)


def _in_order(path: Path) -> None:
    """Sorts the metadata, which the library writes in another order each time: the same arrays are the same file."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= size:  # else it escapes more than the library did, and is a file as good as it was
            file.seek(8)
            file.write(text.ljust(size))
