"""The references of pools that `test_references.py` leaves out: PyTorch, a norm by hand, and errors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (as PyTorch's own documentation has it)
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError

LINE, IMAGE, VOLUME = (2, 6, 11), (2, 6, 9, 7), (2, 4, 5, 6, 7)


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


GEOMETRY: dict[str, Any] = {"kernel_size": [2, 3, 2], "stride": [1, 3, 2], "padding": [1, 1, 0], "ceil_mode": True}
TABLE: list[tuple[str, dict[str, Any], tuple[int, ...], Callable[..., Any]]] = [
    (
        "max_pool3d",
        {**GEOMETRY, "dilation": [2, 1, 3]},
        VOLUME,
        lambda x: F.max_pool3d(x, (2, 3, 2), (1, 3, 2), (1, 1, 0), (2, 1, 3), True),
    ),
    ("max_pool3d", {"kernel_size": 2}, VOLUME, lambda x: F.max_pool3d(x, 2)),
    *(
        (
            "avg_pool3d",
            {**GEOMETRY, "count_include_pad": counted},
            VOLUME,
            lambda x, counted=counted: F.avg_pool3d(x, (2, 3, 2), (1, 3, 2), (1, 1, 0), True, counted),
        )
        for counted in (False, True)
    ),
    ("lp_pool1d", {"kernel_size": 3, "stride": 2}, LINE, lambda x: F.lp_pool1d(x, 2, 3, 2)),
    (
        "lp_pool2d",
        {"norm_type": 2.5, "kernel_size": [3, 2], "stride": 1, "padding": [[1, 0], 1]},
        IMAGE,
        lambda x: F.lp_pool2d(F.pad(x.abs(), (1, 1, 1, 0)), 2.5, (3, 2), 1),
    ),
    ("lp_pool3d", {"norm_type": 4, "kernel_size": [1, 2, 3]}, VOLUME, lambda x: F.lp_pool3d(x, 4, (1, 2, 3))),
    *(
        (f"adaptive_{kind}_pool3d", {"output_size": size}, VOLUME, pool)
        for size in (1, [2, 6, 9])
        for kind, pool in (
            ("avg", lambda x, size=size: F.adaptive_avg_pool3d(x, size)),
            ("max", lambda x, size=size: F.adaptive_max_pool3d(x, size)),
        )
    ),
    ("global_avg_pool3d", {}, VOLUME, lambda x: x.mean((2, 3, 4))),
    ("global_max_pool3d", {"keepdims": True}, VOLUME, lambda x: x.amax((2, 3, 4), True)),
]


@pytest.mark.parametrize(("key", "attributes", "shape", "oracle"), TABLE)
def test_equals_pytorch(
    key: str, attributes: dict[str, Any], shape: tuple[int, ...], oracle: Callable[..., Any]
) -> None:
    op, x = make(key, **attributes), np.random.default_rng(0).standard_normal(shape)
    wanted = oracle(torch.from_numpy(x)).numpy()
    assert op.infer(shape) == (wanted.shape,)
    np.testing.assert_allclose(op.reference(x), wanted, rtol=1e-12, atol=1e-12)
    assert op.reference(x.astype("float32")).dtype == np.float32


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
