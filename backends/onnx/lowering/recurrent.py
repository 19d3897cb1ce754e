"""Rows: recurrent layers. ONNX has time first, and its gates in an order of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from onnx import TensorProto

from .writing import Row, Step, Value

if TYPE_CHECKING:
    from archspec.ops.base import DType

_ORDERS: Final = {"RNN": (0,), "LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}
"""The gates as ONNX has them, by their places here."""


def _sorted(step: Step, op: str, weight: Value) -> Value:
    """The rows of a weight in the order of ONNX's gates."""
    order = _ORDERS[op]
    if order == (0,):
        return weight
    parts = step.parts(weight, len(order), 0)
    return step("Concat", *(parts[place] for place in order), axis=0)


def _stacked(step: Step, op: str, names: list[str], weights: dict[str, Value]) -> Value:
    """A weight of all directions, as one."""
    parts = [step("Unsqueeze", _sorted(step, op, weights[name]), step.ints([0])) for name in names]
    return parts[0] if len(parts) == 1 else step("Concat", *parts, axis=0)


def _layer(
    step: Step, op: str, x: Value, lengths: Value | None, layer: int, weights: dict[str, Value], states: list[Value]
) -> list[Value]:
    """One layer, of one direction or both: what each time step makes, [time, directions, batch, hidden], and the
    states."""
    ends = [f"l{layer}{end}" for end in ("", "_reverse")[: step.op.directions]]
    kernels = [_stacked(step, op, [f"weight_{part}_{end}" for end in ends], weights) for part in ("ih", "hh")]
    bias = None
    if step.attr("bias"):
        both = (_stacked(step, op, [f"bias_{part}_{end}" for end in ends], weights) for part in ("ih", "hh"))
        bias = step("Concat", *both, axis=1)
    direction = "bidirectional" if len(ends) == 2 else "forward"
    more: dict[str, Any] = {"hidden_size": step.attr("hidden_size"), "direction": direction}
    if op == "RNN":
        more["activations"] = [step.attr("nonlinearity").capitalize()] * len(ends)
    if op == "GRU":
        more["linear_before_reset"] = int(step.attr("reset_after"))
    gives: list[DType] = ["float"] * (1 + len(step.op.states))
    return step.several(op, x, *kernels, bias, lengths, *states, gives=gives, **more)


def _recurrent(op: str) -> Row:
    def row(step: Step) -> Any:
        weights, layers, directions = step.weights(), step.attr("num_layers"), step.op.directions
        x = step("Transpose", step.x, perm=[1, 0, 2])
        padded = step.op.padded([tensor.shape for tensor in step.node.inputs])
        lengths, there = _lengths(step) if padded else (None, None)
        given = [step("Transpose", state, perm=[1, 0, 2]) for state in step.inputs[1 : len(step.inputs) - padded]]
        finals: list[Any] = []
        width = directions * step.attr("hidden_size")
        for layer in range(layers):
            span = (step.ints([layer * directions]), step.ints([(layer + 1) * directions]), step.ints([0]))
            start = [state if layers == 1 else step("Slice", state, *span) for state in given]
            y, *states = _layer(step, op, x, lengths, layer, weights, start)
            if there and start:  # where there is no step, ONNX gives zeros, not the state as it was
                states = [step("Where", there, *each) for each in zip(states, start, strict=True)]
            finals.append(states)
            x = y if layer == layers - 1 else step(
                "Reshape", step("Transpose", y, perm=[0, 2, 1, 3]), step.ints([0, 0, width]))  # fmt: skip
        if step.attr("return_sequence"):
            output = step("Reshape", step("Transpose", x, perm=[2, 0, 1, 3]), step.ints([0, 0, width]))
        else:
            output = step("Reshape", step("Transpose", finals[-1][0], perm=[1, 0, 2]), step.ints([0, width]))
        if not step.attr("return_state"):
            return output
        return output, *(_states(step, each) for each in zip(*finals, strict=True))

    return row


def _lengths(step: Step) -> tuple[Value, Value]:
    """Lengths as ONNX takes them, and where there is a step at all: [batch, 1]."""
    time = step.size(step.node.inputs[0].shape[1])
    held = step("Max", step("Min", step.inputs[-1], time), step.ints([0]))
    some = step("Greater", step("Unsqueeze", held, step.ints([1])), step.ints([0]))
    return step("Cast", held, to=TensorProto.INT32, gives="int64"), some


def _states(step: Step, parts: tuple[Value, ...]) -> Value:
    """The final states of all layers, the batch first."""
    whole = parts[0] if len(parts) == 1 else step("Concat", *parts, axis=0)
    return step("Transpose", whole, perm=[1, 0, 2])


ROWS: Final[dict[str, Row]] = {"rnn": _recurrent("RNN"), "lstm": _recurrent("LSTM"), "gru": _recurrent("GRU")}
