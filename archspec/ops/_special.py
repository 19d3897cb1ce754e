"""Special functions that NumPy lacks, and numbers that several operations share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from archspec._lazy import lazy

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

# Klambauer et al., Self-normalizing neural networks, 2017.
SELU_SCALE: Final = 1.0507009873554804934193349852946
SELU_ALPHA: Final = 1.6732632423543772848170429916717

LEAST_SHARE: Final = 2.0**-58
"""What counts of a share: some compute none below e^-64, for all that is as small beside the largest."""

# W. J. Cody, Rational Chebyshev approximations for the error function, Mathematics of Computation 23 (1969).
# Numerators and denominators, highest power first: of erf(x) / x in x^2 up to 0.46875, of erfc(x) exp(x^2) in x beyond.
_INNER: Final = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_OUTER: Final = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
     8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
_SPLIT: Final = 0.46875
_ONE: Final = 6.0  # from here on erf(x) is 1 in float64
_CHUNK: Final = 2**14  # elements at a time, which stay in the cache


def erf(x: Array) -> Array:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    In float64 it is at most 4 units in the last place off.
    """
    flat = np.ravel(x)
    result = np.empty_like(flat)
    for start in range(0, flat.size, _CHUNK):
        result[start : start + _CHUNK] = _erf(flat[start : start + _CHUNK])
    return result.reshape(x.shape)


def _erf(x: Array) -> Array:
    size = np.abs(x)
    inner, outer = np.minimum(size, _SPLIT), np.clip(size, _SPLIT, _ONE)
    near = x * _ratio(inner * inner, *_INNER)
    far = 1 - np.exp(-outer * outer) * _ratio(outer, *_OUTER)
    return np.where(size <= _SPLIT, near, np.copysign(far, x))


def _ratio(x: Array, numerator: Sequence[float], denominator: Sequence[float]) -> Array:
    return _horner(x, numerator) / _horner(x, denominator)


def _horner(x: Array, coefficients: Sequence[float]) -> Array:
    total = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total *= x
        total += c
    return total
