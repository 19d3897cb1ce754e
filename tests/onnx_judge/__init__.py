"""The operator tests of ONNX, whose expected numbers come from no framework, as cases for our operations.

`TABLE` tells for each operator of ONNX how its cases are told in our terms; `outcomes` applies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from . import arithmetic, networks, shapes, windows
from .cases import Left, OnnxCase, Outcome, Rule, Twin, collect

__all__ = ["TABLE", "Left", "OnnxCase", "Outcome", "Twin", "outcomes"]

TABLE: Final[dict[str, Rule]] = dict(sorted((arithmetic.RULES | windows.RULES | networks.RULES | shapes.RULES).items()))

EXACT_IN_HALF: Final = frozenset("Cast Einsum Max Min Mod OneHot".split())
"""Operators whose cases in half precision have results that are not rounded; others' are no judge of ours."""


@cache
def outcomes() -> dict[str, Outcome]:
    """For each case of the operators in the table, by name: what it is in our terms, or why it is left out."""
    return dict(_outcomes())


def _outcomes() -> Iterator[tuple[str, Outcome]]:
    for case in collect(tuple(TABLE)):
        try:
            if case.strings:
                raise Left("strings")
            if case.empty:
                raise Left("an axis without elements")
            if case.half and case.operator not in EXACT_IN_HALF:
                raise Left("half precision, to which the expected numbers are rounded")
            yield case.name, Outcome(case, TABLE[case.operator](case))
        except Left as left:
            yield case.name, Outcome(case, reason=str(left))
