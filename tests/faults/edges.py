"""Faults that only show at the edges of operations: bounds that hardly any drawn number meets, ties, what is large."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .fault import Fault, pattern, text

KIND: Final = "at an edge"
EDGES: Final = ("edges",)

NETWORKS: Final = {
    "edges": """
        archspec: 1
        name: Edges
        inputs: {image: [4, 9, 7], token: {shape: [6], dtype: int64, below: 8}}
        blocks:
          Act:
            layers:
              - {op: relu6, name: act}
        layers:
          - {op: conv2d, name: conv, from: image, out_channels: 5, kernel_size: 3}
          - {name: body, layers: [relu6, {op: conv2d, out_channels: 4, kernel_size: 1}]}
          - {block: Act, name: block}
          - {op: max_pool2d, name: pool, kernel_size: 3, stride: 2, padding: 1}
          - {op: conv2d, name: conv2, out_channels: 4, kernel_size: 1}
          - {op: max_pool2d, name: pool2, kernel_size: 3, stride: 2, padding: 1}
          - {op: flatten, name: flat}
          - {op: softmax, name: soft}
          - {op: log, name: logs}
          - {op: embedding, name: embed, from: token, num_embeddings: 8, embedding_dim: 3, padding_index: 6}
          - {op: flatten, name: words}
          - {op: concat, from: [logs, words]}
    """,
}

FAULTS: Final[Mapping[str, Mapping[str, list[Fault]]]] = {
    "pytorch": {
        "edges": [
            Fault("relu6 up to 5.5", text("F.relu6(x)", "F.hardtanh(x, 0.0, 5.5)"), "block.act", EDGES, KIND),
            Fault("another bound inside a container",
                  text("nn.ReLU6(inplace=True)", "nn.Hardtanh(0.0, 7.0)"), "body.0", EDGES, KIND),
            Fault("-1e4 for minus infinity", text("'pool2', F.max_pool2d(x, kernel_size=3, stride=2, padding=1)",
                  "'pool2', F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-10000.0), 3, 2)"), "pool2", EDGES, KIND),
            Fault("a softmax that overflows",
                  pattern(r"F.softmax\((.*), dim=1\)\)", r"(lambda e: e / e.sum(1, True))(\1.exp()))"),
                  "soft", EDGES, KIND),
            Fault("a logarithm that is cut off",
                  text("torch.log(x)", "torch.log(x.clamp(1e-12))"), "logs", EDGES, KIND),
            Fault("the last row for the first", text("self.embed(token)",
                  "self.embed(token.where(token < 7, 0))"), "embed", EDGES, KIND),
        ],
    },
    "keras": {
        "edges": [
            Fault("relu6 up to 5.5", text("layers.ReLU(6.0, name=f'{name}_act')",
                  "layers.ReLU(5.5, name=f'{name}_act')"),
                  "block.act", EDGES, KIND),
            Fault("zeros for minus infinity", text("float('-inf')", "-10000.0"), "pool2", EDGES, KIND),
            Fault("a logarithm that is cut off",
                  text("ops.log(x)", "ops.log(ops.maximum(x, 1e-12))"), "logs", EDGES, KIND),
        ],
    },
    "paddle": {
        "edges": [
            Fault("relu6 up to 5.5", text("F.relu6(x)", "F.hardtanh(x, 0.0, 5.5)"), "block.act", EDGES, KIND),
            Fault("another bound inside a container",
                  text("nn.ReLU6()", "nn.Hardtanh(0.0, 7.0)"), "body.0", EDGES, KIND),
            Fault("a logarithm that is cut off",
                  text("paddle.log(x)", "paddle.log(x.clip(1e-12))"), "logs", EDGES, KIND),
        ],
    },
}  # fmt: skip
