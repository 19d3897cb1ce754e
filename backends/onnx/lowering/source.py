"""Rows: what has no input."""

from __future__ import annotations

from typing import Final

from .writing import Row, Step, Value


def _constant(step: Step) -> Value:
    return step.writer.constant(step.op.reference(), step.attr("dtype"))


ROWS: Final[dict[str, Row]] = {"parameter": lambda step: step.weight(""), "constant": _constant}
