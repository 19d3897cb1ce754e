"""Recurrent layers and attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from archspec.backend import Moves
from archspec.importing.raising import Call, Refusal, View
from archspec.importing.tree import Origin

from .views import plain

Row = Callable[[Call], None]

_TURNED: Final[Moves] = (("transpose", (1, 0)),)
USUAL: Final = {
    "activation": ("tanh",), "recurrent_activation": ("sigmoid",), "go_backwards": (False, None),
    "stateful": (False, None), "return_state": (False, None), "recurrent_dropout": (0, 0.0, None),
    "dropout": (0, 0.0, None),
}  # fmt: skip
"""What a recurrent layer must be like to be one of the spec's."""


def recurrent(op: str) -> Row:
    def row(call: Call) -> None:
        config = dict(call.event["attributes"])
        _give(call, op, config, {"": f"{op if op != 'rnn' else 'simple_rnn'}_cell/"})

    return row


def bidirectional(call: Call) -> None:
    layer = call.event["attributes"]["layer"]["config"]
    op = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn"}.get(layer["class_name"])
    if op is None or call.get("merge_mode") != "concat":
        raise Refusal("a layer in two directions that is no usual recurrent one, or is not joined by concat")
    parts = {"/".join(name.split("/")[:-1]) + "/" for name in call.event["weights"]}
    places = {direction: next(each for each in parts if each.startswith(begin))
              for direction, begin in (("", "forward_"), ("_reverse", "backward_"))}  # fmt: skip
    _give(call, op, layer["config"]["config"], places)


def _give(call: Call, op: str, config: Mapping[str, Any], places: Mapping[str, str]) -> None:
    """`places` are the beginnings of the names of weights by direction."""
    usual = {**USUAL, "activation": ("tanh", "relu")} if op == "rnn" else USUAL
    unusual = [name for name, known in usual.items() if name in config and config[name] not in known]
    if unusual:
        raise Refusal(f"a recurrent layer with {unusual[0]}={config[unusual[0]]}")
    if len(call.event["args"]) > 1 or call.get("initial_state") is not None:
        raise Refusal("a recurrent layer with a state that it is given")
    size, bias = config["units"], bool(config["use_bias"])
    after = bool(config.get("reset_after", True))
    given, weights = call.weights(), {}
    for direction, place in places.items():
        for name, part in (("weight_ih", "kernel"), ("weight_hh", "recurrent_kernel")):
            gates = _gates(size) if op == "gru" else ()
            weights[f"{name}_l0{direction}"] = Origin(given[place + part].weight, (*gates, *_TURNED))
        for number, name in enumerate(("bias_ih", "bias_hh") if bias else ()):
            weights[f"{name}_l0{direction}"] = Origin(given[f"{place}bias"].weight, _bias(op, size, after, number))
    attributes: dict[str, Any] = {"hidden_size": size, "bidirectional": len(places) > 1, "bias": bias}
    if op == "rnn":
        attributes["nonlinearity"] = config["activation"]
    if op == "gru":
        attributes["reset_after"] = after
    if not config.get("return_sequences"):
        attributes["return_sequence"] = False
    view = plain(call, call.view())
    call.give(View(call.step(op, view, weights=weights, **attributes)[0]))


def _gates(size: int) -> Moves:
    """r, z, n as z, r, n."""
    return (("take", (*range(size, 2 * size), *range(size), *range(2 * size, 3 * size))),)


def _bias(op: str, size: int, after: bool, number: int) -> Moves:
    """One bias is the sum of both; with `reset_after` there are two, in rows."""
    if op != "gru":
        return ()
    if not after:
        return _gates(size)
    return (*_gates(size), ("pad", (number * 3 * size, (1 - number) * 3 * size)), ("reshape", (2, 3 * size)))


def attention(call: Call) -> None:
    args = [call.get(name, place) for place, name in enumerate(("query", "value", "key"))]
    query, value = (plain(call, call.raiser.view(each)) for each in args[:2])
    key = value if args[2] is None or args[2] == args[1] else plain(call, call.raiser.view(args[2]))
    if call.get("attention_mask", 3) is not None or call.get("query_mask") is not None:
        raise Refusal("attention with a mask")
    if call.get("attention_axes") not in (None, [1]) or call.get("value_dim") not in (None, call.get("key_dim")):
        raise Refusal("attention along several axes, or whose values have other sizes than its keys")
    if isinstance(call.event["result"], list) or call.get("return_attention_scores"):
        raise Refusal("attention that gives its weights, too")
    if call.get("use_gate"):
        raise Refusal("attention with a gate")
    heads, size, given = call.number("num_heads"), call.number("key_dim"), call.weights()
    weights = {}
    for short, name, view in (("q", "query", query), ("k", "key", key), ("v", "value", value)):
        split = ("reshape", (view.tensor.shapes[0][-1], heads, size))
        weights[f"{short}_proj_weight"] = Origin(given[f"{name}/kernel"].weight, (*_TURNED, split))
        if f"{name}/bias" in given:
            weights[f"{short}_proj_bias"] = Origin(given[f"{name}/bias"].weight, (("reshape", (heads, size)),))
    out = call.result_shapes()[0][-1]
    joined = ("reshape", (heads, size, out))
    weights["out_proj_weight"] = Origin(given["attention_output/kernel"].weight, (*_TURNED, joined))
    if "attention_output/bias" in given:
        weights["out_proj_bias"] = given["attention_output/bias"]
    width = query.tensor.shapes[0][-1]
    attributes: dict[str, Any] = {"causal": bool(call.get("use_causal_mask")), "bias": bool(call.get("use_bias"))}
    if call.get("dropout"):
        attributes["dropout"] = call.number("dropout")
    if heads * size != width:
        attributes["head_dim"] = size
    if out != width:
        attributes["out_features"] = out
    same = query.tensor is key.tensor is value.tensor
    inputs = [query] if same else [query, key] if key.tensor is value.tensor else [query, key, value]
    (tensor,) = call.step("multi_head_attention", *inputs, weights=weights, num_heads=heads, **attributes)
    call.give(View(tensor))
