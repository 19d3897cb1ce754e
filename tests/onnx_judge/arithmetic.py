"""Functions of elements, comparisons, reductions and products."""

from __future__ import annotations

from string import ascii_letters
from typing import Any, Final

import numpy as np

from .cases import (
    Array,
    Left,
    OnnxCase,
    Rule,
    Twin,
    first_lifted,
    floats,
    is_one_of,
    lift,
    lifted,
    shifted,
    through,
)

INTEGERS: Final = "whole numbers, which our operation does not take"


def unary(op: str, **names: tuple[str, Any]) -> Rule:
    """One input; our attributes by name, with ONNX's name and default."""

    def rule(case: OnnxCase) -> Twin:
        attributes = {ours: case.attribute(theirs, default) for ours, (theirs, default) in names.items()}
        return Twin(op, attributes, [lift(case.x())], lifted)

    return rule


def only(rule: Rule, reason: str, **due: float) -> Rule:
    """For cases whose attributes have these values, by name; they are the defaults, too."""

    def checked(case: OnnxCase) -> Twin:
        if any(np.float32(case.attribute(name, value)) != np.float32(value) for name, value in due.items()):
            raise Left(reason)
        return rule(case)

    return checked


def hard_sigmoid(case: OnnxCase) -> Twin:
    if np.float32(case.attribute("alpha", 0.2)) != np.float32(1 / 6) or case.attribute("beta", 0.5) != 0.5:
        raise Left("a hard sigmoid with another slope than 1/6")
    return unary("hard_sigmoid")(case)


def binary(op: str, *, least: int = 2, most: int | None = 2, integers: bool = True) -> Rule:
    """Two inputs or more, of as many axes as the one that has most, as broadcasting has it."""

    def rule(case: OnnxCase) -> Twin:
        inputs = [case.x(i) for i in range(len(case.inputs))]
        if len(inputs) < least:
            raise Left("one input, where our operation needs two")
        if most is not None and len(inputs) > most:
            raise Left("three inputs, where our operation takes two")
        if not integers and all(x.dtype.kind == "i" for x in inputs):
            raise Left("division of whole numbers, which cuts off")
        return Twin(op, {}, aligned(inputs), lifted)

    return rule


def aligned(inputs: list[Array]) -> list[Array]:
    """With as many axes as the one that has most, and a batch axis."""
    rank = max(x.ndim for x in inputs)
    return [x.reshape(1, *(1,) * (rank - x.ndim), *x.shape) for x in inputs]


def power(case: OnnxCase) -> Twin:
    """Ours is of floating-point numbers; the cases of whole ones have powers that these hold exactly."""
    return Twin("power", {}, aligned([case.x(0).astype(float), case.x(1).astype(float)]),
                lambda outputs: lifted(floats(outputs)))  # fmt: skip


def modulo(case: OnnxCase) -> Twin:
    is_one_of(case.attribute("fmod", 0), 0, reason="fmod, whose sign is that of the dividend")
    return binary("mod")(case)


def clip(case: OnnxCase) -> Twin:
    bounds = {name: case.optional(i) for i, name in ((1, "minimum"), (2, "maximum"))}
    given = {name: bound.item() for name, bound in bounds.items() if bound is not None}
    if not given:
        raise Left("clip without bounds")
    if len(given) == 2 and given["minimum"] > given["maximum"]:
        raise Left("clip with a minimum above the maximum, which we refuse")
    return Twin("clip", given, [lift(case.x())], lifted)


def shrink(case: OnnxCase) -> Twin:
    threshold, bias = case.attribute("lambd", 0.5), case.attribute("bias", 0.0)
    is_one_of(bias, 0.0, threshold, reason="shrink by another number than the threshold")
    return Twin("soft_shrink" if bias else "hard_shrink", {"threshold": threshold}, [lift(case.x())], lifted)


def gelu(case: OnnxCase) -> Twin:
    return Twin("gelu", {"approximate": case.attribute("approximate", "none")}, [lift(case.x())], lifted)


