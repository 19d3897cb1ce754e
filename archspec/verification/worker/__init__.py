"""What runs in a framework's process, and is started as a script: `python worker RUNNER.py`.

It needs numpy and the framework, and nothing of archspec. RUNNER.py imports the framework and defines

- `versions`: a dict;
- `to_numpy(value)`, `from_numpy(array)`;
- `Session(dtype, see)`, one model of one run, with the methods `probe` (what generated code calls), `build(make, hooks,
  mode)` (in `evaluation`; `auxiliary`: with the outputs that exist only in training; or `training`), `idle()` (takes
  the randomness out of it), `variables()` (name: variable; a variable may have several names), `trainable()` (the names
  of those that training changes by gradients), `assign(variable, array)`, `run(inputs)`;
  `record(inputs, variables, once)`, which does the same such that `pull(values, cotangents, sources)`
  can go back, `once` or more often, from values that were computed to what they were computed from: the sum of all
  values' elements, each times that of the cotangent, by each of the sources, or None for one on which they do not
  depend; and `leaf(array)`, while it records: a new source, and the value with which the program goes on. Of layers
  that are random in training, by their names: `counted(names)` (how often each is called from now on, in the mode of
  the model), `rate(name)` (its probability or deviation, None without one) and `train(name, value)`, what it makes of a
  value in training. Where people mostly run models as graphs, and `run` does not, also `graph(inputs)`, which does; and
  `graph(inputs, n)`, what the first n probes see in a graph, by their names, as far as none of these reads it.

One JSON object a line. The worker says once whether the framework could be imported: `{"versions": ...}`. Then it
answers requests (see `request.message`) with `{"arrays": index, ...}` or `{"error": kind, ...}`. In
between, `{"at": ...}` tells where it is, so that the host knows where a worker died. Arrays travel in files. When the
host is gone, the worker ends itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import importlib.util
import json
import os
import queue
import sys
import threading
import time
import traceback
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import Array, Moves, NoRoom, Writer, arrange, cast, load, restore, save
from .capture import capture, read
from .gradients import Gradients
from .model import RunError, fill, made, module, named, passed, several, untouched
from .own import OwnError, build, own_session, record, said_of_file
from .shipped import hold
from .steps import SAMPLE, train

__all__ = ["SAMPLE", "Array", "Moves", "Writer", "arrange", "give_back", "load", "main", "restore", "run", "save"]


class Trace:
    """What the probes of one run see; and, if the run is forced, what they give back."""

    def __init__(self, request: Mapping[str, Any], runner: Any, writer: Writer, tell: Callable[[Any], None]) -> None:
        self.active = True
        self.seconds = 0.0
        self.shapes: dict[str, list[int | None]] = {}
        """Of the values that probes saw while a symbolic model was built; None for an axis that is open."""
        self._probes = request["probes"]
        self._dtype = request["dtype"]
        given = request["forced"] or request["pinned"]
        self.forced = load(**given) if given else {}
        self.values: dict[str, Any] = {}
        """What steps gave whose gradients are wanted, by tensor, and in `sources` what was given back instead."""
        self.sources: dict[str, Any] = {}
        self._leaf: Callable[[Array], tuple[Any, Any]] | None = None
        self._kept: tuple[frozenset[str], frozenset[str]] = frozenset(), frozenset()
        self._shown: tuple[str, Sequence[str] | None] = "", None
        """What the names of arrays begin with, and the tensors that are written if not all are."""
        self._seen: Counter[str] = Counter()
        """How often each probe was met: more than once, where a block is called several times."""
        self._runner, self._writer, self._tell = runner, writer, tell

    def see(self, key: str, value: Any, number: int | None = None) -> Any:
        """Records the value of a step, and returns what the program goes on with. If its block is called several times,
        that of the call of this number, in the order of the program, or of the next one."""
        if not self.active:
            return value
        started = time.perf_counter()
        several = isinstance(value, (tuple, list))
        values = list(value) if several else [value]
        for index, (tensor, layout) in enumerate(self._observed(key, len(values), number)):
            prefix, shown = self._shown
            if shown is None or tensor in shown:
                self._writer.add(f"{prefix}{tensor}", self._runner.to_numpy(values[index]))
            if tensor in self.forced:
                array = cast(arrange(self.forced[tensor], layout), self._dtype).copy()  # programs may overwrite it
                kept, sources = self._kept
                if tensor in kept:
                    self.values[tensor] = values[index]
                free = self.forced.get(f"free {tensor}")
                if tensor in sources and self._leaf is not None:
                    self.sources[tensor], values[index] = self._leaf(array)
                elif free is not None and tuple(values[index].shape) == array.shape:
                    free = arrange(free, layout)
                    own, given = cast(np.where(free, 0.0, 1.0), self._dtype), np.where(free, array, 0)
                    values[index] = values[index] * self._runner.from_numpy(own) + self._runner.from_numpy(given)
                else:
                    values[index] = self._runner.from_numpy(array)
        self._tell({"at": key})
        self.seconds += time.perf_counter() - started
        if not self.forced:
            return value
        return tuple(values) if several else values[0]

    def again(self, forced: Mapping[str, Array], prefix: str = "", shown: Sequence[str] = ()) -> None:
        """For another run, of which only some tensors are written."""
        self.forced, self._shown = dict(forced), (prefix, shown)
        self._leaf, self._kept = None, (frozenset(), frozenset())
        self.active, self._seen = True, Counter()

    def keep(self, pulls: Sequence[Any], leaf: Callable[[Array], tuple[Any, Any]]) -> None:
        """For another forced run, whose values are kept for gradients, with a `leaf` for each source of these."""
        self.again(self.forced)
        self.values, self.sources, self._leaf = {}, {}, leaf
        self._kept = (
            frozenset(name for pull in pulls for name, *_ in pull["values"]),
            frozenset(name for pull in pulls for name, _ in pull["inputs"]),
        )

    def sketch(self, key: str, value: Any) -> None:
        """Notes what a probe sees while a symbolic model is built."""
        values = value if isinstance(value, (tuple, list)) else [value]
        for (tensor, _), item in zip(self._probes.get(key, ()), values, strict=False):
            self.shapes[tensor] = [size if isinstance(size, int) else None for size in item.shape]
        self._tell({"at": key})

    def _observed(self, key: str, count: int, number: int | None) -> list[tuple[str, Moves]]:
        if key not in self._probes:
            raise RunError(f"the program has a probe '{key}' that it does not declare")
        declared: list[tuple[str, Moves]] = self._probes[key]
        number = self._seen[key] if number is None else number
        self._seen[key] += 1
        observed = declared[number * count : (number + 1) * count]
        if self._seen[key] * count > len(declared) or len(observed) != count:
            seen = self._seen[key] * count
            raise RunError(f"the probe '{key}' sees {seen} tensors in one run and declares {len(declared)}")
        return observed


def run(request: Mapping[str, Any], runner: Any, tell: Callable[[Any], None]) -> dict[str, Any]:
    """Builds, fills, runs and watches a generated model; the answer to a request."""
    clock = Clock(tell)
    reset_peak_memory()
    try:
        if "script" in request:
            return _seen(train, request, runner, clock)
        if "reader" in request:
            return _seen(read, request, runner, clock)
        if "capture" in request:
            return _seen(capture, request, runner, clock)
        if "record" in request:
            return _seen(record, request, runner, clock)
        return _answer(request, runner, tell, clock)
    except NoRoom as error:
        return {**failure(clock.stage, error), "message": str(error), "detail": ""}
    except OSError as error:  # of a file that cannot be read, or not be written to its end
        return failure(clock.stage, error)


def _answer(request: Mapping[str, Any], runner: Any, tell: Callable[[Any], None], clock: Clock) -> dict[str, Any]:
    with module(request["source"]) as program, contextlib.closing(Writer(request["into"])) as writer:
        trace = Trace(request, runner, writer, tell)
        try:
            for name, value in _run(request, runner, program, trace, clock):
                writer.add(name, value if isinstance(value, np.ndarray) else runner.to_numpy(value))
        except NoRoom:  # that is no fault of the program
            raise
        except Exception as error:
            return {
                **failure(clock.stage, error),
                "lines": getattr(error, "lines", []) or passed(error, str(program.__file__), request["source"]),
                "arrays": writer.index,
                "shapes": trace.shapes,
                "parameters": getattr(error, "parameters", {}),
                "tensors": getattr(error, "tensors", {}),
            }
    return {"arrays": writer.index, "seconds": clock.seconds, "memory": peak_memory()}


def _seen(see: Callable[..., Any], request: Mapping[str, Any], runner: Any, clock: Clock) -> dict[str, Any]:
    """What is seen of a model that its script trains, or of a person's own; the answer to a request."""
    with contextlib.closing(Writer(request["into"])) as writer:
        try:
            seen = see(request, runner, clock, writer)
        except NoRoom:
            raise
        except Exception as error:
            return failure(clock.stage, error)
    return {"arrays": writer.index, "seconds": clock.seconds, "memory": peak_memory(), "seen": seen}


