"""Flax NNX on JAX: models are `nnx.Module` classes that are called, with channels last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from archspec.backend import Backend, Network
from archspec.emit.dialect import Classes, Dialect

if TYPE_CHECKING:
    from archspec.emit.source import FileGenerator

HERE: Final = Path(__file__).parent

DIALECT: Final = Dialect(
    title="Flax",
    blocks=Classes(
        base="nnx.Module",
        tensor="jax.Array",
        method="__call__",
        handed={"rngs": "nnx.Rngs"},
        sequential="nnx.Sequential",
        layer_list="nnx.List",
        reserved=frozenset({"eval", "iter_children", "iter_modules", "perturb", "set_attributes", "sow", "train"}),
    ),
    imports={
        "math": "import math",
        "Sequence": "from collections.abc import Sequence",
        "partial": "from functools import partial",
        "jax": "import jax",
        "jnp": "from jax import numpy as jnp",
        "nnx": "from flax import nnx",
    },
    transpose="jnp.transpose",
)


def generator(model: Network) -> FileGenerator:
    """Generates the Flax code of a model. Raises BackendError for what Flax, or this backend, cannot express."""
    from archspec.emit.source import FileGenerator
    from archspec.emit.table import Support
    from archspec_flax.rows import ROWS

    return FileGenerator(model, DIALECT, ROWS, Support(HERE / "support"))


BACKEND: Final = Backend(
    name="flax", title="Flax NNX", framework="flax", generator=generator, runner=HERE / "runner.py"
)
