"""Arrays in files, and in the layouts of frameworks. The host uses these, too."""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Moves = Sequence[tuple[str, Sequence[int]]]


class NoRoom(OSError):
    """A file cannot be written to its end."""

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(f"cannot write to {os.path.dirname(path)}: {error.strerror}; TMPDIR names another folder for "
                         "temporary files")  # fmt: skip


class Writer:
    """Writes arrays into one file, one after another, as they come. Raises NoRoom where the file cannot take them."""

    def __init__(self, path: str) -> None:
        self.index: dict[str, tuple[int, tuple[int, ...], str]] = {}
        """Name: offset, shape, dtype."""
        self._path = path
        self._file = open(path, "wb")  # noqa: SIM115

    def add(self, name: str, array: Array) -> None:
        with self._noticed():
            self._file.write(bytes(-self._file.tell() % 64))
            offset = self._file.tell()
            self._file.write(np.asarray(array, order="C").data)
        self.index[name] = (offset, array.shape, array.dtype.str)

    def close(self) -> None:
        with self._noticed():
            self._file.write(b"\0")  # an empty file cannot be mapped
            self._file.close()

    @contextlib.contextmanager
    def _noticed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise NoRoom(self._path, error) from None


def save(path: str, arrays: Mapping[str, Array] | Iterable[tuple[str, Array]]) -> dict[str, Any]:
    """Writes arrays into one file, as they come; the result tells `load` how to find them."""
    with contextlib.closing(Writer(path)) as writer:
        for name, array in arrays.items() if isinstance(arrays, Mapping) else arrays:
            writer.add(name, array)
    return {"path": path, "index": writer.index}


def load(path: str, index: Mapping[str, tuple[int, Sequence[int], str]]) -> dict[str, Array]:
    """The arrays of a file. They may be written to; the file does not change."""
    with open(path, "rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return {
        name: np.ndarray(tuple(shape), np.dtype(dtype), memory, offset)
        for name, (offset, shape, dtype) in index.items()
    }


def arrange(array: Array, layout: Moves) -> Array:
    """A canonical array as the framework lays it out."""
    for step, argument in layout:
        if step == "reshape":
            array = array.reshape(argument)
        elif step == "transpose":
            array = array.transpose(argument)
        elif step == "take":
            array = array[np.asarray(argument)]
        elif step == "pad":
            array = np.pad(array, [tuple(argument), *[(0, 0)] * (array.ndim - 1)])
        else:
            raise ValueError(f"a layout has no step '{step}'")
    return array


def restore(array: Array, layout: Moves, shape: Sequence[int]) -> Array:
    """The canonical array of this shape that a framework's array, or its part of it, is: the inverse of `arrange`."""
    shapes = [tuple(shape)]
    for move in layout:  # of an array that takes no memory
        shapes.append(arrange(np.broadcast_to(np.int8(0), shapes[-1]), [move]).shape)
    for (step, argument), before in zip(reversed(layout), reversed(shapes[:-1]), strict=True):
        if step == "reshape":
            array = array.reshape(before)
        elif step == "transpose":
            array = array.transpose(np.argsort(argument))
        elif step == "take":
            whole, rows = np.zeros(before, array.dtype), np.asarray(argument)
            if len(np.unique(rows)) == len(rows):
                whole[rows] = array  # as it is: a sum with zero would change the sign of another zero
            else:
                np.add.at(whole, rows, array)
            array = whole
        else:
            array = array[argument[0] : argument[0] + before[0]]
    return array


def cast(array: Array, dtype: str) -> Array:
    """As frameworks take it: without gaps, floating-point numbers in the dtype of the run, others as they are."""
    return np.asarray(array, dtype if array.dtype.kind == "f" else None, order="C")
