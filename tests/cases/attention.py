"""Rows of the table of tests: attention."""

from __future__ import annotations

from typing import Any, Final

from .common import Table

BOOL: Final[dict[str, Any]] = {"dtype": ("float", "float", "float", "bool")}
Q, K, V = (4, 5, 6), (4, 7, 6), (4, 7, 3)
SHARED_K, SHARED_V = (2, 7, 6), (2, 7, 3)
SEQUENCE: Final = (5, 12)

TABLE: Final[Table] = {
    "scaled_dot_product_attention": [
        ({}, Q, K, V),
        ({"causal": True}, Q, K, V),  # top left, not bottom right
        ({"causal": True, "scale": 0.3}, (3, 7, 4), (3, 7, 4), (3, 7, 4)),
        ({"scale": 1.7}, Q, SHARED_K, SHARED_V),
        ({"causal": True}, (6, 9, 2), (3, 4, 2), (3, 4, 5)),
        ({}, Q, K, V, (4, 5, 7)),
        ({"scale": 0.9}, Q, SHARED_K, SHARED_V, (1, 1, 7)),
        ({"causal": True}, Q, SHARED_K, SHARED_V, (1, 5, 7)),
        ({}, (2, 3, 6), (2, 8, 6), (2, 8, 5), (2, 3, 8), BOOL),
        ({"scale": 0.6}, (4, 3, 6), (1, 9, 6), (1, 9, 5), (1, 1, 9), BOOL),
        ({"causal": True}, Q, K, V, (1, 5, 7), BOOL),
        ({}, (2, 5, 6), (2, 7, 6), (2, 7, 6)),
        ({"causal": True}, (2, 6, 3), (2, 6, 3), (2, 6, 3)),
        ({}, (1, 1, 1), (1, 1, 1), (1, 1, 1)),
        ({"window": 3}, Q, K, V),
        ({"window": 2, "causal": True}, (3, 7, 4), (3, 7, 4), (3, 7, 4), (1, 7, 7)),
        ({"alibi": True, "causal": True}, (8, 9, 6), (2, 9, 6), (2, 9, 6)),
        ({"alibi": True, "window": 4, "scale": 0.3, "dropout": 0.2}, (6, 5, 6), (6, 7, 6), (6, 7, 3), (1, 5, 7)),
        ({"dropout": 0.1, "causal": True}, Q, K, V),
    ],
    "multi_head_attention": [
        ({"num_heads": 3}, SEQUENCE),
        ({"num_heads": 4, "bias": False}, SEQUENCE),
        ({"num_heads": 3, "causal": True}, SEQUENCE),
        ({"num_heads": 2, "head_dim": 5, "out_features": 7}, SEQUENCE),
        ({"num_heads": 5, "head_dim": 4, "bias": False, "causal": True}, SEQUENCE, (3, 12)),
        ({"num_heads": 3}, SEQUENCE, (7, 12)),
        ({"num_heads": 2}, SEQUENCE, (7, 10)),
        ({"num_heads": 4}, SEQUENCE, (7, 12), (7, 12)),
        ({"num_heads": 3}, SEQUENCE, (7, 10), (7, 9)),
        ({"num_heads": 6, "bias": False, "out_features": 5}, SEQUENCE, (4, 11), (4, 12)),
        ({"num_heads": 3}, SEQUENCE, SEQUENCE, SEQUENCE, (3, 5, 5)),
        ({"num_heads": 2, "causal": True}, SEQUENCE, SEQUENCE, SEQUENCE, (1, 5, 5)),
        ({"num_heads": 2, "bias": False}, SEQUENCE, (7, 8), (7, 9), (1, 1, 7)),
        ({"num_heads": 2, "head_dim": 16}, (3, 8), (9, 8), (9, 8), (2, 3, 9), BOOL),
        ({"num_heads": 3}, (4, 12), (6, 12), (6, 6), (1, 1, 6), BOOL),
        ({"num_heads": 3, "causal": True}, SEQUENCE, SEQUENCE, SEQUENCE, (3, 5, 5), BOOL),
        ({"num_heads": 1}, (1, 1)),
        ({"num_heads": 3, "dropout": 0.1}, SEQUENCE),
        ({"num_heads": 3, "causal": True, "dropout": 0.3}, SEQUENCE),
        ({"num_heads": 3, "bias": ["q", "v", "out"]}, SEQUENCE),
        ({"num_heads": 2, "bias": ["v", "q"], "dropout": 0.25}, SEQUENCE, (7, 10)),
    ],
    "rotary_embedding": [
        ({}, (3, 7, 10)),
        ({"style": "interleaved"}, (3, 7, 10)),
        ({"base": 500000.0}, (1, 300, 6)),
        ({"base": 17.5, "style": "interleaved"}, (2, 1, 2)),
        ({}, (2, 1, 10), (1,), {"dtype": ("float", "int64"), "below": 300}),
        ({"style": "interleaved"}, (3, 7, 10), (7,), {"dtype": ("float", "int64"), "below": 7}),
    ],
    "sinusoidal_positions": [
        ({}, (7, 10)),
        ({"layout": "halves"}, (7, 10)),
        ({"base": 33.0}, (300, 2)),
        ({"base": 0.7, "layout": "halves"}, (1, 6)),
    ],
    "learned_positions": [
        ({}, (7, 5)),
        ({"max_length": 11}, (7, 5)),
        ({"max_length": 1}, (1, 1)),
    ],
    "relative_position_bias": [
        ({"window_size": 3}, (2, 9, 9)),
        ({"window_size": [2, 5]}, (3, 10, 10)),
        ({"window_size": [5, 2]}, (3, 10, 10)),
        ({"window_size": [4, 1]}, (6, 2, 4, 4)),
        ({"window_size": 1}, (1, 1, 1)),
    ],
    "bucketed_position_bias": [
        ({}, (3, 5, 7)),
        ({"bidirectional": False}, (2, 150, 140)),
        ({"num_buckets": 12, "max_distance": 81}, (2, 90, 100)),  # the borders 9, 27 and 81 are whole numbers
        ({"num_buckets": 7, "max_distance": 20, "bidirectional": False}, (1, 31, 4)),
        ({"num_buckets": 4, "max_distance": 2}, (2, 1, 6)),
    ],
}
