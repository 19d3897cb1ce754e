"""Who judges layers with weights: PyTorch's own, ONNX's, and other libraries' numbers that were written down."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (as PyTorch's own documentation has it)
from torch import nn

from . import recorded
from .common import Attributes, Judge, given, held, number, numbers, onnx, starts

TORCH: Final = "torch.nn.functional"


# Products -----------------------------------------------------------------------------------------------------------


def matmul(a: Attributes, x: Any, y: Any) -> Any:
    return (x.mT if a.get("transpose_a", False) else x) @ (y.mT if a.get("transpose_b", False) else y)


def linear(a: Attributes, x: Any, **weights: Any) -> Any:
    return held(nn.Linear(x.shape[-1], a["out_features"], **given(a, "bias")), weights)(x)


def linear_with(a: Attributes, x: Any, weight: Any, *bias: Any) -> Any:
    return F.linear(x, weight[0], *(each[0] for each in bias))


def bilinear(a: Attributes, x: Any, y: Any, **weights: Any) -> Any:
    return held(nn.Bilinear(x.shape[-1], y.shape[-1], a["out_features"], **given(a, "bias")), weights)(x, y)


def embedding(a: Attributes, x: Any, **weights: Any) -> Any:
    layer = nn.Embedding(a["num_embeddings"], a["embedding_dim"], **given(a, padding_index="padding_idx"))
    return held(layer, weights)(x)


# Normalizations -----------------------------------------------------------------------------------------------------


def batch_norm(a: Attributes, x: Any, **weights: Any) -> Any:
    return _batch_norm(a, x, weights).eval()(x)


def batch_norm_training(a: Attributes, x: Any, **weights: Any) -> tuple[Any, dict[str, Any]]:
    """PyTorch keeps the variance with n - 1 in place of n, which ours has, as ONNX and Keras: what the batch adds to
    the running variance is brought from the one to the other."""
    layer, count = _batch_norm(a, x, weights), x.numel() // x.shape[1]
    y = layer(x)
    still = _batch_norm(a, x, weights)
    still(torch.zeros_like(x))
    kept = still.running_var  # of a batch without variance: what is kept of the old one
    variance = kept + (layer.running_var - kept) * (count - 1) / count
    return y, {"running_mean": layer.running_mean, "running_var": variance}


def _batch_norm(a: Attributes, x: Any, weights: dict[str, Any]) -> Any:
    kind = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[x.ndim]
    layer = kind(x.shape[1], **given(a, "momentum", "affine", epsilon="eps"))
    return held(layer, {"num_batches_tracked": torch.tensor(0), **{name: w.clone() for name, w in weights.items()}})


def moved(a: Attributes, x: Any) -> tuple[Any, list[int], list[int]]:
    """The axes of `axis` at the end, where PyTorch normalizes; where they were, and where they are now."""
    axes = numbers(a.get("axis", -1), x.ndim)
    last = list(range(-len(axes), 0))
    return x.movedim(axes, last), axes, last


def layer_norm(a: Attributes, x: Any, **weights: Any) -> Any:
    x, axes, last = moved(a, x)
    options = given(a, "bias", affine="elementwise_affine", epsilon="eps")
    return held(nn.LayerNorm(x.shape[-len(axes) :], **options), weights)(x).movedim(last, axes)


def rms_norm(a: Attributes, x: Any, **weights: Any) -> Any:
    """PyTorch's default of epsilon is the smallest difference; Keras' RMSNormalization has 1e-6."""
    x, axes, last = moved(a, x)
    layer = nn.RMSNorm(x.shape[-len(axes) :], a.get("epsilon", 1e-6), **given(a, affine="elementwise_affine"))
    return held(layer, weights)(x).movedim(last, axes)


def l2_normalize(a: Attributes, x: Any) -> Any:
    return F.normalize(x, dim=number(a.get("axis", -1), x.ndim), **given(a, epsilon="eps"))


def group_norm(a: Attributes, x: Any, **weights: Any) -> Any:
    layer = nn.GroupNorm(a["num_groups"], x.shape[1], **given(a, "affine", epsilon="eps"))
    return held(layer, weights)(x)


def instance_norm(a: Attributes, x: Any, **weights: Any) -> Any:
    kind = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d, 5: nn.InstanceNorm3d}[x.ndim]
    return held(kind(x.shape[1], **given(a, "affine", epsilon="eps")), weights)(x)


def local_response_norm(a: Attributes, x: Any) -> Any:
    return F.local_response_norm(x, a["size"], **given(a, "alpha", "beta", "k"))


# Recurrent layers ---------------------------------------------------------------------------------------------------

OPTIONS: Final = ("num_layers", "bidirectional", "bias", "nonlinearity")


def each_alone(ask: Any, a: Attributes, x: Any, *others: Any, **weights: Any) -> Any:
    """Each sequence by itself, as long as its length says, and then put together again."""
    *initial, lengths = others
    outputs = []
    for i, length in enumerate(lengths.clamp(0, x.shape[1]).tolist()):
        own = [state[i : i + 1] for state in initial]
        size = a["hidden_size"] * (1 + a.get("bidirectional", False))
        if length:
            found = ask(a, x[i : i + 1, :length], *own, **weights)
            y, *states = found if isinstance(found, tuple) else (found,)
        else:  # PyTorch has no such sequences; all stays as it was
            zeros = torch.zeros(1, a.get("num_layers", 1) * size // a["hidden_size"], a["hidden_size"], dtype=x.dtype)
            y, states = torch.zeros(1, 0, size, dtype=x.dtype), own or [zeros, zeros]
            if not a.get("return_sequence", True):
                y = states[0][:, -size // a["hidden_size"] :].flatten(1)
        y = F.pad(y, (0, 0, 0, x.shape[1] - length)) if y.ndim == 3 else y
        outputs.append([y, *states])
    whole = tuple(torch.cat(parts) for parts in zip(*outputs, strict=False))
    return whole if a.get("return_state", False) else whole[0]


def recurrent(kind: type[Any], *, training: bool = False) -> Any:
    def ask(a: Attributes, x: Any, *initial: Any, **weights: Any) -> Any:
        if initial and initial[-1].ndim == 1:
            found = each_alone(recurrent(kind), a, x, *initial, **weights)
            return (found, {}) if training else found
        between = given(a, "dropout") if a.get("num_layers", 1) > 1 else {}  # PyTorch warns where it has no effect
        layer = held(kind(x.shape[-1], a["hidden_size"], batch_first=True, **given(a, *OPTIONS), **between), weights)
        states = [state.transpose(0, 1).contiguous() for state in initial]
        torch.manual_seed(0)
        y, finals = layer.train(training)(x, *([tuple(states)] if len(states) > 1 else states))
        finals = finals if isinstance(finals, tuple) else (finals,)
        outputs = shortened(a, y, [state.transpose(0, 1) for state in finals])
        return (outputs, kept_between_layers(a, y)) if training else outputs

    return ask


def shortened(a: Attributes, y: Any, states: list[Any]) -> Any:
    if not a.get("return_sequence", True):
        size = a["hidden_size"]
        y = torch.cat([y[:, -1, :size], y[:, 0, size:]], 1)
    return (y, *states) if a.get("return_state", False) else y


def kept_between_layers(a: Attributes, y: Any) -> dict[str, Any]:
    """What PyTorch drops between its layers: on a CPU, what its dropout draws there from the same seed."""
    torch.manual_seed(0)
    p, ones = a.get("dropout", 0.0), torch.ones_like(y.transpose(0, 1))
    drawn = range(a.get("num_layers", 1) - 1) if p else ()
    return {f"kept_l{layer}": F.dropout(ones, p).transpose(0, 1) > 0 for layer in drawn}


def gru(a: Attributes, x: Any, *initial: Any, **weights: Any) -> Any:
    if a.get("reset_after", True):
        return recurrent(nn.GRU)(a, x, *initial, **weights)
    return gru_of_the_paper(a, x, *initial, **weights)


def gru_training(a: Attributes, x: Any, *initial: Any, **weights: Any) -> Any:
    if a.get("reset_after", True):
        return recurrent(nn.GRU, training=True)(a, x, *initial, **weights)
    torch.manual_seed(0)
    outputs = gru_of_the_paper(a, x, *initial, **weights, dropout=a.get("dropout", 0.0))
    ones = torch.ones(*x.shape[:2], a["hidden_size"] * (1 + a.get("bidirectional", False)))
    return outputs, kept_between_layers(a, ones.double())


def gru_of_the_paper(a: Attributes, x: Any, *initial: Any, dropout: float = 0.0, **weights: Any) -> Any:
    """Layer by layer, by ONNX; between them PyTorch's dropout."""
    if initial and initial[-1].ndim == 1:
        return each_alone(gru_of_the_paper, a, x, *initial, **weights)
    directions = ("", "_reverse")[: 1 + a.get("bidirectional", False)]
    states: list[Any] = []
    for layer in range(a.get("num_layers", 1)):
        x = F.dropout(x.transpose(0, 1), dropout).transpose(0, 1) if layer and dropout else x
        parts = []
        for suffix in directions:
            step = -1 if suffix else 1
            start = initial[0][:, len(states)].numpy() if initial else None
            names = [f"{part}_l{layer}{suffix}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            y, h = _onnx_gru(x.numpy()[:, ::step], [weights.get(name) for name in names], start)
            parts.append(torch.from_numpy(y[:, ::step].copy()))
            states.append(torch.from_numpy(h))
        x = torch.cat(parts, 2)
    return shortened(a, x, [torch.stack(states, 1)])


def _onnx_gru(x: Any, weights: list[Any], start: Any) -> tuple[Any, Any]:
    """One direction of one layer by ONNX, which has update, reset and candidate in this order, and time first."""

    def rows(matrix: Any) -> Any:
        reset, update, candidate = np.split(matrix.numpy(), 3)
        return np.concatenate([update, reset, candidate])

    w, u = rows(weights[0])[None], rows(weights[1])[None]
    bias = None if weights[2] is None else np.concatenate([rows(weights[2]), rows(weights[3])])[None]
    y, h = onnx("GRU", x.swapaxes(0, 1), w, u, bias, None, None if start is None else start[None], outputs=2,
                hidden_size=u.shape[2], linear_before_reset=0)  # fmt: skip
    return y[:, 0].swapaxes(0, 1), h[0]


# Attention ----------------------------------------------------------------------------------------------------------


def attention(a: Attributes, q: Any, k: Any, v: Any, mask: Any = None, *, dropout: float = 0.0) -> Any:
    causal = a.get("causal", False)
    near = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)
    if "window" in a:
        near = near.tril(a["window"] - 1).triu(1 - a["window"])
    if a.get("alibi"):
        rows, columns = (torch.arange(x.shape[2]) for x in (q, k))
        far = -torch.tensor(slopes(q.shape[1])).double()[:, None, None] * (rows[:, None] - columns).abs()
        mask = far if mask is None else far + mask
    if (mask is not None or "window" in a) and causal:  # PyTorch takes one of the two
        near, causal = near.tril(), False
    if mask is None and "window" in a:
        mask = near
    elif mask is not None:
        mask = mask & near if mask.dtype == torch.bool else mask.masked_fill(~near, -math.inf)
    options = {"is_causal": causal, "enable_gqa": True, "dropout_p": dropout, **given(a, "scale")}
    return F.scaled_dot_product_attention(q, k, v, mask, **options)


