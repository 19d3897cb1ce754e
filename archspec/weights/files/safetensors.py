"""`.safetensors`: arrays by name, and texts. Canonical files have the spec's names and shapes, and its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

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
            for name in file.keys():  # noqa: SIM118
                arrays[name] = file.get_tensor(name)
    except safetensors.SafetensorError as error:
        raise BrokenFile(path, f"no complete .safetensors file: {error}") from None
    except (AttributeError, KeyError, TypeError):
        raise BrokenFile(path, f"'{name}' has numbers of a kind that NumPy does not have") from None
    return Stored(arrays, ORIGINS.get(metadata.get("format", ""), ""), metadata)


def write(
    path: Path, arrays: Mapping[str, Array], origin: str, metadata: Mapping[str, str], places: Mapping[str, str]
) -> None:
    """Writes arrays of an origin. Raises UsageError."""
    needs("safetensors")
    from safetensors.numpy import save_file

    told = {"format": FORMATS[origin]} if origin in FORMATS else {}
    with put(path) as aside:
        save_file(dict(arrays), aside, {**metadata, **told})
