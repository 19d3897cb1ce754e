"""From what people write in Paddle to the spec's operations: by the name of a call, a function that raises it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from archspec.importing.raising import Call, Refusal
from archspec.importing.rows import numbers, shapes
from archspec.importing.rows.numbers import BINARY
from archspec.importing.tree import Step

from . import layers, moving
from .layers import Row

WHOLE: Final = ("NCL", "NCHW", "NCDHW", "NC")
RENAMED: Final = {"axis": "dim", "y": "other", "epsilon": "eps", "perm": "dims"}
"""What rows that others have, too, call what Paddle calls like this."""


SINGLE: Final = frozenset("power elu celu hard_tanh soft_shrink threshold batch_norm layer_norm instance_norm".split())
"""Operations whose numbers Paddle keeps as float32 in float64, too."""


def raiser(func: str) -> Row | None:
    """The function for a call: `nn.Conv2D`, `relu`, `__add__`."""
    row = ROWS.get(func) or ROWS.get(_plain(func))
    return None if row is None else _usual(row)


def _plain(func: str) -> str:
    """`add`, of `__add__`, `__radd__`, and `add_`."""
    name = func.strip("_")
    return name[1:] if func.startswith("__r") and name[1:] in BINARY else name


def _usual(row: Row) -> Row:
    """A row whose call has its tensors as its first arguments, and channels where the spec has them."""

    def usual(call: Call) -> None:
        known = call.get("data_format", default=None)
        if known not in (None, *WHOLE):
            raise Refusal(f"data_format={known!r}")
        kwargs, args = dict(call.event["kwargs"]), list(call.event["args"])
        for names in (("self", "x", "input"), ("other", "y")):
            args += [kwargs.pop(name) for name in names if name in kwargs]
        items = call.raiser.frames[-1].items
        before = len(items)
        row(call.said(*args, **kwargs))
        for step in items[before:]:
            if isinstance(step, Step):
                step.single |= step.op in SINGLE

    return usual


def common(row: Row) -> Row:
    """A row that others have, too, with their names of arguments."""

    def named(call: Call) -> None:
        event = call.event
        kwargs: dict[str, Any] = {RENAMED.get(name, name): each for name, each in event["kwargs"].items()}
        attributes = {RENAMED.get(name, name): each for name, each in event["attributes"].items()}
        row(Call({**event, "kwargs": kwargs, "attributes": attributes}, call.raiser))

    return named


COMMON: Final[tuple[tuple[Row, str], ...]] = (
    (shapes.reshaped, "nn.Flatten nn.Unflatten flatten unflatten reshape view"),
    (shapes.permuted(shapes.given_order), "transpose"),
    (shapes.permuted(shapes.last_two), "t"),
    (shapes.permuted(shapes.moved_axis), "moveaxis"),
    (shapes.expanded, "expand expand_as broadcast_to"),
    (shapes.squeeze, "squeeze"),
    (shapes.joined("concat"), "concat"),
    (shapes.joined("stack"), "stack"),
    (shapes.pieces, "chunk split"),
    (shapes.unbind, "unbind unstack"),
    (shapes.item, "getitem"),
    (numbers.same, "nn.Identity assign"),
    (numbers.cast, "cast astype"),
    (numbers.clamp, "clip"),
    (numbers.einsum, "einsum"),
    (numbers.filled(0.0), "zeros_like"),
    (numbers.filled(1.0), "ones_like"),
    (numbers.axiswise("cumsum"), "cumsum"),
    (numbers.axiswise("flip"), "flip"),
    (numbers.axiswise("roll"), "roll"),
    (numbers.normalize, "normalize"),
)
"""What people write, by the row that raises it."""


def _rows() -> Mapping[str, Row]:
    rows = {name: common(row) for row, names in COMMON for name in names.split()}
    rows |= {func: common(numbers.binary(op)) for func, op in BINARY.items()}
    rows |= {f"{name}al": rows[short] for name, short in (("equ", "eq"), ("not_equ", "ne"))}
    rows |= {f"{long}_than": rows[short] for long, short in (("less", "lt"), ("greater", "gt"))}
    rows |= {f"{long}_equal": rows[short] for long, short in (("less", "le"), ("greater", "ge"))}
    rows |= {op: common(numbers.reduced(op)) for op in ("mean", "sum", "var", "std", "prod", "logsumexp")}
    rows |= {op: common(numbers.reduced(op)) for op in ("max", "min", "argmax", "argmin")}
    rows |= {f"a{op}": common(numbers.reduced(op)) for op in ("max", "min")}
    return {**rows, **layers.ROWS, **moving.ROWS}


ROWS: Final = _rows()
