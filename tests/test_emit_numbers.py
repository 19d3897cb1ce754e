"""How floats stand in generated code."""

from __future__ import annotations

import math

import pytest

from archspec.emit.code import Infix, Raw, literal
from archspec.emit.printing import Style, flat
from archspec.expressions import float32


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2 / 3, "2 / 3"), (-1 / 7, "-(1 / 7)"), (512**0.5, "512**0.5"), (32**-0.5, "32**-0.5"),
        (-(32**-0.5), "-(32**-0.5)"), (1 / math.sqrt(48), "1 / math.sqrt(48)"), (0.1, "0.1"), (0.1 + 0.2, "0.3"),
        (math.pi, "3.141592653589793"), (1e-3 / 3, "0.0003333333333333333"), (3e8 / 7, "42857142.85714286"),
    ],
)  # fmt: skip
def test_floats_are_written_as_people_write_them(value: float, text: str) -> None:
    assert flat(literal(value), Style()) == text
    product = flat(Infix("*", (Raw("x"), literal(value))), Style())
    assert eval(product, {"math": math, "x": 3.0}) == pytest.approx(3.0 * value, rel=1e-15)
    rounded = flat(literal(value), Style(rounded=True))
    assert eval(rounded, {"math": math, "nearest": float32}) == float32(value)
