"""What is known of whole numbers before a network runs: how small and how large they may be.

They are told by `below` of an input, by constants and by `argmax`, and followed through steps as shapes are, so that an
index beyond a table is an error of the spec. What cannot be known is not guessed: both ends of a span are met, by
inputs that are as the spec says, so that an error is one; that there are no other numbers is not said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import isnan
from typing import Any, NamedTuple


class Span(NamedTuple):
    """The least and the largest number that there may be; infinite where a size is open."""

    low: float
    high: float
    fixed: bool = False
    """Whether they are always the same numbers."""
    even: bool = True
    """Whether each element may be any of them, not just one element or another."""


TRUTH = Span(0, 1)
"""Of truth values, as which 0 and 1 count."""


def together(spans: Sequence[Span | None]) -> Span | None:
    """The span of numbers of which each is from one of these."""
    known = [span for span in spans if span is not None]
    if not known:
        return None
    alike = len(known) == len(spans) and len({(span.low, span.high) for span in known}) == 1
    return Span(
        min(span.low for span in known),
        max(span.high for span in known),
        len(known) == len(spans) and all(span.fixed for span in known),
        alike and all(span.even for span in known),
    )


def computed(function: Callable[..., Any], spans: Sequence[Span | None]) -> Span | None:
    """The span of a function that is monotone in each operand, up to 0 and from 0 on, of numbers that do not depend on
    each other: of all operands but one, constants."""
    known = [span for span in spans if span is not None]
    uneven = [span for span in known if not span.even]
    if len(known) < len(spans) or len(uneven) > 1 or sum(not span.fixed for span in known) > 1:
        return None
    ends = [{span.low, span.high, *((0,) if span.low < 0 < span.high else ())} for span in known]
    found = [function(*each) for each in product(*ends)]
    if any(map(isnan, found)):  # 0 times infinity
        return None
    return Span(min(found), max(found), all(span.fixed for span in known), not uneven)
