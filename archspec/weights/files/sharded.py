"""An index of several files, as Hugging Face has them, `model.safetensors.index.json`, and Keras: `net.weights.json`.

Where Keras' index names no weights but layers, whose weights may be in several files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from archspec.weights.files.stored import BrokenFile, Stored

if TYPE_CHECKING:
    from archspec.ops.base import Array

MOST: Final = 2**26
"""Bytes of an index."""


def _is_beside(name: str) -> bool:
    """Whether a name is that of a file in the same folder, and of no other index. It may be a link, as in caches."""
    return name.isprintable() and Path(name).name == name != "" and "\\" not in name and not name.endswith(".json")


def read(path: Path, read_one: Callable[[Path], Stored]) -> Stored:
    """The arrays of all files that an index names, which lie beside it. Raises UsageError."""
    try:
        if path.stat().st_size > MOST:
            raise ValueError
        index = json.loads(path.read_bytes())["weight_map"]
        places = {weight: [place] if isinstance(place, str) else [*place] for weight, place in index.items()}
        names = dict.fromkeys(name for each in places.values() for name in each)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BrokenFile(path, "no index of files of weights") from None
    shards: dict[str, Stored] = {}
    for name in names:
        if not isinstance(name, str) or not _is_beside(name):
            raise BrokenFile(path, f"it names {name!a:.80}, which is no file beside it")
        shards[name] = read_one(path.with_name(name))
    arrays: dict[str, Array] = {}
    at: dict[str, str] = {}
    for name, shard in shards.items():
        for weight, array in shard.arrays.items():
            if weight in arrays:
                raise BrokenFile(path, f"two of its files have '{weight:.80}'")
            arrays[weight] = array
        at |= shard.places
        inside = {place.rpartition("/")[0] for place in shard.places.values()}
        missing = [weight for weight, files in places.items()
                   if name in files and weight not in shard.arrays and weight.strip("/") not in inside]  # fmt: skip
        if missing:
            raise BrokenFile(path, f"{name} does not have '{missing[0]:.80}'")
    origins = {shard.origin for shard in shards.values()}
    return Stored(arrays, origins.pop() if len(origins) == 1 else "", places=at)
