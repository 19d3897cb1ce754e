"""From what people write in Keras to the spec's operations: by the name of a call, a function that raises it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from archspec.importing.raising import Call, Refusal

from . import activations, functions, layers, sequences
from .layers import Row


def raiser(func: str) -> Row | None:
    """The function for a call: `layers.Conv2D`, `ops.Add`."""
    row = ROWS.get(func)
    return None if row is None else _usual(row)


def _usual(row: Row) -> Row:
    """A row of a call that is told nothing that changes what it does."""

    def checked(call: Call) -> None:
        if call.event["kwargs"].get("mask") is not None:
            raise Refusal("it is given a mask")
        row(call)

    return checked


def _rows() -> Mapping[str, Row]:
    rows = {name: activations.row(name) for name in activations.ROWS} | functions.ROWS
    for rank in (1, 2, 3):
        rows |= {
            f"layers.Conv{rank}D": layers.conv(rank),
            f"layers.DepthwiseConv{rank}D": layers.conv(rank, "depthwise_conv"),
            f"layers.SeparableConv{rank}D": layers.conv(rank, "separable_conv"),
            f"layers.Conv{rank}DTranspose": layers.conv_transpose(rank),
            f"layers.MaxPooling{rank}D": layers.pool("max", rank),
            f"layers.AveragePooling{rank}D": layers.pool("avg", rank),
            f"layers.GlobalAveragePooling{rank}D": layers.global_pool("avg", rank),
            f"layers.GlobalMaxPooling{rank}D": layers.global_pool("max", rank),
            f"layers.ZeroPadding{rank}D": layers.zero_padding(rank),
            f"layers.Cropping{rank}D": layers.cropping(rank),
            f"layers.UpSampling{rank}D": layers.up_sampling(rank),
            f"layers.SpatialDropout{rank}D": layers.dropout(f"dropout{rank}d", rank),
        }
    return rows | {
        "layers.BatchNormalization": layers.batch_norm,
        "layers.LayerNormalization": layers.norm("layer_norm"),
        "layers.RMSNormalization": layers.norm("rms_norm", "scale"),
        "layers.GroupNormalization": layers.group_norm,
        "layers.UnitNormalization": layers.unit_norm,
        "layers.Rescaling": layers.rescaling,
        "layers.Normalization": layers.normalization,
        "layers.Dense": layers.dense,
        "layers.Embedding": layers.embedding,
        "layers.Dropout": layers.dropout("dropout"),
        "layers.AlphaDropout": layers.dropout("alpha_dropout"),
        "layers.GaussianNoise": layers.noise,
        "layers.Identity": layers.same,
        "layers.ActivityRegularization": layers.same,
        "ops.Identity": layers.same,
        "ops.Copy": layers.same,
        "layers.LSTM": sequences.recurrent("lstm"),
        "layers.GRU": sequences.recurrent("gru"),
        "layers.SimpleRNN": sequences.recurrent("rnn"),
        "layers.Bidirectional": sequences.bidirectional,
        "layers.MultiHeadAttention": sequences.attention,
    }


ROWS: Final = _rows()
