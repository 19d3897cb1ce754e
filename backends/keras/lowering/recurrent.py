"""Recurrent layers: in Keras one for each layer, with another around it for two directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from archspec.backend import Moves
from archspec.emit.code import Call, Code, Items, Template, call, literal
from archspec.emit.context import Lowered, Lowering, Site, Spelling, WeightPlace
from archspec.emit.layouts import canonical
from archspec.emit.recurrent import parted
from archspec.emit.signature import spell
from archspec.graph.tree import Step

from .rows import plain

OPTIONS: Final = "use_bias=True, return_sequences=False, return_state=False"
KINDS: Final = {"weight_ih": "kernel", "weight_hh": "recurrent_kernel", "bias_ih": "bias", "bias_hh": "bias"}


def transposed(step: Step) -> Moves:
    return (("transpose", (1, 0)),)


def rnn(site: Site) -> Lowered:
    return recurrent(site, f"layers.SimpleRNN(units, *, activation='tanh', {OPTIONS})", "simple_rnn_cell",
                     {"weight_ih": transposed, "weight_hh": transposed}, activation="nonlinearity")  # fmt: skip


def lstm(site: Site) -> Lowered:
    return recurrent(site, f"layers.LSTM(units, *, {OPTIONS}, unit_forget_bias=True)", "lstm_cell",
                     {"weight_ih": transposed, "weight_hh": transposed},
                     unit_forget_bias=site.every(lambda step: not step.op.bias))  # fmt: skip


def gru(site: Site) -> Lowered:
    """The gates are z, r, n. With `reset_after` the bias has two rows, one for each product; else it is their sum."""
    lay: dict[str, Callable[[Step], Moves]] = {
        "weight_ih": lambda step: (*gates(step), *transposed(step)),
        "weight_hh": lambda step: (*gates(step), *transposed(step)),
        "bias_ih": gates,
        "bias_hh": gates,
    }
    if site.same(lambda step: step.op.reset_after, "reset_after"):
        lay["bias_ih"], lay["bias_hh"] = row(0), row(1)
    return recurrent(site, f"layers.GRU(units, *, {OPTIONS}, reset_after=True)", "gru_cell", lay)


def gates(step: Step) -> Moves:
    """r, z, n as z, r, n."""
    op: Any = step.op
    size = int(op.hidden_size)
    return (("take", (*range(size, 2 * size), *range(size), *range(2 * size, 3 * size))),)


def row(number: int) -> Callable[[Step], Moves]:
    """A bias in one of two rows."""

    def lay(step: Step) -> Moves:
        op: Any = step.op
        size = 3 * int(op.hidden_size)
        return (*gates(step), ("pad", (number * size, (1 - number) * size)), ("reshape", (2, size)))

    return lay


def recurrent(site: Site, text: str, cell: str, lay: Mapping[str, Any], **sources: Any) -> Lowered:
    """One layer after another; a function at the top of the file where states of several have to be put together."""
    op: Any = site.op
    site.same(lambda step: (step.op.num_layers, step.op.bidirectional), "layers")
    site.same(lambda step: (step.op.return_sequence, step.op.return_state), "outputs")
    several = op.num_layers > 1
    padded = site.inputs[-1].rank == 1
    stateful = op.return_state or padded or (several and len(site.inputs) > 1)
    drops = not site.every(lambda step: step.op.dropout == 0)
    made: dict[str, Code] = {}
    for number in range(op.num_layers):
        last = number == op.num_layers - 1
        layer = spell(text, site, units="hidden_size", use_bias="bias", return_state=stateful,
                      return_sequences=op.return_sequence or not last, **sources)  # fmt: skip
        if op.bidirectional:  # the name is a part of those of its weights
            named = Call(layer.target, layer.args, (*layer.kwargs, ("name", literal(op.key))))
            layer = call("layers.Bidirectional", named)
        made[f"l{number}" if several else ""] = layer
        if drops and not last:
            made[f"dropout{number}"] = call("layers.Dropout", site.attr("dropout"))

    *before, last_suffix = made

    def ordered(suffix: str, inputs: Sequence[Code]) -> Sequence[Code]:
        """Only what comes from other steps may have another order of axes, not what a layer before gives."""
        return plain(site, inputs) if stateful or suffix == next(iter(made)) else inputs

    def through(suffix: str) -> Spelling:
        return lambda own, inputs: Call(own[suffix], tuple(ordered(suffix, inputs)))

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        x, initial, lengths = parted(site, ordered(last_suffix, inputs))
        if stateful:
            stack = Items(tuple(own.values()), "[]")
            result = call("run_recurrent", stack, x, *initial) if lengths is None else call(
                "run_padded", stack, x, lengths, *initial)  # fmt: skip
            return result if op.return_state else Template("{0}[0]", (result,))
        states = [Template(f"{{0}}[:, {i}]", (state,)) for i in range(op.directions) for state in initial]
        return Call(own[last_suffix], (x,), (("initial_state", Items(tuple(states), "[]")),) if states else ())

    return Lowered(
        apply,
        made,
        weights=bindings(site, cell, lay),
        layouts=tuple(canonical(wire.rank) for wire in site.outputs),
        first=() if stateful else tuple(through(suffix) for suffix in before),
    )


def bindings(site: Site, cell: str, lay: Mapping[str, Any]) -> dict[str, WeightPlace]:
    """Where the weights live: `bidirectional_l0/forward_lstm/lstm_cell/kernel`."""
    op: Any = site.op
    step = next(iter(site.step.steps.values()))
    found = {}
    for parameter in op.parameters(*(value.shape for value in step.inputs)):
        kind, _, place = parameter.rpartition("_l")
        number, _, reverse = place.partition("_")
        direction = f"{'backward' if reverse else 'forward'}_{op.key}/" if op.bidirectional else ""
        suffix = f"l{number}" if op.num_layers > 1 else ""
        found[parameter] = WeightPlace(suffix, f"{direction}{cell}/{KINDS[kind]}", lay.get(kind))
    return found


ROWS: Final[dict[str, Lowering]] = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
}
