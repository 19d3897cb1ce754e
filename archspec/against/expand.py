"""Attention in parts: where a person's model has it as several calls, the walk takes these one by one."""
# mypy: disable-error-code="override, no-any-return"

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import TYPE_CHECKING

from archspec.graph.graph import Node, Tensor
from archspec.ops.attention import MultiHeadAttention, ScaledDotProductAttention
from archspec.ops.base import Operation, Shape
from archspec.ops.linear import Linear

if TYPE_CHECKING:
    from archspec.ops.base import Array


class SplitHeads(Operation):
    """y = x with its features shared by the heads: batch, heads, time, features / heads."""

    num_heads: int

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        return ((x[0], self.num_heads, x[1], x[2] // self.num_heads),)

    def reference(self, x: Array) -> Array:
        return x.reshape(*x.shape[:2], self.num_heads, -1).swapaxes(1, 2)


class MergeHeads(Operation):
    """y = x with the features of all heads one after another: batch, time, features."""

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        return ((x[0], x[2], x[1] * x[3]),)

    def reference(self, x: Array) -> Array:
        y = x.swapaxes(1, 2)
        return y.reshape(*y.shape[:2], -1)


def parts(node: Node) -> list[Node]:
    """The steps that a step of attention consists of; none of other operations."""
    op = node.op
    if not isinstance(op, MultiHeadAttention):
        return []
    query = node.inputs[0]
    key = node.inputs[1] if len(node.inputs) > 1 else query
    value = node.inputs[2] if len(node.inputs) > 2 else key
    inner = op.num_heads * op.head_size(query.shape)
    made: list[Node] = []

    def step(name: str, operation: Operation, *inputs: Tensor, last: bool = False) -> Tensor:
        shape = operation.infer(*(tensor.shape for tensor in inputs))[0]
        path = f"{node.path}.{name}"
        output = node.outputs[0] if last else Tensor(path, tuple(map(int, shape)), "float")
        owner = f"{node.owner}.{name}" if node.owner else ""
        made.append(replace(node, path=path, op=operation, inputs=inputs, outputs=(output,), owner=owner))
        return output

    heads = [
        step(f"{name}_heads", SplitHeads(num_heads=op.num_heads),
             step(f"{name}_proj", Linear(out_features=inner, bias=name in op.biased), each))
        for name, each in (("q", query), ("k", key), ("v", value))
    ]  # fmt: skip
    attended = step("attention", ScaledDotProductAttention(causal=op.causal), *heads, *node.inputs[3:])
    width = int(node.outputs[0].shape[-1])
    step(
        "out_proj",
        Linear(out_features=width, bias="out" in op.biased),
        step("merged", MergeHeads(), attended),
        last=True,
    )
    return made


def whole_name(parameter: str, due: Container[str]) -> str:
    """The spec's name, which is one of those `due`, of a weight of a part: `attn.q_proj_weight` of
    `attn.q_proj.weight`."""
    if parameter in due:
        return parameter
    for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
        for name in ("weight", "bias"):
            end = f".{part}.{name}"
            if parameter.endswith(end):
                return f"{parameter.removesuffix(end)}.{part}_{name}"
    return parameter
