"""The script that runs in a framework's process: `python worker.py RUNNER.py`.

It needs numpy and the framework, and nothing of archspec. RUNNER.py imports the framework and defines

- `versions`: a dict;
- `to_numpy(value)`, `from_numpy(array)`;
- `Session(dtype, see)`, one model of one run, with the methods `probe` (what generated code calls), `build(make, hooks,
  training, learning)`, `variables()` (name: variable; a variable may have several names), `assign(variable, array)`,
  `run(inputs)` and `gradients(inputs, variables, loss)`: those of `loss(outputs)` by the floating-point inputs and by
  the variables, in this order, None for what it does not depend on. `loss` multiplies outputs with arrays by
  `dot(value, array)`, a function of the runner that gives a number.

One JSON object a line. The worker says once whether the framework could be imported: `{"versions": ...}`. Then it
answers requests (see `workers.message`) with `{"arrays": index, ...}` or `{"error": kind, ...}`. In
between, `{"at": ...}` tells where it is, so that the host knows where a worker died. Arrays travel in files. When the
host is gone, the worker ends itself.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import faulthandler
import gc
import importlib.util
import json
import linecache
import mmap
import os
import queue
import sys
import threading
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Layout = Sequence[tuple[str, Sequence[int]]]

# Arrays in files. The host uses these too.


class Writer:
    """Writes arrays into one file, one after another, as they come."""

    def __init__(self, path: str) -> None:
        self.index: dict[str, tuple[int, tuple[int, ...], str]] = {}
        """Name: offset, shape, dtype."""
        self._file = open(path, "wb")  # noqa: SIM115

    def add(self, name: str, array: Array) -> None:
        self._file.write(bytes(-self._file.tell() % 64))
        offset = self._file.tell()
        self._file.write(np.asarray(array, order="C").data)
        self.index[name] = (offset, array.shape, array.dtype.str)

    def close(self) -> None:
        self._file.write(b"\0")  # an empty file cannot be mapped
        self._file.close()


def save(path: str, arrays: Mapping[str, Array]) -> dict[str, Any]:
    """Writes arrays into one file; the result tells `load` how to find them."""
    with contextlib.closing(Writer(path)) as writer:
        for name, array in arrays.items():
            writer.add(name, array)
    return {"path": path, "index": writer.index}


def load(path: str, index: Mapping[str, tuple[int, Sequence[int], str]]) -> dict[str, Array]:
    """The arrays of a file. They may be written to; the file does not change."""
    with open(path, "rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return {
        name: np.ndarray(tuple(shape), np.dtype(dtype), memory, offset)
        for name, (offset, shape, dtype) in index.items()
    }


def arrange(array: Array, layout: Layout) -> Array:
    """A canonical array as the framework lays it out."""
    for step, argument in layout:
        if step == "reshape":
            array = array.reshape(argument)
        elif step == "transpose":
            array = array.transpose(argument)
        elif step == "take":
            array = array[np.asarray(argument)]
        elif step == "pad":
            array = np.pad(array, [tuple(argument), *[(0, 0)] * (array.ndim - 1)])
        else:
            raise ValueError(f"a layout has no step '{step}'")
    return array


def restore(array: Array, layout: Layout, shape: Sequence[int]) -> Array:
    """The canonical array of this shape that a framework's array, or its part of it, is: the inverse of `arrange`."""
    shapes = [tuple(shape)]
    for move in layout:  # of an array that takes no memory
        shapes.append(arrange(np.broadcast_to(np.int8(0), shapes[-1]), [move]).shape)
    for (step, argument), before in zip(reversed(layout), reversed(shapes[:-1]), strict=True):
        if step == "reshape":
            array = array.reshape(before)
        elif step == "transpose":
            array = array.transpose(np.argsort(argument))
        elif step == "take":
            whole = np.zeros(before, array.dtype)
            np.add.at(whole, np.asarray(argument), array)
            array = whole
        else:
            array = array[argument[0] : argument[0] + before[0]]
    return array


# One run.


