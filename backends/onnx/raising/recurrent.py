"""Recurrent layers: ONNX has time first, and its gates in an order of its own, which the reader has sorted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec.importing.raising import Call, Refusal, View
from archspec.importing.trace import Size

from .arithmetic import argument

Row = Callable[[Call], None]
_ACTIVATIONS = {"lstm": ["sigmoid", "tanh", "tanh"], "gru": ["sigmoid", "tanh"]}


def recurrent(op: str) -> Row:
    def row(call: Call) -> None:
        view = call.view()
        direction = call.get("direction", default="forward")
        attributes = {"hidden_size": call.get("hidden_size"), "bidirectional": direction == "bidirectional"}
        attributes |= _checked(call, op, view, 1 + (direction == "bidirectional"))
        weights = call.weights()
        if not weights:
            raise Refusal("its weights are computed from an input")
        attributes["bias"] = any(name.startswith("bias") for name in weights)
        states = [call.raiser.view(each).tensor for each in _states(call, op)]
        results = call.event["result"] if isinstance(call.event["result"], list) else [call.event["result"]]
        read = [each is not None and call.raiser.is_read(each) for each in [*results, None, None][:3]]
        directions = 1 + attributes["bidirectional"]
        attributes |= {"return_sequence": read[0] or read[2] or directions > 1}
        attributes["return_state"] = read[2] or (read[1] and attributes["return_sequence"])
        x = call.step("flip", view, axis=1)[0] if direction == "reverse" else view.tensor
        found = call.step(op, x, *states, weights=weights, **attributes)
        _given(call, found, results, read, directions, turned=direction == "reverse")

    return row


def _given(call: Call, found: Any, results: Any, read: Any, directions: int, *, turned: bool) -> None:
    """Binds the sequence [time, directions, batch, features], and the states [directions, batch, features]."""
    if read[0]:
        tensor = call.step("flip", found[0], axis=1)[0] if turned else found[0]
        if directions == 1:
            (tensor,) = call.step("unsqueeze", tensor, axis=2)
        else:
            time, time2 = tensor.shapes[0][1], tensor.shapes[1][1]
            sizes = [time if time == time2 else -1, directions, tensor.shapes[0][2] // directions]
            (tensor,) = call.step("reshape", tensor, shape=sizes)
        call.raiser.bind(results[0]["value"], View(tensor, 2))
    if read[1]:
        state = found[1] if len(found) > 1 else call.step("unsqueeze", found[0], axis=1)[0]
        call.raiser.bind(results[1]["value"], View(state, 1))
    if read[2]:
        call.raiser.bind(results[2]["value"], View(found[2], 1))


def _checked(call: Call, op: str, view: View, directions: int) -> dict[str, Any]:
    """What is particular to a kind of layer. Raises Refusal for what the spec has not."""
    if view.batch != 1 or view.rank != 3 or call.get("layout", default=0):
        raise Refusal("a recurrent layer of something that is no sequence of batches")
    if call.get("clip") is not None or call.get("input_forget", default=0) or argument(call, 7) is not None:
        raise Refusal("a recurrent layer with clipped gates, coupled gates or peepholes")
    lengths, times = argument(call, 4), (view.tensor.shapes[0][1], view.tensor.shapes[1][1])
    for each in lengths if isinstance(lengths, list) else []:
        if each != times[0] and each != Size(times):
            lengths = {}
    if isinstance(lengths, dict):
        raise Refusal("sequences of unequal lengths")
    said = [each.lower() for each in call.get("activations", default=[])]
    if op == "rnn":
        if len(set(said)) > 1 or not set(said) <= {"tanh", "relu"}:
            raise Refusal(f"a recurrent layer with {', '.join(said)}")
        return {"nonlinearity": said[0]} if said else {}
    if said and said != _ACTIVATIONS[op] * directions:
        raise Refusal(f"a recurrent layer with {', '.join(said)}")
    return {"reset_after": bool(call.get("linear_before_reset", default=0))} if op == "gru" else {}


def _states(call: Call, op: str) -> list[Any]:
    """The initial states; none, if they are zeros."""
    given = [argument(call, place) for place in ((5, 6) if op == "lstm" else (5,))]
    zero = [each is None or _is_zero(call, each) for each in given]
    if all(zero):
        return []
    if any(zero):
        raise Refusal("one of two initial states")
    return given


def _is_zero(call: Call, data: Any) -> bool:
    if not isinstance(data, dict):
        return bool(data == 0)
    for begin, name in (("", data.get("constant")), ("weight ", data.get("weight"))):
        if name is not None:
            array = call.raiser.trace.arrays[f"{begin}{name}" if begin else f"{name} of 0"]
            return not bool(array.any())
    return False
