"""The references of attention: what sees what, borders of buckets, and what the operations refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archspec import ops
from archspec.errors import ShapeError


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def values(op: Any, *shapes: tuple[int, ...]) -> tuple[list[Any], dict[str, Any]]:
    rng = np.random.default_rng(7)
    inputs = [rng.standard_normal(shape) for shape in shapes]
    return inputs, {name: rng.standard_normal(p.shape) for name, p in op.parameters(*shapes).items()}


def test_heads_of_any_size_see_only_the_past() -> None:
    op = make("multi_head_attention", num_heads=2, head_dim=5, out_features=3, causal=True)
    (x,), weights = values(op, (1, 6, 4))
    whole = op.reference(x, **weights)
    assert whole.shape == (1, 6, 3)
    for time in range(1, 7):
        np.testing.assert_allclose(op.reference(x[:, :time], **weights), whole[:, :time], rtol=0, atol=1e-12)
    allowed = np.ones((1, 1, 1, 6), dtype=bool)
    np.testing.assert_array_equal(op.reference(x, x, x, allowed, **weights), whole)


def test_a_mask_must_not_hide_everything() -> None:
    op = make("scaled_dot_product_attention")
    (q, k, v), _ = values(op, (1, 1, 2, 3), (1, 1, 4, 3), (1, 1, 4, 3))
    mask = np.ones((1, 1, 2, 4), dtype=bool)
    mask[..., 1, :] = False
    for hidden in (mask, np.where(mask, 0.0, -np.inf)):
        with pytest.raises(ValueError, match="hides everything"):
            op.reference(q, k, v, hidden)


def test_edges_of_buckets_that_are_whole_numbers() -> None:
    op = make("bucketed_position_bias", num_buckets=6, max_distance=81, bidirectional=False)
    found = op.reference(np.zeros((1, 1, 101, 1)), weight=np.arange(6.0)[:, None])[0, 0, :, 0]
    assert [int(np.argmax(found == bucket)) for bucket in range(6)] == [0, 1, 2, 3, 9, 27]


HEADS = (2, 4, 5, 6)

IMPOSSIBLE: list[Any] = [
    ("scaled_dot_product_attention", {}, [HEADS, (2, 4, 7, 5), (2, 4, 7, 5)], "cannot attend with q [2, 4, 5, 6]"),
    ("scaled_dot_product_attention", {}, [HEADS, (2, 4, 7, 6), (2, 4, 8, 6)], "and v [2, 4, 8, 6]"),
    ("scaled_dot_product_attention", {}, [HEADS, (2, 3, 7, 6), (2, 3, 7, 6)], "the 3 heads of k and v must divide"),
    ("scaled_dot_product_attention", {}, [HEADS, HEADS, (2, 4, 5)], "needs an input with 4 axes"),
    ("scaled_dot_product_attention", {}, [HEADS, HEADS, HEADS, (2, 5, 5)], "needs a mask that broadcasts"),
    ("scaled_dot_product_attention", {}, [HEADS, HEADS, HEADS, (2, 4, 5, 3)], "cannot broadcast"),
    ("scaled_dot_product_attention", {}, [(2, 1, 5, 6)] * 3 + [(2, 4, 5, 5)], "needs a mask that broadcasts"),
    ("multi_head_attention", {"num_heads": 5}, [(2, 3, 12)], "num_heads (=5) must divide the 12 features"),
    ("multi_head_attention", {"num_heads": 3}, [(2, 3, 12), (2, 4, 9), (2, 5, 9)], "cannot attend with query"),
    ("multi_head_attention", {"num_heads": 3}, [HEADS], "needs an input with 3 axes"),
    ("multi_head_attention", {"num_heads": 3}, [(2, 3, 12)] * 3 + [(2, 2, 3, 3)], "cannot broadcast"),
    ("rotary_embedding", {}, [(2, 4, 5, 7)], "needs an even number of features, not 7"),
    ("sinusoidal_positions", {}, [(2, 5, 7)], "needs an even number of features, not 7"),
    ("learned_positions", {"max_length": 4}, [(2, 5, 6)], "max_length (=4) must not be less than"),
    ("relative_position_bias", {"window_size": [2, 3]}, [(2, 4, 6, 9)], "needs scores among the 6 pixels"),
    ("bucketed_position_bias", {"num_buckets": 7}, [HEADS], "num_buckets (=7) must be an even number of at least 4"),
    ("bucketed_position_bias", {"num_buckets": 1, "bidirectional": False}, [HEADS], "must be at least 2"),
    ("bucketed_position_bias", {"max_distance": 8}, [HEADS], "max_distance (=8) must be greater than the 8"),
]


@pytest.mark.parametrize(("key", "attributes", "shapes", "message"), IMPOSSIBLE)
def test_impossible_shapes_are_refused(key: str, attributes: Any, shapes: Any, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, **attributes).infer(*shapes)
    assert message in str(caught.value)
    assert caught.value.attribute is None or caught.value.attribute in ops.get(key).model_fields


def test_cost() -> None:
    attention = make("scaled_dot_product_attention")
    shapes = [(2, 4, 5, 6), (2, 4, 7, 6), (2, 4, 7, 3)]
    assert attention.cost(shapes, attention.infer(*shapes)) == 2 * 4 * 5 * 7 * (6 + 3)
    heads = make("multi_head_attention", num_heads=3)
    assert heads.cost([(2, 5, 12)], [(2, 5, 12)]) == 4 * (2 * 5 * 12 * 12) + 2 * (2 * 5 * 5 * 12)
