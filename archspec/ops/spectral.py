"""Fourier transforms. A complex array is two of floats: its real part and its imaginary part."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import inner_axis
from archspec.ops.base import Axis, Operation, Positive, Shape, show

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")


class _Fourier(Operation):
    """What all transforms have; fast ones add up log n numbers, and so do those of NumPy."""

    linear: ClassVar[bool] = True
    wish: ClassVar = "readers"
    axis: Axis = Field(-1, description="axis along which to transform")

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        shape = max(inputs[0], outputs[0], key=math.prod)
        size = max(inputs[0][self.place(inputs[0])], outputs[0][self.place(inputs[0])])
        return 2 * int(math.prod(shape)) * max(1, int(size - 1).bit_length())

    def place(self, x: Shape) -> int:
        """The number of the axis."""
        return inner_axis(self.axis, len(x))

    def inner(self, *parts: Array) -> Array:
        axis = self.place(parts[0].shape)
        return np.sqrt(sum(np.sum(np.square(part), axis, keepdims=True) for part in parts))


def _parts(y: Array, like: Array) -> tuple[Array, Array]:
    return y.real.astype(like.dtype), y.imag.astype(like.dtype)


def _check_parts(real: Shape, imaginary: Shape) -> None:
    if real != imaginary:
        raise ShapeError(f"needs a real and an imaginary part of one shape, not {show(real)} and {show(imaginary)}")


class Rfft(_Fourier):
    """real[k] + i imag[k] = sum over t of x[t] e^(-2 pi i k t / n), for k = 0 to n // 2, along `axis` with its n
    elements.

    Input: batch and any other axes. Outputs: both with n // 2 + 1 elements along `axis`; the others of a transform of
    real numbers are their conjugates.
    """

    gives: ClassVar[tuple[str, ...]] = ("real", "imag")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axis = self.place(x)
        return ((*x[:axis], x[axis] // 2 + 1, *x[axis + 1 :]),) * 2

    def reference(self, x: Array) -> tuple[Array, ...]:
        return _parts(np.fft.rfft(x, axis=self.place(x.shape)), x)


class Irfft(_Fourier):
    """y[t] = 1/n sum over k of (real[k] + i imag[k]) e^(2 pi i k t / n), along `axis`: the inverse of rfft.

    Inputs: real and imag, both with n // 2 + 1 elements along `axis`, which stand for all n: the others are their
    conjugates. Output: n real numbers along `axis`. The imaginary parts of the first element, and of the last if n is
    even, do not count.
    """

    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    length: Positive | None = Field(None, description="n; null: the even number, 2 (size - 1)")

    def infer(self, real: Shape, imaginary: Shape) -> tuple[Shape, ...]:
        _check_parts(real, imaginary)
        axis = self.place(real)
        length = self.length or 2 * (real[axis] - 1)
        if length < 1 or length // 2 + 1 != real[axis]:
            raise ShapeError(
                f"length (={length}) has a transform of {length // 2 + 1} elements, and there are {real[axis]}",
                attribute="length",
            )
        return ((*real[:axis], length, *real[axis + 1 :]),)

    def reference(self, real: Array, imaginary: Array) -> Array:
        axis = self.place(real.shape)
        length = self.infer(real.shape, imaginary.shape)[0][axis]
        return np.fft.irfft(real + 1j * imaginary, int(length), axis).astype(real.dtype)

    def inner(self, *parts: Array) -> Array:
        return super().inner(*parts) / parts[0].shape[self.place(parts[0].shape)]


class _Complex(_Fourier):
    gives: ClassVar[tuple[str, ...]] = ("real", "imag")
    arity: ClassVar[tuple[int, int | None]] = (1, 2)

    def infer(self, real: Shape, imaginary: Shape | None = None) -> tuple[Shape, ...]:
        _check_parts(real, real if imaginary is None else imaginary)
        self.place(real)
        return (real, real)

    def reference(self, real: Array, imaginary: Array | None = None) -> tuple[Array, ...]:
        whole = real if imaginary is None else real + 1j * imaginary
        return _parts(getattr(np.fft, self.key)(whole, axis=self.place(real.shape)), real)


class Fft(_Complex):
    """real[k] + i imag[k] = sum over t of x[t] e^(-2 pi i k t / n), for all k below n, along `axis`.

    Inputs: the real part of x and, if it is not zero, the imaginary one: batch and any other axes. Outputs: both of
    that shape. Two transforms, one after the other along two axes, are the transform of an image.
    """


class Ifft(_Complex):
    """real[t] + i imag[t] = 1/n sum over k of x[k] e^(2 pi i k t / n), along `axis`: the inverse of fft.

    Inputs: the real part of x and, if it is not zero, the imaginary one: batch and any other axes. Outputs: both of
    that shape.
    """

    def inner(self, *parts: Array) -> Array:
        return super().inner(*parts) / parts[0].shape[self.place(parts[0].shape)]
