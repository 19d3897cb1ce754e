"""Rows of the table of tests: recurrent."""

from __future__ import annotations

from typing import Any, Final

from .common import Table

SEQUENCE: Final = (7, 4)
DEEP: Final = {"hidden_size": 5, "num_layers": 3, "bidirectional": True, "dropout": 0.25}


def padded(*states: str) -> dict[str, Any]:
    """Lengths from none to all of the seven time steps."""
    return {"dtype": ("float", *states, "int64"), "below": 8}


TABLE: Final[Table] = {
    "rnn": [
        ({"hidden_size": 5}, SEQUENCE),
        ({"hidden_size": 3, "nonlinearity": "relu", "num_layers": 2, "dropout": 0.5}, SEQUENCE),
        ({"hidden_size": 5, "bidirectional": True, "return_sequence": False}, SEQUENCE),
        ({"hidden_size": 5, "bias": False, "bidirectional": True}, SEQUENCE),
        ({"hidden_size": 5, "return_state": True}, SEQUENCE, (1, 5)),
        ({**DEEP, "return_sequence": False, "return_state": True, "bias": False}, SEQUENCE, (6, 5)),
        ({"hidden_size": 1, "return_sequence": False}, (1, 1)),
        ({"hidden_size": 5, "return_state": True}, SEQUENCE, (), padded()),
        (
            {"hidden_size": 3, "bidirectional": True, "bias": False, "num_layers": 2},
            SEQUENCE,
            (4, 3),
            (),
            padded("float"),
        ),
    ],
    "lstm": [
        ({"hidden_size": 5}, SEQUENCE),
        ({"hidden_size": 4, "return_sequence": False}, (1, 4)),  # square: gates in another order fit
        ({"hidden_size": 5, "bidirectional": True}, SEQUENCE),
        (DEEP, SEQUENCE),
        ({**DEEP, "return_sequence": False}, SEQUENCE),
        ({"hidden_size": 5, "num_layers": 2, "bias": False}, SEQUENCE),
        ({"hidden_size": 5, "dropout": 0.5}, SEQUENCE, (1, 5), (1, 5)),
        ({"hidden_size": 5, "bidirectional": True, "return_sequence": False}, SEQUENCE, (2, 5), (2, 5)),
        ({"hidden_size": 3, "return_state": True}, SEQUENCE),
        ({**DEEP, "return_state": True}, SEQUENCE, (6, 5), (6, 5)),
        ({**DEEP, "return_sequence": False, "return_state": True, "bias": False}, SEQUENCE),
        ({"hidden_size": 5, "num_layers": 2, "bias": False}, SEQUENCE, (2, 5), (2, 5)),
        ({"hidden_size": 4, "bidirectional": True}, SEQUENCE, (), padded()),
        ({"hidden_size": 4, "return_sequence": False}, SEQUENCE, (), {**padded(), "below": 12}),  # beyond the time, too
        ({**DEEP, "dropout": 0.0, "return_state": True}, SEQUENCE, (6, 5), (6, 5), (), padded("float", "float")),
        (
            {"hidden_size": 5, "bidirectional": True, "return_sequence": False, "return_state": True},
            SEQUENCE,
            (2, 5),
            (2, 5),
            (),
            padded("float", "float"),
        ),
    ],
    "gru": [
        ({"hidden_size": 5}, SEQUENCE),
        ({"hidden_size": 4, "return_sequence": False, "bidirectional": True}, (1, 4)),
        ({"hidden_size": 5, "bias": False}, SEQUENCE),
        (DEEP, SEQUENCE, (6, 5)),
        ({**DEEP, "return_state": True, "bias": False}, SEQUENCE),
        ({"hidden_size": 5, "return_sequence": False, "return_state": True}, SEQUENCE, (1, 5)),
        ({"hidden_size": 5, "reset_after": False}, SEQUENCE),
        ({**DEEP, "reset_after": False}, SEQUENCE),
        ({**DEEP, "reset_after": False, "return_sequence": False, "return_state": True}, SEQUENCE, (6, 5)),
        ({"hidden_size": 5, "num_layers": 2, "reset_after": False, "bias": False}, SEQUENCE, (2, 5)),
        ({"hidden_size": 5, "bidirectional": True, "return_state": True}, SEQUENCE, (2, 5), (), padded("float")),
        (
            {"hidden_size": 4, "num_layers": 2, "bidirectional": True, "reset_after": False, "return_state": True},
            SEQUENCE,
            (),
            padded(),
        ),
        ({"hidden_size": 4, "reset_after": False, "return_sequence": False}, SEQUENCE, (1, 4), (), padded("float")),
    ],
}
