"""The references of activations: identities between them, what happens far from zero, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError

X = np.concatenate([np.linspace(-9, 9, 145), [-710.0, 710.0]])
"""Whole numbers and quarters, where thresholds lie, among others."""
IMAGE = np.random.default_rng(3).standard_normal((2, 6, 5, 8)) * 3


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def y(key: str, x: Any = X, **attributes: Any) -> Any:
    return make(key, **attributes).reference(x)


def test_identities() -> None:
    np.testing.assert_allclose(y("celu"), y("elu"), rtol=1e-15)
    np.testing.assert_array_equal(y("threshold", threshold=0), y("relu"))
    np.testing.assert_array_equal(y("hard_tanh", minimum=0, maximum=6), y("relu6"))
    np.testing.assert_array_equal(y("soft_shrink", threshold=0.25), X - np.clip(X, -0.25, 0.25))
    np.testing.assert_allclose(y("log_sigmoid"), -y("softplus", -X, threshold=1e9), rtol=1e-15)


def test_celu_has_slope_one_at_zero() -> None:
    for alpha in (0.1, 1, 7.5):
        assert y("celu", np.array([-1e-9]), alpha=alpha)[0] / -1e-9 == pytest.approx(1, abs=1e-7)


def test_nothing_overflows() -> None:
    with np.errstate(all="raise", under="ignore"):
        assert y("log_sigmoid", np.array([-1e4, 1e4])).tolist() == [-1e4, 0]
        assert y("celu", np.array([-1e4, 1e4]), alpha=0.1).tolist() == [-0.1, 1e4]
        assert y("swiglu", np.array([[-1e4, 1e4, 1.0, 1.0]])).tolist() == [[0, 1e4]]


@pytest.mark.parametrize("key", ["glu", "swiglu"])
def test_halves(key: str) -> None:
    assert make(key, axis="channels").infer((2, 6, 5, 8)) == ((2, 3, 5, 8),)
    with pytest.raises(ShapeError, match=r"axis \(=height\) must have an even size, .* not 5 as in \[2, 6, 5, 8\]"):
        make(key, axis="height").infer((2, 6, 5, 8))
    with pytest.raises(ShapeError, match="must not be the batch axis"):
        make(key, axis=0).infer((2, 6))


@pytest.mark.parametrize(
    ("key", "attributes", "message"),
    [
        ("hard_tanh", {"minimum": 1}, "minimum (=1) must be less than maximum (=1)"),
        ("hard_shrink", {"threshold": -0.1}, "greater than or equal to 0"),
        ("soft_shrink", {"threshold": -0.1}, "greater than or equal to 0"),
        ("celu", {"alpha": 0}, "greater than 0"),
        ("threshold", {}, "required"),
    ],
)
def test_invalid_attributes_are_refused(key: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make(key, **attributes)
    (error,) = caught.value.errors()
    assert message in error["msg"]
