"""Who judges how sequences tell places apart: numbers of other people's models, which `record.py` wrote down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch

from .common import Attributes, each, onnx

PATH: Final = Path(__file__).parent / "recorded.json"
RECORDED: Final[dict[str, Any]] = json.loads(PATH.read_text()) if PATH.is_file() else {}
FARTHEST: Final = 150
"""Buckets are written down for distances of -150 to 150."""


def angles(time: int, features: int, base: float) -> Any:
    """The angles of LLaMA at each place, from its frequencies."""
    frequencies = torch.tensor(RECORDED["frequencies"][f"{features},{base:g}"], dtype=torch.float64)
    return torch.outer(torch.arange(time, dtype=torch.float64), frequencies)


def rotary(a: Attributes, x: Any, places: Any = None) -> Any:
    turned = angles(300, x.shape[3], a.get("base", 10000.0))
    turned = turned[: x.shape[2]][None].expand(len(x), -1, -1) if places is None else turned[places]
    interleaved = int(a.get("style", "half") == "interleaved")
    return onnx("RotaryEmbedding", x, turned.cos(), turned.sin(), interleaved=interleaved)


def sinusoids(a: Attributes, x: Any) -> Any:
    """With the paper's base as the two models have it; for others by the angles of a third."""
    layout, base = a.get("layout", "interleaved"), a.get("base", 10000.0)
    table = RECORDED["sinusoids"][layout]
    if base == 10000 and x.shape[1:] == (len(table), len(table[0])):
        return x + torch.tensor(table, dtype=torch.float64)
    turned = angles(x.shape[1], x.shape[2], base)
    waves = turned.sin(), turned.cos()
    return x + (torch.stack(waves, 2).flatten(1) if layout == "interleaved" else torch.cat(waves, 1))


def window_bias(a: Attributes, x: Any, weight: Any) -> Any:
    height, width = each(a["window_size"], 2)
    index = torch.tensor(RECORDED["windows"][f"{height},{width}"])
    assert len(weight) == index.max() + 1
    return x + weight[index].movedim(2, 0)


def bucket_bias(a: Attributes, x: Any, weight: Any) -> Any:
    count, farthest, both = a.get("num_buckets", 32), a.get("max_distance", 128), a.get("bidirectional", True)
    buckets = torch.tensor(RECORDED["buckets"][f"{count},{farthest},{both}"])
    distance = torch.arange(x.shape[3])[None] - torch.arange(x.shape[2])[:, None]
    assert len(weight) == count
    return x + weight[buckets[distance + FARTHEST]].movedim(2, 0)
