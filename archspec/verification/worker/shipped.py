"""The file as the user gets it, without probes: built, filled and run, and held against what was seen with probes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import Array, arrange, cast, load
from .model import RunError, fill, made, module, named, passed


class NotShipped(RunError):
    """The file does not give what its probed form gave; `lines` are its statements that an error passed through."""

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lines = list(lines)


def hold(request: Mapping[str, Any], runner: Any, probed: Mapping[str, Array]) -> None:
    """Raises NotShipped unless the shipped file gives, bit for bit, what its form with probes gave.

    In float64 the form that was seen has rounded floats; there another one, `written`, is run to compare with.
    """
    form = request["shipped"]
    outputs = _outputs(form["source"], request, runner, shipped=True)
    if form["written"]:
        probed = _outputs(form["written"], request, runner, shipped=False)
    _same(probed, outputs, "without probes")


def _outputs(source: str, request: Mapping[str, Any], runner: Any, *, shipped: bool) -> dict[str, Array]:
    """What the model of a text gives. The shipped one is also called a second time, and asked for its defaults."""
    data = load(**request["data"])
    with module(source) as program:
        try:
            session = runner.Session(request["dtype"], lambda key, value: value)
            made(request, session, program, source, None if shipped else session.probe)
            fill(session, request["weights"], data, request["dtype"])
            given = {
                name: cast(arrange(data[name], layout), request["dtype"]) for name, layout in request["inputs"].items()
            }
            outputs = _call(session, runner, given, request["outputs"])
            if shipped:
                _defaults(program.__dict__, request["shipped"]["defaults"])
                if request["dtype"] == "float32" and not request["learning"]:
                    _same(outputs, _call(session, runner, given, request["outputs"]), "at a second call")
            return outputs
        except RunError:
            raise
        except Exception as error:
            text = f"the file, without probes: {type(error).__name__}: {error}"
            raise NotShipped(text, passed(error, str(program.__file__), source)) from error


def _call(session: Any, runner: Any, given: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    """The outputs, as arrays of their own; NotShipped if the model writes into its inputs."""
    inputs = {name: runner.from_numpy(array.copy()) for name, array in given.items()}
    outputs = named(session.run(list(inputs.values())), names)
    found = {name: np.array(runner.to_numpy(value)) for name, value in outputs.items()}
    for name, value in inputs.items():
        if not _equal(given[name], runner.to_numpy(value)):
            raise NotShipped(f"the model overwrites its input '{name}'")
    return found


def _same(expected: Mapping[str, Array], found: Mapping[str, Array], when: str) -> None:
    for name, array in expected.items():
        if not _equal(array, found[name]):
            raise NotShipped(f"output '{name}' is another one {when}{_distance(array, found[name])}")


def _equal(a: Array, b: Array) -> bool:
    """Whether arrays are the same, bit for bit."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    ours, theirs = (np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in (a, b))
    return bool(np.array_equal(ours, theirs))


def _distance(a: Array, b: Array) -> str:
    if a.dtype != b.dtype or a.shape != b.shape:
        return f": {b.dtype.name} {b.shape} instead of {a.dtype.name} {a.shape}"
    with np.errstate(all="ignore"):
        return f", by {np.nanmax(np.abs(np.subtract(a, b, dtype=np.float64))):.1e} at most"


def _defaults(names: Mapping[str, Any], expected: Sequence[tuple[str, str, float]]) -> None:
    """Holds the numbers that a file leaves out against the defaults of the framework that is installed. What has no
    signature, being written in C, is held by the numbers alone."""
    problems = []
    for target, argument, value in expected:
        first, *rest = target.split(".")
        there = names[first]
        for name in rest:
            there = getattr(there, name)
        try:
            parameter = inspect.signature(there).parameters.get(argument)
        except ValueError:
            continue
        if parameter is not None and parameter.default != value:
            problems.append(f"{target} has {argument}={parameter.default!r} by default, and {value!r} is meant")
    if problems:
        raise NotShipped("; ".join(problems))
