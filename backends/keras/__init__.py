"""Keras 3 on TensorFlow: models are made by functions of the functional API, with channels last."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from archspec.backend import Backend, Program
from archspec.model import Model


def generate(model: Model) -> Program:
    """The Keras program of a model. Raises BackendError for what Keras cannot express exactly."""
    from archspec.emit.source import function_program

    from .lowering import LOWERINGS, UNSUPPORTED
    from .support import SUPPORT

    template = Path(__file__).parent / "module.py.jinja"
    return function_program(model, "Keras", LOWERINGS, UNSUPPORTED, template, SUPPORT)


BACKEND: Final = Backend(
    name="keras",
    title="Keras",
    framework="keras",
    generate=generate,
    runner=Path(__file__).parent / "runner.py",
)