def _run(request: Any, runner: Any, program: types.ModuleType, trace: Trace, clock: Clock) -> Iterator[tuple[str, Any]]:
    """What is seen of a run, by name; afterwards the shipped file is held against it."""
    outputs: dict[str, Array] = {}
    for name, value in _watched(request, runner, program, trace, clock):
        if request["shipped"] and name.startswith("output "):
            outputs[name.removeprefix("output ")] = np.array(runner.to_numpy(value))
        yield name, value
        del value
    if request["shipped"]:
        with clock.enter("shipped"):
            yield from hold(request, runner, outputs)


def _watched(
    request: Any, runner: Any, program: types.ModuleType, trace: Trace, clock: Clock
) -> Iterator[tuple[str, Any]]:
    dtype = request["dtype"]
    data = load(**request["data"])
    theirs = bool(request.get("own"))
    if theirs and request["own"]["given"]:
        data = {**data, **load(**request["own"]["given"])}  # what the network takes, the model makes of this
    session = own_session(request, runner, trace.see) if theirs else runner.Session(dtype, trace.see)

    foreign = "opened" in request and "steps" not in request["opened"]

    def probe(*arguments: Any) -> Any:
        value = session.probe(*arguments)
        if clock.stage == "build" and len(arguments) == 2:
            trace.sketch(*arguments)
        return value

    def inputs_of(arrays: Mapping[str, Array]) -> list[Any]:
        given = (cast(arrange(arrays[name], layout), dtype) for name, layout in request["inputs"].items())
        return [runner.from_numpy(array) for array in given]

    with clock.enter("build"):
        if theirs:
            build(session, request, inputs_of(data))
        elif "opened" in request:
            with said_of_file() if foreign else contextlib.nullcontext():
                session.open(**request["opened"])
        else:
            made(request, session, program, request["source"], probe)
    if request["mode"] == "training":
        session.idle()
    with clock.enter("weights"):
        fill(session, request["weights"], data, dtype)

    inputs = inputs_of(data)
    with clock.enter("run"):
        with said_of_file() if foreign else contextlib.nullcontext():
            returned = session.run(inputs)
        outputs = named(returned, request["outputs"], several(session) if request["shipped"] else None)
    clock.seconds["run"] -= trace.seconds
    trace.active = False
    for name in list(outputs):
        yield f"output {name}", outputs.pop(name)
    if request["mode"] == "training":
        variables = session.variables()
        for parameter, target, *_ in request["weights"]:
            if parameter in request["statistics"] and target in variables:
                yield parameter, np.array(runner.to_numpy(variables[target]))
    if request["pulls"]:
        gradients = Gradients(request, runner, session, trace.forced, data)
        given = dict(zip(request["inputs"], inputs, strict=True))
        with clock.enter("gradients"):
            for pulls in gradients.parts():
                if request["forced"]:
                    trace.keep(pulls, session.leaf)
                elif request["pinned"]:
                    trace.again(trace.forced)
                result = session.record(inputs, gradients.variables(pulls), len(pulls) == 1)
                values = trace.values if request["forced"] else named(result, request["outputs"])
                yield from gradients.pulled(pulls, values, trace.sources | given)
                del result, values
        trace.active = False
    if request["edges"]:
        edges = load(**request["edges"])
        trace.again(edges, "edge ", request["at_edges"])
        with clock.enter("edges"):
            given = {name: np.array(array) for name, array in {**data, **edges}.items() if name in request["inputs"]}
            placed = inputs_of({name: array.copy() for name, array in given.items()})
            session.run(placed)
            if not theirs:
                untouched(request, given, [runner.to_numpy(each) for each in placed])
        trace.active = False
    for _ in range(1, request["repeat"]):
        started = time.perf_counter()
        session.run(inputs)
        clock.seconds["run"] = min(clock.seconds["run"], time.perf_counter() - started)


