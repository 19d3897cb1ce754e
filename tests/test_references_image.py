"""The references of operations on images: loops in plain Python, inverses, sizes, and what the operations refuse."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError
from archspec.expressions import Dim, Name, expr_of

LINE, IMAGE, VOLUME = (2, 6, 11), (2, 6, 9, 7), (2, 4, 5, 6, 7)


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def normal(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


# Resizing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [*product(range(1, 10), range(1, 10))])
def test_nearest_exact_is_nearest(n: int, m: int) -> None:
    """The middle of the element that is taken is nearest to the place; of two, the later one is taken."""
    found = make("upsample", size=m, mode="nearest_exact").reference(np.arange(float(n)).reshape(1, 1, n))[0, 0]
    for j in range(m):
        distances = [abs(m * (2 * i + 1) - n * (2 * j + 1)) for i in range(n)]
        assert found[j] == max(i for i in range(n) if distances[i] == min(distances))


@pytest.mark.parametrize("shape", [LINE, IMAGE, VOLUME])
def test_nearest_modes_repeat_for_whole_scales(shape: tuple[int, ...]) -> None:
    x = normal(shape)
    wanted = x
    for axis in range(2, len(shape)):
        wanted = wanted.repeat(3, axis)
    for mode in ("nearest", "nearest_exact"):
        np.testing.assert_array_equal(make("upsample", scale=3, mode=mode).reference(x), wanted)


@pytest.mark.parametrize(("n", "scale", "m"), [(10, 0.7, 7), (100, 0.29, 29), (10, 1.1, 11), (7, 1.5, 10), (3, 2.0, 6)])
def test_scales_are_decimal(n: int, scale: float, m: int) -> None:
    """0.7 is stored as a little less, and 100 * 0.29 is 28.999999999999996."""
    assert make("upsample", scale=scale).infer((1, 2, n)) == ((1, 2, m),)


# Rearranging --------------------------------------------------------------------------------------------------------


def test_inverses() -> None:
    x = normal((2, 18, 4, 5))
    for there, back, name in (
        (make("depth_to_space", block_size=3), make("space_to_depth", block_size=3), "DCR"),
        (make("pixel_shuffle", upscale_factor=3), make("pixel_unshuffle", downscale_factor=3), "CRD"),
    ):
        y = there.reference(x)
        np.testing.assert_array_equal(back.reference(y), x)
        np.testing.assert_array_equal(make("depth_to_space", block_size=3, mode=name).reference(x), y)


@pytest.mark.parametrize("padding", [[[0, 2], [3, 1]], [0, 2], 1])
def test_fold_is_the_transpose_of_unfold(padding: Any) -> None:
    """<unfold(x), y> = <x, fold(y)> for all x and y."""
    geometry = {"kernel_size": [2, 3], "stride": [2, 3], "padding": padding, "dilation": [1, 2]}
    x = normal(IMAGE)
    columns = make("unfold", **geometry).reference(x)
    y = np.random.default_rng(1).standard_normal(columns.shape)
    folded = make("fold", output_size=[9, 7], **geometry).reference(y)
    assert np.vdot(columns, y) == pytest.approx(np.vdot(x, folded), rel=1e-12)


# Symbols and refusals -----------------------------------------------------------------------------------------------

C, H, W = Dim(12, Name("c")), Dim(8, Name("h")), Dim(10, Name("w"))
SYMBOLS: list[tuple[str, dict[str, Any], tuple[int, ...], list[str]]] = [
    ("upsample", {"scale": 1.5}, (2, C, H), ["2", "c", "3 * h // 2"]),
    ("upsample", {"scale": 2, "mode": "trilinear"}, (2, C, H, W, 3), ["2", "c", "2 * h", "2 * w", "6"]),
    ("pixel_unshuffle", {"downscale_factor": 2}, (2, C, H, W), ["2", "4 * c", "h // 2", "w // 2"]),
    ("depth_to_space", {"block_size": 2}, (2, C, H, W), ["2", "c // 4", "2 * h", "2 * w"]),
    ("patches", {"patch_size": [4, 2]}, (2, C, H, W), ["2", "h // 4 * (w // 2)", "8 * c"]),
    ("unfold", {"kernel_size": 3, "padding": 1}, (2, C, H, W), ["2", "9 * c", "h * w"]),
    ("fold", {"output_size": [H, W], "kernel_size": 1}, (2, C, H * W), ["2", "c", "h", "w"]),
]


@pytest.mark.parametrize(("key", "attributes", "shape", "wanted"), SYMBOLS)
def test_symbols_survive(key: str, attributes: dict[str, Any], shape: tuple[int, ...], wanted: list[str]) -> None:
    (found,) = make(key, **attributes).infer(shape)
    assert [str(expr_of(size)) for size in found] == wanted


REFUSED: list[tuple[str, dict[str, Any], tuple[int, ...], str]] = [
    ("upsample", {"scale": 2}, (2, 3), "needs an input with 3 or 4 or 5 axes"),
    ("upsample", {"scale": 2, "mode": "bilinear"}, LINE, "needs an input with 4 axes"),
    ("upsample", {"scale": 2, "mode": "linear"}, IMAGE, "needs an input with 3 axes"),
    (
        "upsample",
        {"scale": [2, 1.5, 1]},
        IMAGE,
        "scale (=[2, 1.5, 1]) must be one number, or one for each of the 2 axes",
    ),
    ("upsample", {"size": [2]}, IMAGE, "size (=[2]) must be one number"),
    ("upsample", {"scale": 0.1}, IMAGE, "scale (=0.1) leaves nothing of [2, 6, 9, 7]"),
    ("pixel_unshuffle", {"downscale_factor": 2}, IMAGE, "downscale_factor (=2) must divide the height"),
    ("space_to_depth", {"block_size": 7}, (2, 6, 7, 9), "block_size (=7) must divide the width"),
    ("depth_to_space", {"block_size": 2}, IMAGE, "block_size (=2) squared must divide the 6 channels"),
    ("patches", {"patch_size": [3, 2]}, IMAGE, "patch_size (=2) must divide the width"),
    ("unfold", {"kernel_size": 8}, IMAGE, "kernel_size (=8) does not fit into the width"),
    ("fold", {"output_size": 4, "kernel_size": 2}, (2, 6, 9), "kernel_size (=2 x 2) must divide the 6 channels"),
    ("fold", {"output_size": [4, 5], "kernel_size": 2}, (2, 8, 9), "has 3 x 4 windows, but there are 9"),
]


@pytest.mark.parametrize(("key", "attributes", "shape", "message"), REFUSED)
def test_impossible_shapes_are_refused(
    key: str, attributes: dict[str, Any], shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, **attributes).infer(shape)
    assert message in str(caught.value)
    assert caught.value.attribute is None or caught.value.attribute in ops.get(key).model_fields


INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("upsample", {"scale": 2, "size": 4}, "takes scale or size, not both"),
    ("upsample", {"scale": 2, "mode": "nearest_exact", "align_corners": True}, "align_corners has a meaning only"),
    ("upsample", {"scale": 0}, "must be a number above 0, or one per axis, not 0"),
    ("upsample", {"scale": float("inf")}, "must be a number above 0"),
    ("upsample", {"scale": True}, "must be a number above 0, or one per axis, not true"),
    ("upsample", {"size": 2.5}, "must be a whole number from 1, or one per axis, not 2.5"),
    ("upsample", {"size": []}, "must be a whole number from 1"),
    ("fold", {"output_size": 4, "kernel_size": 2, "padding": "same"}, "must be given in numbers, not as same"),
    ("depth_to_space", {"block_size": 2, "mode": "RCD"}, "'DCR' or 'CRD'"),
]


@pytest.mark.parametrize(("key", "attributes", "message"), INVALID)
def test_invalid_attributes_are_refused(key: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make(key, **attributes)
    (error,) = caught.value.errors()
    assert message in error["msg"]
