"""Writes down what other people's models say of places in a sequence: `python -m tests.operation_judges.record`.

It needs transformers, which is not among the things that the tests install: it is asked once, not in every run. All is
computed by its own code, in float64, where that code says `torch.float`.
"""

from __future__ import annotations

import json
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import torch

from .recorded import FARTHEST, PATH

ANGLES: Final = ((2, 17.5), (2, 33.0), (6, 0.7), (6, 500000.0), (8, 10000.0), (10, 10000.0))
"""Features and base."""
BUCKETS: Final = ((32, 128, True), (32, 128, False), (12, 81, True), (7, 20, False), (4, 2, True), (16, 128, False))
"""Number, greatest distance, and whether both sides have buckets of their own."""
WINDOWS: Final = ((3, 3), (2, 5), (5, 2), (4, 1), (1, 1))
TABLE: Final = (7, 10)


def model(name: str) -> Any:
    return import_module(f"transformers.models.{name}.modeling_{name}")


def frequencies(features: int, base: float) -> list[float]:
    config = SimpleNamespace(rope_parameters={"rope_theta": base}, head_dim=features)
    found, _ = model("llama").LlamaRotaryEmbedding.compute_default_rope_parameters(config)
    return [float(f) for f in found]


def buckets(count: int, farthest: int, both: bool) -> list[int]:
    """Of a source, minus the place that looks at it."""
    distances = torch.arange(-FARTHEST, FARTHEST + 1)
    found = model("t5").T5Attention._relative_position_bucket(distances, both, count, farthest)
    return [int(bucket) for bucket in found]


def window(size: tuple[int, int]) -> list[list[int]]:
    layer = model("swin").SwinRelativePositionBias(1, size)
    return [[int(i) for i in row] for row in layer.relative_position_index.reshape(size[0] * size[1], -1)]


def sinusoids() -> dict[str, Any]:
    interleaved = torch.empty(*TABLE, dtype=torch.float64)
    model("distilbert").create_sinusoidal_embeddings(*TABLE, interleaved)
    halves = model("pegasus").PegasusSinusoidalPositionalEmbedding(*TABLE).double()
    return {"interleaved": interleaved.tolist(), "halves": halves.create_weight().tolist()}


def main() -> None:
    with patch.object(torch, "float", torch.float64), patch.object(torch, "FloatTensor", torch.DoubleTensor):
        found = {
            "by": f"transformers {import_module('transformers').__version__}",
            "frequencies": {f"{features},{base:g}": frequencies(features, base) for features, base in ANGLES},
            "sinusoids": sinusoids(),
            "windows": {f"{height},{width}": window((height, width)) for height, width in WINDOWS},
            "buckets": {",".join(map(str, each)): buckets(*each) for each in BUCKETS},
        }
    PATH.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
