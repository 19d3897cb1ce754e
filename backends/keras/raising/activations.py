"""What acts on each number, as a layer, as a function, and by the name that another layer has for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from archspec.importing.raising import Call, Refusal, View
from archspec.importing.tree import Origin

from .views import plain

Row = Callable[[Call], None]

NAMES: Final = {
    "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "tanh": "tanh", "elu": "elu", "selu": "selu",
    "silu": "silu", "swish": "silu", "gelu": "gelu", "softsign": "softsign", "exponential": "exp",
    "hard_sigmoid": "hard_sigmoid", "hard_silu": "hard_swish", "hard_swish": "hard_swish", "mish": "mish",
    "log_sigmoid": "log_sigmoid", "celu": "celu", "hard_tanh": "hard_tanh", "tanh_shrink": "tanh_shrink",
    "hard_shrink": "hard_shrink", "soft_shrink": "soft_shrink",
}  # fmt: skip
"""What Keras calls the operations, whose defaults are ours."""


def activated(call: Call, view: View, said: Any) -> View:
    """What a layer's activation makes of its result. Raises Refusal for one that is none of the spec's."""
    if isinstance(said, Mapping) and "config" in said:
        return _by_config(call, view, said["config"])
    if said in (None, "linear"):
        return view
    if said in NAMES:
        return view.of(call.step(NAMES[said], view)[0])
    if said == "softplus":
        return view.of(call.step("softplus", view, threshold=100.0)[0])
    if said == "leaky_relu":
        return _leaky(call, view, 0.2)
    if said in ("softmax", "log_softmax"):
        return _along(call, view, said, -1)
    raise Refusal(f"the activation '{said}'")


def _by_config(call: Call, view: View, said: Mapping[str, Any]) -> View:
    """A layer as an activation: `activation=layers.LeakyReLU(0.1)`."""
    config = said.get("config")
    row = ROWS.get(f"layers.{said.get('class_name')}")
    if row is None or not isinstance(config, Mapping) or said["class_name"] == "PReLU":
        raise Refusal("an activation of one's own, or one that is none of the spec's operations")
    inner = Call({**call.event, "args": [], "kwargs": {}, "attributes": config["config"], "weights": {}}, call.raiser)
    return row(inner, view)


def _along(call: Call, view: View, op: str, axis: Any) -> View:
    if not isinstance(axis, int):
        raise Refusal(f"{op} along several axes")
    if view.mixed:
        view = plain(call, view)
    place = view.axis(axis % view.rank)
    if place == 0:
        raise Refusal(f"{op} over the samples of a batch")
    return view.of(call.step(op, view, axis=-1 if place == view.rank - 1 else place)[0])


Layer = Callable[[Call, View], View]


def _relu(call: Call, view: View) -> View:
    slope, most, least = (call.number(name) or 0.0 for name in ("negative_slope", "max_value", "threshold"))
    if least or (slope and most):
        raise Refusal("a ReLU with a threshold, or with a slope and a bound")
    if slope:
        return _leaky(call, view, slope)
    if call.number("max_value") is None:
        return view.of(call.step("relu", view)[0])
    if most == 6:
        return view.of(call.step("relu6", view)[0])
    return view.of(call.step("clip", view, minimum=0.0, maximum=float(most))[0])


def _leaky(call: Call, view: View, slope: float) -> View:
    """TensorFlow keeps the slope as float32."""
    given = view.of(call.step("leaky_relu", view, negative_slope=slope)[0])
    call.rounded()
    return given


def _named(op: str, **names: str) -> Layer:
    """An operation whose attributes have these names in Keras."""

    def layer(call: Call, view: View) -> View:
        given = {name: call.number(theirs) for name, theirs in names.items()}
        return view.of(call.step(op, view, **{name: value for name, value in given.items() if value is not None})[0])

    return layer


def _prelu(call: Call, view: View) -> View:
    shared = call.number("shared_axes") or []
    slopes = call.weights()
    name = slopes["alpha"].weight
    count = call.raiser.trace.arrays[f"weight {name}"].size
    if view.rank > 2 and not shared and view.last:
        order = (view.rank - 2, *range(view.rank - 2))  # channels second
        back = tuple(order.index(axis) for axis in range(view.rank - 1))
        origin = Origin(name, (("transpose", back),))
        return view.of(call.step("prelu", view, weights={"weight": origin}, per_element=True)[0])
    if view.rank > 2 and list(shared) != [*range(1, view.rank - 1)]:
        raise Refusal("a PReLU with a slope for some places")
    weight = Origin(name, (("reshape", (*(1,) * (view.rank - 2), count)),))
    if view.rank > 2 and not view.last:
        raise Refusal("a PReLU of something that is no image")
    return view.of(call.step("prelu", view, weights={"weight": weight}, per_channel=True)[0])


def _softmax(op: str) -> Layer:
    return lambda call, view: _along(call, view, op, call.number("axis", default=-1))


def _activation(call: Call, view: View) -> View:
    return activated(call, view, call.get("activation"))


def _gelu(call: Call, view: View) -> View:
    attributes: dict[str, Any] = {"approximate": "tanh"} if call.get("approximate", default=True) else {}
    return view.of(call.step("gelu", view, **attributes)[0])


def _softplus(call: Call, view: View) -> View:
    return activated(call, view, "softplus")


ROWS: Final[dict[str, Layer]] = {
    "layers.ReLU": _relu,
    "layers.LeakyReLU": lambda call, view: _leaky(call, view, call.number("negative_slope")),
    "layers.ELU": _named("elu", alpha="alpha"),
    "layers.PReLU": _prelu,
    "layers.Softmax": _softmax("softmax"),
    "layers.Activation": _activation,
    "ops.Softmax": _softmax("softmax"),
    "ops.LogSoftmax": _softmax("log_softmax"),
    "ops.Gelu": _gelu,
    "ops.Softplus": _softplus,
    "ops.LeakyRelu": lambda call, view: _leaky(call, view, call.number("negative_slope")),
    "ops.Elu": _named("elu", alpha="alpha"),
    "ops.Celu": _named("celu", alpha="alpha"),
    "ops.HardShrink": _named("hard_shrink", threshold="threshold"),
    "ops.SoftShrink": _named("soft_shrink", threshold="threshold"),
    "ops.Threshold": _named("threshold", threshold="threshold", value="default_value"),
    **{f"ops.{name}": _named(op) for name, op in {
        "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh", "Silu": "silu", "Selu": "selu",
        "Softsign": "softsign", "HardSigmoid": "hard_sigmoid", "HardSilu": "hard_swish", "Mish": "mish",
        "LogSigmoid": "log_sigmoid", "HardTanh": "hard_tanh", "TanhShrink": "tanh_shrink", "Absolute": "abs",
        "Negative": "neg", "Sign": "sign", "Square": "square", "Sqrt": "sqrt", "Rsqrt": "rsqrt",
        "Reciprocal": "reciprocal", "Exp": "exp", "Expm1": "expm1", "Log": "log", "Log1p": "log1p", "Log2": "log2",
        "Log10": "log10", "Sin": "sin", "Cos": "cos", "Tan": "tan", "Arcsin": "asin", "Arccos": "acos",
        "Arctan": "atan", "Sinh": "sinh", "Cosh": "cosh", "Arcsinh": "asinh", "Arccosh": "acosh", "Arctanh": "atanh",
        "Erf": "erf", "Floor": "floor", "Ceil": "ceil", "Trunc": "trunc", "Round": "round",
        "LogicalNot": "logical_not", "StopGradient": "stop_gradient",
    }.items()},
}  # fmt: skip


def row(name: str) -> Row:
    layer = ROWS[name]
    return lambda call: call.give(layer(call, call.view()))
