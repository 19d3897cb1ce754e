"""Constants that are computed by steps: what they are, and that code computes them once, and as people write it."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import pytest

from archspec import reference
from archspec.graph.graph import Graph
from archspec.verification import data

from .programs import model

TIME: Final = 17
SIZE: Final = 3


@cache
def values() -> dict[str, Any]:
    graph: Graph = model("computed").graph
    return reference.run(graph, data.parameters(graph), data.inputs(graph))


def turned(x: Any, angles: Any) -> Any:
    """Pairs of one number from each half, turned as complex numbers are."""
    pairs = x[..., : x.shape[-1] // 2] + 1j * x[..., x.shape[-1] // 2 :]
    found = pairs * np.exp(1j * angles)
    return np.concatenate([found.real, found.imag], -1)


def test_sinusoids_are_those_of_whisper() -> None:
    """sin(t / 10000^(i / (c / 2 - 1))): the first wave is that of t itself, the last is 10000 times as long."""
    place = np.arange(TIME)[:, None]
    length = 10000 ** (np.arange(4) / 3)
    due = np.concatenate([np.sin(place / length), np.cos(place / length)], 1)
    assert np.abs(values()["whisper.positions"][0] - due).max() < 1e-12


def test_a_triangle_hides_what_comes_later() -> None:
    assert (values()["causal.triangle"][0] == np.tri(TIME, dtype=bool)).all()
    assert (values()["weights"][:, 4, 5:] == 0).all()


def test_places_in_a_window_are_counted_as_swin_does() -> None:
    """As its code does: coordinates of pairs, their differences from zero on, rows times the width."""
    places = np.stack(np.meshgrid(range(SIZE), range(SIZE), indexing="ij")).reshape(2, -1)
    ways = places[:, :, None] - places[:, None, :] + SIZE - 1
    due = ways[0] * (2 * SIZE - 1) + ways[1]
    assert (values()["bias.relative"][0] == due.reshape(-1)).all()
    table = values()["bias.bias"][0]
    assert table.shape == (9, 9)
    assert (table[0, 4], table[1, 5]) == (table[4, 8], table[3, 7])  # one down and one right


def test_angles_follow_the_row_in_one_half_and_the_column_in_the_other() -> None:
    rates = 10000.0 ** -(np.arange(2) / 2)
    due = [[*(row * rates), *(column * rates)] for row in range(SIZE) for column in range(SIZE)]
    assert np.abs(values()["rotary.angles"][0] - due).max() < 1e-12
    assert np.abs(values()["rotary.turned"] - turned(values()["patches"], np.array(due))).max() < 1e-12


def test_middles_of_boxes_stand_in_a_grid() -> None:
    head, boxes = values()["head"], values()["boxes.permute"]
    rows, columns = head.shape[2:]
    row, column = 2, 5
    x, y, w, h = head[0, :, row, column]
    due = [2 * (1 / (1 + np.exp(-x)) + column), 2 * (1 / (1 + np.exp(-y)) + row), 2 * np.exp(w), 2 * np.exp(h)]
    assert boxes.shape == (2, rows * columns, 4)
    assert np.abs(boxes[0, row * columns + column] - due).max() < 1e-12


@pytest.mark.parametrize(("backend", "arange"), [("pytorch", "torch.arange(size, "), ("paddle", "paddle.arange(size")])
def test_what_depends_on_no_input_is_computed_when_the_model_is_made(backend: str, arange: str) -> None:
    """Also where a size is open, and without a buffer for what only the constructor reads."""
    text = model("computed").compile(backend)
    bias = text[text.index("class WindowBias") : text.index("class Boxes")]
    constructor, call = bias.split("def forward")
    assert f"places = {arange}" in constructor
    assert "self.relative = " in constructor
    assert "arange" not in call
    assert "head.shape[3]" in text  # what is open is counted at each call
