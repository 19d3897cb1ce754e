"""Recurrent layers, as backends need to know them whose layers give `(output, states)`, the batch second in states."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.emit.code import Code, Template, call, literal
from archspec.emit.context import Site


def parted(site: Site, inputs: Sequence[Code]) -> tuple[Code, Sequence[Code], Code | None]:
    """The sequence, the initial states, and the lengths."""
    x, *others = inputs
    return (x, others[:-1], others[-1]) if site.inputs[-1].rank == 1 else (x, others, None)


def outputs(site: Site, result: Code) -> Code:
    """What a step gives, of the result of the framework's layer."""
    whole, states = site.same(lambda step: (step.op.return_sequence, step.op.return_state), "outputs")
    directions = site.value(lambda step: step.op.directions, "directions")
    if states:
        return call("with_states", result) if whole else call("last_with_states", result, directions)
    if whole:
        return Template("{0}[0]", (result,))
    if directions == literal(1) and len(site.inputs) == 1:
        return Template("{0}[1][0][-1]" if len(site.op.states) > 1 else "{0}[1][-1]", (result,))
    return call("last_state", result, directions)
