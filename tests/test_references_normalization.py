"""The references of normalizations that have no mean: PyTorch in float64, and what they leave as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (as PyTorch's own documentation has it)
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError

RNG = np.random.default_rng(5)
IMAGE = RNG.standard_normal((2, 6, 5, 8)) * 3


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


@pytest.mark.parametrize(
    ("axis", "numbers"), [(-1, [3]), ("channels", [1]), ([2, 3], [2, 3]), (["channels", "height", "width"], [1, 2, 3])]
)
def test_rms_norm(axis: Any, numbers: list[int]) -> None:
    op = make("rms_norm", axis=axis, epsilon=0.1)
    (weight,) = op.parameters(IMAGE.shape).values()
    assert weight.shape == tuple(IMAGE.shape[n] for n in numbers)
    scale = RNG.standard_normal(weight.shape)
    last = list(range(-len(numbers), 0))
    moved = torch.from_numpy(IMAGE).movedim(numbers, last)
    wanted = F.rms_norm(moved, weight.shape, torch.from_numpy(scale), 0.1).movedim(last, numbers)
    np.testing.assert_allclose(op.reference(IMAGE, weight=scale), wanted, rtol=1e-13)


def test_rms_norm_is_layer_norm_of_what_has_no_mean() -> None:
    x = IMAGE - IMAGE.mean(-1, keepdims=True)
    attributes = {"epsilon": 0.5, "affine": False}
    found, wanted = (make(key, **attributes).reference(x) for key in ("rms_norm", "layer_norm"))
    np.testing.assert_allclose(found, wanted, rtol=1e-13)
    assert make("rms_norm", **attributes).parameters(x.shape) == {}


@pytest.mark.parametrize("epsilon", [1e-12, 4.0])
def test_l2_normalize(epsilon: float) -> None:
    op = make("l2_normalize", axis="height", epsilon=epsilon)
    np.testing.assert_allclose(op.reference(IMAGE), F.normalize(torch.from_numpy(IMAGE), 2, 2, epsilon), rtol=1e-14)
    assert op.reference(np.array([[[[3.0], [4.0]]]])).ravel().tolist() == [3 / max(5, epsilon), 4 / max(5, epsilon)]
    assert not op.reference(np.zeros((1, 2, 3, 1))).any()


def test_errors() -> None:
    with pytest.raises(ShapeError, match="must be one axis, or neighbours in order up to the last axis"):
        make("rms_norm", axis=[1, 2]).infer(IMAGE.shape)
    with pytest.raises(ShapeError, match="must not be the batch axis"):
        make("l2_normalize", axis=0).infer(IMAGE.shape)
    with pytest.raises(ValidationError, match="greater than or equal to"):
        make("l2_normalize", epsilon=0)
