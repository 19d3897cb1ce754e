"""Matrix products, and the table look-up that equals one with one-hot rows."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import broadcast
from archspec.ops.base import (
    DType,
    Flag,
    Natural,
    Operation,
    Parameter,
    Positive,
    Sets,
    Shape,
    describe,
    product,
    show,
)

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")


def _equation(value: Any) -> str:
    """An equation without its spaces."""
    text = value.replace(" ", "") if isinstance(value, str) else ""
    if not re.fullmatch(r"[A-Za-z]+(,[A-Za-z]+)*->[A-Za-z]+", text):
        raise ValueError(f"must be letters for the axes, as in bij,bjk->bik, not {describe(value)}")
    operands, _, result = text.partition("->")
    if any(part[0] != result[0] or part.count(part[0]) > 1 for part in [*operands.split(","), result]):
        raise ValueError(f"must begin with the batch axis everywhere, and have it nowhere else, not {describe(value)}")
    unknown = next((letter for letter in result if letter not in operands), "")
    if unknown:
        raise ValueError(f"must not have '{unknown}' in the output alone, not {describe(value)}")
    for part in [*operands.split(","), result]:
        if len(set(part)) < len(part):
            raise ValueError(f"must not name an axis of '{part}' twice, not {describe(value)}")
    return text


if TYPE_CHECKING:
    Equation = str
else:
    Equation = Annotated[Any, BeforeValidator(_equation), WithJsonSchema({"type": "string", "pattern": "->"})]


class Linear(Operation):
    """y = x weight^T + bias, on the last axis.

    Input: batch, ..., features. Output: batch, ..., out_features. Weight: out_features, features.
    """

    borrows: ClassVar[tuple[str, ...]] = ("embedding",)
    any_rank: ClassVar[bool] = True
    free: ClassVar[frozenset[str]] = frozenset({"out_features"})
    wish: ClassVar = "features"
    linear: ClassVar[bool] = True
    gain: ClassVar[tuple[str, ...]] = ("weight", "bias")
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


class Bilinear(Operation):
    """y[o] = x1 weight[o] x2^T + bias[o], on the last axes of two inputs.

    Inputs: batch, ..., features1 and batch, ..., features2. Output: batch, ..., out_features.
    Weight: out_features, features1, features2.
    """

    free: ClassVar[frozenset[str]] = frozenset({"out_features"})
    wish: ClassVar = "spec"
    linear: ClassVar[bool] = True
    gain: ClassVar[tuple[str, ...]] = ("weight", "bias")
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    out_features: Positive = Field(description="size of the last axis of the output")
    bias: Flag = Field(True, description="add a learned number to each feature of the output")

    def infer(self, x1: Shape, x2: Shape) -> tuple[Shape, ...]:
        if len(x1) < 2 or x1[:-1] != x2[:-1]:
            raise ShapeError(f"needs inputs that differ in their features alone, not {show(x1)} and {show(x2)}")
        return ((*x1[:-1], self.out_features),)

    def parameters(self, x1: Shape, x2: Shape) -> dict[str, Parameter]:
        weight = Parameter((self.out_features, x1[-1], x2[-1]))
        return {"weight": weight} | ({"bias": Parameter((self.out_features,), "bias")} if self.bias else {})

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        return product(outputs[0]) * (inputs[0][-1] + 1) * inputs[1][-1]

    def reference(self, x1: Array, x2: Array, weight: Array, bias: Array | None = None) -> Array:
        y = np.einsum("...i,oij,...j->...o", x1, weight, x2, optimize=True)
        return y if bias is None else y + bias


class Embedding(Operation):
    """y = weight[x]: a learned row for each index.

    Input: whole numbers from 0 to num_embeddings - 1, batch, .... Output: batch, ..., embedding_dim.
    Weight: num_embeddings, embedding_dim. The row `padding_index` is used as it is; training leaves it alone.
    """

    any_rank: ClassVar[bool] = True
    free: ClassVar[frozenset[str]] = frozenset({"num_embeddings"})
    takes: ClassVar[tuple[DType, ...]] = ("int64",)
    num_embeddings: Positive = Field(description="rows of the table: indices are smaller than this")
    embedding_dim: Positive = Field(description="size of a row")
    padding_index: Natural | None = Field(None, description="a row that gets no gradient; null: none")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        if self.padding_index is not None and self.padding_index >= self.num_embeddings:
            raise ShapeError(
                f"padding_index (={self.padding_index}) must be less than num_embeddings (={self.num_embeddings})",
                attribute="padding_index",
            )
        return ((*x, self.embedding_dim),)

    def result(self, *dtypes: DType) -> DType:
        return "float"

    def indexes(self, x: Shape) -> dict[int, tuple[int, str]]:
        return {0: (self.num_embeddings, "num_embeddings")}

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        shape = (self.num_embeddings, self.embedding_dim)
        return {"weight": Parameter(shape, "table", frozen=self.padding_index)}

    def edges(self, *inputs: Shape) -> tuple[Sets, ...]:
        """The first row, the last and that of padding, and what is drawn besides."""
        special = () if self.padding_index is None else (self.padding_index,)
        return (((0, self.num_embeddings - 1, *special),),)

    def reference(self, x: Array, weight: Array) -> Array:
        if x.size and not 0 <= x.min() <= x.max() < len(weight):  # NumPy would count negative ones from the end
            raise IndexError(f"indices must be from 0 to {len(weight) - 1}, not {x.min()} to {x.max()}")
        return weight[x]


class Matmul(Operation):
    """y = a b, for the matrices in the last two axes of the inputs.

    Inputs: batch, ..., n, k and batch, ..., k, m. Output: batch, ..., n, m. The axes before the last two broadcast.
    """

    wish: ClassVar = "features"
    linear: ClassVar[bool] = True
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


class Einsum(Operation):
    """y = sum of the products of the inputs over the axes that the output does not have.

    `bij,bjk->bik` is the product of matrices: each letter is an axis, of the same size wherever it stands. All inputs
    and the output begin with the batch axis.
    """

    wish: ClassVar = "spec"
    linear: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (1, None)
    equation: Equation = Field(description="a letter for each axis of each input -> those of the output")

    @property
    def _operands(self) -> list[str]:
        return self.equation.partition("->")[0].split(",")

    def accepts(self) -> tuple[int, int | None]:
        return (len(self._operands),) * 2

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        sizes: dict[str, int] = {}
        for letters, shape in zip(self._operands, inputs, strict=True):
            if len(letters) != len(shape):
                raise ShapeError(f"'{letters}' names {len(letters)} axes, but the input is {show(shape)}",
                                 attribute="equation")  # fmt: skip
            for letter, size in zip(letters, shape, strict=True):
                if sizes.setdefault(letter, size) != size:
                    raise ShapeError(f"'{letter}' is {sizes[letter]} in one place and {size} in another, from "
                                     f"{' and '.join(map(show, inputs))}", attribute="equation")  # fmt: skip
        return (tuple(sizes[letter] for letter in self.equation.partition("->")[2]),)

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        """The inputs are multiplied from left to right, and summed over an axis as soon as no other has it."""
        operands = self._operands
        sizes = {letter: n for part, shape in zip(operands, inputs, strict=True)
                 for letter, n in zip(part, shape, strict=True)}  # fmt: skip
        total, held = 0, set(operands[0])
        for index, part in enumerate(operands[1:], 1):
            held |= set(part)
            total = total + product([sizes[letter] for letter in sorted(held)])
            held &= set("".join(operands[index + 1 :]) + self.equation.partition("->")[2])
        return total

    def reference(self, *inputs: Array) -> Array:
        return np.einsum(self.equation, *inputs, optimize=True)
