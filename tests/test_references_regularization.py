"""What only training sees, in evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archspec import ops
from archspec.errors import ShapeError


@pytest.mark.parametrize("key", ops.FAMILIES["regularization"])
def test_evaluation_leaves_everything_as_it_is(key: str) -> None:
    rank = {"dropout1d": 3, "dropout3d": 5}.get(key, 4)
    x = np.random.default_rng(7).standard_normal((2, 3, 4, 5, 6)[:rank])
    op: Any = ops.get(key)()
    assert op.infer(x.shape) == (x.shape,)
    np.testing.assert_array_equal(op.reference(x), x)


@pytest.mark.parametrize(("key", "rank"), [("dropout1d", 3), ("dropout2d", 4), ("dropout3d", 5)])
def test_whole_channels_have_axes_of_their_own(key: str, rank: int) -> None:
    with pytest.raises(ShapeError, match=f"needs an input with {rank} axes"):
        ops.get(key)().infer((2, 3, 4, 5, 6, 7)[: rank - 1])
