"""Rows: products of matrices, and look-ups in tables."""

from __future__ import annotations

from typing import Final

from .writing import Row, Step, Value


def product(step: Step, x: Value, rank: int, weight: Value, bias: Value | None) -> Value:
    """x weight^T + bias, on the last axis."""
    if rank == 2:
        return step("Gemm", x, weight, *(() if bias is None else (bias,)), transB=1)
    found = step("MatMul", x, step("Transpose", weight, perm=[1, 0]))
    return found if bias is None else step("Add", found, bias)


def _linear(step: Step) -> Value:
    weights = step.weights()
    return product(step, step.x, len(step.out), weights["weight"], weights.get("bias"))


def _bilinear(step: Step) -> Value:
    rest = "abcdefgh"[: len(step.out) - 1]
    weights = step.weights()
    left = step("Einsum", step.x, weights["weight"], equation=f"{rest}i,oij->{rest}oj")
    found: Value = step("Einsum", left, step.inputs[1], equation=f"{rest}oj,{rest}j->{rest}o")
    return step("Add", found, weights["bias"]) if "bias" in weights else found


def _embedding(step: Step) -> Value:
    return step("Gather", step.weight("weight"), step.x)


def _matmul(step: Step) -> Value:
    sides = []
    for x, flipped in zip(step.inputs, (step.attr("transpose_a"), step.attr("transpose_b")), strict=True):
        rank = len(x.shape or ())
        order = [*range(rank - 2), rank - 1, rank - 2]
        sides.append(step("Transpose", x, perm=order) if flipped else x)
    return step("MatMul", *sides)


def _einsum(step: Step) -> Value:
    return step("Einsum", *step.inputs, equation=step.attr("equation"))


ROWS: Final[dict[str, Row]] = {
    "linear": _linear,
    "bilinear": _bilinear,
    "embedding": _embedding,
    "matmul": _matmul,
    "einsum": _einsum,
}
