"""Weights that steps and calls of blocks use together: whose they are, and why they cannot be shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from archspec.graph import tree
from archspec.graph.frames import Failed, Findings, plain
from archspec.graph.graph import unlike_weights
from archspec.graph.naming import Named
from archspec.graph.references import Here, References
from archspec.graph.tree import Module, Value
from archspec.ops.base import Operation, Shape, describe
from archspec.spec.document import BlockStep, OperationStep


class Lending:
    """Finds the step, or the call of a block, whose weights another one is to use."""

    def __init__(self, findings: Findings, references: References) -> None:
        self.findings = findings
        self.references = references

    def step(
        self, step: OperationStep, op: Operation, shown: str, inputs: Sequence[Value], here: Here
    ) -> tree.Step | None:
        """The step whose weights an operation is to use, if it has none of its own. Raises Failed if it cannot."""
        if step.weights_of is None:
            return None
        named = self._named(step.weights_of, shown, here)
        if not isinstance(named.step, tree.Step):
            message = f"{shown}: '{step.weights_of}' is not a single operation, whose weights another could use"
            raise self._error(message, here, self._hint(named, step.weights_of))
        owner = named.step.owner or named.step
        self._check(step, shown, here, *_unlike_step(op, [value.shape for value in inputs], owner))
        return owner

    def lender(self, step: BlockStep, shown: str, here: Here) -> Named | None:
        """The call whose weights another call of a block is to use, if it has none of its own. Raises Failed if there
        is none."""
        if step.weights_of is None:
            return None
        named = self._named(step.weights_of, shown, here)
        if not isinstance(named.step, tree.Use):
            message = f"{shown}: '{step.weights_of}' is not a single call of a block, whose weights another could use"
            raise self._error(message, here, self._hint(named, step.weights_of))
        return named

    def call(self, step: BlockStep, shown: str, module: Module, lender: Named, here: Here) -> tree.Use:
        """The call that has the weights of this module. Raises Failed if they do not fit."""
        assert isinstance(lender.step, tree.Use)
        owner = lender.step.owner or lender.step
        self._check(step, shown, here, *_unlike_call(module, owner.module))
        return owner

    def _named(self, reference: str, shown: str, here: Here) -> Named:
        named = self.references.found(reference, here.scope, (*here.path, "weights_of"))
        if named.left_out:
            raise self._error(f"{shown}: '{reference}' has no weights here: its condition does not hold", here)
        if named.values is None:
            raise Failed
        return named

    @staticmethod
    def _hint(named: Named, reference: str) -> str:
        return f"its iterations have one set of weights if it says weights_of: {reference} itself" * named.repeated

    def _check(self, step: OperationStep | BlockStep, shown: str, here: Here, problem: str, hint: str) -> None:
        if problem:
            raise self._error(f"{shown}: cannot use the weights of '{step.weights_of}': {problem}", here, hint)
        if step.init is not None and step.weights_of != step.name:
            message = f"{shown}: its weights are those of '{step.weights_of}'"
            raise self.findings.error((*here.path, "init"), message, key=True, frame=here.frame)

    def _error(self, message: str, here: Here, hint: str = "") -> Failed:
        return self.findings.error((*here.path, "weights_of"), message, hint=hint, frame=here.frame)


def _unlike_call(module: Module, there: Module) -> tuple[str, str]:
    """Why a call of a block cannot use the weights of another, and a hint; nothing if it can.

    It is the same block with the same values of its params, as many inputs of as many axes and of the same kind, and,
    whatever their sizes, the same steps with weights of the same shapes.
    """
    if module.block != there.block:
        return f"that is block {there.block}", ""
    for name, value in module.params.items():
        if value != there.params[name]:
            return f"its {name} is {_shown(value)}, and {_shown(there.params[name])} there", ""
    if len(module.inputs) != len(there.inputs):
        return f"it is given {len(module.inputs)} inputs, and {len(there.inputs)} there", ""
    for name, value in module.inputs.items():
        mine, other = len(value.shape), len(there.inputs[name].shape)
        if mine != other:
            return f"its {name} has {mine} axes, and {other} there", ""
        if value.dtype != there.inputs[name].dtype:
            return f"its {name} is {value.dtype}, and {there.inputs[name].dtype} there", ""
    if not has_weights(module):
        return f"block {module.block} has no weights", ""
    return unlike_weights(module, there), ""


def has_weights(module: Module) -> bool:
    """Whether there are weights in a block."""
    return any(
        has_weights(item.module) if isinstance(item, tree.Use)
        else bool(item.op.parameters(*(value.shape for value in item.inputs)))
        for _, item in tree.leaves(module.items, "")
    )  # fmt: skip


_LEARNED: Final = "single steps share what is learned; calls of a block with weights_of go on from its statistics, too"


def _unlike_step(op: Operation, inputs: Sequence[Shape], owner: tree.Step) -> tuple[str, str]:
    """Why an operation cannot use the weights of a step, and a hint; nothing if it can.

    It is the same operation with the same attributes; or a linear, without a bias, whose weight is the table of an
    embedding (Press and Wolf, Using the output embedding to improve language models, 2017,
    https://arxiv.org/abs/1608.05859).
    """
    weights, there = op.parameters(*inputs), owner.op.parameters(*(value.shape for value in owner.inputs))
    if not weights:
        return f"{op.key} has no weights", ""
    if any(weight.statistic for weight in weights.values()):
        return f"{op.key} keeps statistics of what it sees", _LEARNED
    if owner.op.key in op.borrows:
        if "bias" in weights:
            return "an embedding has no bias", "write bias: false"
        if owner.op.padding_index is not None:
            return f"training leaves its row {owner.op.padding_index} alone, and would not as a linear's", ""
    elif op.key != owner.op.key:
        return (
            f"its operation is another, {owner.op.key}",
            "equal operations share weights, and a linear with an embedding",
        )
    elif not op.any_rank and len(inputs[0]) != len(owner.inputs[0].shape):
        return f"its input has {len(inputs[0])} axes, and {len(owner.inputs[0].shape)} there", ""
    else:
        for name, value in op:
            if value != getattr(owner.op, name):
                return f"its {name} is {_shown(value)}, and {_shown(getattr(owner.op, name))} there", ""
    for name, weight in weights.items():
        if tuple(map(int, weight.shape)) != tuple(map(int, there[name].shape)):
            return f"its {name} would be {_size(weight.shape)}, and is {_size(there[name].shape)} there", ""
    return "", ""


def _shown(value: Any) -> str:
    return describe(plain(value))


def _size(shape: Shape) -> str:
    return " x ".join(str(int(size)) for size in shape)
