"""How `archspec.verification.worker.capture` reads a file of ONNX as data. Needs no archspec, and no runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .file import File, FileError
from .naming import placed, weights_of
from .walk import Walk


def read(request: Mapping[str, Any], write: Callable[[str, Any], None]) -> dict[str, Any]:
    """The events of two runs of a file, and what its inputs are; arrays are written. Raises FileError."""
    try:
        return _read(request, write)
    except (FileError, MemoryError, OSError):
        raise
    except Exception as error:  # of names that are no texts, attributes that are no numbers, and whatever else
        text = " ".join(str(error).split())[:160]
        raise FileError(f"it is not as a file of ONNX must be: {type(error).__name__}: {text}") from error


def _read(request: Mapping[str, Any], write: Callable[[str, Any], None]) -> dict[str, Any]:
    file = File(request["file"])
    inputs = file.inputs(request["given"], len(request["primes"]))
    walk = Walk(file, inputs, request["batches"], request["primes"])
    walk.nodes(file.model.graph.node)
    outputs = walk.outputs([each.name for each in file.model.graph.output])
    events = placed(_needed(walk.events))
    read_ones = {name for event in events for name in weights_of(event)}
    for name, array in walk.weights.items():
        if name in read_ones:  # others are part of one that was computed
            write(f"weight {name}", array)
    for name, arrays in walk.constants.items():
        for run in (0, 1):
            write(f"{name} of {run}", arrays[run])
    runs = [
        {
            "events": [_of_run(event, run) for event in events],
            "shapes": [list(map(list, shapes))[run] for shapes in walk.shapes],
            "kinds": walk.kinds,
            "inputs": {each["name"]: walk.env[each["name"]].number for each in inputs},
            "idle": [],
            "result": {"fields": outputs},
        }
        for run in (0, 1)
    ]
    return {"runs": runs, "inputs": inputs, "notes": walk.notes}


def _needed(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events, but for weights that are moved and that nothing reads."""
    read: set[int] = set()
    found = []
    for event in reversed(events):
        if not event["moves"] or event["result"]["value"] in read:
            read.update(each["value"] for each, _ in event["args"] if isinstance(each, dict) and "value" in each)
            found.append(event)
    return found[::-1]


def _of_run(event: Mapping[str, Any], run: int) -> dict[str, Any]:
    return {**event, "args": [each[run] for each in event["args"]]} if "args" in event else dict(event)
