"""A person's own model in a framework's process, whose calls are captured as data from which a spec can be written.

A backend's `tracer.py` defines `FRAMEWORK`, the fields of an `events.Framework`, and `Tracer(own)`, of the recorder's
`Own`: `make(function, inputs)` (a model in evaluation), `weights()` (name: array), `assign(name, array)`, and
`trace(inputs, events)`, which tells the events of one run, and gives their `answer` (see `archspec.importing.trace`).

A format's reader defines `read(request, write)`, which gives both runs of a file as such data, and of its `inputs` the
names, sizes and kinds. What is wrong with a file it raises as an error that is `plain`: said in one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .arrays import Writer
from .events import Events, Framework, Made
from .own import OwnError, drawn, factory, own_session, said, script


def capture(request: Mapping[str, Any], runner: Any, clock: Any, writer: Writer) -> dict[str, Any]:
    """Runs a model for each size of inputs, with random weights that are all written; gives the events of each run."""
    own = request["own"]
    module = script(own["tracer"])
    framework = Framework(**module.FRAMEWORK)
    tracer, made = module.Tracer(own_session(request, runner, lambda key, value: value)), Made(framework)
    given = [
        {name: _input(number, name, shape, request["kinds"][name]) for name, shape in sizes.items()}
        for number, sizes in enumerate(request["sizes"])
    ]
    with clock.enter("build"), said(own):
        tracer.make(made.noting(factory(own)), given[0])
    with clock.enter("weights"):
        for name, array in tracer.weights().items():
            writer.add(f"original {name}", np.array(array))
            array = np.ascontiguousarray(drawn(name, np.array(array)))
            tracer.assign(name, array)
            writer.add(f"weight {name}", array)
    runs = []
    for number, arrays in enumerate(given):

        def write(name: str, array: Any, number: int = number) -> None:
            writer.add(f"{name} of {number}", np.array(array))

        with clock.enter("run"), said(own):
            runs.append(tracer.trace(arrays, Events(framework, made, write)))
    if not runs or not runs[0]["events"]:
        raise OwnError("no call of the framework was seen")
    return {"runs": runs}


def read(request: Mapping[str, Any], runner: Any, clock: Any, writer: Writer) -> dict[str, Any]:
    """Reads a file of a model; gives the events of each run, and what its inputs are."""
    with clock.enter("build"):
        try:
            found: dict[str, Any] = script(request["reader"]).read(request, lambda name, array: writer.add(name, array))
        except MemoryError:
            raise OwnError("there is not enough memory for it") from None
        except Exception as error:
            if getattr(error, "plain", False):
                raise OwnError(str(error)) from None
            raise
    return found


def _input(number: int, name: str, shape: Any, kind: Mapping[str, Any]) -> Any:
    random = np.random.default_rng([number, *name.encode()])
    if kind["dtype"] == "int64":
        return random.integers(0, kind["below"], shape)
    return random.standard_normal(shape)