def slopes(n: int) -> list[float]:
    """ALiBi's, as its authors have them: https://github.com/ofirpress/attention_with_linear_biases."""

    def get_slopes_power_of_2(n: int) -> list[float]:
        start = 2 ** (-(2 ** -(math.log2(n) - 3)))
        ratio = start
        return [start * ratio**i for i in range(n)]

    if math.log2(n).is_integer():
        return get_slopes_power_of_2(n)
    closest_power_of_2 = int(2 ** math.floor(math.log2(n)))
    return get_slopes_power_of_2(closest_power_of_2) + slopes(2 * closest_power_of_2)[0::2][: n - closest_power_of_2]


def attention_training(a: Attributes, q: Any, k: Any, v: Any, *masks: Any) -> tuple[Any, dict[str, Any]]:
    """What is kept of the weights shows where the values are one each."""
    dropout, ones = a.get("dropout", 0.0), torch.eye(k.shape[2]).double().expand(*k.shape[:2], -1, -1)
    y, weights = (_seeded(attention, a, q, k, values, *masks, dropout=dropout) for values in (v, ones))
    hidden = attention(a, q, k, ones, *masks) == 0
    kept = _seeded(F.dropout, torch.ones_like(weights), dropout) > 0  # what is hidden is drawn for, too
    assert bool(((weights > 0) | hidden == kept | hidden).all())
    return y, {"kept": kept} if dropout else {}


