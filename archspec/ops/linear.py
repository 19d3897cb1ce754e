"""Matrix products, and the table look-up that equals one with one-hot rows."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import broadcast
from archspec.ops.base import DType, Flag, Operation, Parameter, Positive, Shape, product, show

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")


class Linear(Operation):
    """y = x weight^T + bias, on the last axis.

    Input: batch, ..., features. Output: batch, ..., out_features. Weight: out_features, features.
    """

    out_features: Positive = Field(description="size of the last axis of the output")
    bias: Flag = Field(True, description="add a learned number to each feature of the output")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        if len(x) < 2:
            raise ShapeError(f"needs an input with a batch axis and features, not {show(x)}")
        return ((*x[:-1], self.out_features),)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        weight = Parameter((self.out_features, x[-1]))
        return {"weight": weight} | ({"bias": Parameter((self.out_features,), "bias")} if self.bias else {})

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        return product(outputs[0]) * inputs[0][-1]

    def reference(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        return x @ weight.T if bias is None else x @ weight.T + bias


class Embedding(Operation):
    """y = weight[x]: a learned row for each index.

    Input: whole numbers from 0 to num_embeddings - 1, batch, .... Output: batch, ..., embedding_dim.
    Weight: num_embeddings, embedding_dim.
    """

    takes: ClassVar[tuple[DType, ...]] = ("int64",)
    num_embeddings: Positive = Field(description="rows of the table: indices are smaller than this")
    embedding_dim: Positive = Field(description="size of a row")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        return ((*x, self.embedding_dim),)

    def result(self, *dtypes: DType) -> DType:
        return "float"

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {"weight": Parameter((self.num_embeddings, self.embedding_dim), "table")}

    def reference(self, x: Array, weight: Array) -> Array:
        if x.size and not 0 <= x.min() <= x.max() < len(weight):  # NumPy would count negative ones from the end
            raise IndexError(f"indices must be from 0 to {len(weight) - 1}, not {x.min()} to {x.max()}")
        return weight[x]


class Matmul(Operation):
    """y = a b, for the matrices in the last two axes of the inputs.

    Inputs: batch, ..., n, k and batch, ..., k, m. Output: batch, ..., n, m. The axes before the last two broadcast.
    """

    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    transpose_a: Flag = Field(False, description="swap the last two axes of the first input before")
    transpose_b: Flag = Field(False, description="swap the last two axes of the second input before")

    def infer(self, a: Shape, b: Shape) -> tuple[Shape, ...]:
        if min(len(a), len(b)) < 3:
            raise ShapeError(f"needs inputs with two axes besides the batch axis, not {show(a)} and {show(b)}")
        outer = broadcast((*a[:-2], 1, 1), (*b[:-2], 1, 1))[:-2]
        n, k = a[:-3:-1] if self.transpose_a else a[-2:]
        rows, m = b[:-3:-1] if self.transpose_b else b[-2:]
        if k != rows:
            raise ShapeError(
                f"cannot multiply matrices of {n} x {k} and {rows} x {m}, from {show(a)} and {show(b)}",
                hint="the columns of the first must be as many as the rows of the second",
            )
        return ((*outer, n, m),)

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        return product(outputs[0]) * inputs[0][-2 if self.transpose_a else -1]

    def reference(self, a: Array, b: Array) -> Array:
        a = a.swapaxes(-1, -2) if self.transpose_a else a
        b = b.swapaxes(-1, -2) if self.transpose_b else b
        return a @ b
