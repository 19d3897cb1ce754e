"""ONNX: models are files, which many runtimes read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archspec.errors import UsageError
from archspec.formats import Exported, Format

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from archspec.backend import Network
    from archspec.graph.graph import Graph
    from archspec.ops.base import Array


def _exporting() -> ModuleType:
    try:
        from . import exporting
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "onnx":
            raise
        raise UsageError("ONNX needs the package onnx: pip install 'archspec-nn[onnx]'") from None
    return exporting


def _raising() -> Any:
    from .raising import raiser

    return raiser


def export(network: Network, graph: Graph, double: bool) -> Exported:
    """A network as a model of ONNX. Raises BackendError for what ONNX cannot express exactly."""
    found: Exported = _exporting().export(network, graph, double)
    return found


def save(exported: Exported, weights: Mapping[str, Array], path: Path) -> list[Path]:
    """Writes a model with its weights; those of more than 2 GB beside it."""
    found: list[Path] = _exporting().save(exported, weights, path)
    return found


def unfilled(exported: Exported, path: Path) -> None:
    """Writes a model that says of its weights that they are elsewhere."""
    _exporting().unfilled(exported, path)


FORMAT: Final = Format(
    name="onnx",
    title="ONNX",
    framework="onnxruntime",
    suffix=".onnx",
    export=export,
    save=save,
    unfilled=unfilled,
    runner=Path(__file__).parent / "runner.py",
    recorder=Path(__file__).parent / "recorder.py",
    reader=Path(__file__).parent / "reading" / "__init__.py",
    raising=_raising,
)