class RunError(Exception):
    """The program does not keep its promises; `parameters` are those that have no proper place in it, and why."""

    def __init__(self, message: str, parameters: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.parameters = dict(parameters or {})


class Trace:
    """What the probes of one run see; and, if the run is forced, what they give back."""

    def __init__(self, request: Mapping[str, Any], runner: Any, writer: Writer, tell: Callable[[Any], None]) -> None:
        self.active = True
        self.seconds = 0.0
        self.shapes: dict[str, list[int | None]] = {}
        """Of the values that probes saw while a symbolic model was built; None for an axis that is open."""
        self._probes = request["probes"]
        self._dtype = request["dtype"]
        self._forced = load(**request["forced"]) if request["forced"] else None
        self._seen: set[str] = set()
        self._runner, self._writer, self._tell = runner, writer, tell

    def see(self, key: str, value: Any) -> Any:
        """Records the value of a step, and returns what the program goes on with."""
        if not self.active:
            return value
        started = time.perf_counter()
        several = isinstance(value, (tuple, list))
        values = list(value) if several else [value]
        for index, (tensor, layout) in enumerate(self._observed(key, len(values))):
            self._writer.add(tensor, self._runner.to_numpy(values[index]))
            if self._forced is not None:
                values[index] = self._runner.from_numpy(cast(arrange(self._forced[tensor], layout), self._dtype))
        self._tell({"at": key})
        self.seconds += time.perf_counter() - started
        if self._forced is None:
            return value
        return tuple(values) if several else values[0]

    def sketch(self, key: str, value: Any) -> None:
        """Notes what a probe sees while a symbolic model is built."""
        values = value if isinstance(value, (tuple, list)) else [value]
        for (tensor, _), item in zip(self._probes.get(key, ()), values, strict=False):
            self.shapes[tensor] = [size if isinstance(size, int) else None for size in item.shape]
        self._tell({"at": key})

    def _observed(self, key: str, count: int) -> list[tuple[str, Layout]]:
        if key not in self._probes:
            raise RunError(f"the program has a probe '{key}' that it does not declare")
        if key in self._seen:
            raise RunError(f"the probe '{key}' sees two values in one run")
        self._seen.add(key)
        observed: list[tuple[str, Layout]] = self._probes[key]
        if len(observed) != count:
            raise RunError(f"the probe '{key}' sees {count} tensors and declares {len(observed)}")
        return observed


def cast(array: Array, dtype: str) -> Array:
    """As frameworks take it: without gaps, floating-point numbers in the dtype of the run, others as they are."""
    return np.asarray(array, dtype if array.dtype.kind == "f" else None, order="C")


def run(request: Mapping[str, Any], runner: Any, tell: Callable[[Any], None]) -> dict[str, Any]:
    """Builds, fills, runs and watches a generated model; the answer to a request."""
    clock = Clock(tell)
    reset_peak_memory()
    try:
        return _answer(request, runner, tell, clock)
    except OSError as error:  # of a file that cannot be read, or not be written to its end
        return failure(clock.stage, error)


def _answer(request: Mapping[str, Any], runner: Any, tell: Callable[[Any], None], clock: Clock) -> dict[str, Any]:
    with module(request["source"]) as program, contextlib.closing(Writer(request["into"])) as writer:
        trace = Trace(request, runner, writer, tell)
        try:
            session = runner.Session(request["dtype"], trace.see)
            for name, value in _run(request, runner, session, program, trace, clock):
                writer.add(name, value if isinstance(value, np.ndarray) else runner.to_numpy(value))
        except Exception as error:
            return {
                **failure(clock.stage, error),
                "lines": passed(error, str(program.__file__), request["source"]),
                "arrays": writer.index,
                "shapes": trace.shapes,
                "parameters": getattr(error, "parameters", {}),
            }
    return {"arrays": writer.index, "seconds": clock.seconds, "memory": peak_memory()}


def nearest(value: Any) -> Any:
    """The float32 number next to a float, as programs for verification call it: frameworks keep many floats so. For
    each item of a tuple or list; what is no float stays."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(nearest, value))
    return float(np.float32(value)) if isinstance(value, float) else value


def _run(
    request: Any, runner: Any, session: Any, program: types.ModuleType, trace: Trace, clock: Clock
) -> Iterator[tuple[str, Any]]:
    dtype = request["dtype"]
    data = load(**request["data"])

    def probe(*arguments: Any) -> Any:
        value = session.probe(*arguments)
        if clock.stage == "build":
            trace.sketch(*arguments)
        return value

    with clock.enter("build"):
        program.__dict__.update(probe=probe, nearest=nearest)
        exec(compile(request["source"], str(program.__file__), "exec"), program.__dict__)
        entry = getattr(program, request["entry"])
        session.build(lambda: entry(**request["arguments"]), request["hooks"], request["training"], request["learning"])
    with clock.enter("weights"):
        fill(session, request["weights"], data, dtype)
    arrays = [cast(arrange(data[name], layout), dtype) for name, layout in request["inputs"].items()]
    inputs = [runner.from_numpy(array) for array in arrays]
    with clock.enter("run"):
        outputs = named(session.run(inputs), request["outputs"])
    clock.seconds["run"] -= trace.seconds
    trace.active = False
    for name in list(outputs):
        yield f"output {name}", outputs.pop(name)
    if request["learning"]:
        variables = session.variables()
        for parameter, target, *_ in request["weights"]:
            if parameter in request["statistics"] and target in variables:
                yield parameter, np.array(runner.to_numpy(variables[target]))
    if request["gradients"]:
        with clock.enter("gradients"):
            yield from differentiate(request, runner, session, inputs, data)
    for _ in range(1, request["repeat"]):
        started = time.perf_counter()
        session.run(inputs)
        clock.seconds["run"] = min(clock.seconds["run"], time.perf_counter() - started)


def differentiate(
    request: Any, runner: Any, session: Any, inputs: list[Any], data: Mapping[str, Array]
) -> Iterator[tuple[str, Array]]:
    """The gradients of a projection of all outputs, by canonical name, in canonical layout; zeros where there is none.

    What is projected: the sum of all outputs' elements, each times a number.
    """
    projections = {
        name: cast(arrange(data[f"projection {name}"], layout), request["dtype"])
        for name, layout in request["projected"].items()
    }
    wanted = set(request["gradients"])
    variables = session.variables()
    distinct: dict[int, Any] = {}
    places: dict[int, list[tuple[str, Layout]]] = {}
    for parameter, target, layout, _, _ in request["weights"]:
        if parameter in wanted and target in variables:
            key = id(variables[target])
            distinct[key] = variables[target]
            places.setdefault(key, []).append((parameter, layout))

    def loss(result: Any) -> Any:
        outputs = named(result, request["outputs"])
        return sum(runner.dot(outputs[name], array) for name, array in projections.items())

    floats = [[(name, layout)] for name, layout in request["inputs"].items() if data[name].dtype.kind == "f"]
    found = list(session.gradients(inputs, list(distinct.values()), loss))
    if len(found) != len(floats) + len(distinct):
        raise RunError(f"the runner gives {len(found)} gradients, not {len(floats) + len(distinct)}")
    # One after the other, from the end: all at once, in both forms, are much memory.
    for shown in reversed([*floats, *places.values()]):
        value = found.pop()
        array = None if value is None else runner.to_numpy(value)
        for name, layout in shown:
            if name not in wanted:
                continue
            shape = data[name].shape
            own = np.zeros(shape, request["dtype"]) if array is None else restore(array, layout, shape)
            yield f"gradient {name}", np.ascontiguousarray(own)


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


@contextlib.contextmanager
def module(source: str) -> Iterator[types.ModuleType]:
    """An empty module that Python, `inspect` and tracebacks take for the one with this source."""
    made = types.ModuleType(f"archspec_program_{time.monotonic_ns()}")
    made.__file__ = filename = f"<{made.__name__}>"
    sys.modules[made.__name__] = made
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    try:
        yield made
    finally:
        del sys.modules[made.__name__], linecache.cache[filename]


def fill(session: Any, bindings: Sequence[Any], data: Mapping[str, Array], dtype: str) -> None:
    """Gives every weight of the model its value, exactly once; RunError names all that is missing or left over."""
    variables = session.variables()
    bound: dict[int, Array | None] = {}
    problems: dict[str, str] = {}
    for parameter, target, layout, optional, shared in bindings:
        array = cast(arrange(data[parameter], layout), dtype)
        variable = variables.get(target)
        if variable is None:
            if not optional:
                problems[parameter] = f"the model has no weight '{target}' (for {parameter})"
        elif id(variable) in bound and not (shared and bound[id(variable)] is not None):
            problems[parameter] = f"'{target}' is filled twice (again by {parameter})"
        elif tuple(variable.shape) != array.shape:
            problems[parameter] = f"'{target}' has shape {tuple(variable.shape)}, and {parameter} gives {array.shape}"
        elif not str(variable.dtype).endswith(array.dtype.name):
            problems[parameter] = f"'{target}' is {variable.dtype}, not {array.dtype.name}"
        else:
            part = bound.get(id(variable))
            array = array if part is None else part + array
            session.assign(variable, array)
        bound[id(variable)] = array if shared else None
    names: dict[int, str] = {}
    for name, variable in variables.items():
        names.setdefault(id(variable), name)
    unfilled = [f"nothing fills '{name}'" for key, name in names.items() if key not in bound]
    if problems or unfilled:
        raise RunError("; ".join([*problems.values(), *unfilled]), problems)


def named(value: Any, names: Sequence[str]) -> dict[str, Any]:
    """A model's result, by the names of its outputs."""
    if isinstance(value, Mapping):
        if sorted(value) != sorted(names):
            raise RunError(f"the model returns {', '.join(value)}, not {', '.join(names)}")
        return {name: value[name] for name in names}
    values = value if isinstance(value, (tuple, list)) else [value]
    if len(values) != len(names):
        raise RunError(f"the model returns {len(values)} outputs, not {len(names)} ({', '.join(names)})")
    return dict(zip(names, values, strict=True))


def failure(kind: str, error: BaseException) -> dict[str, Any]:
    message = str(error) if isinstance(error, RunError) else f"{type(error).__name__}: {error}"
    return {"error": kind, "message": message, "detail": "".join(traceback.format_exception(error))[-4000:]}


def passed(error: BaseException, file: str, source: str) -> list[str]:
    """The statements of a program that an error passed through, outermost first; of each the first line."""
    numbers = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not numbers:
        return []
    lines = source.splitlines()
    starts = sorted(node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt))
    return [lines[max(start for start in starts if start <= (number or 0)) - 1].strip() for number in numbers]


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
    except ImportError:
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
    if Path(sys.path[0]) == Path(__file__).parent:
        del sys.path[0]  # frameworks must not find our modules under the names of theirs
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


if __name__ == "__main__":
    main(*sys.argv[1:])
