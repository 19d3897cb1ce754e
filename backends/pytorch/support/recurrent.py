import torch
import torch.nn.functional as F
from torch import Tensor, nn


def batch_second(*states: Tensor) -> tuple[Tensor, ...]:
    """Initial states in the order of axes in which a recurrent layer takes them."""
    return tuple(state.transpose(0, 1).contiguous() for state in states)


def last_state(result: tuple, directions: int) -> Tensor:
    """The final state of a recurrent layer's last directions, side by side."""
    _, states = result
    h = states[0] if isinstance(states, tuple) else states
    return h[-directions:].transpose(0, 1).flatten(1)


def with_states(result: tuple) -> tuple[Tensor, ...]:
    """The output of a recurrent layer and its final states, with the batch first."""
    y, states = result
    states = states if isinstance(states, tuple) else (states,)
    return y, *(state.transpose(0, 1) for state in states)


def last_with_states(result: tuple, directions: int) -> tuple[Tensor, ...]:
    """The final state of the last directions, and all final states."""
    return last_state(result, directions), *with_states(result)[1:]


def run_padded(rnn: nn.Module, x: Tensor, lengths: Tensor, states=None) -> tuple:
    """What a recurrent layer gives for sequences of these lengths, then zeros.

    PyTorch takes no sequence without a step: one is made, and forgotten.
    """
    some = lengths.clamp(1, x.shape[1]).cpu()
    packed = nn.utils.rnn.pack_padded_sequence(
        x, some, batch_first=True, enforce_sorted=False
    )
    y, final = rnn(packed, states)
    y, _ = nn.utils.rnn.pad_packed_sequence(
        y, batch_first=True, total_length=x.shape[1]
    )
    there = lengths[:, None] > 0
    y = y.masked_fill(~there[..., None], 0)
    if not isinstance(final, tuple):
        return y, torch.where(there, final, 0 if states is None else states)
    start = (0,) * len(final) if states is None else states
    pairs = zip(final, start, strict=True)
    return y, tuple(torch.where(there, after, before) for after, before in pairs)


class ResetFirstGRU(nn.GRU):
    """nn.GRU that resets the state before its matrix product, as in the paper."""

    def forward(
        self, x: Tensor, h0: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        directions = 1 + self.bidirectional
        if h0 is None:
            count = self.num_layers * directions
            h0 = x.new_zeros(count, x.shape[0], self.hidden_size)
        there = None
        if lengths is not None:
            there = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        final = []
        for layer in range(self.num_layers):
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for reverse in range(directions):
                index = layer * directions + reverse
                weights = self.all_weights[index]
                given = [
                    None if z is None else z.flip(1) if reverse else z
                    for z in (x, there)
                ]
                y = self.run(*given, h0[index], *weights)
                final.append(y[:, -1])
                outputs.append(y.flip(1) if reverse else y)
            x = torch.cat(outputs, 2)
            if there is not None:
                x = x * there[..., None]
        return x, torch.stack(final)

    def run(
        self, x, there, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None
    ) -> Tensor:
        """The states of one direction, after every time step."""
        sizes = [2 * self.hidden_size, self.hidden_size]
        gates, new = F.linear(x, weight_ih, bias_ih).split(sizes, 2)
        gates_hh, new_hh = weight_hh.split(sizes)
        gates_bias, new_bias = (None, None) if bias_hh is None else bias_hh.split(sizes)
        states = []
        for time in range(x.shape[1]):
            both = torch.sigmoid(gates[:, time] + F.linear(h, gates_hh, gates_bias))
            r, z = both.chunk(2, 1)
            n = torch.tanh(new[:, time] + F.linear(r * h, new_hh, new_bias))
            new_h = n + z * (h - n)
            h = new_h if there is None else torch.where(there[:, time, None], new_h, h)
            states.append(h)
        return torch.stack(states, 1)
