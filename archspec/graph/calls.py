"""What comes out of a call of a block, in the names of the block around."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.expressions import Const, Dim, Expr, dim, substitute
from archspec.graph.tree import Module, Value


def expr_of_size(size: int) -> Expr:
    return size.expr if isinstance(size, Dim) else Const(int(size))


def outer(module: Module, inputs: tuple[Value, ...], arguments: Mapping[str, Expr]) -> tuple[Value, ...]:
    """Fresh values for a module's outputs, their sizes in the names of the surrounding block."""
    names = dict(arguments)
    for (inner, own), outer in zip(module.inputs.items(), inputs, strict=True):
        if isinstance(own.shape[0], Dim):
            names["batch"] = expr_of_size(outer.shape[0])
        for axis, size in enumerate(outer.shape):
            names[f"{inner}.{axis}"] = expr_of_size(size)
    return tuple(
        Value(tuple(dim(int(size), substitute(size.expr, names, whole=True)) if isinstance(size, Dim) else size
                    for size in value.shape), value.dtype, value.span)
        for value in module.outputs.values()
    )  # fmt: skip
