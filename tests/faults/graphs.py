"""Faults that only show where a model runs as one graph, as Keras' do when they are trained, served or exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .fault import Fault, text

KIND: Final = "as a graph"

NETWORKS: Final = {
    "graphs": """
        archspec: 1
        name: Graphs
        inputs: {image: [3, 4, 5]}
        layers:
          - {op: conv2d, name: conv, out_channels: 6, kernel_size: 1, bias: false}
          - {op: constant, name: rows, shape: [1, 4, 1], value: 0.5}
          - {op: add, name: sum, from: [conv, rows]}
          - {op: tanh, name: bent}
          - {op: constant, name: column, shape: [1, 4, 1], value: 0.25}
          - {op: conv2d, name: wide, from: image, out_channels: 7, kernel_size: 1}
          - {op: add, name: beside, from: [column, wide]}
          - {op: global_avg_pool2d, name: pool, from: bent}
        outputs: {pool: pool, beside: beside}
    """,
}

_ROWS: Final = "ops.transpose(rows, (0, 2, 3, 1))"
_COLUMN: Final = "ops.transpose(column, (0, 2, 3, 1))"

FAULTS: Final[Mapping[str, Mapping[str, list[Fault]]]] = {
    "pytorch": {"graphs": []},
    "keras": {
        "graphs": [
            Fault("a sum that becomes a bias of the wrong axis", text(f"ops.repeat({_ROWS}, 6, axis=-1)", _ROWS),
                  "sum", ("float32",), KIND),
            Fault("a constant that is added before the bias", text(f"ops.repeat({_COLUMN}, 7, axis=-1)", _COLUMN),
                  "beside", ("float32",), KIND),
            Fault("another constant in graphs", text("self.value, dtype", "self.value if hasattr(x, 'numpy') else "
                  "-self.value, dtype"), "rows", ("float32",), KIND),
        ],
    },
    "paddle": {"graphs": []},
}  # fmt: skip
