"""Rows: Fourier transforms. ONNX has real and imaginary parts on a last axis of two.

The runtime divides by n in float32, so that inverses are no better in float64.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from .writing import Row, Step, Value


def _apart(step: Step, both: Value, rank: int) -> list[Value]:
    last = step.ints([rank])
    return [step("Squeeze", part, last) for part in step.parts(both, 2, rank)]


def _transform(step: Step, *, inverse: int = 0, onesided: int = 0) -> list[Value]:
    rank = len(step.node.inputs[0].shape)
    last = step.ints([rank])
    parts = [step("Unsqueeze", x, last) for x in step.inputs]
    both = parts[0] if len(parts) == 1 else step("Concat", *parts, axis=rank)
    place = step.axis(step.attr("axis"))
    both = step("DFT", both, None, step.ints(place), inverse=inverse, onesided=onesided, single=bool(inverse))
    real, imaginary = _apart(step, both, rank)
    size, count = step.node.inputs[0].shape[place], step.out[place]
    if len(parts) == 1 and not step.is_open(size):  # of real numbers the first, and the middle one, are exactly real
        signs = np.ones((int(count), *(1,) * (rank - place - 1)))
        signs[[0, *([int(size) // 2] if int(size) % 2 == 0 else [])]] = 0
        imaginary = step("Mul", imaginary, step.floats(signs))
    return [real, imaginary]


def _irfft(step: Step) -> Value:
    """The other half of the numbers, which are conjugates, and then the inverse of all."""
    shape = step.node.inputs[0].shape
    axis, rank = step.axis(step.attr("axis")), len(shape)
    n, given = step.number(step.out[axis]), step.number(shape[axis])
    half = n // 2 + 1
    real, imaginary = (_sized(step, x, axis, rank, given, half) for x in step.inputs)
    mirrored = [half - 1 - (n % 2 == 0) - j for j in range(n - half)]
    where = step.ints(mirrored)
    if mirrored:
        real = step("Concat", real, step("Gather", real, where, axis=axis), axis=axis)
        imaginary = step("Concat", imaginary, step("Neg", step("Gather", imaginary, where, axis=axis)), axis=axis)
    signs = np.ones(n)  # the first number, and the middle one of an even count, are real
    signs[[0, *([n // 2] if n % 2 == 0 else [])]] = 0
    shaped = signs.reshape(-1, *(1,) * (rank - axis - 1))
    imaginary = step("Mul", imaginary, step.floats(shaped))
    last = step.ints([rank])
    both = step("Concat", *(step("Unsqueeze", x, last) for x in (real, imaginary)), axis=rank)
    return _apart(step, step("DFT", both, None, step.ints(axis), inverse=1, single=True), rank)[0]


def _sized(step: Step, x: Value, axis: int, rank: int, given: int, half: int) -> Value:
    if given > half:
        return step("Slice", x, step.ints([0]), step.ints([half]), step.ints([axis]))
    if given < half:
        pads = [0] * rank * 2
        pads[rank + axis] = half - given
        return step("Pad", x, step.ints(pads))
    return x


ROWS: Final[dict[str, Row]] = {
    "rfft": lambda step: _transform(step, onesided=1),
    "irfft": _irfft,
    "fft": lambda step: _transform(step),
    "ifft": lambda step: _transform(step, inverse=1),
}
