"""Rows: activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .writing import Row, Step, Value, node


def _relu6(step: Step) -> Value:
    return step("Clip", step.x, step.floats(0), step.floats(6))


def _hard_tanh(step: Step) -> Value:
    return step("Clip", step.x, step.floats(step.attr("minimum")), step.floats(step.attr("maximum")))


def _leaky_relu(step: Step) -> Value:
    return step("LeakyRelu", step.x, alpha=step.attr("negative_slope"))


def _prelu(step: Step) -> Value:
    slope, rank = step.weight("weight"), len(step.out)
    assert slope.shape is not None
    if rank > 2 and not step.attr("per_element"):
        slope = step.reshape(slope, (int(slope.shape[0]), *(1,) * (rank - 2)), of=())
    return step("PRelu", step.x, slope)


def times_sigmoid(step: Step, x: Value, factor: float = 1.0) -> Value:
    """x sigmoid(factor x)."""
    inner = x if factor == 1 else step("Mul", x, step.floats(factor))
    return step("Mul", x, step("Sigmoid", inner))


def _squared_relu(step: Step) -> Value:
    kept = step("Relu", step.x)
    return step("Mul", kept, kept)


def _log_sigmoid(step: Step) -> Value:
    return step("Neg", step("Softplus", step("Neg", step.x)))


def _six_wide(step: Step) -> Value:
    """min(max(x + 3, 0), 6) / 6: HardSigmoid has a sixth of x, which is no number of float32."""
    moved = step("Clip", step("Add", step.x, step.floats(3)), step.floats(0), step.floats(6))
    return step("Div", moved, step.floats(6))


def _threshold(step: Step) -> Value:
    passes = step("Greater", step.x, step.floats(step.attr("threshold")))
    return step("Where", passes, step.x, step.floats(step.attr("value")), gives="float")


def _shrink(soft: bool) -> Row:
    def row(step: Step) -> Value:
        threshold = step.attr("threshold")
        return step("Shrink", step.x, lambd=threshold, bias=threshold if soft else 0.0)

    return row


def _tanh_shrink(step: Step) -> Value:
    return step("Sub", step.x, step("Tanh", step.x))


def _softplus(step: Step) -> Value:
    beta, threshold = step.attr("beta"), step.attr("threshold")
    scaled = step.x if beta == 1 else step("Mul", step.x, step.floats(beta))
    soft = step("Softplus", scaled)
    soft = soft if beta == 1 else step("Div", soft, step.floats(beta))
    if threshold >= 20 and beta == 1:  # from there on float32 holds no difference
        return soft
    return step("Where", step("Greater", scaled, step.floats(threshold)), step.x, soft, gives="float")


def _softmax(op: str, sign: int = 1) -> Row:
    def row(step: Step) -> Value:
        x = step.x if sign == 1 else step("Neg", step.x)
        return step(op, x, axis=step.axis(step.attr("axis")))

    return row


def _gated(gate: Callable[[Step, Value, Value], Value]) -> Row:
    def row(step: Step) -> Value:
        halves = step.parts(step.x, 2, step.axis(step.attr("axis")))
        return gate(step, *halves)

    return row


ROWS: Final[dict[str, Row]] = {
    "relu": node("Relu"),
    "relu6": _relu6,
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "elu": node("Elu", alpha="alpha"),
    "celu": node("Celu", alpha="alpha"),
    "selu": node("Selu"),
    "gelu": node("Gelu", approximate="approximate"),
    "silu": lambda step: times_sigmoid(step, step.x),
    "quick_gelu": lambda step: times_sigmoid(step, step.x, 1.702),
    "squared_relu": _squared_relu,
    "mish": node("Mish"),
    "sigmoid": node("Sigmoid"),
    "log_sigmoid": _log_sigmoid,
    "tanh": node("Tanh"),
    "hard_sigmoid": _six_wide,
    "hard_swish": lambda step: step("Mul", step.x, _six_wide(step)),
    "hard_tanh": _hard_tanh,
    "softsign": node("Softsign"),
    "threshold": _threshold,
    "hard_shrink": _shrink(soft=False),
    "soft_shrink": _shrink(soft=True),
    "tanh_shrink": _tanh_shrink,
    "softplus": _softplus,
    "softmax": _softmax("Softmax"),
    "softmin": _softmax("Softmax", -1),
    "log_softmax": _softmax("LogSoftmax"),
    "glu": _gated(lambda step, a, b: step("Mul", a, step("Sigmoid", b))),
    "reglu": _gated(lambda step, a, b: step("Mul", step("Relu", a), b)),
    "swiglu": _gated(lambda step, a, b: step("Mul", times_sigmoid(step, a), b)),
}
