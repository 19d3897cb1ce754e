"""Operations beside their values: what they say of themselves, cost and refuse, and the sizes that they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError
from archspec.expressions import Dim, Name, expr_of

from .references import IMAGE, make


@pytest.mark.parametrize("key", ops.names())
def test_every_operation_documents_itself(key: str) -> None:
    operation = ops.get(key)
    schema = operation.model_json_schema()
    assert "=" in str(operation.__doc__).splitlines()[0]  # a formula
    assert all("description" in attribute for attribute in schema["properties"].values())


COSTS: list[tuple[str, dict[str, Any], list[tuple[int, ...]], int]] = [
    ("conv2d", {"out_channels": 64, "kernel_size": 7, "stride": 2, "padding": 3}, [(1, 3, 224, 224)], 118013952),
    ("conv2d", {"out_channels": 6, "kernel_size": 3, "groups": 2}, [(1, 4, 5, 5)], 9 * 6 * 2 * 9),
    ("conv_transpose2d", {"out_channels": 6, "kernel_size": 2, "stride": 2}, [(1, 4, 5, 5)], 25 * 4 * 6 * 4),
    ("depthwise_conv2d", {"kernel_size": 3, "multiplier": 2}, [(1, 4, 5, 5)], 9 * 8 * 9),
    ("separable_conv2d", {"out_channels": 5, "kernel_size": 3}, [(1, 4, 5, 5)], 9 * 4 * 9 + 9 * 4 * 5),
    ("linear", {"out_features": 10}, [(2, 3, 7)], 2 * 3 * 7 * 10),
    ("matmul", {"transpose_a": True}, [(2, 4, 3), (2, 4, 5)], 2 * 3 * 4 * 5),
    ("relu", {}, [IMAGE], 0),
]


@pytest.mark.parametrize(("key", "attributes", "shapes", "wanted"), COSTS)
def test_cost(key: str, attributes: dict[str, Any], shapes: list[tuple[int, ...]], wanted: int) -> None:
    op = make(key, **attributes)
    assert op.cost(shapes, op.infer(*shapes)) == wanted


C, H, W, K = Dim(8, Name("c")), Dim(10, Name("h")), Dim(12, Name("w")), Dim(3, Name("k"))
SYMBOLS: list[tuple[str, dict[str, Any], list[tuple[int, ...]], list[str]]] = [
    ("conv2d", {"out_channels": 2 * C, "kernel_size": 3, "padding": 1}, [(2, C, H, W)], ["2", "2 * c", "h", "w"]),
    ("conv2d", {"out_channels": 4, "kernel_size": K}, [(2, C, H, 7)], ["2", "4", "h - k + 1", "8 - k"]),
    ("conv2d", {"out_channels": 4, "kernel_size": 2, "stride": 2}, [(2, C, H, 7)], ["2", "4", "(h - 2) // 2 + 1", "3"]),
    ("depthwise_conv2d", {"kernel_size": 1, "multiplier": 2}, [(2, C, 5, 5)], ["2", "2 * c", "5", "5"]),
    ("conv_transpose2d", {"out_channels": 4, "kernel_size": 2, "stride": 2}, [(2, C, H, 5)], ["2", "4", "2 * h", "10"]),
    ("max_pool2d", {"kernel_size": 3, "stride": 1, "padding": 1}, [(2, C, H, W)], ["2", "c", "h", "w"]),
    ("global_avg_pool2d", {}, [(2, C, H, W)], ["2", "c"]),
    ("linear", {"out_features": 4 * C}, [(2, C)], ["2", "4 * c"]),
    ("concat", {}, [(2, C, H, W), (2, 3, H, W), (2, C, H, W)], ["2", "2 * c + 3", "h", "w"]),
    ("split", {"sections": 2}, [(2, 2 * C, H)], ["2", "c", "h"]),
    ("pixel_shuffle", {"upscale_factor": 2}, [(2, 4 * C, H, W)], ["2", "c", "2 * h", "2 * w"]),
    ("upsample", {"scale": 2}, [(2, C, H, W)], ["2", "c", "2 * h", "2 * w"]),
    ("slice", {"axis": 1, "start": 1}, [(2, C)], ["2", "c - 1"]),
    ("pad", {"padding": [1, [0, 2]]}, [(2, C, H, W)], ["2", "c", "h + 2", "w + 2"]),
    ("add", {}, [(2, C, 1, 1), (2, C, H, W)], ["2", "c", "h", "w"]),
    ("permute", {"axes": [2, 1]}, [(2, C, H)], ["2", "h", "c"]),
]


@pytest.mark.parametrize(("key", "attributes", "shapes", "wanted"), SYMBOLS)
def test_sizes_keep_their_expressions(
    key: str, attributes: dict[str, Any], shapes: list[tuple[int, ...]], wanted: list[str]
) -> None:
    assert [str(expr_of(size)) for size in make(key, **attributes).infer(*shapes)[0]] == wanted


REFUSED: list[tuple[str, dict[str, Any], list[tuple[int, ...]], str]] = [
    ("conv2d", {"out_channels": 10, "kernel_size": 1, "groups": 5}, [(1, 64, 5, 5)], "groups (=5) must divide the 64 "),
    ("conv2d", {"out_channels": 9, "kernel_size": 1, "groups": 4}, [(1, 64, 5, 5)], "must divide out_channels (=9)"),
    ("conv2d", {"out_channels": 9, "kernel_size": 1}, [(1, 64)], "needs an input with 4 axes"),
    (
        "conv2d",
        {"out_channels": 1, "kernel_size": [3, 7]},
        [(1, 1, 5, 5)],
        "kernel_size (=7) does not fit into the wid",
    ),
    ("conv2d", {"out_channels": 1, "kernel_size": 3, "dilation": 3, "padding": [1, 9]}, [(1, 1, 4, 9)], "padded to 6"),
    (
        "conv_transpose2d",
        {"out_channels": 1, "kernel_size": 3, "output_padding": 1},
        [(1, 1, 4, 9)],
        "output_padding (",
    ),
    ("conv_transpose2d", {"out_channels": 1, "kernel_size": 1, "padding": 2}, [(1, 1, 4, 9)], "padding (="),
    ("linear", {"out_features": 1}, [(1,)], "batch axis and features"),
    ("matmul", {}, [(1, 3), (3, 4)], "two axes besides the batch axis"),
    ("matmul", {}, [(1, 3, 4), (1, 5, 4)], "cannot multiply matrices of 3 x 4 and 5 x 4"),
    ("max_pool2d", {"kernel_size": 3, "padding": 2}, [IMAGE], "padding (=2) must be at most half"),
    ("group_norm", {"num_groups": 4}, [IMAGE], "num_groups (=4) must divide the 6 channels"),
    ("group_norm", {"num_groups": 6}, [(2, 6, 1, 1)], "mean is one of a single element"),
    ("instance_norm", {}, [(2, 6, 1)], "mean is one of a single element"),
    ("layer_norm", {}, [(2, 6, 1)], "mean is one of a single element"),
    ("layer_norm", {"axis": [1, 2]}, [IMAGE], "up to the last axis"),
    ("layer_norm", {"axis": 0}, [IMAGE], "axis (=0) must not be the batch axis"),
    ("softmax", {"axis": "depth"}, [IMAGE], "no axis 'depth'"),
    ("mean", {"axis": [1, "channels"]}, [IMAGE], "must not name an axis twice"),
    ("add", {}, [(2, 3, 4), (2, 3, 5)], "[2, 3, 4] and [2, 3, 5]"),
    ("multiply", {}, [IMAGE, (2, 6)], "[2, 6, 9, 7] and [2, 6]"),
    ("concat", {}, [(2, 3, 4), (2, 3, 5)], "[2, 3, 4] and [2, 3, 5]"),
    ("split", {"sizes": [1, 2]}, [IMAGE], "sizes (=[1, 2]) must add up to 6"),
    ("split", {"sections": 4}, [IMAGE], "sections (=4) must divide 6"),
    ("flatten", {"start_axis": 3, "end_axis": 2}, [IMAGE], "must not come after"),
    ("flatten", {"start_axis": 0}, [IMAGE], "batch axis"),
    ("reshape", {"shape": [4, -1]}, [IMAGE], "cannot hold the 378 elements of [2, 6, 9, 7]"),
    ("reshape", {"shape": [5]}, [IMAGE], "cannot hold"),
    ("permute", {"axes": [2, 1]}, [IMAGE], "must name each of the 3 axes"),
    ("pad", {"padding": [7], "mode": "reflect"}, [IMAGE], "padding (=7) must be smaller"),
    ("pad", {"padding": [1, 1, 1, 1], "mode": "replicate"}, [IMAGE], "4 pairs"),
    ("slice", {"axis": 1, "start": 6}, [IMAGE], "start (=6) is beyond the 6 elements"),
    ("slice", {"axis": 1, "start": -7}, [IMAGE], "start (=-7) is beyond"),
    ("slice", {"axis": 1, "end": 7}, [IMAGE], "end (=7) must come after"),
    ("slice", {"axis": 1, "start": 3, "end": -3}, [IMAGE], "end (=-3) must come after"),
    ("channel_shuffle", {"groups": 4}, [IMAGE], "groups (=4) must divide the 6 channels"),
    ("pixel_shuffle", {"upscale_factor": 2}, [IMAGE], "squared must divide the 6 channels"),
]


@pytest.mark.parametrize(("key", "attributes", "shapes", "message"), REFUSED)
def test_impossible_shapes_are_refused(
    key: str, attributes: dict[str, Any], shapes: list[tuple[int, ...]], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, **attributes).infer(*shapes)
    assert message in str(caught.value)
    assert caught.value.attribute is None or caught.value.attribute in ops.get(key).model_fields


INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("split", {}, "needs either sizes or sections"),
    ("split", {"sizes": [1], "sections": 1}, "needs either sizes or sections"),
    ("split", {"sizes": 3}, "must be a list, not 3"),
    ("split", {"sizes": []}, "must be a list, not an empty one"),
    ("split", {"sizes": [1, True]}, "must be whole numbers from 1, not true"),
    ("reshape", {"shape": [-1, -1]}, "must have -1 at most once"),
    ("reshape", {"shape": [0]}, "must be whole numbers from 1, not 0"),
    ("upsample", {"scale": 2, "size": 3}, "takes scale or size, not both"),
    ("upsample", {"scale": 2, "align_corners": True}, "align_corners has a meaning only"),
    ("pad", {"padding": [1], "mode": "reflect", "value": 2}, "value (=2) has no meaning"),
    ("pad", {"padding": [[-1, 2]]}, "must be at least 0"),
    ("conv_transpose2d", {"out_channels": 1, "kernel_size": 1, "padding": "same"}, "no agreed meaning"),
    ("mean", {"axis": []}, "must name at least one axis"),
    ("max_pool2d", {"kernel_size": 2, "stride": "two"}, "must be a whole number, not the text 'two'"),
    ("batch_norm", {"momentum": 1.5}, "less than or equal to 1"),
    ("gelu", {"approximate": "erf"}, "'none' or 'tanh'"),
]


@pytest.mark.parametrize(("key", "attributes", "message"), INVALID)
def test_invalid_attributes_are_refused(key: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make(key, **attributes)
    (error,) = caught.value.errors()
    assert message in error["msg"]


def test_embedding_refuses_what_is_not_in_its_table() -> None:
    op = make("embedding", num_embeddings=3, embedding_dim=2)
    for index in (-1, 3):
        with pytest.raises(IndexError, match="from 0 to 2"):
            op.reference(np.array([[index]]), weight=np.zeros((3, 2)))
