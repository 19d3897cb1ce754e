"""What is random in training: each such layer of a model is run by itself, with the randomness of its framework, on
many samples, and what comes out must be what the operation makes of some draws that are as likely as they should be.

The draws are read off the results: an element that was dropped, and one that was kept, are two different numbers.
"""

from __future__ import annotations

from itertools import combinations
from math import log, prod, sqrt, ulp
from typing import Any

import numpy as np

from archspec.graph.graph import Graph, Node
from archspec.verification import data
from archspec.verification.report import Finding
from archspec.verification.worker import Array

SAMPLES = 512
"""A probability of 0.1 that were 0.2 would be more than six standard deviations off."""

BOUND = 1e-6
"""Frameworks compute some factors, as 1 / (1 - p), in float32 even in float64 models."""

EXACT = 1e-7
"""How near to one a deviation is that was made one: some frameworks draw in float32."""

DEVIATIONS = 6.0
"""How many standard deviations a share may be off: one in 5e8 is further by chance."""


def samples(graph: Graph, seed: int) -> dict[str, Array]:
    """What random layers are run on, by `random <step>`: many samples of few elements. Recurrent layers and attention
    drop what nobody sees, inside: there is nothing for them."""
    found = {}
    for node in graph.nodes:
        rank = len(node.inputs[0].shape) if len(node.inputs) == 1 else 0
        if rank and len(node.op.draws(*(tensor.shape for tensor in node.inputs))) == 1 and not node.parameters():
            shape = (SAMPLES, *(4, 3, 2, 2, 2)[: rank - 1])
            found[f"random {node.path}"] = data.normal(shape, seed, f"random {node.path}")
    return found


def finding(node: Node, arrays: dict[str, Array], given: dict[str, Array]) -> Finding | None:
    """What is to be said of a random step; None if nothing was shown of it."""
    drawn, rates = arrays.get(f"random {node.path}"), arrays.get(f"rate {node.path}")
    name, key = node.outputs[0].name, node.op.key
    if drawn is not None:
        x = given[f"random {node.path}"]
        error, problem = _judged(node.op, x.astype(np.float64), drawn.astype(np.float64))
        if not problem and np.any(arrays.get(f"alike {node.path}", False)) and _must_differ(node.op, x.shape):
            problem = "it draws the same at every call"
        return Finding(name, key, error, BOUND, problem)
    if rates is not None:
        (keep,) = {draw.keep for draw in node.op.draws(*(tensor.shape for tensor in node.inputs)).values()}
        meant = 1 - (1.0 if keep is None else keep)
        others = [rate for rate in rates.tolist() if rate]
        problem = "" if others else f"no layer of it has the rate {meant:g}"
        error = max((abs(rate - meant) for rate in others), default=0.0)
        return Finding(name, key, error, BOUND, problem)
    return None


def _must_differ(op: Any, shape: tuple[int, ...]) -> bool:
    """Whether two calls give the same once in a thousand million times, or never."""
    ((name, draw),) = op.draws(shape).items()
    if draw.keep is None:
        return bool(np.any(op.train(np.zeros(shape), **{name: np.ones(draw.shape)})[0]))
    alike = draw.keep**2 + (1 - draw.keep) ** 2
    return bool(prod(draw.shape) * log(alike) < log(1e-9))


def _judged(op: Any, x: Array, y: Array) -> tuple[float, str]:
    """How far a result is from that of the draws it must come from, and what is wrong with these."""
    ((name, draw),) = op.draws(x.shape).items()
    if y.shape != x.shape:
        return 0.0, f"training gives the shape {y.shape}, not {x.shape}"
    ones, zeros = (np.full(draw.shape, value, np.float64 if draw.keep is None else bool) for value in (1, 0))
    on, off = (op.train(x, **{name: value})[0] for value in (ones, zeros))
    if draw.keep is None:
        return _noise(y - off, on - off)
    kept, same = abs(y - on) <= abs(y - off), on == off
    whole = tuple(axis for axis, size in enumerate(draw.shape) if size == 1)
    mask = np.all(kept | same, whole, keepdims=True)
    if not np.all(mask | np.all(~kept | same, whole, keepdims=True)):
        return 0.0, "training drops parts of what it should drop as a whole"
    expected = op.train(x, **{name: mask})[0]
    error = float(np.max(abs(y - expected)) / max(1.0, np.max(abs(expected))))
    return error, _unlikely(mask, draw.keep, draw.shape)


def _noise(found: Array, scale: Array) -> tuple[float, str]:
    """Whether numbers are normal ones, times a scale, and no two of them the same."""
    if not scale.any():
        return float(np.max(abs(found))), ""
    drawn = found / scale
    doubt = DEVIATIONS / sqrt(drawn.size)
    mean, deviation = float(drawn.mean()), float(drawn.std())
    if abs(mean) > doubt or abs(deviation - 1) > doubt:
        return 0.0, f"its noise has mean {mean:.2f} and deviation {deviation:.2f} of what is meant"
    kurtosis = float((((drawn - mean) / deviation) ** 4).mean())
    if abs(kurtosis - 3) > 8 * sqrt(24 / drawn.size):  # its own standard error has long tails
        return 0.0, f"its noise is not normal: it has a kurtosis of {kurtosis:.2f}, and not 3"
    if _fitted(drawn):
        return 0.0, "its noise is divided by its own deviation"
    different = len(np.unique(drawn.round(9)))
    return 0.0, "" if different > 0.9 * drawn.size else "its noise is the same for several elements"


def _fitted(drawn: Array) -> bool:
    """Whether the deviation of all numbers, of each sample, or of each part along some axes is one, and not only nearly
    so, as that of numbers that are drawn: twenty or more of them are as near as this once in a million times."""
    whole = range(drawn.ndim)
    for axes in (axes for count in whole for axes in combinations(whole, drawn.ndim - count)):
        if prod(drawn.shape[axis] for axis in axes) > 1:
            for degrees in (0, 1):
                if np.all(abs(drawn.std(axes, ddof=degrees) - 1) < EXACT):
                    return True
    return False


def _unlikely(mask: Array, keep: float, shape: tuple[int, ...]) -> str:
    """What is unlikely about draws: their share, or how often neighbours along an axis agree."""
    share = float(mask.mean())
    if abs(share - keep) > _doubt(keep, mask.size):
        return f"training keeps a share of {share:.3f}, and {keep:.3f} is meant"
    alike = keep**2 + (1 - keep) ** 2
    for axis, size in enumerate(shape):
        pairs = np.moveaxis(mask, axis, 0)
        if size > 1 and abs(float((pairs[1:] == pairs[:-1]).mean()) - alike) > 2 * _doubt(alike, pairs[1:].size):
            return f"training does not draw anew along axis {axis}"
    return ""


def _doubt(probability: float, count: int) -> float:
    return DEVIATIONS * sqrt(max(0.0, probability * (1 - probability)) / count) + ulp(1.0)
