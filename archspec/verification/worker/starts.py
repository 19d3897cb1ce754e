"""How fresh weights begin, held against what the spec declares: as far as can be told from so many numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import Array, restore

SIGMAS = 6.0
"""How many standard errors a mean and a deviation may be off; by chance, two numbers in a billion are."""
SHAPED = 4096
"""From how many numbers on the kurtosis tells distributions apart."""
MANY = 1 << 12
"""Of how many numbers that are drawn one may be zero: float32 holds a thousand times as many near it."""
MOST = 1 << 17
"""How many numbers of a weight are looked at, evenly spread."""


def started(
    session: Any,
    runner: Any,
    weights: Sequence[Any],
    starts: Mapping[str, Any],
    more: Sequence[Mapping[str, Array]] = (),
) -> Iterator[tuple[str, str]]:
    """What is wrong with the weights of a model that was just made, by parameter. `starts` are the distributions: mean,
    deviation, bound and kurtosis of numbers, or a matrix that is orthonormal, or the unit matrix, times `number`. Of
    `more` models there are the `beginnings`."""
    drawn: dict[tuple[int, bytes], str] = {}
    targets = {parameter: target for parameter, target, *_ in weights}
    for parameter, array in beginnings(session, runner, weights, starts).items():
        start, target = starts[parameter], targets[parameter]
        others = [each[parameter] for each in more if parameter in each]
        problem = _problem(array, start, [other for other in others if not np.array_equal(array, other)])
        if problem:
            yield parameter, f"'{target}' starts with {problem}"
        elif start["std"] and array.size >= 8:
            key = array.size, np.ascontiguousarray(array.reshape(-1)[:MOST]).tobytes()
            if key in drawn:
                yield parameter, f"'{target}' starts with the numbers of '{drawn[key]}'"
            drawn[key] = target


def beginnings(session: Any, runner: Any, weights: Sequence[Any], starts: Mapping[str, Any]) -> dict[str, Array]:
    """With what each weight of a model that was just made begins, by parameter, in the spec's layout."""
    variables = session.variables()
    found = {}
    for parameter, target, layout, _, shared in weights:
        if target not in variables or parameter not in starts:
            continue
        start = starts[parameter]
        if shared and not any(move == "pad" for move, _ in layout):
            if start["std"] == 0 == start["mean"]:
                found[parameter] = np.array(runner.to_numpy(variables[target]))
            continue  # or it is a sum of several
        found[parameter] = np.array(restore(np.asarray(runner.to_numpy(variables[target])), layout, start["shape"]))
    return found


def _problem(array: Array, start: Mapping[str, Any], others: Sequence[Array]) -> str:
    """What is wrong with a weight, of which there are `others` of more models, too."""
    match start["kind"]:
        case "Fixed":
            wrong = array != np.asarray(start["mean"], array.dtype)
            return f"{array[wrong][0]:.3g}, and not all of it with {start['mean']:.3g}" if wrong.any() else ""
        case "Unit":
            return "" if np.array_equal(array, np.eye(len(array))) else "something else than the unit matrix"
        case "Rotation":
            return _not_orthonormal(array, start["number"])
    flat = np.concatenate([each.reshape(-1) for each in (array, *others)])
    zeros = int(np.count_nonzero(flat == 0))
    if start["std"] and zeros > 1 + flat.size // MANY:
        return f"{zeros} zeros of {flat.size} numbers, as if nothing were drawn there"
    return _unlike(flat[:: -(-flat.size // MOST)].astype(np.float64), start)


def _not_orthonormal(array: Array, gain: float) -> str:
    matrix = array.reshape(len(array), -1).astype(np.float64) / gain
    small = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
    return "" if np.abs(small - np.eye(len(small))).max() < 1e-4 else "a matrix that is not orthonormal"


def _unlike(numbers: Array, start: Mapping[str, Any]) -> str:
    """The moment by which numbers differ from a distribution. The standard error of a mean is s / sqrt(n), that of s is
    s sqrt((k - 1) / 4 n) for a kurtosis of k, that of a kurtosis at most sqrt(24 / n), a normal distribution's."""
    mean, std, bound, kurtosis, count = start["mean"], start["std"], start["bound"], start["kurtosis"], numbers.size
    found, spread = float(numbers.mean()), float(np.sqrt(np.square(numbers - mean).mean()))
    if not abs(found - mean) <= SIGMAS * std / count**0.5 + 1e-6 * abs(mean):
        return f"mean {found:.3g}, not {mean:.3g}"
    if not abs(spread - std) <= SIGMAS * std * ((kurtosis - 1) / (4 * count)) ** 0.5 + 1e-6 * std:
        return f"deviation {spread:.3g}, not {std:.3g}"
    if bound is not None:
        farthest = float(np.abs(numbers - mean).max())
        if not farthest <= bound * (1 + 1e-6):
            return f"numbers up to {farthest:.3g}, and not {bound:.3g}"
    if count >= SHAPED:
        peaked = float(((numbers - mean) ** 4).mean()) / spread**4
        if not abs(peaked - kurtosis) <= 8 * (24 / count) ** 0.5:
            return f"kurtosis {peaked:.3g}, not {kurtosis:.3g}"
    return ""
