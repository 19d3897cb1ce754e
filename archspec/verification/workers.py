"""Frameworks in processes of their own: started in parallel, kept warm, limited in time, and allowed to die."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from archspec.backend import Program
from archspec.verification import worker
from archspec.verification.worker import Array

FailureKind = Literal["refused", "memory", "missing", "start", "import", "crashed", "timeout", "build", "weights",
                      "run", "gradients"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no result."""

    kind: FailureKind
    """`refused`: the backend cannot express the network; `memory`: the machine has too little of it; `missing`: the
    framework is not installed; `start`: the interpreter cannot be run; `import`: the framework is installed and broken;
    `crashed`, `timeout`: the process died, or was killed; else the stage that raised."""
    message: str
    detail: str = ""
    """The end of the traceback, or of what the process wrote to its standard error."""
    at: str = ""
    """For `crashed` and `timeout`: the last probe or stage that was reached; else the line of code that raised."""


@dataclass(frozen=True, slots=True)
class Stopped(Failure):
    """A program raised; what it had shown until then."""

    lines: list[str] = field(default_factory=list)
    """The statements that the error passed through, outermost first; of each the first line."""
    arrays: dict[str, Array] = field(default_factory=dict)
    shapes: dict[str, list[int | None]] = field(default_factory=dict)
    """Of the values of steps, as far as a symbolic model was built; None for an axis that is open."""
    parameters: dict[str, str] = field(default_factory=dict)
    """Those that have no proper place in the model, and why."""

    def plain(self) -> Failure:
        """The failure alone."""
        return Failure(self.kind, self.message, self.detail, self.at)


@dataclass(frozen=True, slots=True)
class Greeting:
    """A worker is ready."""

    versions: dict[str, str]
    seconds: float
    """What importing the framework took."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a model computed, laid out as the framework does."""

    arrays: dict[str, Array]
    """By the canonical name of the tensor; what the model returned is at `output logits`."""
    seconds: dict[str, float]
    """Of `build`, `weights` and `run`."""
    memory: int
    """The most that the process has used so far, in bytes."""


def message(
    program: Program,
    dtype: str,
    data: dict[str, Any],
    into: Path,
    outputs: Collection[str],
    *,
    optional: Collection[str] = (),
    training: bool = False,
    learning: bool = False,
    forced: dict[str, Any] | None = None,
    repeat: int = 1,
    statistics: Collection[str] = (),
    gradients: Collection[str] = (),
    projected: Collection[str] = (),
) -> dict[str, Any]:
    """A request to run a program.

    `data` is what `worker.save` returned for parameters and inputs, and `forced` the same for the values that shall
    replace those of the steps. `outputs` are the ones expected; `optional` parameters may have no place in the model.
    `training` asks for the outputs that exist only in training; layers stay in evaluation mode unless they are
    `learning`: then normalizations use the statistics of the batch and keep them, which are in the result by the names
    of their parameters, as the framework lays them out; and what is random is idle. `gradients` are wanted
    by these inputs and parameters, of the sum of the outputs `projected`, each times `projection <name>` in `data`.
    """
    return {
        "source": program.rounded if dtype == "float64" else program.probed,
        "entry": program.entry,
        "arguments": program.training_arguments if training else {},
        "dtype": dtype,
        "data": data,
        "weights": [(w.parameter, w.target, w.layout, w.parameter in optional, w.shared) for w in program.weights],
        "inputs": program.inputs,
        "outputs": [name for name in program.outputs if name in outputs],
        "probes": {key: [(o.tensor, o.layout) for o in seen] for key, seen in program.probes.items()},
        "hooks": program.hooks,
        "training": training,
        "learning": learning,
        "forced": forced,
        "repeat": repeat,
        "statistics": list(statistics),
        "gradients": list(gradients),
        "projected": {name: program.outputs[name] for name in projected},
        "into": str(into),
    }


