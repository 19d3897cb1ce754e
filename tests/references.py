"""What tests of the NumPy references share: shapes, operations by their keys, and numbers for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from archspec import ops

IMAGE, LINE, VOLUME = (2, 6, 9, 7), (2, 6, 11), (2, 4, 5, 6, 7)


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def arrays(op: Any, shapes: list[tuple[int, ...]]) -> tuple[list[Any], dict[str, Any]]:
    """Inputs and weights of an operation; no two elements are equal, none is zero."""
    rng = np.random.default_rng(len(str(op)))
    inputs: list[Any] = [rng.standard_normal(shape) * 3 for shape in shapes]
    if op.takes == ("int64",):
        inputs = [rng.integers(0, op.num_embeddings, shape) for shape in shapes]
    weights = {
        name: rng.uniform(0.5, 2, p.shape) if p.kind == "variance" else rng.standard_normal(p.shape)
        for name, p in op.parameters(*shapes).items()
    }
    return inputs, weights
