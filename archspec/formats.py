"""What a format is: a value that writes an elaborated network as a file of a model, with its weights, and says how to
run it. No source code comes of it: that is what a `Backend` writes.

Formats are found by the entry-point group `archspec.formats`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec._plugged import plugged
from archspec.errors import BackendError, UsageError

if TYPE_CHECKING:
    from archspec.backend import Network
    from archspec.graph.graph import Graph
    from archspec.ops.base import Array


@dataclass(frozen=True, slots=True)
class Exported:
    """A network in a format, without the numbers of its weights."""

    model: Any
    """As the format's own library has it."""
    steps: Mapping[str, tuple[str, ...]]
    """By path, the names of the values that a step gives."""
    single: Mapping[str, tuple[str, ...]]
    """Of a model in float64: what of a step is computed in float32, since nobody computes it in float64."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that archspec can write a network as."""

    name: str
    """The key of `--to`: `onnx`."""
    title: str
    """As people write it: `ONNX`."""
    framework: str
    """The package that runs such files, whose version counts: `onnxruntime`."""
    suffix: str
    export: Callable[[Network, Graph, bool], Exported]
    """A network in evaluation, given with its graph, in float32 or (true) in float64. Raises BackendError for what the
    format cannot express exactly, UsageError if what writes it is not installed."""
    save: Callable[[Exported, Mapping[str, Array], Path], list[Path]]
    """Writes it with weights into a file, and perhaps others beside it; gives their paths."""
    unfilled: Callable[[Exported, Path], None]
    """Writes it without any numbers, for who fills it."""
    runner: Path
    """A script that needs numpy and the framework only, as that of a `Backend`: its `Session` opens a file."""
    recorder: Path | None = None
    """A script beside the runner that shows what each node of a person's file gives (see `Backend.recorder`)."""
    reader: Path | None = None
    """A script, or a package, that reads a person's file as data (see `archspec.verification.worker.capture`)."""
    raising: Callable[[], Any] | None = None
    """Gives the `archspec.importing.raising.Table` of what the reader reads."""

    def write(self, model: Network, path: Path, weights: Mapping[str, Array]) -> list[Path]:
        """Writes a network, as it is in evaluation, with canonical weights; gives the paths of the files. Raises
        BackendError, UsageError."""
        return self.save(self.export(model, model.graph, False), weights, path)


def formats(names: Sequence[str] = ()) -> list[Format]:
    """The installed formats of these names, in that order; all if none are given. Raises UsageError for a name that
    none has, BackendError for one that cannot be loaded."""
    found = plugged("formats")
    for name in names:
        if name not in found:
            raise UsageError(f"there is no format '{name}'; installed are {', '.join(found) or 'none'}")
    loaded = []
    for name in dict.fromkeys(names or found):
        try:
            loaded.append(found[name].load())
        except Exception as error:  # it is code of another distribution
            raise BackendError(f"the format '{name}' cannot be loaded: {type(error).__name__}: {error}") from error
    return loaded


def format_of(path: Path) -> Format:
    """The format that a file's ending says. Raises UsageError."""
    found = formats()
    for each in found:
        if path.suffix.lower() == each.suffix:
            return each
    raise UsageError(f"{path}: the ending says what to write: {', '.join(each.suffix for each in found)}")


def format_names() -> frozenset[str]:
    """The names of installed formats, none of which is loaded."""
    return frozenset(plugged("formats"))


def named(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of targets, apart: those of backends, or of nothing at all, and those of formats."""
    known = format_names()
    return [name for name in names if name not in known], [name for name in names if name in known]