def prelu(case: OnnxCase) -> Twin:
    """Slopes for the last axes, which become our channels; what is before them becomes the batch."""
    x, slope = case.x(0), case.x(1)
    if x.shape[x.ndim - slope.ndim :] != slope.shape:
        raise Left("slopes that broadcast inside")
    flat = (-1, slope.size)
    return Twin("prelu", {}, [x.reshape(flat)], through(lambda y: y.reshape(flat)), {"weight": slope.reshape(-1)})


def dropout(case: OnnxCase) -> Twin:
    ratio, training = case.optional(1), case.optional(2)
    p = case.attribute("ratio", 0.5) if ratio is None else ratio.item()
    if training is not None and training.item() and p:
        raise Left("random numbers")
    return Twin("dropout", {"p": p}, [lift(case.x())], first_lifted, ignored="the mask" * (len(case.given) > 1))


def swiglu(case: OnnxCase) -> Twin:
    is_one_of(case.attribute("alpha", 1.0), 1.0, reason="swish with another alpha than 1")
    return Twin("swiglu", {}, [lift(np.concatenate([case.x(0), case.x(1)], -1))], lifted)


def where(case: OnnxCase) -> Twin:
    return Twin("where", {}, aligned([case.x(i) for i in range(3)]), lifted)


def along(op: str, default: int | None, **fixed: Any) -> Rule:
    """One input, and one axis."""

    def rule(case: OnnxCase) -> Twin:
        axis = shifted(case.attribute("axis", default), case.x().ndim)
        return Twin(op, {"axis": axis, **fixed}, [lift(case.x())], lifted)

    return rule


def normalize(case: OnnxCase) -> Twin:
    is_one_of(case.attribute("p", 2), 2, reason="normalization by the sum of the absolute values")
    return along("l2_normalize", -1)(case)


# Along axes ---------------------------------------------------------------------------------------------------------


def reduction(op: str, **fixed: Any) -> Rule:
    def rule(case: OnnxCase) -> Twin:
        x = case.x()
        if x.dtype.kind == "b":
            raise Left("a reduction of truth values")
        axes = case.attribute("axes") or case.whole(1) or []
        if not axes and case.attribute("noop_with_empty_axes", 0):
            raise Left("a reduction over no axis")
        attributes = {
            "axis": [shifted(axis, x.ndim) for axis in axes or range(x.ndim)],
            "keepdims": bool(case.attribute("keepdims", 1)),
        }
        return Twin(op, attributes | fixed, [lift(x)], lifted)

    return rule


def has_ties(x: Array, axis: int) -> bool:
    """Whether there are equal elements along an axis."""
    return bool((np.diff(np.sort(x, axis), axis=axis) == 0).any())


def extremum(op: str) -> Rule:
    def rule(case: OnnxCase) -> Twin:
        if case.attribute("select_last_index", 0) and has_ties(case.x(), case.attribute("axis", 0)):
            raise Left("the last of equal elements")
        return along(op, 0, keepdims=bool(case.attribute("keepdims", 1)))(case)

    return rule


def cumsum(case: OnnxCase) -> Twin:
    for name in ("exclusive", "reverse"):
        is_one_of(case.attribute(name, 0), 0, reason="a cumulative sum that is exclusive or from the end")
    axis = shifted(int(case.x(1).item()), case.x().ndim)
    return Twin("cumsum", {"axis": axis}, [lift(case.x().astype(float))], lambda outputs: lifted(floats(outputs)))


def topk(case: OnnxCase) -> Twin:
    x = case.x()
    axis = case.attribute("axis", -1)
    if has_ties(x, axis):
        raise Left("an order of equal elements, which we leave open")
    attributes = {"k": int(case.x(1).item()), "axis": shifted(axis, x.ndim),
                  "largest": bool(case.attribute("largest", 1))}  # fmt: skip

    def arrange(outputs: list[Array | None]) -> list[Array | None]:
        return lifted([*floats(outputs), outputs[1]])

    return Twin("topk", attributes, [lift(x.astype(float))], arrange)


# Products -----------------------------------------------------------------------------------------------------------


def matmul(case: OnnxCase) -> Twin:
    if min(case.x(0).ndim, case.x(1).ndim) < 2:
        raise Left("a product with a vector")
    return Twin("matmul", {}, aligned([case.x(0), case.x(1)]), lifted)


