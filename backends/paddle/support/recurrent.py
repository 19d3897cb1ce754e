import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn


def batch_second(*states: Tensor) -> tuple[Tensor, ...]:
    """Initial states with the batch second, as Paddle's recurrent layers take them."""
    return tuple(state.transpose([1, 0, 2]) for state in states)


def last_state(result: tuple, directions: int) -> Tensor:
    """The final state of the last directions, side by side; Paddle stacks them."""
    _, states = result
    h = states[0] if isinstance(states, (list, tuple)) else states
    return h[-directions:].transpose([1, 0, 2]).flatten(1)


def with_states(result: tuple) -> tuple[Tensor, ...]:
    """An output and final states with the batch first, which Paddle has second."""
    y, states = result
    states = states if isinstance(states, (list, tuple)) else (states,)
    return y, *batch_second(*states)


def last_with_states(result: tuple, directions: int) -> tuple[Tensor, ...]:
    """The final state of the last directions, and all; Paddle has the batch second."""
    return last_state(result, directions), *with_states(result)[1:]


def within(lengths: Tensor, x: Tensor) -> Tensor:
    """Lengths that are none beyond the time, where Paddle reads what is not there."""
    return lengths.clip(0, x.shape[1])


class CellStack(nn.LayerList):
    """Recurrent layers that run their cells step by step, as nn.LSTM runs its own.

    Paddle's fused kernel needs biases, and knows no cells but its own.
    """

    def __init__(
        self,
        cell: type[nn.RNNCellBase],
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        direction: str = "forward",
        dropout: float = 0.0,
        bias: bool = True,
        **options,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.directions = 1 if direction == "forward" else 2
        for _ in range(num_layers):
            cells = [
                cell(input_size, hidden_size, **options) for _ in range(self.directions)
            ]
            for each in cells:
                if not bias:
                    each.bias_ih = each.bias_hh = None
            self.append(nn.RNN(*cells) if len(cells) == 1 else nn.BiRNN(*cells))
            input_size = self.directions * hidden_size

    def forward(self, x: Tensor, states=None, sequence_length=None) -> tuple:
        """Takes and gives states as nn.LSTM, nn.GRU and nn.SimpleRNN do."""
        final = []
        for index, layer in enumerate(self):
            if index:
                x = F.dropout(x, self.dropout, training=self.training)
            x, last = layer(x, self.of_layer(states, index), sequence_length)
            final += paddle.utils.flatten(last)
        if sequence_length is not None:  # what nn.RNN gives after it is no zero
            there = paddle.arange(x.shape[1]) < sequence_length.unsqueeze(1)
            x = x * there.unsqueeze(2).astype(x.dtype)
        kinds = len(final) // (len(self) * self.directions)
        stacked = [paddle.stack(final[kind::kinds]) for kind in range(kinds)]
        return x, tuple(stacked) if kinds > 1 else stacked[0]

    def of_layer(self, states, index: int):
        """The initial states of one layer."""
        if states is None:
            return None
        places = range(index * self.directions, (index + 1) * self.directions)
        if isinstance(states, (list, tuple)):
            own = [tuple(state[place] for state in states) for place in places]
        else:
            own = [states[place] for place in places]
        return tuple(own) if len(own) > 1 else own[0]


class ResetFirstGRUCell(nn.GRUCell):
    """nn.GRUCell that resets the state before its matrix product, as in the paper."""

    def forward(
        self, inputs: Tensor, states: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        h = self.get_initial_states(inputs) if states is None else states
        size = 2 * self.hidden_size
        x = paddle.matmul(inputs, self.weight_ih, transpose_y=True)
        gates = paddle.matmul(h, self.weight_hh[:size], transpose_y=True)
        if self.bias_ih is not None:
            x, gates = x + self.bias_ih, gates + self.bias_hh[:size]
        r, z = F.sigmoid(x[:, :size] + gates).chunk(2, 1)
        new = paddle.matmul(r * h, self.weight_hh[size:], transpose_y=True)
        if self.bias_hh is not None:
            new = new + self.bias_hh[size:]
        n = paddle.tanh(x[:, size:] + new)
        h = n + z * (h - n)
        return h, h
