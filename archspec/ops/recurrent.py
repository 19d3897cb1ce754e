"""Recurrent layers: a state that each time step updates from the input there and from itself.

All take a sequence, perhaps initial states, and perhaps lengths. Without states they start from zeros. With lengths
each sequence ends after so many of its time steps: what comes after them is skipped in both directions, so that the
final state is that of the last of them, and the output is zero there. Their axes are

- sequence: batch, time, features;
- states: batch, num_layers * directions, hidden_size; the first layer comes first, and of each the forward direction;
- lengths: batch, whole numbers; none is no step at all, and more than there are means all;
- output: batch, time, directions * hidden_size; or, for `return_sequence: false`, batch, directions * hidden_size.

`directions` is 2 if `bidirectional`, else 1. The backward direction reads the sequence from its end, and what it makes
of a time step is joined to what the forward direction makes of it. The output without the sequence is the final state
of the last layer: the last time step of the forward direction, joined with the first time step of the backward one.

The parameters are PyTorch's, for layer 0 weight_ih_l0 (gates * hidden_size, features), weight_hh_l0 (gates *
hidden_size, hidden_size), bias_ih_l0 and bias_hh_l0 (gates * hidden_size), and for its backward direction
weight_ih_l0_reverse and so on; the gates' rows are one below the other, in the order that the operation tells.
"""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops.base import (
    MODERATE,
    Draw,
    DType,
    Flag,
    Operation,
    Parameter,
    Positive,
    Probability,
    Sets,
    Shape,
    check_rank,
    show,
)
from archspec.ops.initializers import Orthogonal

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array

    States = tuple[Array, ...]
else:
    np = lazy("numpy")


