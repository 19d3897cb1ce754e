"""Averages of weights over the steps of training, and what somebody may have taken for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Averaging = Callable[["Array", Sequence["Array"]], list["Array"]]
"""Of a weight at first, and after each update: its average after each update."""


def averaging(decay: float) -> Averaging:
    """e = d e + (1 - d) w after each update, where e begins as w before the first one."""

    def averages(first: Array, weights: Sequence[Array]) -> list[Array]:
        found, average = [], first
        for weight in weights:
            average = decay * average + (1 - decay) * weight
            found.append(average)
        return found

    return averages


def wrong_averages(decay: float) -> Iterator[tuple[str, Averaging]]:
    """Other averages, by what is then wrong."""
    right = averaging(decay)
    yield "they begin with the weights after the first update", lambda first, weights: right(weights[0], weights)
    yield "they begin with zero", lambda first, weights: right(0 * first, weights)
    yield "they are the weights themselves", lambda first, weights: list(weights)
    yield "they are never moved", lambda first, weights: [first for _ in weights]
    yield "they follow one update late", lambda first, weights: right(first, [first, *weights[:-1]])
    yield "the share of the new weights is that of the old ones", averaging(1 - decay)
    yield (
        "all updates have one share",
        lambda first, weights: [(first + sum(weights[: count + 1])) / (count + 2) for count in range(len(weights))],
    )