def _seeded(function: Any, *arguments: Any, **options: Any) -> Any:
    torch.manual_seed(7)
    return function(*arguments, **options)


def multi_head_training(a: Attributes, query: Any, *others: Any, **w: Any) -> tuple[Any, dict[str, Any]]:
    dropout = a.get("dropout", 0.0)
    seen: list[Any] = []
    y = _seeded(multi_head_attention, a, query, *others, **w, dropout=dropout, seen=seen)
    return y, {"kept": seen[0] > 0} if dropout else {}


def multi_head_attention(
    a: Attributes, query: Any, key: Any = None, value: Any = None, mask: Any = None, *, dropout: float = 0.0,
    seen: list[Any] | None = None, **w: Any,
) -> Any:  # fmt: skip
    """By PyTorch's layer; sizes that it does not have, by its functions for what is inside."""
    key = query if key is None else key
    value = key if value is None else value
    plainly = not {"head_dim", "out_features"} & a.keys() and isinstance(a.get("bias", True), bool)
    if plainly and mask is None and not a.get("causal"):
        layer = nn.MultiheadAttention(query.shape[2], a["num_heads"], kdim=key.shape[2], vdim=value.shape[2],
                                      batch_first=True, dropout=dropout, **given(a, "bias"))  # fmt: skip
        state = {name.replace("out_proj_", "out_proj."): array for name, array in w.items()}
        if a.get("bias", True):
            state["in_proj_bias"] = torch.cat([state.pop(f"{name}_proj_bias") for name in "qkv"])
        if query.shape[2] == key.shape[2] == value.shape[2]:
            state["in_proj_weight"] = torch.cat([state.pop(f"{name}_proj_weight") for name in "qkv"])
        y, weights = held(layer, state).train(bool(dropout))(query, key, value, average_attn_weights=False)
        if seen is not None:
            seen.append(weights)
        return y

    def project(name: str, x: Any, features: int) -> Any:
        parts = {part.removeprefix(f"{name}_proj_"): array for part, array in w.items() if part.startswith(f"{name}_")}
        return linear({"out_features": features, "bias": "bias" in parts}, x, **parts)

    size = a["num_heads"] * a.get("head_dim", query.shape[2] // a["num_heads"])
    heads = {
        name: project(name, x, size).unflatten(2, (a["num_heads"], -1)).transpose(1, 2)
        for name, x in {"q": query, "k": key, "v": value}.items()
    }
    if seen is not None:
        kept = attention_training(
            {**given(a, "causal"), "dropout": dropout}, *heads.values(), *[mask] * (mask is not None)
        )
        seen.append(kept[1].get("kept"))
        torch.manual_seed(7)
    y = attention(given(a, "causal"), **heads, mask=mask, dropout=dropout).transpose(1, 2).flatten(2)
    return project("out", y, a.get("out_features", query.shape[2]))


def learned_positions(a: Attributes, x: Any, weight: Any) -> Any:
    return x + F.embedding(torch.arange(x.shape[1]), weight)


def range_(a: Attributes, *xs: Any) -> Any:
    kind = torch.float64 if a.get("dtype") == "float" else torch.int64
    if not xs:
        return torch.arange(a.get("start", 0), a["stop"], a.get("step", 1), dtype=kind)[None]
    names = {"channels": 1, "time": 1, "height": 2, "width": 3}
    return torch.arange(xs[0].shape[names.get(a["axis"], a["axis"])], dtype=kind)[None]


def constant(a: Attributes) -> Any:
    dtype = {"float": torch.float64, "int64": torch.int64, "bool": torch.bool}[a.get("dtype", "float")]
    if "shape" in a:
        return torch.full((1, *a["shape"]), a["value"], dtype=dtype)
    return torch.tensor(a["value"], dtype=dtype)[None]


JUDGES: Final[dict[str, Judge]] = {
    "linear": Judge("torch.nn.Linear", linear),
    "linear_with": Judge("torch.nn.functional.linear", linear_with),
    "bilinear": Judge("torch.nn.Bilinear", bilinear),
    "embedding": Judge("torch.nn.Embedding", embedding),
    "matmul": Judge("torch.matmul", matmul),
    "einsum": Judge("torch.einsum", lambda a, *xs: torch.einsum(a["equation"], *xs)),
    "batch_norm": Judge(
        "torch.nn.BatchNorm1d to 3d", batch_norm, batch_norm_training, starts=starts(nn.BatchNorm1d(2))
    ),
    "layer_norm": Judge("torch.nn.LayerNorm", layer_norm, starts=starts(nn.LayerNorm(2))),
    "rms_norm": Judge("torch.nn.RMSNorm", rms_norm, starts=starts(nn.RMSNorm(2))),
    "l2_normalize": Judge(f"{TORCH}.normalize", l2_normalize),
    "group_norm": Judge("torch.nn.GroupNorm", group_norm, starts=starts(nn.GroupNorm(1, 2))),
    "instance_norm": Judge(
        "torch.nn.InstanceNorm1d to 3d", instance_norm, starts=starts(nn.InstanceNorm1d(2, affine=True))
    ),
    "local_response_norm": Judge(f"{TORCH}.local_response_norm", local_response_norm),
    "rnn": Judge("torch.nn.RNN", recurrent(nn.RNN), recurrent(nn.RNN, training=True)),
    "lstm": Judge("torch.nn.LSTM", recurrent(nn.LSTM), recurrent(nn.LSTM, training=True)),
    "gru": Judge("torch.nn.GRU; ONNX GRU without reset_after", gru, gru_training),
    "scaled_dot_product_attention": Judge(f"{TORCH}.scaled_dot_product_attention", attention, attention_training),
    "multi_head_attention": Judge("torch.nn.MultiheadAttention", multi_head_attention, multi_head_training),
    "learned_positions": Judge(f"{TORCH}.embedding", learned_positions),
    "rotary_embedding": Judge("ONNX RotaryEmbedding, with the angles of transformers' LLaMA", recorded.rotary),
    "sinusoidal_positions": Judge("transformers' DistilBERT, Pegasus and LLaMA", recorded.sinusoids),
    "relative_position_bias": Judge("transformers' Swin", recorded.window_bias),
    "bucketed_position_bias": Judge("transformers' T5", recorded.bucket_bias),
    "parameter": Judge("torch.nn.Parameter", lambda a, **w: nn.Parameter(w[""]).detach()),
    "constant": Judge("torch.tensor, torch.full", constant),
    "range": Judge("torch.arange", range_),
}
