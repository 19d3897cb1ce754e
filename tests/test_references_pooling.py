"""The references of pools: norms by hand, and what the operations refuse."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError

LINE, IMAGE, VOLUME = (2, 6, 11), (2, 6, 9, 7), (2, 4, 5, 6, 7)


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


@pytest.mark.parametrize(("p", "ceil_mode"), [*product((0.5, 1, 2, 3, 7.5), (False, True))])
def test_lp_pools_are_norms_of_their_windows(p: float, ceil_mode: bool) -> None:
    """Absolute values count, and what `ceil_mode` reaches beyond the input is zero."""
    x = np.random.default_rng(0).standard_normal((1, 1, 8))
    windows = [x[0, 0, start : start + 3] for start in (0, 3, 6)[: 2 + ceil_mode]]
    wanted = [sum(abs(v) ** p for v in window) ** (1 / p) for window in windows]
    found = make("lp_pool1d", norm_type=p, kernel_size=3, ceil_mode=ceil_mode).reference(x)
    np.testing.assert_allclose(found[0, 0], wanted, rtol=1e-14)


def test_the_euclidean_norm_is_the_default() -> None:
    x = np.array([[[[3.0, -4.0], [0.0, 12.0]]]])
    assert make("lp_pool2d", kernel_size=2).reference(x).item() == 13


REFUSED: list[tuple[str, dict[str, Any], tuple[int, ...], str]] = [
    ("max_pool3d", {"kernel_size": 6}, VOLUME, "kernel_size (=6) does not fit into the depth"),
    ("avg_pool3d", {"kernel_size": [2, 2, 1], "padding": 1}, VOLUME, "padding (=1) must be at most half"),
    ("lp_pool2d", {"kernel_size": 3, "padding": 2}, IMAGE, "padding (=2) must be at most half"),
    ("adaptive_avg_pool3d", {"output_size": 1}, IMAGE, "needs an input with 5 axes"),
    ("global_max_pool3d", {}, IMAGE, "needs an input with 5 axes"),
]


@pytest.mark.parametrize(("key", "attributes", "shape", "message"), REFUSED)
def test_impossible_shapes_are_refused(
    key: str, attributes: dict[str, Any], shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, **attributes).infer(shape)
    assert message in str(caught.value)


@pytest.mark.parametrize(("p", "message"), [(0, "greater than 0"), (float("inf"), "finite"), ("two", "must be a numb")])
def test_invalid_norms_are_refused(p: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make("lp_pool1d", kernel_size=2, norm_type=p)
    (error,) = caught.value.errors()
    assert message in error["msg"]