class Clock:
    """Which stage a run is in, and how long each took."""

    def __init__(self, tell: Callable[[Any], None]) -> None:
        self.stage = "build"
        self.seconds: dict[str, float] = {}
        self._tell = tell

    @contextlib.contextmanager
    def enter(self, stage: str) -> Iterator[None]:
        self.stage = stage
        self._tell({"at": stage})
        started = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - started


def failure(kind: str, error: BaseException) -> dict[str, Any]:
    message = str(error) if isinstance(error, RunError) else f"{type(error).__name__}: {error}"
    raised = error.__cause__ if isinstance(error, OwnError) else error  # where ours comes from tells people nothing
    detail = "" if raised is None else "".join(traceback.format_exception(raised))[-4000:]
    return {"error": kind, "message": message, "detail": detail}


def reset_peak_memory() -> None:
    """Forgets what the process used before, where the system can."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_memory() -> int:
    """The most memory that this process has used since, in bytes; 0 where the system does not tell."""
    with contextlib.suppress(OSError, StopIteration), open("/proc/self/status") as status:
        # `getrusage` would count what our parent had used when it started us.
        return 1024 * int(next(line for line in status if line.startswith("VmHWM:")).split()[1])
    try:
        import resource
    except ImportError:  # on Windows
        with contextlib.suppress(ImportError, AttributeError):
            import psutil

            return int(psutil.Process().memory_info().peak_wset)
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def give_back() -> None:
    """Returns memory that is free to the system, where its C library can: gigabytes after a large network."""
    gc.collect()  # a model and the functions of its module refer to each other
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


# The process.


def load_runner(path: str) -> tuple[Any, dict[str, Any]]:
    """The runner, which imports the framework, and the greeting: versions, or why there are none."""
    started = time.perf_counter()
    spec = importlib.util.spec_from_file_location("archspec_runner", path)
    assert spec is not None
    assert spec.loader is not None
    runner = importlib.util.module_from_spec(spec)
    gc.disable()  # importing makes a million objects that stay
    try:
        spec.loader.exec_module(runner)
    except Exception as error:
        return None, failure("missing" if _is_missing(error, path) else "import", error)
    finally:
        gc.freeze()
        gc.enable()
    versions = {"python": sys.version.split()[0], **runner.versions}
    return runner, {"versions": versions, "seconds": time.perf_counter() - started}


def _is_missing(error: BaseException, runner: str) -> bool:
    """Whether the framework itself is not there, rather than something that it needs."""
    frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    own = [name for name in frames if not name.startswith("<frozen importlib")]
    return isinstance(error, ModuleNotFoundError) and own[-1] == runner


def main(runner_path: str) -> None:
    # The streams are ours alone: what frameworks print, or read, cannot disturb the protocol.
    requests, replies = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    faulthandler.enable()
    warnings.simplefilter("ignore")

    def tell(message: Any) -> None:
        print(json.dumps(message), file=replies, flush=True)

    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def listen() -> None:
        for line in requests:
            waiting.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    runner, greeting = load_runner(runner_path)
    faulthandler.disable()  # some frameworks take its place when they are imported
    faulthandler.enable()
    tell(greeting)
    while True:
        tell(run(waiting.get(), runner, tell))
        give_back()