class Worker:
    """One framework in a process, which is started again when it is needed after it died."""

    def __init__(self, name: str, runner: Path, scratch: Scratch, python: str, patience: float) -> None:
        self.name = name
        self._runner, self._scratch, self._python, self._patience = runner, scratch, python, patience
        self._process: subprocess.Popen[str] | None = None
        self._replies: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._greeting: Greeting | Failure | None = None
        self.known: Greeting | None = None
        """What the process said that ran last, whether it lives or not."""
        self._at = ""
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Starts the process unless it runs, and does not wait for it."""
        with self._lock:
            idle_death = isinstance(self._greeting, Greeting) and self._process and self._process.poll() is not None
            if (self._process and not idle_death) or self._closed or isinstance(self._greeting, Failure):
                return
            command = [self._python, worker.__file__, str(self._runner.resolve())]
            with open(self._log, "w") as log:
                try:
                    self._process = subprocess.Popen(
                        command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        text=True,
                        # Threads that spin while they wait would take the cores from the other frameworks.
                        env={"OMP_WAIT_POLICY": "passive", **os.environ},
                        start_new_session=True,  # Ctrl-C is for us: we end the workers
                    )
                except OSError as error:
                    self._greeting = Failure("start", f"cannot start {self._python}: {error.strerror}")
                    return
            self._greeting, self._at, self._replies = None, "import", queue.SimpleQueue()
            threading.Thread(target=_listen, args=(self._process.stdout, self._replies), daemon=True).start()

    def greet(self) -> Greeting | Failure:
        """Waits until the framework is imported."""
        self.start()
        if self._process is None and self._greeting is None:
            return _CLOSED
        if self._greeting is None:
            reply = self._receive(self._patience)
            match reply:
                case {"versions": versions, "seconds": seconds}:
                    self._greeting = self.known = Greeting(versions, seconds)
                case _:
                    self._greeting = _failure(reply)
        return self._greeting

    def run(self, request: Mapping[str, Any], timeout: float) -> Result | Failure:
        """Sends a request made by `message`, and waits for the result at most `timeout` seconds after the import."""
        greeting = self.greet()
        if isinstance(greeting, Failure):
            return greeting
        process = self._process
        if process is None:
            return _CLOSED
        self._at = ""
        try:
            with contextlib.suppress(OSError, ValueError):  # a worker that died meanwhile is noticed by `_receive`
                print(json.dumps(request), file=process.stdin, flush=True)
            reply = self._receive(timeout)
        except BaseException:  # its answer must not be taken for that to the next request
            self.stop()
            raise
        path = Path(request["into"])
        try:
            match reply:
                case {"arrays": index, "seconds": seconds, "memory": memory}:
                    return Result(worker.load(str(path), index), seconds, memory)
                case {"error": _, "arrays": index, "lines": lines, "shapes": shapes, "parameters": parameters}:
                    failure = _failure(reply)
                    arrays = worker.load(str(path), index)
                    at = lines[-1] if lines else ""
                    return Stopped(failure.kind, failure.message, failure.detail, at, lines, arrays, shapes, parameters)
            return _failure(reply)
        finally:
            self._scratch.remove(path)  # what is mapped stays until nobody uses it

    def kill(self) -> None:
        """Ends the process, and does not wait for its end."""
        if self._process is not None:
            self._process.kill()

    def stop(self, *, close: bool = False) -> None:
        """Ends the process, which starts again when it is needed, unless `close`."""
        with self._lock:
            self._closed |= close
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    stream.close()  # type: ignore[union-attr]

    @property
    def alive(self) -> bool:
        return self._process is not None

    @property
    def _log(self) -> Path:
        return self._scratch.folders[-1] / f"{self.name}.stderr"

    def _receive(self, timeout: float) -> dict[str, Any] | Failure:
        deadline = monotonic() + min(timeout, threading.TIMEOUT_MAX / 2)
        while True:
            try:
                reply = self._replies.get(timeout=max(0.0, deadline - monotonic()))
            except queue.Empty:
                return self._lost("timeout", f"no answer within {timeout:g} seconds")
            if reply is None:
                return self._lost("crashed", self._cause_of_death())
            if "at" not in reply:
                return reply
            self._at = reply["at"]

    def _lost(self, kind: FailureKind, cause: str) -> Failure:
        self.stop()
        self._greeting = None
        log = self._log.read_text(errors="replace") if self._log.exists() else ""
        return Failure(kind, cause, log[-4000:], self._at)

    def _cause_of_death(self) -> str:
        if self._process is None:
            return _CLOSED.message
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "the process hung up"
        if code >= 0:
            return f"the process ended with exit code {code}"
        name = signal.Signals(-code).name
        return f"the process was ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


_CLOSED = Failure("crashed", "the worker was closed")


def _listen(stream: Any, replies: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    with contextlib.suppress(OSError, ValueError):  # closed meanwhile, or cut off in the middle of a line
        for line in stream:
            replies.put(json.loads(line))
    replies.put(None)


def _failure(reply: dict[str, Any] | Failure) -> Failure:
    return reply if isinstance(reply, Failure) else Failure(reply["error"], reply["message"], reply["detail"])


def physical_memory() -> float:
    """How many bytes the machine has, or the container; infinite where the system does not tell."""
    found = inf
    with contextlib.suppress(AttributeError, ValueError, OSError):
        pages = os.sysconf("SC_PHYS_PAGES")
        found = os.sysconf("SC_PAGE_SIZE") * pages if pages > 0 else inf
    with contextlib.suppress(OSError, ValueError), open("/sys/fs/cgroup/memory.max") as limit:
        found = min(found, int(limit.read()))  # or `max`, for none
    return found


class Scratch:
    """Private folders for arrays: in memory where there is room, else, and for large ones, on disk."""

    def __init__(self) -> None:
        # Many systems keep /tmp in memory, but not /var/tmp.
        lasting = [] if "TMPDIR" in os.environ else ["/var/tmp"]
        disk = next(root for root in (*lasting, tempfile.gettempdir()) if os.access(root, os.W_OK))
        roots = [root for root in ("/dev/shm", disk) if os.access(root, os.W_OK)]
        self.folders = [Path(tempfile.mkdtemp(prefix="archspec-", dir=root)) for root in roots]
        self._numbers = itertools.count()
        self._promised: dict[Path, int] = {}
        command = [sys.executable, "-S", "-E", "-c", _JANITOR, *map(str, self.folders)]
        self._janitor = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def file(self, size: int) -> Path:
        """A new name for a file of so many bytes."""
        folders = self.folders if size < physical_memory() / _SHARE else self.folders[-1:]
        roomy = (folder for folder in folders if self._free(folder) > size + _SPARE)
        path = next(roomy, self.folders[-1]) / f"{next(self._numbers)}.arrays"
        self._promised[path] = size
        return path

    def _free(self, folder: Path) -> int:
        """The bytes that are left when all files are as large as they were said to become."""
        due = 0
        for path, size in list(self._promised.items()):
            if path.parent == folder:
                with contextlib.suppress(FileNotFoundError):  # or it was removed meanwhile
                    size -= path.stat().st_size
                due += max(0, size)
        return shutil.disk_usage(folder).free - due

    def remove(self, path: Path) -> None:
        self._promised.pop(path, None)
        with contextlib.suppress(OSError):
            path.unlink()

    def close(self) -> None:
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        self._janitor.communicate()


_JANITOR = "import shutil, sys; sys.stdin.read(); [shutil.rmtree(folder, True) for folder in sys.argv[1:]]"
"""Removes the folders when we are gone, however we went."""
_SPARE = 1 << 28
_SHARE = 32
"""The part of the machine's memory that a file in memory takes at most: six of them wait to be compared."""


