"""Reductions: one number for all elements along some axes."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from archspec.ops._shapes import inner_axes
from archspec.ops.base import Axes, Flag, Operation, Shape

if TYPE_CHECKING:
    from archspec.ops.base import Array


class Mean(Operation):
    """y = the mean of x over `axis`.

    Input: batch and any other axes. Output: without those in `axis`, or with size 1 there if `keepdims`.
    """

    axis: Axes = Field(description="axis to average over, or a list of axes")
    keepdims: Flag = Field(False, description="keep the averaged axes, with size 1")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        axes = inner_axes(self.axis, len(x))
        if self.keepdims:
            return (tuple(1 if i in axes else size for i, size in enumerate(x)),)
        return (tuple(size for i, size in enumerate(x) if i not in axes),)

    def reference(self, x: Array) -> Array:
        return x.mean(inner_axes(self.axis, x.ndim), keepdims=self.keepdims)
