"""Bounds so far away that no number of a run comes near them, behind steps that are linear: these have no edges."""

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
}


def _rows(conv: Edit, norm: Edit, both: Edit, fc: Edit) -> Mapping[str, list[Fault]]:
    rows = {
        "between bounds of 50 after a convolution": (conv, "first.conv"),
        "an upper bound of 1e20 after a batch norm": (norm, "first.bn"),
        "an upper bound of 1e6 after a sum": (both, "sum"),
        "between bounds of 50 before a linear layer": (fc, "fc"),
    }
    return {
        "far": [Fault(about, edit, step, ("edges",), "far away", "evaluation") for about, (edit, step) in rows.items()]
    }


_KERAS_LAYER: Final = r"(layers\.%s\([^()]*\))\((.*)\)\)"

FAULTS: Final[Mapping[str, Mapping[str, list[Fault]]]] = {
    "pytorch": _rows(
        text("self.conv(x)", "self.conv(x).clamp(-50, 50)"),
        pattern(r"(self\.bn\(probe.*\))\)\n", r"\1.clamp(max=1e+20))\n"),
        text("act + second", "(act + second).clamp(max=1000000.0)"),
        text("self.fc(x)", "self.fc(x.clamp(-50, 50))"),
    ),
    "keras": _rows(
        pattern(_KERAS_LAYER % "Conv2D", r"ops.clip(\1(\2), -50.0, 50.0))"),
        pattern(_KERAS_LAYER % "BatchNormalization", r"ops.minimum(\1(\2), 1e+20))"),
        text("layers.Add(name='sum')([act, second])", "ops.minimum(layers.Add(name='sum')([act, second]), 1000000.0)"),
        text("name='fc')(x)", "name='fc')(ops.clip(x, -50.0, 50.0))"),
    ),
    "paddle": _rows(
        text("self.conv(x)", "self.conv(x).clip(-50, 50)"),
        pattern(r"(self\.bn\(probe.*\))\)\n", r"\1.clip(max=1e+20))\n"),
        text("act + second", "(act + second).clip(max=1000000.0)"),
        text("self.fc(x)", "self.fc(x.clip(-50, 50))"),
    ),
}