class _Recurrent(Operation):
    arity: ClassVar[tuple[int, int | None]] = (1, 3)
    steep: ClassVar[bool] = True
    gates: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h",)

    hidden_size: Positive = Field(description="features of the state of each direction")
    num_layers: Positive = Field(1, description="layers one after another, each with weights of its own")
    bidirectional: Flag = Field(False, description="read the sequence backwards, too, with weights of its own")
    dropout: Probability = Field(
        0.0, description="share of the elements between two layers that training sets to zero; the rest is scaled"
    )
    bias: Flag = Field(True, description="add learned numbers, one set to the input's part and one to the state's")
    return_sequence: Flag = Field(True, description="give what every time step makes, not just the final state")
    gives: ClassVar[tuple[str, ...]] = ("output", "h")
    return_state: Flag = Field(False, description="give the final states of all layers, too, as further outputs")

    def edges(self, *inputs: Shape) -> tuple[Sets, ...]:
        return tuple(() if len(shape) == 1 else (*MODERATE, (88.0,)) for shape in inputs)

    def kinds(self, *inputs: Shape) -> tuple[tuple[DType, ...], ...]:
        return tuple(("int64",) if len(shape) == 1 else ("float",) for shape in inputs)

    @staticmethod
    def padded(inputs: Sequence[Shape]) -> bool:
        """Whether the last of these inputs are lengths."""
        return len(inputs[-1]) == 1

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    def infer(self, x: Shape, *others: Shape) -> tuple[Shape, ...]:
        check_rank(x, 3)
        state = (x[0], self.num_layers * self.directions, self.hidden_size)
        initial = others[:-1] if others and len(others[-1]) == 1 else others
        if others and len(others[-1]) == 1 and others[-1] != x[:1]:
            raise ShapeError(f"the lengths are {show(others[-1])}, not {show(x[:1])}")
        if initial and len(initial) != len(self.states):
            raise ShapeError(f"needs the initial states {' and '.join(self.states)}, or none of them")
        for name, shape in zip(self.states, initial, strict=False):
            if shape != state:
                raise ShapeError(
                    f"the initial state {name} is {show(shape)}, not {show(state)}",
                    hint="a state has the axes batch, num_layers * directions, hidden_size, and lengths the batch",
                )
        width = self.directions * self.hidden_size
        output = (x[0], x[1], width) if self.return_sequence else (x[0], width)
        return (output, *(state for _ in self.states if self.return_state))

    def _suffixes(self) -> Iterator[tuple[int, str]]:
        """Of the names of the weights, with the number of the layer."""
        for layer in range(self.num_layers):
            for direction in ("", "_reverse")[: self.directions]:
                yield layer, f"l{layer}{direction}"

    def _width(self, x: Shape, layer: int) -> int:
        """The features that a layer reads."""
        return self.directions * self.hidden_size if layer else x[-1]

    def parameters(self, x: Shape, *initial: Shape) -> dict[str, Parameter]:
        rows = self.gates * self.hidden_size
        found = {}
        for layer, suffix in self._suffixes():
            found[f"weight_ih_{suffix}"] = Parameter((rows, self._width(x, layer)))
            found[f"weight_hh_{suffix}"] = Parameter((rows, self.hidden_size), initial=Orthogonal())
            if self.bias:
                found[f"bias_ih_{suffix}"] = Parameter((rows,), "bias")
                found[f"bias_hh_{suffix}"] = Parameter((rows,), "bias")
        return found

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        x = inputs[0]
        rows = self.gates * self.hidden_size
        return sum(x[0] * x[1] * rows * (self._width(x, layer) + self.hidden_size) for layer, _ in self._suffixes())

    def draws(self, x: Shape, *initial: Shape) -> dict[str, Draw]:
        """The elements kept of what each layer but the last makes, by `kept_l0` and so on."""
        kept = Draw((x[0], x[1], self.directions * self.hidden_size), 1 - self.dropout)
        return {f"kept_l{layer}": kept for layer in range(self.num_layers - 1) if self.dropout}

    def reference(self, x: Array, *others: Array, **weights: Array) -> Array | tuple[Array, ...]:
        there = np.ones(x.shape[:2], dtype=bool)
        if others and others[-1].ndim == 1:
            *others, lengths = others  # type: ignore[assignment]
            there = np.arange(x.shape[1]) < lengths[:, None]
        start = others or (np.zeros((len(x), self.num_layers * self.directions, self.hidden_size), x.dtype),) * len(
            self.states
        )
        finals: list[States] = []
        while len(finals) < self.num_layers * self.directions:
            outputs = []
            for suffix in [suffix for layer, suffix in self._suffixes() if layer == len(finals) // self.directions]:
                forward = 1 if suffix[-1].isdigit() else -1
                state = tuple(s[:, len(finals)] for s in start)
                y, state = self._direction(x[:, ::forward], there[:, ::forward], state, suffix, weights)
                outputs.append(y[:, ::forward])
                finals.append(state)
            x = np.concatenate(outputs, 2)
            kept = weights.get(f"kept_l{len(finals) // self.directions - 1}")
            x = x if kept is None else np.where(kept, x / (1 - self.dropout), 0)
        last = np.concatenate([state[0] for state in finals[-self.directions :]], 1)
        states = tuple(np.stack(state, 1) for state in zip(*finals, strict=True))
        y = x if self.return_sequence else last
        return (y, *states) if self.return_state else y

    def _direction(
        self, x: Array, there: Array, state: States, suffix: str, weights: dict[str, Array]
    ) -> tuple[Array, States]:
        """The states h after each time step, and the last state in full, of the steps that are there."""
        w, u = weights[f"weight_ih_{suffix}"], weights[f"weight_hh_{suffix}"]
        b, c = (weights.get(f"bias_{part}_{suffix}", np.zeros(len(w), w.dtype)) for part in ("ih", "hh"))
        inputs = x @ w.T + b
        y = np.empty((*x.shape[:2], self.hidden_size), x.dtype)
        for time in range(x.shape[1]):
            here = there[:, time, None]
            after = self._step(inputs[:, time], state, u.T, c)
            state = tuple(np.where(here, new, old) for new, old in zip(after, state, strict=True))
            y[:, time] = np.where(here, state[0], 0)
        return y, state

    def _step(self, x: Array, state: States, u: Array, c: Array) -> States:
        """The state after a time step, of whose input `x` is the product with the weights."""
        raise NotImplementedError


class Rnn(_Recurrent):
    """h' = tanh(W x + b + U h + c), or relu in place of tanh, for every time step x; h' is the output there.

    W, U, b and c are weight_ih, weight_hh, bias_ih and bias_hh. Inputs: a sequence, perhaps the initial h, and perhaps
    lengths. Outputs: the sequence of h', and for `return_state` the final h.
    Elman, Finding structure in time, Cognitive Science 14, 1990.
    """

    nonlinearity: Literal["tanh", "relu"] = Field("tanh", description="what is applied to the sum")

    def _step(self, x: Array, state: States, u: Array, c: Array) -> States:
        total = x + state[0] @ u + c
        return (np.tanh(total) if self.nonlinearity == "tanh" else np.maximum(total, 0),)


class Lstm(_Recurrent):
    """c' = f * c + i * g and h' = o * tanh(c'), for every time step; h' is the output there.

    The gates are, in the order of the rows of W x + b + U h + c: i, f = sigmoid, g = tanh, o = sigmoid; W, U, b and
    c are weight_ih, weight_hh, bias_ih and bias_hh. Inputs: a sequence, perhaps the initial h and c,
    and perhaps lengths. Outputs: the sequence of h', and for `return_state` the final h and c.
    Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9, 1997; with the forget gate f of
    Gers et al., Learning to forget, Neural Computation 12, 2000.
    """

    gives: ClassVar[tuple[str, ...]] = ("output", "h", "c")
    arity: ClassVar[tuple[int, int | None]] = (1, 4)
    gates: ClassVar[int] = 4
    states: ClassVar[tuple[str, ...]] = ("h", "c")

    def _step(self, x: Array, state: States, u: Array, c: Array) -> States:
        h, cell = state
        i, f, g, o = np.split(x + h @ u + c, 4, 1)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        return (_sigmoid(o) * np.tanh(cell), cell)


class Gru(_Recurrent):
    """h' = (1 - z) * n + z * h with n = tanh(W x + b + r * (U h + c)), for every time step; h' is the output there.

    The gates are, in the order of the rows of W, U, b and c (weight_ih, weight_hh, bias_ih, bias_hh): r and z =
    sigmoid(W x + b + U h + c), and n. So it is in PyTorch and cuDNN; with `reset_after: false`, as in the paper, the
    state is reset before it is multiplied: n = tanh(W x + b + U (r * h) + c). Inputs: a sequence, perhaps the
    initial h, and perhaps lengths. Outputs: the sequence of h', and for `return_state` the final h.
    Cho et al., 2014, https://arxiv.org/abs/1406.1078.
    """

    gates: ClassVar[int] = 3

    reset_after: Flag = Field(True, description="reset the state's product with the weights, not the state before it")

    def inner(self, *inputs: Array) -> float:
        return 1.0  # of 1 - z, where z is next to one

    def _step(self, x: Array, state: States, u: Array, c: Array) -> States:
        (h,) = state
        size = 2 * self.hidden_size
        r, z = np.split(_sigmoid(x[:, :size] + h @ u[:, :size] + c[:size]), 2, 1)
        if self.reset_after:
            n = np.tanh(x[:, size:] + r * (h @ u[:, size:] + c[size:]))
        else:
            n = np.tanh(x[:, size:] + (r * h) @ u[:, size:] + c[size:])
        return ((1 - z) * n + z * h,)


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))  # 1 + tanh would lose what is far below zero
    return np.where(x < 0, small, 1) / (1 + small)
