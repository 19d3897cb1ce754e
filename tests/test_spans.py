"""How small and large whole numbers may be: what is said of each operation, against its reference."""

from __future__ import annotations

from math import inf
from typing import Any, Final

import numpy as np
import pytest

from archspec import ops
from archspec.ops.spans import TRUTH, Span, computed, together

SHAPE: Final = (2, 4, 3)
LOW, HIGH = -2, 5
CASES: Final[list[tuple[str, dict[str, Any]]]] = [
    ("abs", {}), ("neg", {}), ("sign", {}), ("square", {}),
    ("clip", {"minimum": 0}), ("clip", {"maximum": 3}), ("clip", {"minimum": -1, "maximum": 2}),
    ("add", {"value": 3}), ("subtract", {"value": 3}), ("multiply", {"value": -2}), ("maximum", {"value": 0}),
    ("minimum", {"value": 0}),
    ("flatten", {}), ("reshape", {"shape": [-1]}), ("unsqueeze", {"axis": 1}), ("permute", {"axes": [2, 1]}),
    ("tile", {"repeats": [1, 2]}), ("roll", {"axis": 1, "shifts": 1}), ("flip", {"axis": 1}),
    ("split", {"axis": 1, "sections": 2}), ("chunk", {"axis": 1, "chunks": 2}), ("slice", {"axis": 1, "end": 2}),
    ("index_select", {"axis": 1, "indices": [3, 0]}), ("cast", {"dtype": "int64"}),
    ("argmax", {"axis": 1}), ("argmin", {"axis": 2}), ("topk", {"axis": 1, "k": 2}),
    ("sort", {"axis": 1}), ("argsort", {"axis": 1}), ("unbind", {"axis": 1}),
    ("repeat_interleave", {"axis": 2, "repeats": 2}), ("merge_batch", {}), ("split_batch", {"axis": 2}),
]  # fmt: skip
"""Of one input, of whole numbers where the operation takes them."""


def drawn(low: int, high: int) -> list[np.ndarray[Any, Any]]:
    random = np.random.default_rng(0)
    return [np.full(SHAPE, low), np.full(SHAPE, high), *random.integers(low, high + 1, (200, *SHAPE))]


@pytest.mark.parametrize(("key", "attributes"), CASES, ids=str)
def test_both_ends_are_met_and_nothing_is_beyond(key: str, attributes: dict[str, Any]) -> None:
    op = ops.get(key).model_validate(attributes)
    floats = "int64" not in op.takes
    span = op.span([None if floats else Span(LOW, HIGH)], [SHAPE])
    assert span is not None
    found = []
    for array in drawn(LOW, HIGH):
        result: Any = op.reference(array.astype(float) if floats else array)
        found += [y for y in (result if isinstance(result, tuple) else (result,)) if y.dtype == np.int64]
    assert (min(y.min() for y in found), max(y.max() for y in found)) == (span.low, span.high)


def test_every_operation_that_gives_what_it_takes_is_here_or_says_nothing() -> None:
    """An operation of whole numbers that nobody thought of has no span, or is one that only moves them."""
    silent = {"mod", "where", "squeeze", "expand", "concat", "stack", "gather", "gather_rows", "equal", "not_equal",
              "less", "less_equal", "greater", "greater_equal"}  # fmt: skip
    found = {key for key in ops.names() if "int64" in {*ops.get(key).takes, *sum(ops.get(key).takes_each, ())}}
    assert found - silent - {key for key, _ in CASES} == {
        "embedding", "expand_batch", "rotary_embedding", "one_hot", "max_unpool1d", "max_unpool2d", "max_unpool3d",
        "range", "scatter", "scatter_add", "scatter_add_rows",
    }  # fmt: skip


def test_a_range_has_the_ends_that_it_counts_to() -> None:
    span = ops.get("range").model_validate({"start": 5, "stop": -2, "step": -2}).span([], [])
    assert span == Span(-1, 5, True, False)
    places = ops.get("range").model_validate({"axis": 1})
    assert places.span([None], [(2, 7)]) == Span(0, 6, True, False)
    open_size: Any = inf
    assert places.span([None], [(2, open_size)]) == Span(0, inf, True, False)


def test_what_is_not_known_is_not_guessed() -> None:
    any_of, other = Span(0, 9), Span(0, 99)
    table = Span(0, 5, fixed=True, even=False)
    assert computed(min, [any_of, None]) is None
    assert computed(lambda a, b: a - b, [any_of, any_of]) is None, "x - x is 0"
    assert computed(lambda a, b: a + b, [table, table]) is None, "[0, 5] + [5, 0] is 5"
    assert computed(lambda a, b: a + b, [any_of, table]) == Span(0, 14, even=False)
    assert together([None, None]) is None
    assert together([any_of, None]) == Span(0, 9, even=False)
    assert together([any_of, other]) == Span(0, 99, even=False)
    for key, attributes in [("slice", {"axis": 1, "end": 1}), ("split", {"sections": 2})]:
        assert ops.get(key).model_validate(attributes).span([table], [SHAPE]) is None, "one part may be small"
    assert ops.get("mod").model_validate({"value": 3}).span([any_of], [SHAPE]) is None
    assert ops.get("cast").model_validate({"dtype": "int64"}).span([TRUTH], [SHAPE]) == TRUTH
    assert ops.get("constant").model_validate({"value": [3, 1], "dtype": "int64"}).span([], []) == Span(
        1, 3, True, False
    )
