"""Rows of the table of tests: linear."""

from __future__ import annotations

from typing import Final

from .common import Table

TABLE: Final[Table] = {
    "linear": [
        ({"out_features": 5}, (7,)),
        ({"out_features": 7}, (7,)),  # square: a transposed weight fits
        ({"out_features": 5, "bias": False}, (3, 4, 7)),
        ({"out_features": 1}, (3, 1)),
    ],
    "bilinear": [
        ({"out_features": 5}, (7,), (3,)),
        ({"out_features": 4, "bias": False}, (4,), (4,)),
        ({"out_features": 3}, (2, 5, 7), (2, 5, 4)),
        ({"out_features": 1}, (1,), (1,)),
    ],
    "embedding": [
        ({"num_embeddings": 11, "embedding_dim": 4}, (5,), {"dtype": "int64", "below": 11}),
        ({"num_embeddings": 5, "embedding_dim": 1}, (3, 4), {"dtype": "int64", "below": 5}),
        ({"num_embeddings": 2, "embedding_dim": 3}, (), {"dtype": "int64", "below": 2}),
        ({"num_embeddings": 4, "embedding_dim": 3, "padding_index": 0}, (9,), {"dtype": "int64", "below": 4}),
        ({"num_embeddings": 3, "embedding_dim": 5, "padding_index": 2}, (4, 5), {"dtype": "int64", "below": 3}),
    ],
    "matmul": [
        ({}, (3, 4), (4, 5)),
        ({"transpose_b": True}, (3, 4, 6), (1, 5, 6)),
        ({"transpose_a": True}, (4, 3), (4, 5)),
        ({"transpose_a": True, "transpose_b": True}, (1, 4, 4), (3, 4, 4)),
    ],
    "einsum": [
        ({"equation": "bij,bjk->bik"}, (3, 4), (4, 5)),
        ({"equation": "bhid,bhjd->bhij"}, (2, 3, 4), (2, 5, 4)),
        ({"equation": "bchw->bwc"}, (2, 3, 4)),
        ({"equation": "Nab, Ncb, Ndc -> Nda"}, (2, 3), (4, 3), (5, 4)),
        ({"equation": "bi,bj->bij"}, (3,), (4,)),
        ({"equation": "bi,bi->b"}, (3,), (3,)),
    ],
}
