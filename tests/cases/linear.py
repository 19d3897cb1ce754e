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
    "embedding": [
        ({"num_embeddings": 11, "embedding_dim": 4}, (5,), {"dtype": "int64", "below": 11}),
        ({"num_embeddings": 5, "embedding_dim": 1}, (3, 4), {"dtype": "int64", "below": 5}),
        ({"num_embeddings": 2, "embedding_dim": 3}, (), {"dtype": "int64", "below": 2}),
    ],
    "matmul": [
        ({}, (3, 4), (4, 5)),
        ({"transpose_b": True}, (3, 4, 6), (1, 5, 6)),
        ({"transpose_a": True}, (4, 3), (4, 5)),
        ({"transpose_a": True, "transpose_b": True}, (1, 4, 4), (3, 4, 4)),
    ],
}
