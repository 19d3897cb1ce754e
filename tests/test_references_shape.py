"""The references of what joins, cuts and arranges tensors: chunks of all sizes, and what the operations refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ArchspecError, ShapeError
from archspec.expressions import Dim, Name, expr_of
from archspec.model import Spec

IMAGE = (2, 6, 9, 7)


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


@pytest.mark.parametrize("chunks", range(1, 8))
def test_chunks_are_those_of_pytorch(chunks: int) -> None:
    op = make("chunk", chunks=chunks)
    for size in range(1, 13):
        x = np.arange(2 * size).reshape(2, size)
        wanted = torch.from_numpy(x).chunk(chunks, 1)
        assert op.infer(x.shape) == tuple(tuple(piece.shape) for piece in wanted)
        for found, piece in zip(op.reference(x), wanted, strict=True):
            np.testing.assert_array_equal(found, piece)


def test_gather_undoes_a_permutation() -> None:
    random = np.random.default_rng(5)
    x = random.standard_normal((3, 10))
    order = np.argsort(random.standard_normal((3, 10)), 1)
    op = make("gather", axis=1)
    np.testing.assert_array_equal(op.reference(op.reference(x, order), np.argsort(order, 1)), x)


def test_kinds_of_numbers() -> None:
    x = np.array([-1.7, -0.2, 0.0, 0.2, 1.7, 1e9])
    assert make("cast", dtype="int64").reference(x).tolist() == [-1, 0, 0, 0, 1, 10**9]
    assert make("cast", dtype="bool").reference(x).tolist() == [True, True, False, True, True, True]
    assert make("cast", dtype="float").reference(x > 0).tolist() == [0, 0, 0, 1, 1, 1]
    assert make("cast", dtype="float").reference(x.astype(np.float32)).dtype == np.float32
    beyond = np.array([np.nan, np.inf, -np.inf, 2.0**63, -(2.0**62), 0.5])
    assert make("cast", dtype="int64").undefined(beyond)[0].tolist() == [True, True, True, True, False, False]
    assert make("cast", dtype="bool").undefined(beyond) == ()
    labels = np.array([[2, 0], [1, 2]])
    np.testing.assert_array_equal(make("one_hot", num_classes=4).reference(labels), np.eye(4)[labels])


C, H = Dim(8, Name("c")), Dim(10, Name("h"))


@pytest.mark.parametrize(
    ("key", "attributes", "shapes", "wanted"),
    [
        ("stack", {"axis": 2}, [(2, C, H)] * 3, ["2", "c", "3", "h"]),
        ("chunk", {"chunks": 2}, [(2, C, H)], ["2", "c // 2", "h"]),
        ("index_select", {"axis": 1, "indices": [0, 7]}, [(2, C, H)], ["2", "2", "h"]),
        ("gather", {"axis": 2}, [(2, C, H), (2, C, 3)], ["2", "c", "3"]),
        ("squeeze", {"axis": 2}, [(2, C, 1, H)], ["2", "c", "h"]),
        ("unsqueeze", {"axis": [1, -1]}, [(2, C, H)], ["2", "1", "c", "h", "1"]),
        ("expand", {"shape": [-1, H]}, [(2, C, 1)], ["2", "c", "h"]),
        ("tile", {"repeats": [2, 1]}, [(2, C, H)], ["2", "2 * c", "h"]),
        ("roll", {"shifts": 1, "axis": 1}, [(2, C, H)], ["2", "c", "h"]),
        ("one_hot", {"num_classes": C}, [(2, H)], ["2", "h", "c"]),
    ],
)
def test_sizes_keep_their_expressions(
    key: str, attributes: dict[str, Any], shapes: list[tuple[int, ...]], wanted: list[str]
) -> None:
    assert [str(expr_of(size)) for size in make(key, **attributes).infer(*shapes)[0]] == wanted


@pytest.mark.parametrize(
    ("key", "attributes", "shapes", "message"),
    [
        ("stack", {}, [IMAGE, (2, 6, 9, 1)], "cannot stack inputs of shapes [2, 6, 9, 7] and [2, 6, 9, 1]"),
        ("stack", {"axis": 5}, [IMAGE, IMAGE], "axis 5 is out of range for an output with 5 axes"),
        ("stack", {"axis": 0}, [IMAGE, IMAGE], "axis (=0) must not be the batch axis"),
        ("chunk", {"chunks": 2, "axis": "batch"}, [IMAGE], "must not be the batch axis"),
        ("index_select", {"axis": 1, "indices": [0, 6]}, [IMAGE], "indices (=[0, 6]) must be smaller than 6"),
        ("gather", {"axis": 1}, [IMAGE, (2, 6, 9)], "cannot gather from [2, 6, 9, 7] by indices [2, 6, 9]"),
        ("gather", {"axis": 1}, [IMAGE, (2, 6, 9, 1)], "cannot gather"),
        ("squeeze", {"axis": ["height"]}, [IMAGE], "axis (=[height]) must have size 1, unlike axis 2 of [2, 6, 9, 7]"),
        ("squeeze", {"axis": 0}, [(1, 3)], "must not be the batch axis"),
        ("unsqueeze", {"axis": [1, 1]}, [IMAGE], "must not name an axis twice"),
        ("unsqueeze", {"axis": "height"}, [(2, 3)], "an output with 3 axes has no axis 'height'"),
        ("expand", {"shape": [6, 9, 8]}, [IMAGE], "shape (=[6, 9, 8]) cannot be had from [2, 6, 9, 7]"),
        ("expand", {"shape": [2, 6]}, [(1, 6)], "shape (=[2, 6]) cannot be had"),
        ("tile", {"repeats": [2]}, [IMAGE], "repeats (=[2]) must have a number for each of the 3 axes"),
        ("roll", {"shifts": 1, "axis": [1, -3]}, [IMAGE], "must not name an axis twice"),
        ("flip", {"axis": 4}, [IMAGE], "axis 4 is out of range for an input with 4 axes"),
        ("pad", {"padding": [8], "mode": "circular"}, [IMAGE], "padding (=8) must not be larger than the axis"),
        ("pad", {"padding": [1, 1, 1, 1], "mode": "circular"}, [IMAGE], "padding has 4 pairs"),
    ],
)
def test_impossible_shapes_are_refused(
    key: str, attributes: dict[str, Any], shapes: list[tuple[int, ...]], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, **attributes).infer(*shapes)
    assert message in str(caught.value)
    assert caught.value.attribute is None or caught.value.attribute in ops.get(key).model_fields


@pytest.mark.parametrize(
    ("key", "attributes", "message"),
    [
        ("chunk", {"chunks": 0}, "must be at least 1, not 0"),
        ("index_select", {"axis": 1, "indices": []}, "must be a list, not an empty one"),
        ("index_select", {"axis": 1, "indices": [-1]}, "must be whole numbers from 0, not -1"),
        ("expand", {"shape": [0, -1]}, "must be whole numbers from 1, not 0"),
        ("expand", {"shape": 3}, "must be a list, not 3"),
        ("tile", {"repeats": [2, 0.5]}, "must be whole numbers from 1, not 0.5"),
        ("roll", {"shifts": [1, 2], "axis": 1}, "shifts must be one number, or one for each of the 1 axes, not 2"),
        ("roll", {"shifts": 0.5, "axis": 1}, "must be a whole number"),
        ("cast", {"dtype": "float16"}, "'float', 'int64' or 'bool'"),
    ],
)
def test_invalid_attributes_are_refused(key: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make(key, **attributes)
    assert message in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize("index", [-1, 3])
def test_places_that_are_not_there_are_refused(index: int) -> None:
    with pytest.raises(IndexError, match="from 0 to 2"):
        make("gather", axis=1).reference(np.zeros((1, 3)), np.array([[index]]))
    with pytest.raises(IndexError, match="from 0 to 2"):
        make("one_hot", num_classes=3).reference(np.array([[index]]))


@pytest.mark.parametrize("key", ["concat", "stack"])
def test_joined_inputs_are_of_one_kind(key: str) -> None:
    text = f"""
archspec: 1
name: Mixed
inputs:
  x: [3]
  ids: {{shape: [3], dtype: int64, below: 5}}
layers:
  - {{op: {key}, from: [x, ids]}}
"""
    with pytest.raises(ArchspecError, match=f"{key}.*: cannot join float and int64 numbers"):
        _ = Spec.parse(text).network().graph
