"""Tables fit into terminals, and leave nothing out."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Any

import pytest

import archspec
from archspec._columns import columns
from archspec.bench.found import Bench, Row
from archspec.differences import difference
from archspec.listing import specs
from archspec.results.upgrades import Upgrade
from archspec.results.upgrades import table as upgrades

WIDTHS = (60, 80, 120)


def _words(text: str) -> set[str]:
    return {word for word in text.split() if set(word) != {"-"}}


def _timed() -> Bench:
    ways = (("inference", "eager"), ("training", "compiled"))
    rows = [Row("pytorch", "PyTorch", phase, way, 8, [[0.1, 0.2, 0.3]], 0.5, 2**28, 2**20) for phase, way in ways]
    return Bench("net", 2, 3, "2026-01-01", rows)


UPGRADES = [Upgrade("resnet18", f"keras {a}", f"keras {b}", (), (), 10, 9, "stage.0") for a, b in (("3.11", "3.15"),)]


TABLES: dict[str, Callable[[int], str]] = {
    "summary": lambda width: archspec.load("lenet5").summary().text(width),
    "list": lambda width: specs().about(["dense"]).text(width),
    "diff": lambda width: difference(archspec.load("resnet18"), archspec.load("resnext50_32x4d")).text(width),
    "bench": lambda width: _timed().text(width),
    "upgrades": lambda width: upgrades(UPGRADES, width),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_fit(name: str) -> None:
    whole = TABLES[name](10_000)
    for width in WIDTHS:
        shown = TABLES[name](width)
        assert max(map(len, shown.split("\n"))) <= width
        assert _words(shown) == _words(whole), "nothing is left out, and nothing is cut"


def test_random_tables_fit() -> None:
    draw = random.Random(0)

    def word(most: int) -> str:
        return "".join(draw.choices(string.ascii_letters, k=draw.randint(1, most)))

    for _ in range(200):
        count = draw.randint(1, 6)
        aligns = "".join(draw.choices("<>", k=count))
        rows: list[Any] = [[word(18) for _ in range(count)] for _ in range(draw.randint(1, 5))]
        if draw.random() < 0.5:
            rows = [[*row, " ".join(word(10) for _ in range(draw.randint(0, 20)))] for row in rows]
            aligns += "w"
            width = max(40, sum(max(len(row[i]) for row in rows) + 2 for i in range(count)))
        else:
            width = 40
        text = columns(rows, aligns, width)
        assert max(map(len, text.split("\n"))) <= width
        assert _words(text) == {word for row in rows for cell in row for word in cell.split()}
        assert columns(rows, aligns) == columns(rows, aligns, 10_000)
