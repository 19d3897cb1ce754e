"""Operations that only training sees."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from archspec.ops.base import Operation, Probability

if TYPE_CHECKING:
    from archspec.ops.base import Array


class Dropout(Operation):
    """y = x; in training y = x / (1 - p) with probability 1 - p, else 0, for each element.

    Input and output: any shape. Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting,
    2014.
    """

    follows: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    p: Probability = Field(0.5, description="probability that training sets an element to zero")

    def reference(self, x: Array) -> Array:
        return x
