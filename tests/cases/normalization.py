"""Rows of the table of tests: normalization."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, LINE, VOLUME, Table

TABLE: Final[Table] = {
    "batch_norm": [
        ({}, IMAGE),
        ({"epsilon": 0.001, "momentum": 0.01}, (5,)),
        ({"affine": False}, LINE),
        ({"epsilon": 0.3}, VOLUME),
        ({"affine": False, "epsilon": 1.0}, (1, 1, 1)),
    ],
    "layer_norm": [
        ({}, (5, 7)),
        ({"epsilon": 0.001, "affine": False}, (5, 7)),
        ({"epsilon": 0.1}, (5, 7)),
        ({"epsilon": 2, "affine": False}, LINE),
        ({"axis": ["height", "width"], "epsilon": 0.3}, IMAGE),
        ({"axis": "channels", "epsilon": 0.01}, IMAGE),
        ({"axis": "channels"}, IMAGE),
        ({"axis": ["channels", "height", "width"], "epsilon": 1e-6}, IMAGE),
        ({"axis": [-2, -1]}, IMAGE),
        ({"axis": "height", "affine": False}, IMAGE),
        ({}, (6,)),
        ({"bias": False}, (5, 7)),
        ({"axis": "channels", "bias": False}, IMAGE),
        ({"axis": ["height", "width"], "bias": False, "epsilon": 0.1}, IMAGE),
    ],
    "rms_norm": [
        ({}, (5, 7)),
        ({"epsilon": 0.3, "affine": False}, (5, 7)),
        ({"axis": "channels"}, IMAGE),
        ({"axis": ["channels", "height", "width"], "epsilon": 1e-5}, IMAGE),
        ({"axis": [-2, -1]}, IMAGE),
        ({"axis": [-2, -1], "affine": False}, IMAGE),
        ({"axis": "height"}, IMAGE),
        ({"axis": "time", "epsilon": 0.1}, LINE),
        ({"axis": "depth", "affine": False}, VOLUME),
        ({}, (6,)),
        ({"axis": "channels"}, (1, 3, 2)),
    ],
    "l2_normalize": [
        ({}, (7,)),
        ({"axis": "channels"}, IMAGE),
        ({"axis": "height", "epsilon": 2.5}, IMAGE),
        ({"axis": 1, "epsilon": 0.1}, LINE),
        ({"axis": "channels"}, (1, 3, 5), {"values": "wide"}),  # a norm of zero
        ({"axis": -2}, VOLUME),
        ({"epsilon": 1e-18}, (5, 4)),
    ],
    "group_norm": [
        ({"num_groups": 2}, IMAGE),
        ({"num_groups": 6, "epsilon": 0.01}, LINE),
        ({"num_groups": 1, "affine": False}, VOLUME),
        ({"num_groups": 3}, (15,)),
        ({"num_groups": 3, "affine": False}, (3, 1, 5)),
    ],
    "instance_norm": [
        ({}, IMAGE),
        ({"affine": True, "epsilon": 0.01}, LINE),
        ({"affine": True}, IMAGE),
        ({"epsilon": 0.5}, VOLUME),
        ({}, LINE),
    ],
    "local_response_norm": [
        ({"size": 5}, IMAGE),
        ({"size": 4, "alpha": 0.5, "beta": 0.6, "k": 2.0}, IMAGE),
        ({"size": 3, "alpha": 1.0}, LINE),
        ({"size": 2, "alpha": 0.7, "k": 0.5}, VOLUME),
        ({"size": 9, "alpha": 2.0, "beta": 0.5}, (3, 5, 2)),
        ({"size": 1, "alpha": 0.1}, IMAGE),
    ],
}
