"""The references of normalizations that have no mean: how they relate to those that have, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError

RNG = np.random.default_rng(5)
IMAGE = RNG.standard_normal((2, 6, 5, 8)) * 3


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def test_rms_norm_is_layer_norm_of_what_has_no_mean() -> None:
    x = IMAGE - IMAGE.mean(-1, keepdims=True)
    attributes = {"epsilon": 0.5, "affine": False}
    found, wanted = (make(key, **attributes).reference(x) for key in ("rms_norm", "layer_norm"))
    np.testing.assert_allclose(found, wanted, rtol=1e-13)
    assert make("rms_norm", **attributes).parameters(x.shape) == {}


def test_errors() -> None:
    with pytest.raises(ShapeError, match="must be one axis, or neighbours in order up to the last axis"):
        make("rms_norm", axis=[1, 2]).infer(IMAGE.shape)
    with pytest.raises(ShapeError, match="must not be the batch axis"):
        make("l2_normalize", axis=0).infer(IMAGE.shape)
    with pytest.raises(ValidationError, match="greater than or equal to"):
        make("l2_normalize", epsilon=0)
