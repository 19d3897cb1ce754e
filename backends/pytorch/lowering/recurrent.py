"""Recurrent layers. PyTorch has the batch second in their states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from archspec.emit.code import Call, Code, Template, call
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.recurrent import outputs, parted
from archspec.emit.signature import bindings, spell

OPTIONS: Final = "num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False"


def rnn(site: Site) -> Lowered:
    return recurrent(site, f"nn.RNN(input_size, hidden_size, *, nonlinearity='tanh', {OPTIONS})")


def lstm(site: Site) -> Lowered:
    return recurrent(site, f"nn.LSTM(input_size, hidden_size, *, {OPTIONS})")


def gru(site: Site) -> Lowered:
    """PyTorch's resets after the product with the weights: another class stands for the GRU of the paper."""
    name = "nn.GRU" if site.same(lambda step: step.op.reset_after, "reset_after") else "ResetFirstGRU"
    return recurrent(site, f"{name}(input_size, hidden_size, *, {OPTIONS})")


def recurrent(site: Site, text: str) -> Lowered:
    single = site.every(lambda step: step.op.num_layers == 1)
    dropout: Any = 0.0 if single else "dropout"  # for a single layer PyTorch warns that there is nothing to drop
    made = spell(text, site, input_size=lambda site: site.size(2), batch_first=True, dropout=dropout)

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        x, initial, lengths = parted(site, inputs)
        if len(site.op.states) > 1:
            given: Any = (call("batch_second", *initial),) if initial else ()
        else:
            given = tuple(Template("{0}.transpose(0, 1).contiguous()", (state,)) for state in initial)
        if lengths is None:
            return outputs(site, Call(own[""], (x, *given)))
        if text.startswith("ResetFirstGRU"):
            return outputs(site, Call(own[""], (x, *given), (("lengths", lengths),)))
        return outputs(site, call("run_padded", own[""], x, lengths, *given))

    return Lowered(apply=apply, layers={"": made}, weights=bindings(site, {}))


ROWS: Final[dict[str, Lowering]] = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
}
