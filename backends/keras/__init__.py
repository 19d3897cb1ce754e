"""Keras 3 on TensorFlow: models are made by functions of the functional API, with channels last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from archspec.backend import Backend
from archspec.model import Model

if TYPE_CHECKING:
    from archspec.emit.source import FunctionGenerator


def generator(model: Model) -> FunctionGenerator:
    """Generates the Keras code of a model. Raises BackendError for what Keras cannot express exactly."""
    from archspec.emit.source import FunctionGenerator

    from .lowering import LOWERINGS, UNSUPPORTED
    from .support import SUPPORT

    template = Path(__file__).parent / "module.py.jinja"
    return FunctionGenerator(model, "Keras", LOWERINGS, UNSUPPORTED, template, SUPPORT)


BACKEND: Final = Backend(
    name="keras",
    title="Keras",
    framework="keras",
    generator=generator,
    runner=Path(__file__).parent / "runner.py",
)
