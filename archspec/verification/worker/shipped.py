"""The file as the user gets it, without probes: built, filled and run, and held against what was seen with probes."""

from __future__ import annotations

import inspect
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from .arrays import Array, arrange, cast, load, restore
from .model import RunError, fill, made, module, named, passed, several
from .starts import beginnings, started


class NotShipped(RunError):
    """The file does not give what its probed form gave; `lines` are its statements that an error passed through, and
    `parameters` those that are not as they should be, and why."""

    def __init__(
        self, message: str, lines: Sequence[str] = (), parameters: Mapping[str, str] | None = None,
        tensors: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, parameters, tensors)
        self.lines = list(lines)


def hold(request: Mapping[str, Any], runner: Any, probed: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """Raises NotShipped unless the shipped file gives, bit for bit, what its form with probes gave; and what its random
    layers make of `random` arrays in training.

    In float64 the form that was seen has rounded floats; there another one, `written`, is run to compare with. So is
    the same once more, if it did not go on with what it computed.
    """
    form = request["shipped"]
    if "file" in form:
        yield from _file(request, runner)
        return
    outputs, others = _model(form["source"], request, runner, _shipped)
    other = form["written"] or (request["source"] if request["pinned"] else "")
    if other:
        probed, _ = _model(other, request, runner, _probed)
    _same(probed, outputs, "without probes")
    yield from others.items()


def _file(request: Mapping[str, Any], runner: Any) -> Iterator[tuple[str, Array]]:
    """What a file of a model gives as it is, in one run, with all that a runtime does to it. Raises NotShipped if it
    cannot be run so."""
    data = load(**request["data"])
    session = runner.Session(request["dtype"], lambda key, value: value)
    session.open(**request["opened"])
    fill(session, request["weights"], data, request["dtype"])
    try:
        found = session.graph([runner.from_numpy(array) for array in _given(request, data).values()])
    except Exception as error:
        raise NotShipped(f"the file, as a whole: {type(error).__name__}: {_short(error)}") from error
    for name, value in named(found, request["outputs"]).items():
        yield f"graph {name}", np.array(runner.to_numpy(value))


Found = tuple[dict[str, Array], dict[str, Array]]
"""The outputs of a model; and what was asked of its random layers, and its outputs as a graph."""


def _model(source: str, request: Mapping[str, Any], runner: Any, use: Callable[..., Found]) -> Found:
    data = load(**request["data"])
    with module(source) as program:
        try:
            session = runner.Session(request["dtype"], _unseen)
            return use(request, runner, session, program, source, data)
        except RunError:
            raise
        except Exception as error:
            text = f"the file, without probes: {type(error).__name__}: {error}"
            raise NotShipped(text, passed(error, str(program.__file__), source)) from error


def _probed(
    request: Mapping[str, Any], runner: Any, session: Any, program: ModuleType, source: str, data: Mapping[str, Array]
) -> Found:
    made(request, session, program, source, session.probe)
    if request["mode"] == "training":
        session.idle()
    fill(session, request["weights"], data, request["dtype"])
    return _call(session, runner, _given(request, data), request["outputs"]), {}


def _shipped(
    request: Mapping[str, Any], runner: Any, session: Any, program: ModuleType, source: str, data: Mapping[str, Array]
) -> Found:
    """Everything that must be so of the model that the user makes."""
    form, given = request["shipped"], _given(request, data)
    more = [_beginnings(request, runner, program, source, seed) for seed in range(1, form["models"])]
    session = runner.Session(request["dtype"], _unseen) if more else session  # some frameworks have but one at a time
    session.draws = bool(form["starts"])
    made(request, session, program, source, None)
    _defaults(program.__dict__, form["defaults"])
    wrong = dict(started(session, runner, request["weights"], form["starts"], more))
    problems = [*_trainable(session, request["weights"], form["parameters"]), *wrong.values()]
    if problems:
        raise NotShipped("; ".join(problems), parameters=wrong)
    random = dict(_random(session, runner, request, data))
    if strange := _strange(getattr(session, "random", tuple)(), form["drawing"]):
        raise NotShipped(f"random in training, where no step is: {', '.join(strange)}")
    if request["mode"] == "training":
        session.idle()
    fill(session, request["weights"], data, request["dtype"])
    if request["mode"] != "training" and not form["again"]:  # another call, of which nothing must be left
        less = {name: data[name][tuple(map(slice, sizes))] for name, sizes in form["before"].items()}
        _call(session, runner, _given(request, less), request["outputs"])
    due = Counter(name for names in form["random"].values() for name in names)  # steps may share a layer
    counts = session.counted(list(due))
    outputs = _call(session, runner, given, request["outputs"])
    for name, count in counts.items():
        if count != due[name]:
            raise NotShipped(f"the layer '{name}' is called {count} times, and not {due[name]}")
    if form["again"]:
        _same(outputs, _call(session, runner, given, request["outputs"]), "at a second call")
    besides = list(getattr(session, "besides", list)())
    if besides:
        raise NotShipped(f"beside what it should do: {'; '.join(besides)}")
    graph = _graph(session, request, runner, given, outputs) if form["graph"] and hasattr(session, "graph") else {}
    return outputs, random | {f"graph {name}": array for name, array in graph.items()}


def _unseen(key: str, value: Any, number: int | None = None) -> Any:
    return value


def _beginnings(
    request: Mapping[str, Any], runner: Any, program: ModuleType, source: str, seed: int
) -> dict[str, Array]:  # fmt: skip
    """With what the weights of one more model of the file begin."""
    session = runner.Session(request["dtype"], _unseen)
    session.draws, session.seed = True, getattr(session, "seed", 0) + seed
    made(request, session, program, source, None)
    return beginnings(session, runner, request["weights"], request["shipped"]["starts"])


def _graph(
    session: Any, request: Mapping[str, Any], runner: Any, given: Mapping[str, Array], expected: Mapping[str, Array]
) -> dict[str, Array]:
    """The outputs of the model as one graph. Raises NotShipped, with the step, if it cannot be run, or if what it gives
    is far from the outputs without; what is near is not judged here."""
    inputs = [runner.from_numpy(array) for array in given.values()]
    try:
        outputs = named(session.graph(inputs), request["outputs"])
    except Exception as error:
        problem = f"as a graph: {type(error).__name__}: {_short(error)}"
    else:
        found = {name: np.array(runner.to_numpy(value)) for name, value in outputs.items()}
        far = next((name for name, array in found.items() if _far(expected[name], array)), None)
        if far is None:
            return found
        problem = f"output '{far}' is another one as a graph{_distance(expected[far], found[far])}"
    tensors = [tensor for tensor, _ in request["probes"].get(_fails(request, runner, inputs), ())]
    raise NotShipped(f"the file, {problem}", tensors=dict.fromkeys(tensors, problem))


def _fails(request: Mapping[str, Any], runner: Any, inputs: Sequence[Any]) -> str:
    """The first probe up to which the model cannot be run as a graph, or sees what is far from what it saw without."""
    order: list[str] = []
    seen: dict[str, Any] = {}

    def see(key: str, value: Any, number: int | None = None) -> Any:
        seen[key] = value
        return value

    def probe(*arguments: Any) -> Any:
        order.append(arguments[-2])
        return session.probe(*arguments)

    def fails(probes: int) -> bool:
        try:
            found = session.graph(inputs, probes)
        except Exception:
            return True
        pairs = [(expected[key], value) for key, value in found.items() if not isinstance(value, (list, tuple))]
        return any(_far(runner.to_numpy(a), runner.to_numpy(b)) for a, b in pairs)

    with module(request["source"]) as program:
        session = runner.Session(request["dtype"], see)
        made(request, session, program, request["source"], probe)
        if request["mode"] == "training":
            session.idle()
        fill(session, request["weights"], load(**request["data"]), request["dtype"])
        session.run(inputs)
        expected = dict(seen)
        first = bisect_left(range(1, len(expected) + 1), True, key=fails)
    return order[first] if first < len(order) else ""


def _short(error: BaseException) -> str:
    """The end of what an error says, which some begin with where they were."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)[:300]


def _far(a: Array, b: Array) -> bool:
    """Whether arrays differ by more than rounding makes of them in most networks."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return True
    with np.errstate(all="ignore"):
        usual = a[np.isfinite(a)]
        size = float(np.abs(usual).max()) if usual.size else 0.0
        return not np.allclose(a, b, rtol=_FAR, atol=_FAR * size, equal_nan=True)


_FAR = 1e-3


def _given(request: Mapping[str, Any], data: Mapping[str, Array]) -> dict[str, Array]:
    return {name: cast(arrange(data[name], layout), request["dtype"]) for name, layout in request["inputs"].items()}


def _random(
    session: Any, runner: Any, request: Mapping[str, Any], data: Mapping[str, Array]
) -> Iterator[tuple[str, Array]]:
    """What random layers make in training of a large batch, by `random <step>`; or else their rates, by `rate <step>`:
    those of recurrent layers drop what comes between their parts."""
    for step, names in request["shipped"]["random"].items():
        layouts = [layout for seen in request["probes"].values() for tensor, layout in seen if tensor == step]
        array = data.get(f"random {step}")
        if array is not None and layouts and len(names) == 1:
            moves = [move for move in layouts[0] if move[0] == "transpose" and len(move[1]) == array.ndim]
            if any(move[0] == "reshape" for move in layouts[0]):
                moves = []  # what was flattened has no axes any more that a layer could tell apart
            given = cast(arrange(array, moves), request["dtype"])
            value = runner.from_numpy(given.copy())
            shown, other = (np.array(runner.to_numpy(session.train(names[0], value))) for _ in range(2))
            if not _equal(given, runner.to_numpy(value)):
                raise NotShipped(f"the layer '{names[0]}' overwrites what it is given")
            yield f"random {step}", np.ascontiguousarray(restore(shown, moves, array.shape))
            yield f"alike {step}", np.array([_equal(shown, other)])
        else:
            rates = [session.rate(name) for name in names]
            yield f"rate {step}", np.array([rate for rate in rates if rate is not None], np.float64)


def _strange(layers: Iterable[str], known: Sequence[str]) -> list[str]:
    """The layers that are none of those that are known, nor inside of one."""
    return [path for path in layers if not any(f"{path}.".startswith(f"{name}.") for name in known)]


def _trainable(session: Any, weights: Sequence[Any], expected: Mapping[str, bool]) -> Iterator[str]:
    """Holds which weights training changes."""
    variables, trainable = session.variables(), session.trainable()
    for parameter, target, *_ in weights:
        if target not in variables or parameter not in expected:
            continue
        learned = expected[parameter]
        if (target in trainable) != learned:
            yield (f"'{target}' is {'not ' * learned}trainable, and {parameter} is{' not' * (not learned)}")


def _call(session: Any, runner: Any, given: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    """The outputs, as arrays of their own; NotShipped if the model writes into its inputs."""
    inputs = {name: runner.from_numpy(array.copy()) for name, array in given.items()}
    outputs = named(session.run(list(inputs.values())), names, several(session))
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
