"""Normalizations, recurrent layers and attention."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .cases import Array, Left, OnnxCase, Rule, Twin, first, first_lifted, is_one_of, lift, shifted

EPSILON: Final = float(np.float32(1e-5))


def batch_norm(case: OnnxCase) -> Twin:
    names = ("weight", "bias", "running_mean", "running_var")
    training = bool(case.attribute("training_mode", 0))
    attributes = {
        "epsilon": case.attribute("epsilon", EPSILON),
        "momentum": 1 - case.attribute("momentum", 0.9),  # ONNX's is the weight of the old
    }
    parameters = {name: case.x(i) for i, name in enumerate(names, 1)}
    return Twin("batch_norm", attributes, [case.x()], list, parameters, training=training,
                statistics=names[2:] if training else ())  # fmt: skip


def over_last(op: str, *names: str) -> Rule:
    """Over all axes from one on."""

    def rule(case: OnnxCase) -> Twin:
        rank = case.x().ndim
        axis = shifted(case.attribute("axis", -1), rank)
        attributes = {"axis": list(range(axis, rank + 1)), "epsilon": case.attribute("epsilon", EPSILON)}
        ignored = "the mean and the inverse of the deviation" * (len(case.given) > 1)
        parameters = {name: case.x(i) for i, name in enumerate(names, 1)}
        return Twin(op, attributes, [lift(case.x())], first_lifted, parameters, ignored=ignored)

    return rule


def per_channel(op: str, **fixed: Any) -> Rule:
    def rule(case: OnnxCase) -> Twin:
        attributes = {"epsilon": case.attribute("epsilon", EPSILON), **fixed}
        if op == "group_norm":
            attributes["num_groups"] = case.attribute("num_groups")
        return Twin(op, attributes, [case.x()], list, {"weight": case.x(1), "bias": case.x(2)})

    return rule


def local_response_norm(case: OnnxCase) -> Twin:
    defaults = {"alpha": ("alpha", 1e-4), "beta": ("beta", 0.75), "k": ("bias", 1.0)}
    attributes = {ours: case.attribute(theirs, default) for ours, (theirs, default) in defaults.items()}
    return Twin("local_response_norm", attributes | {"size": case.attribute("size")}, [case.x()], list)


# Recurrent layers ---------------------------------------------------------------------------------------------------


def recurrent(op: str, order: str, gates: str, states: int = 1, **fixed: Any) -> Rule:
    """`order` and `gates` name the gates as ONNX and as we have them one below the other."""

    def rule(case: OnnxCase) -> Twin:
        x, batch_first = case.x(), bool(case.attribute("layout", 0))
        direction = case.attribute("direction", "forward")
        x = x if batch_first else x.swapaxes(0, 1)
        if case.optional(7) is not None:
            raise Left("peepholes")
        lengths = case.whole(4)
        assert lengths is None or set(lengths) == {x.shape[1]}
        initial = [state for state in map(case.optional, range(5, 5 + states)) if state is not None]
        inputs = [x] + [state if batch_first else state.swapaxes(0, 1) for state in initial]
        if direction == "reverse":
            inputs[0] = x[:, ::-1]
        bias = case.optional(3)
        attributes = {
            "hidden_size": case.attribute("hidden_size"),
            "bidirectional": direction == "bidirectional",
            "bias": bias is not None,
            "return_state": True,
            **fixed,
        }

        def rows(matrix: Array) -> Array:
            parts = dict(zip(order, np.split(matrix, len(order)), strict=True))
            return np.concatenate([parts[gate] for gate in gates])

        parameters: dict[str, Array] = {}
        for index, suffix in enumerate(("l0", "l0_reverse")[: len(case.x(1))]):
            parameters |= {f"weight_ih_{suffix}": rows(case.x(1)[index]), f"weight_hh_{suffix}": rows(case.x(2)[index])}
            if bias is not None:
                ours, theirs = np.split(bias[index], 2)
                parameters |= {f"bias_ih_{suffix}": rows(ours), f"bias_hh_{suffix}": rows(theirs)}

        def arrange(outputs: list[Array | None]) -> list[Array | None]:
            found: list[Array | None] = []
            for place, y in enumerate(outputs):
                if y is None:
                    found.append(None)
                elif place:
                    found.append(y if batch_first else y.swapaxes(0, 1))
                else:
                    y = y if batch_first else y.transpose(2, 0, 1, 3)
                    y = y.reshape(*y.shape[:2], -1)
                    found.append(y[:, ::-1] if direction == "reverse" else y)
            return found

        return Twin(op, attributes, inputs, arrange, parameters)

    return rule


# Attention ----------------------------------------------------------------------------------------------------------


def attention(case: OnnxCase) -> Twin:
    is_one_of(case.attribute("softcap", 0.0), 0.0, reason="scores that are capped")
    if case.optional(4) is not None:
        raise Left("keys and values of the past")
    if case.optional(6) is not None:
        raise Left("sources of unequal lengths")
    for name in ("left_window_size", "right_window_size"):
        is_one_of(case.attribute(name, -1), -1, reason="attention to a window")
    heads = [case.attribute("q_num_heads")] + [case.attribute("kv_num_heads")] * 2
    inputs = [_with_heads(case.x(i), count) for i, count in enumerate(heads)]
    mask = case.optional(3)
    if mask is not None:
        mask = mask.reshape(*(1,) * (4 - mask.ndim), *mask.shape)
        inputs.append(np.broadcast_to(mask, (len(inputs[0]), *mask.shape[1:])).copy())
        if mask.dtype == bool and not _visible(mask, causal=bool(case.attribute("is_causal", 0))):
            raise Left("a query from which everything is hidden, which we refuse")
    scale = case.attribute("scale")
    attributes = {"causal": bool(case.attribute("is_causal", 0))} | ({} if scale is None else {"scale": scale})

    def arrange(outputs: list[Array | None]) -> list[Array | None]:
        return [None if y is None else _with_heads(y, heads[0]) for y in first(outputs)]

    ignored = "the scores" * (len(case.given) > 3)
    return Twin("scaled_dot_product_attention", attributes, inputs, arrange, ignored=ignored)


def _with_heads(x: Array, count: int) -> Array:
    """batch, heads, time, features from batch, time, heads * features."""
    return x if x.ndim == 4 else x.reshape(*x.shape[:2], count, -1).swapaxes(1, 2)


def _visible(mask: Array, causal: bool) -> bool:
    seen = mask & np.tri(*mask.shape[-2:]).astype(bool) if causal else mask
    return bool(seen.any(-1).all())


def rotary_embedding(case: OnnxCase) -> Twin:
    raise Left("angles that are given, not computed from the place")


RULES: Final[dict[str, Rule]] = {
    "BatchNormalization": batch_norm,
    "LayerNormalization": over_last("layer_norm", "weight", "bias"),
    "RMSNormalization": over_last("rms_norm", "weight"),
    "GroupNormalization": per_channel("group_norm"),
    "InstanceNormalization": per_channel("instance_norm", affine=True),
    "LRN": local_response_norm,
    "RNN": recurrent("rnn", "h", "h"),
    "LSTM": recurrent("lstm", "iofc", "ifco", 2),
    "GRU": recurrent("gru", "zrh", "rzh", reset_after=False),
    "Attention": attention,
    "RotaryEmbedding": rotary_embedding,
}
