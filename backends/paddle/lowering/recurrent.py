"""Recurrent layers. Paddle has the batch second in their states.

Its fused kernel, behind `nn.LSTM` and the like, needs biases, and has wrong gradients where the backward direction of
padded sequences begins with a state: there the layer's cells are run step by step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from archspec.emit.code import Call, Code, Global, Template, call
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.recurrent import outputs, parted
from archspec.emit.signature import bindings, spell
from archspec.expressions import expr_of, free_names
from archspec.graph.tree import Step

OPTIONS: Final = "num_layers=1, direction='forward', dropout=0.0"


def rnn(site: Site) -> Lowered:
    return recurrent(site, "SimpleRNN", ", activation='tanh'", activation="nonlinearity")


def lstm(site: Site) -> Lowered:
    return recurrent(site, "LSTM")


def gru(site: Site) -> Lowered:
    """Paddle's resets after the product with the weights: another cell stands for the GRU of the paper."""
    return recurrent(site, "GRU")


def recurrent(site: Site, name: str, options: str = "", **sources: Any) -> Lowered:
    bias, after = site.same(lambda step: (step.op.bias, getattr(step.op, "reset_after", True)), "cells")
    single = site.every(lambda step: step.op.num_layers == 1)
    stateful = len(site.inputs) > 2 and site.inputs[-1].rank == 1
    whole = not stateful or site.same(lambda step: not step.op.bidirectional, "bidirectional")
    fused = bias and after and whole
    if fused:
        text = f"nn.{name}(input_size, hidden_size, *, {OPTIONS}{options})"
    else:
        text = f"CellStack(cell, input_size, hidden_size, *, {OPTIONS}, bias=True{options})"
        sources["cell"] = Global(f"nn.{name}Cell" if after else "ResetFirstGRUCell")
    made = spell(text, site, input_size=lambda site: site.size(2), direction=direction,
                 dropout=0.0 if single else "dropout", **sources)  # fmt: skip

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        x, initial, lengths = parted(site, inputs)
        if len(site.op.states) > 1:
            given: Any = (call("batch_second", *initial),) if initial else ()
        else:
            given = tuple(Template("{0}.transpose([1, 0, 2])", (state,)) for state in initial)
        if lengths is None:
            return outputs(site, Call(own[""], (x, *given)))
        if not site.every(is_within):
            lengths = call("within", lengths, x)
        return outputs(site, Call(own[""], (x, *given), (("sequence_length", lengths),)))

    return Lowered(apply=apply, layers={"": made}, weights=bindings(site, {} if fused else places(site)))


def is_within(step: Step) -> bool:
    """Whether no length is beyond the time: Paddle reads what is not there."""
    time, span = step.inputs[0].shape[1], step.inputs[-1].span
    return span is not None and span.low >= 0 and span.high <= int(time) and not free_names(expr_of(time))


def direction(site: Site) -> Code:
    return site.value(lambda step: "bidirect" if step.op.bidirectional else "forward", "direction")


def places(site: Site) -> dict[str, str]:
    """Where the weights of cells live: `0.cell.weight_ih`, `1.cell_bw.weight_hh`."""
    op = site.op
    step = next(iter(site.step.steps.values()))
    found = {}
    for parameter in op.parameters(*(value.shape for value in step.inputs)):
        kind, _, place = parameter.rpartition("_l")
        number, _, reverse = place.partition("_")
        cell = "cell" if not op.bidirectional else "cell_bw" if reverse else "cell_fw"
        found[parameter] = f"{number}.{cell}.{kind}"
    return found


ROWS: Final[dict[str, Lowering]] = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
}
