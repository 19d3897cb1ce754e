"""The NumPy references against loops in plain Python, and against closed forms, where no framework is the judge.

The reference defines the right answer, so nothing here shares code with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from archspec.ops._special import erf

from .references import IMAGE, arrays, make

# Loops in plain Python ----------------------------------------------------------------------------------------------


def cells(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return product(*map(range, shape))


@pytest.mark.parametrize(("size", "kernel", "stride", "dilation"), [*product((5, 8), (1, 2, 3), (1, 2, 3), (1, 2))])
def test_same_padding_equals_loops(size: int, kernel: int, stride: int, dilation: int) -> None:
    """The output has ceil(size / stride) elements; an odd element of padding goes after (ONNX SAME_UPPER)."""
    op = make("conv1d", out_channels=2, kernel_size=kernel, stride=stride, dilation=dilation, padding="same")
    (x,), weights = arrays(op, [(2, 3, size)])
    count = math.ceil(size / stride)
    before = max(0, (count - 1) * stride + dilation * (kernel - 1) + 1 - size) // 2
    wanted = np.zeros((2, 2, count))
    for n, o, i in cells(wanted.shape):
        wanted[n, o, i] = weights["bias"][o]
        for c, t in cells((3, kernel)):
            place = i * stride + t * dilation - before
            if 0 <= place < size:
                wanted[n, o, i] += weights["weight"][o, c, t] * x[n, c, place]
    np.testing.assert_allclose(op.reference(x, **weights), wanted, rtol=1e-12, atol=1e-12)


def test_conv_transpose_is_the_adjoint_of_conv() -> None:
    """<conv(x), y> = <x, conv_transpose(y)> for the same weight, which exchanges in and out channels."""
    geometry: dict[str, Any] = {
        "kernel_size": 3,
        "stride": 2,
        "padding": [[1, 0], [2, 1]],
        "dilation": [1, 2],
        "groups": 2,
    }
    forward = make("conv2d", out_channels=4, bias=False, **geometry)
    back = make("conv_transpose2d", out_channels=6, bias=False, output_padding=[0, 1], **geometry)
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 6, 8, 9)), rng.standard_normal((4, 3, 3, 3))
    image = forward.reference(x, weight=weight)
    y = rng.standard_normal(image.shape)
    returned = back.reference(y, weight=weight)
    assert returned.shape == x.shape
    assert np.vdot(image, y) == pytest.approx(np.vdot(x, returned), rel=1e-12)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after", "ceil_mode", "counted"),
    [
        (size, kernel, stride, before, after, ceil_mode, counted)
        for size, kernel, stride in product((5, 6, 7), (2, 3), (1, 2, 3))
        for before, after in ((0, 0), (1, 1), (0, 1), (1, 0))
        for ceil_mode, counted in product((False, True), repeat=2)
    ],
)
def test_pools_equal_loops(
    size: int, kernel: int, stride: int, before: int, after: int, ceil_mode: bool, counted: bool
) -> None:
    """Also for unequal padding with ceil_mode, which no framework offers."""
    geometry: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": stride,
        "padding": [[before, after]],
        "ceil_mode": ceil_mode,
    }
    x = np.random.default_rng(size).standard_normal((1, 1, size))
    largest, mean = [], []
    start = -before
    while start + kernel <= size + after or (ceil_mode and start < size and start + kernel < size + after + stride):
        inside = [x[0, 0, i] for i in range(max(start, 0), min(start + kernel, size))]
        largest.append(max(inside))
        mean.append(sum(inside) / (min(start + kernel, size + after) - start if counted else len(inside)))
        start += stride
    max_pool, avg_pool = make("max_pool1d", **geometry), make("avg_pool1d", **geometry, count_include_pad=counted)
    np.testing.assert_array_equal(max_pool.reference(x)[0, 0], largest)
    np.testing.assert_allclose(avg_pool.reference(x)[0, 0], mean, rtol=1e-14)


@pytest.mark.parametrize(("n", "m"), [*product(range(1, 13), range(1, 13))])
def test_nearest_is_exact(n: int, m: int) -> None:
    """Whole-number arithmetic, where frameworks scale by a rounded float."""
    x = np.arange(n, dtype=float).reshape(1, 1, n, 1)
    y = make("upsample", size=[m, 1]).reference(x)
    assert y.ravel().tolist() == [j * n // m for j in range(m)]


def test_bilinear_of_a_line_is_a_line() -> None:
    x = np.linspace(-1, 3, 6).reshape(1, 1, 1, 6)
    y = make("upsample", size=[4, 21], mode="bilinear", align_corners=True).reference(x)
    np.testing.assert_allclose(y, np.broadcast_to(np.linspace(-1, 3, 21), (1, 1, 4, 21)), atol=1e-14)


def test_local_response_norm_equals_loops() -> None:
    op = make("local_response_norm", size=4, alpha=0.3, beta=0.5, k=1.5)
    x = np.random.default_rng(0).standard_normal((1, 7, 1))
    for c in range(7):
        total = sum(x[0, j, 0] ** 2 for j in range(c - 2, c + 2) if 0 <= j < 7)
        wanted = x[0, c, 0] / (1.5 + 0.3 / 4 * total) ** 0.5
        assert op.reference(x)[0, c, 0] == pytest.approx(wanted, rel=1e-14)


# Closed forms -------------------------------------------------------------------------------------------------------


def test_erf_is_accurate() -> None:
    x = np.concatenate([np.linspace(-7, 7, 40_001), np.logspace(-300, 300, 2_001), [0.0, -0.0, np.inf, -np.inf]])
    wanted = np.array([math.erf(v) for v in x])
    assert np.all(np.abs(erf(x) - wanted) <= 4 * np.spacing(np.abs(wanted)))
    assert np.isnan(erf(np.array([np.nan]))[0])


FAR = np.array([-710.0, -100.0, -40.0, -3.0, 0.0, 3.0, 40.0, 100.0, 710.0])
LIMITS: list[tuple[str, list[float]]] = [
    ("sigmoid", [math.exp(v) / (1 + math.exp(v)) if v < 700 else 1.0 for v in FAR]),
    ("silu", [v * math.exp(v) / (1 + math.exp(v)) if v < 700 else v for v in FAR]),
    ("softplus", [math.log1p(math.exp(v)) if v <= 20 else v for v in FAR]),
    ("mish", [v * math.tanh(math.log1p(math.exp(v))) if v < 700 else v for v in FAR]),
    ("elu", [v if v > 0 else math.expm1(v) for v in FAR]),
    ("selu", [1.0507009873554805 * (v if v > 0 else 1.6732632423543772 * math.expm1(v)) for v in FAR]),
    ("gelu", [v / 2 * (1 + math.erf(v / math.sqrt(2))) for v in FAR]),
    ("tanh", [math.tanh(v) for v in FAR]),
    ("hard_sigmoid", [0, 0, 0, 0, 0.5, 1, 1, 1, 1]),
    ("hard_swish", [0, 0, 0, 0, 0, 3, 40, 100, 710]),
    ("relu6", [0, 0, 0, 0, 0, 3, 6, 6, 6]),
    ("softmax", [0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ("log_softmax", list(FAR - 710)),
]


@pytest.mark.parametrize(("key", "wanted"), LIMITS, ids=[key for key, _ in LIMITS])
def test_activations_stay_finite(key: str, wanted: list[float]) -> None:
    with np.errstate(all="raise", under="ignore"):
        found = make(key).reference(FAR[None])[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-260)


def test_normalizations_give_mean_zero_and_variance_one() -> None:
    x = np.random.default_rng(0).standard_normal(IMAGE) * 3 + 5
    rows: list[Any] = [
        ("layer_norm", {"axis": ["channels", "height", "width"], "affine": False}, (1, 2, 3)),
        ("layer_norm", {"axis": 1, "affine": False}, (1,)),
        ("instance_norm", {}, (2, 3)),
        ("group_norm", {"num_groups": 1, "affine": False}, (1, 2, 3)),
    ]
    for key, attributes, axes in rows:
        y = make(key, epsilon=0, **attributes).reference(x)
        np.testing.assert_allclose(y.mean(axes), 0, atol=1e-13)
        np.testing.assert_allclose(y.var(axes), 1, rtol=1e-13)


# Values that others have computed -----------------------------------------------------------------------------------


def test_a_grid_reads_between_pixels_and_outside() -> None:
    """Of [[0, 1], [2, 3]] the middle, the last pixel, and half a pixel beyond the border."""
    image = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    grid = np.array([[[[0.0, 0.0], [1.0, 1.0], [1.5, 0.0]]]])
    assert make("grid_sample", align_corners=True).reference(image, grid).tolist() == [[[[1.5, 3.0, 1.5]]]]


def test_a_maximum_goes_back_to_its_place() -> None:
    pool, back = make("max_pool2d_with_indices", kernel_size=2), make("max_unpool2d", kernel_size=2)
    values, indices = pool.reference(np.array([[[[1.0, 2.0], [5.0, 4.0]]]]))
    assert (values.item(), indices.item()) == (5, 2)
    assert back.reference(values, indices).tolist() == [[[[0, 0], [5, 0]]]]
