"""The references of matrix products: loops in plain Python, and what the operations refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError
from archspec.model import Spec


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def test_a_frozen_row_is_used_as_it_is() -> None:
    op = make("embedding", num_embeddings=3, embedding_dim=2, padding_index=1)
    weight = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(op.reference(np.array([[1, 2]]), weight=weight), [[[2, 3], [4, 5]]])
    assert op.parameters((1, 2))["weight"].frozen == 1


def test_einsum_equals_loops() -> None:
    op = make("einsum", equation="bik, bjk, bj -> bji")
    rng = np.random.default_rng(7)
    x, y, z = (rng.standard_normal(shape) for shape in ((2, 3, 4), (2, 5, 4), (2, 5)))
    wanted = [[[sum(x[b, i, k] * y[b, j, k] * z[b, j] for k in range(4)) for i in range(3)] for j in range(5)]
              for b in range(2)]  # fmt: skip
    assert op.accepts() == (3, 3)
    assert op.infer(x.shape, y.shape, z.shape) == ((2, 5, 3),)
    np.testing.assert_allclose(op.reference(x, y, z), wanted, rtol=0, atol=1e-13)
    # First all three axes i, j and k meet, and k is summed; then i and j remain.
    assert op.cost([x.shape, y.shape, z.shape], [(2, 5, 3)]) == 2 * 3 * 4 * 5 + 2 * 5 * 3


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        ("bij,bjk", "must be letters for the axes"),
        ("bij->", "must be letters for the axes"),
        ("b...i->bi", "must be letters for the axes"),
        ("bij,,bjk->bik", "must be letters for the axes"),
        ("bi->bi\n", "must be letters for the axes"),
        (3, "must be letters for the axes, as in bij,bjk->bik, not 3"),
        ("bij,jk->bik", "must begin with the batch axis everywhere"),
        ("bij->ji", "must begin with the batch axis everywhere"),
        ("bib->bi", "must begin with the batch axis everywhere"),
        ("bij->bk", "must not have 'k' in the output alone"),
        ("bii->bi", "must not name an axis of 'bii' twice"),
        ("bi->bii", "must not name an axis of 'bii' twice"),
    ],
)
def test_invalid_equations_are_refused(equation: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make("einsum", equation=equation)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "attributes", "shapes", "message"),
    [
        ("bilinear", {"out_features": 3}, [(2, 5, 6), (2, 4, 6)], "differ in their features alone"),
        ("bilinear", {"out_features": 3}, [(2,), (2,)], "differ in their features alone"),
        ("einsum", {"equation": "bij,bjk->bik"}, [(2, 3, 4), (2, 5, 6)], "'j' is 4 in one place and 5 in another"),
        ("einsum", {"equation": "bij,bjk->bik"}, [(2, 3, 4), (2, 4)], "'bjk' names 3 axes"),
        ("embedding", {"num_embeddings": 3, "embedding_dim": 1, "padding_index": 3}, [(2, 4)], "must be less than"),
    ],
)
def test_impossible_shapes_are_refused(key: str, attributes: Any, shapes: Any, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, **attributes).infer(*shapes)
    assert message in str(caught.value)
    assert caught.value.attribute is None or caught.value.attribute in ops.get(key).model_fields


def test_equations_stand_in_specs_without_more_quotes() -> None:
    text = """
archspec: 1
name: Product
inputs: {a: [3, 4], b: [4, 5]}
layers:
  - {op: einsum, equation: "bij,bjk->bki", from: [a, b]}
"""
    (output,) = Spec.parse(text).network().graph.outputs.values()
    assert output.shape[1:] == (5, 3)
