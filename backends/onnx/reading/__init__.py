"""How `archspec.verification.worker.capture` reads a file of ONNX as data. Needs no archspec, and no runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .file import File
from .naming import placed, weights_of
from .walk import Walk


def read(request: Mapping[str, Any], write: Callable[[str, Any], None]) -> dict[str, Any]:
    """The events of two runs of a file, and what its inputs are; arrays are written. Raises FileError."""
    file = File(request["file"])
    inputs = file.inputs(request["given"], len(request["primes"]))
    walk = Walk(file, inputs, request["batches"], request["primes"])
    walk.nodes(file.model.graph.node)
    outputs = walk.outputs([each.name for each in file.model.graph.output])
    events = placed(walk.events)
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


def _of_run(event: Mapping[str, Any], run: int) -> dict[str, Any]:
    return {**event, "args": [each[run] for each in event["args"]]} if "args" in event else dict(event)
