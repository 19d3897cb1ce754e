"""The references of convolutions: what they may not see, transposes, sizes, and what the operations refuse."""

from __future__ import annotations

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


def reached(op: Any, shape: tuple[int, ...], place: tuple[int, ...]) -> set[tuple[int, ...]]:
    """The places of the output that an element of the input has an effect on."""
    x: Any = np.zeros((1, *shape))
    x[0, :, *place] = 1
    weights = {name: np.ones(p.shape) for name, p in op.parameters((1, *shape)).items()}
    return set(zip(*map(np.ndarray.tolist, np.nonzero(op.reference(x, **weights)[0, 0])), strict=True))


@pytest.mark.parametrize("key", ["conv1d", "depthwise_conv1d", "separable_conv1d"])
def test_causal_outputs_see_nothing_that_comes_after_them(key: str) -> None:
    channels = {} if key == "depthwise_conv1d" else {"out_channels": 1}
    op = make(key, kernel_size=3, dilation=2, padding="causal", bias=False, **channels)
    assert reached(op, (1, 9), (3,)) == {(3,), (5,), (7,)}


@pytest.mark.parametrize("mask", ["A", "B"])
def test_masked_outputs_see_what_comes_before_them(mask: str) -> None:
    """Row by row: an element reaches what is right of it and below, and with B itself."""
    op = make("masked_conv2d", out_channels=1, kernel_size=3, mask=mask, padding=1, bias=False)
    after = {(2, 3), (3, 1), (3, 2), (3, 3)}
    assert reached(op, (1, 5, 5), (2, 2)) == (after | {(2, 2)} if mask == "B" else after)


@pytest.mark.parametrize(("rank", "shape"), [(1, (2, 6, 9)), (3, (2, 6, 5, 4, 6))])
def test_transposed_convolutions_are_adjoint(rank: int, shape: tuple[int, ...]) -> None:
    """<conv(x), y> = <x, conv_transpose(y)> for the same weight, which exchanges in and out channels."""
    geometry: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": [[1, 0]] * rank, "groups": 2, "bias": False}
    forward = make(f"conv{rank}d", out_channels=4, **geometry)
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal(shape), rng.standard_normal((4, 3, *(3,) * rank))
    image = forward.reference(x, weight=weight)
    extra = [(size + 1 - 3) % 2 for size in shape[2:]]
    back = make(f"conv_transpose{rank}d", out_channels=6, output_padding=extra, **geometry)
    y = rng.standard_normal(image.shape)
    returned = back.reference(y, weight=weight)
    assert returned.shape == shape
    assert np.vdot(image, y) == pytest.approx(np.vdot(x, returned), rel=1e-12)


C, T = Dim(8, Name("c")), Dim(10, Name("t"))
SIZES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("conv1d", {"out_channels": 4, "kernel_size": 5, "dilation": 3, "padding": "causal"}, ["2", "4", "t"]),
    ("depthwise_conv1d", {"kernel_size": 3, "multiplier": 2}, ["2", "2 * c", "t - 2"]),
    ("conv_transpose1d", {"out_channels": 4, "kernel_size": 2, "stride": 2}, ["2", "4", "2 * t"]),
]


@pytest.mark.parametrize(("key", "attributes", "wanted"), SIZES)
def test_sizes_keep_their_expressions(key: str, attributes: dict[str, Any], wanted: list[str]) -> None:
    assert [str(expr_of(size)) for size in make(key, **attributes).infer((2, C, T))[0]] == wanted


@pytest.mark.parametrize(
    ("key", "attributes", "shape", "wanted"),
    [
        ("separable_conv1d", {"out_channels": 5, "kernel_size": 3}, (1, 4, 9), 4 * 7 * 3 + 4 * 7 * 5),
        ("conv_transpose3d", {"out_channels": 6, "kernel_size": 2, "stride": 2}, (1, 4, 5, 5, 5), 125 * 4 * 6 * 8),
    ],
)
def test_cost(key: str, attributes: dict[str, Any], shape: tuple[int, ...], wanted: int) -> None:
    op = make(key, **attributes)
    assert op.cost([shape], op.infer(shape)) == wanted


REFUSED: list[tuple[str, dict[str, Any], tuple[int, ...], str]] = [
    ("masked_conv2d", {"out_channels": 1, "kernel_size": 1, "mask": "A"}, IMAGE, "mask (=A) leaves nothing"),
    (
        "masked_conv2d",
        {"out_channels": 4, "kernel_size": 3, "mask": "B", "groups": 4},
        IMAGE,
        "groups (=4) must divide",
    ),
    ("depthwise_conv1d", {"kernel_size": 3}, IMAGE, "needs an input with 3 axes"),
    ("conv_transpose1d", {"out_channels": 1, "kernel_size": 1, "padding": 6}, LINE, "padding (=6 and 6) must leave"),
    ("conv_transpose3d", {"out_channels": 1, "kernel_size": 2, "output_padding": 1}, VOLUME, "output_padding (=1)"),
]


@pytest.mark.parametrize(("key", "attributes", "shape", "message"), REFUSED)
def test_impossible_shapes_are_refused(
    key: str, attributes: dict[str, Any], shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, **attributes).infer(shape)
    assert message in str(caught.value)


INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("conv1d", {"out_channels": 1, "kernel_size": 3, "padding": "full"}, "or same or causal, not the text 'full'"),
    ("conv2d", {"out_channels": 1, "kernel_size": 3, "padding": "causal"}, "or same, not the text 'causal'"),
    ("conv_transpose1d", {"out_channels": 1, "kernel_size": 3, "padding": "same"}, "no agreed meaning"),
    ("conv_transpose3d", {"out_channels": 1, "kernel_size": 3, "padding": "same"}, "no agreed meaning"),
    ("masked_conv2d", {"out_channels": 1, "kernel_size": 3, "mask": "C"}, "'A' or 'B'"),
]


@pytest.mark.parametrize(("key", "attributes", "message"), INVALID)
def test_invalid_attributes_are_refused(key: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make(key, **attributes)
    (error,) = caught.value.errors()
    assert message in error["msg"]
