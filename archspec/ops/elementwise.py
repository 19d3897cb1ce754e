"""Arithmetic between inputs, element by element.

Inputs have the same number of axes, and axes of size 1 are stretched to the others' size.
"""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, ClassVar

from archspec.ops._shapes import broadcast
from archspec.ops.base import Operation, Shape

if TYPE_CHECKING:
    from archspec.ops.base import Array


class _Arithmetic(Operation):
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    elementwise: ClassVar[bool] = True

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (broadcast(*inputs),)


class Add(_Arithmetic):
    """y = a + b + ...

    Inputs: two or more, of shapes that broadcast. Output: their common shape.
    """

    arity: ClassVar[tuple[int, int | None]] = (2, None)

    def reference(self, *inputs: Array) -> Array:
        return reduce(operator.add, inputs)


class Subtract(_Arithmetic):
    """y = a - b.

    Inputs: two, of shapes that broadcast. Output: their common shape.
    """

    def reference(self, a: Array, b: Array) -> Array:
        return a - b


class Multiply(_Arithmetic):
    """y = a * b * ...

    Inputs: two or more, of shapes that broadcast. Output: their common shape.
    """

    arity: ClassVar[tuple[int, int | None]] = (2, None)

    def reference(self, *inputs: Array) -> Array:
        return reduce(operator.mul, inputs)


class Divide(_Arithmetic):
    """y = a / b.

    Inputs: two, of shapes that broadcast. Output: their common shape.
    """

    def reference(self, a: Array, b: Array) -> Array:
        return a / b