def gemm(case: OnnxCase) -> Twin:
    a, b, c = case.x(0), case.x(1), case.optional(2)
    weight = case.attribute("alpha", 1.0) * (b if case.attribute("transB", 0) else b.T)
    a = a.T if case.attribute("transA", 0) else a
    parameters = {"weight": weight}
    if c is not None:
        if c.ndim == 2 and len(c) > 1:
            raise Left("a bias for each sample")
        parameters["bias"] = case.attribute("beta", 1.0) * np.broadcast_to(c, (1, len(weight)))[0]
    return Twin("linear", {"out_features": len(weight), "bias": c is not None}, [a], list, parameters)


def einsum(case: OnnxCase) -> Twin:
    """With a batch axis in all terms."""
    equation = case.attribute("equation").replace(" ", "")
    if "." in equation or any(len(set(term)) < len(term) for term in equation.partition("->")[0].split(",")):
        raise Left("a diagonal, or an ellipsis")
    operands, arrow, result = equation.partition("->")
    if not arrow:
        result = "".join(sorted(letter for letter in set(operands) - {","} if operands.count(letter) == 1))
    batch = next(letter for letter in ascii_letters if letter not in equation)
    ours = ",".join(batch + term for term in operands.split(",")) + f"->{batch}{result}"
    return Twin("einsum", {"equation": ours}, [lift(case.x(i)) for i in range(len(case.inputs))], lifted)


def softmax(op: str) -> Rule:
    return along(op, -1)


RULES: Final[dict[str, Rule]] = {
    **{name: unary(name.lower()) for name in "Abs Ceil Cos Erf Exp Floor Log Mish Neg Reciprocal Relu".split()},
    **{name: unary(name.lower()) for name in "Round Sigmoid Sign Sin Softplus Softsign Sqrt Tanh".split()},
    "Not": unary("logical_not"),
    "HardSwish": unary("hard_swish"),
    "Celu": unary("celu", alpha=("alpha", 1.0)),
    "Elu": unary("elu", alpha=("alpha", 1.0)),
    "LeakyRelu": unary("leaky_relu", negative_slope=("alpha", 0.01)),
    "ThresholdedRelu": unary("threshold", threshold=("alpha", 1.0)),
    "HardSigmoid": hard_sigmoid,
    "Selu": only(unary("selu"), "a selu with other constants than the paper's", alpha=1.6732632, gamma=1.0507010),
    "Swish": only(unary("silu"), "swish with another alpha than 1", alpha=1.0),
    "Gelu": gelu,
    "PRelu": prelu,
    "Shrink": shrink,
    "SwiGLU": swiglu,
    "Clip": clip,
    "Dropout": dropout,
    "Add": binary("add"),
    "Sum": binary("add", most=None),
    "Sub": binary("subtract"),
    "Mul": binary("multiply"),
    "Div": binary("divide", integers=False),
    "Max": binary("maximum"),
    "Min": binary("minimum"),
    "Mod": modulo,
    "Pow": power,
    "Equal": binary("equal"),
    "Greater": binary("greater"),
    "GreaterOrEqual": binary("greater_equal"),
    "Less": binary("less"),
    "LessOrEqual": binary("less_equal"),
    "And": binary("logical_and"),
    "Or": binary("logical_or"),
    "Xor": binary("logical_xor"),
    "Where": where,
    "Softmax": softmax("softmax"),
    "LogSoftmax": softmax("log_softmax"),
    "LpNormalization": normalize,
    "ReduceL1": reduction("norm", p=1),
    "ReduceL2": reduction("norm", p=2),
    "ReduceLogSumExp": reduction("logsumexp"),
    "ReduceMax": reduction("max"),
    "ReduceMean": reduction("mean"),
    "ReduceMin": reduction("min"),
    "ReduceProd": reduction("prod"),
    "ReduceSum": reduction("sum"),
    "ArgMax": extremum("argmax"),
    "ArgMin": extremum("argmin"),
    "CumSum": cumsum,
    "TopK": topk,
    "MatMul": matmul,
    "Gemm": gemm,
    "Einsum": einsum,
}  # fmt: skip