class Pool:
    """Workers for several backends, for use in a `with` statement, which starts and ends them.

    `python` gives interpreters of backends that do not live in this one's environment. `patience` limits the seconds
    that importing a framework may take.
    """

    def __init__(
        self, runners: Mapping[str, Path], *, python: Mapping[str, str] | None = None, patience: float = 300
    ) -> None:
        self.scratch = Scratch()
        self._workers = {
            name: Worker(name, runner, self.scratch, (python or {}).get(name, sys.executable), patience)
            for name, runner in runners.items()
        }
        self._queues = {name: ThreadPoolExecutor(1, f"archspec-{name}") for name in runners}
        self._memory = threading.Lock()

    def __enter__(self) -> Pool:
        for item in self._workers.values():
            item.start()
        return self

    def __exit__(self, *_: object) -> None:
        for waiting in self._queues.values():
            waiting.shutdown(wait=False, cancel_futures=True)
        for item in self._workers.values():
            item.kill()  # all of them first: who is impatient does not wait for the last
        for item in self._workers.values():
            item.stop(close=True)
        for waiting in self._queues.values():
            waiting.shutdown()
        self.scratch.close()

    def greet(self, name: str) -> Future[Greeting | Failure]:
        """Waits, elsewhere, until a backend's framework is imported, unless it ever was."""
        own = self._workers[name]
        return self._queues[name].submit(lambda: own.known or own.greet())

    def submit(
        self, name: str, request: Mapping[str, Any], *, timeout: float = 300, alone: bool = False
    ) -> Future[Result | Failure]:
        """Hands a request (see `message`) to a backend's worker, which takes them in order.

        Of those that run `alone` there is one at a time, in the only process that lives: it need not share the memory.
        """
        run = self._run_alone if alone else Worker.run
        return self._queues[name].submit(run, self._workers[name], request, timeout)

    def _run_alone(self, own: Worker, request: Mapping[str, Any], timeout: float) -> Result | Failure:
        with self._memory:
            for other in self._workers.values():
                if other is not own:
                    other.stop()
            try:
                return own.run(request, timeout)
            finally:
                own.stop()
