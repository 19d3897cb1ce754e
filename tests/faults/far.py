"""Bounds so far away that no number of a run comes near them, behind steps that are linear, which have no edges, and
behind others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .fault import Edit, Fault, pattern, text

NETWORKS: Final = {
    "far": """
        archspec: 1
        name: Far
        inputs: {image: [4, 9, 7]}
        blocks:
          Narrow:
            layers:
              - {op: conv2d, name: conv, out_channels: 6, kernel_size: 3, padding: 1, bias: false}
              - {op: batch_norm, name: bn}
        layers:
          - {block: Narrow, name: first}
          - {op: relu, name: act}
          - {block: Narrow, name: second}
          - {op: add, name: sum, from: [act, second]}
          - {op: mean, name: mean, axis: [height, width]}
          - {op: linear, name: fc, out_features: 3}
        outputs: {logits: fc}
    """,
    "beside": """
        archspec: 1
        name: Beside
        inputs: {x: [6]}
        layers:
          - {op: linear, name: both, out_features: 5}
          - {op: relu, name: bent}
          - {op: linear, name: straight, from: both, out_features: 4}
          - {op: concat, from: [bent, straight]}
    """,
}


def _rows(conv: Edit, norm: Edit, both: Edit, fc: Edit, bent: Edit, straight: Edit) -> Mapping[str, list[Fault]]:
    far = {
        "between bounds of 50 after a convolution": (conv, "first.conv"),
        "an upper bound of 1e20 after a batch norm": (norm, "first.bn"),
        "an upper bound of 1e6 after a sum": (both, "sum"),
        "between bounds of 50 before a linear layer": (fc, "fc"),
    }
    beside = {
        "an upper bound of 1e20 after a rectifier": (bent, "bent"),
        "between bounds of 50 beside a rectifier": (straight, "straight"),
    }
    return {
        network: [Fault(about, edit, step, ("edges",), "far away") for about, (edit, step) in rows.items()]
        for network, rows in {"far": far, "beside": beside}.items()
    }


_KERAS_LAYER: Final = r"(layers\.%s\([^()]*\))\((.*)\)\)"

FAULTS: Final[Mapping[str, Mapping[str, list[Fault]]]] = {
    "pytorch": _rows(
        text("self.conv(x)", "self.conv(x).clamp(-50, 50)"),
        pattern(r"(self\.bn\(probe.*\))\)\n", r"\1.clamp(max=1e+20))\n"),
        text("act + second", "(act + second).clamp(max=1000000.0)"),
        text("self.fc(x)", "self.fc(x.clamp(-50, 50))"),
        text("F.relu(both)", "F.relu(both).clamp(max=1e+20)"),
        text("self.straight(both)", "self.straight(both).clamp(-50, 50)"),
    ),
    "keras": _rows(
        pattern(_KERAS_LAYER % "Conv2D", r"ops.clip(\1(\2), -50.0, 50.0))"),
        pattern(_KERAS_LAYER % "BatchNormalization", r"ops.minimum(\1(\2), 1e+20))"),
        text("layers.Add(name='sum')([act, second])", "ops.minimum(layers.Add(name='sum')([act, second]), 1000000.0)"),
        text("name='fc')(x)", "name='fc')(ops.clip(x, -50.0, 50.0))"),
        text("layers.ReLU(name='bent')(both)", "keras.ops.minimum(layers.ReLU(name='bent')(both), 1e+20)"),
        text("(both))\n    y", "(keras.ops.clip(both, -50.0, 50.0)))\n    y"),
    ),
    "paddle": _rows(
        text("self.conv(x)", "self.conv(x).clip(-50, 50)"),
        pattern(r"(self\.bn\(probe.*\))\)\n", r"\1.clip(max=1e+20))\n"),
        text("act + second", "(act + second).clip(max=1000000.0)"),
        text("self.fc(x)", "self.fc(x.clip(-50, 50))"),
        text("F.relu(both)", "F.relu(both).clip(max=1e+20)"),
        text("self.straight(both)", "self.straight(both).clip(-50, 50)"),
    ),
}
