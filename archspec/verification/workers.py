"""Frameworks in processes of their own: started in parallel, kept warm, limited in time, and allowed to die."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final, get_args
from urllib.parse import quote

from archspec.verification import worker
from archspec.verification.failure import Failure, FailureKind
from archspec.verification.scratch import Scratch
from archspec.verification.worker import Array


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
    tensors: dict[str, str] = field(default_factory=dict)
    """Those that are not as they should be, and why."""

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
    seen: dict[str, list[Any]] = field(default_factory=dict)
    """Of a run that trained: `losses`, `rates`, norms of gradients (`norms`) and numbers of `steps`."""


class Worker:
    """One framework in a process, which is started again when it is needed after it died."""

    def __init__(self, name: str, runner: Path, scratch: Scratch, python: str, patience: float) -> None:
        self.name = name
        self._runner, self._scratch, self._python, self._patience = runner, scratch, python, patience
        self._process: subprocess.Popen[str] | None = None
        self._replies: queue.SimpleQueue[dict[str, Any] | str | None] = queue.SimpleQueue()
        self._greeting: Greeting | Failure | None = None
        self.known: Greeting | None = None
        """What the process said that ran last, whether it lives or not."""
        self._at = ""
        self._busy = False
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Starts the process unless it runs, and does not wait for it."""
        with self._lock:
            idle_death = isinstance(self._greeting, Greeting) and self._process and self._process.poll() is not None
            if (self._process and not idle_death) or self._closed or isinstance(self._greeting, Failure):
                return
            folder = os.path.dirname(os.path.abspath(worker.__file__))
            command = [program_path(self._python), folder, str(self._runner.resolve())]
            try:
                with open(self._log, "w") as log:
                    self._process = subprocess.Popen(
                        command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        text=True,
                        errors="replace",
                        env=process_environment()
                        | {"TMPDIR": str(self._scratch.folders[-1])},  # a worker may be killed
                        cwd=self._scratch.folders[-1],  # nothing in the user's is taken for a part of a framework
                        start_new_session=True,  # Ctrl-C is for us: we end the workers
                    )
            except OSError as error:
                self._greeting = Failure("start", f"cannot start {self._python}: {error.strerror}")
                return
            self._scratch.note(self._process.pid)
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
                case {"versions": dict(versions), "seconds": float(seconds)}:
                    self._greeting = self.known = Greeting(versions, seconds)
                case _:
                    self._greeting = self._failure(reply)
        return self._greeting

    def run(self, request: Mapping[str, Any], timeout: float) -> Result | Failure:
        """Sends a request (`request.message`), and waits for the result at most `timeout` seconds after the import."""
        greeting = self.greet()
        if isinstance(greeting, Failure):
            return greeting
        process = self._process
        if process is None:
            return _CLOSED
        self._at, self._busy = "", True
        try:
            if self._send(request, process, timeout):
                reply = self._receive(timeout)
            else:
                reply = self._lost("timeout", f"it did not take what it was given within {timeout:g} seconds")
        except BaseException:  # its answer must not be taken for that to the next request
            self.stop()
            raise
        finally:
            self._busy = False
        path = Path(request["into"])
        try:
            match reply:
                case {"arrays": index, "seconds": seconds, "memory": memory, "seen": dict(seen)}:
                    return Result(worker.load(str(path), index), seconds, memory, seen)
                case {"arrays": index, "seconds": seconds, "memory": memory}:
                    return Result(worker.load(str(path), index), seconds, memory)
                case {"error": _, "arrays": index, "lines": lines, "shapes": shapes, "parameters": ps, "tensors": ts}:
                    failure = self._failure(reply)
                    arrays, at = worker.load(str(path), index), lines[-1] if lines else ""
                    plain = failure.kind, failure.message, failure.detail, at
                    return Stopped(*plain, lines, arrays, shapes, ps, ts)
            return self._failure(reply)
        except (OSError, ValueError, TypeError) as error:  # of a file that is not there, or is not what was said of it
            return self._lost("crashed", f"what it computed cannot be read: {error}")
        finally:
            self._scratch.remove(path)  # what is mapped stays until nobody uses it

    def _send(self, request: Mapping[str, Any], process: subprocess.Popen[str], timeout: float) -> bool:
        """Hands over a request. Who does not take it in time is ended; that somebody died is noticed by `_receive`."""
        started = monotonic()
        late = threading.Timer(min(timeout, threading.TIMEOUT_MAX / 2), self.kill)
        late.daemon = True
        late.start()
        with contextlib.suppress(OSError, ValueError):
            print(json.dumps(request), file=process.stdin, flush=True)
        late.cancel()
        return monotonic() - started < timeout

    def kill(self) -> None:
        """Ends the process, with those that it started, and does not wait for its end."""
        if self._process is not None:
            _kill(self._process)

    def stop(self, *, close: bool = False) -> None:
        """Ends the process, which starts again when it is needed, unless `close`."""
        with self._lock:
            self._closed |= close
            process, self._process = self._process, None
        if process is not None:
            _kill(process)
            process.wait()
            self._scratch.note(process.pid, ended=True)
            with contextlib.suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            self._replies.put(None)  # whoever waits; its output is closed by who reads it, when all have left it

    @property
    def doing(self) -> str:
        """What it does, if anything."""
        if self._process is not None and self._greeting is None:
            return "imports"
        return "runs" if self._busy else ""

    @property
    def alive(self) -> bool:
        return self._process is not None

    @property
    def _log(self) -> Path:
        return self._scratch.folders[-1] / f"{quote(self.name, safe='')}.stderr"

    def _receive(self, timeout: float) -> dict[str, Any] | Failure:
        deadline = monotonic() + min(timeout, threading.TIMEOUT_MAX / 2)
        while True:
            try:
                reply = self._replies.get(timeout=max(0.0, deadline - monotonic()))
            except queue.Empty:
                return self._lost("timeout", f"no answer within {timeout:g} seconds")
            if reply is None:
                return self._lost("crashed", self._cause_of_death())
            if not isinstance(reply, dict):
                said = f"{self._python} says {reply[:60]!r}, which is not from the worker that it was told to run"
                return self._lost("start" if self._greeting is None else "crashed", said)
            if "at" not in reply:
                return reply
            self._at = str(reply["at"])

    def _failure(self, reply: dict[str, Any] | Failure) -> Failure:
        """The failure that a worker tells of."""
        match reply:
            case Failure():
                return reply
            case {"error": str(kind), "message": str(message), "detail": str(detail)} if kind in get_args(FailureKind):
                return Failure(kind, message, detail)  # type: ignore[arg-type]
        return self._lost("crashed", f"{self._python} gives an answer that is none: {str(reply)[:60]}")

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


_LONGEST: Final = 1 << 28


def _listen(stream: Any, replies: queue.SimpleQueue[dict[str, Any] | str | None]) -> None:
    """Puts what a worker says into a queue: objects, or a line that is none; at the end None."""
    with contextlib.suppress(OSError, ValueError), stream:
        while line := stream.readline(_LONGEST):
            try:
                reply = json.loads(line)
            except ValueError:
                reply = None
            replies.put(reply if isinstance(reply, dict) else line)
    replies.put(None)


def _kill(process: subprocess.Popen[str]) -> None:
    """Ends a process and its group: an interpreter may be a script that runs another."""
    if not hasattr(os, "killpg"):  # on Windows
        process.kill()
        return
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def program_path(python: str) -> str:
    """An interpreter's absolute path, since it is run in another folder."""
    found = shutil.which(os.path.expanduser(python))
    return os.path.abspath(found) if found else python


def process_environment() -> dict[str, str]:
    """The environment of a framework's process, in which Python does not look for modules in the current folder."""
    # Threads that spin while they wait would take the cores from the other frameworks.
    found = {"OMP_WAIT_POLICY": "passive", **os.environ, "PYTHONSAFEPATH": "1"}
    if "PYTHONPATH" in found:  # of which an empty part is the current folder
        parts = filter(None, found["PYTHONPATH"].split(os.pathsep))
        found["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, parts))
    return found


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

    def rest(self) -> None:
        """Ends the processes, of which none must be running anything; they start again when they are needed."""
        for item in self._workers.values():
            item.stop()

    def doing(self) -> dict[str, str]:
        """What the frameworks do that do something: `imports`, `runs`."""
        found = {name: item.doing for name, item in self._workers.items()}
        return {name: what for name, what in found.items() if what}

    def greet(self, name: str) -> Future[Greeting | Failure]:
        """Waits, elsewhere, until a backend's framework is imported, unless it ever was."""
        own = self._workers[name]
        return self._queues[name].submit(lambda: own.known or own.greet())

    def submit(
        self, name: str, request: Mapping[str, Any], *, timeout: float = 300, alone: bool = False
    ) -> Future[Result | Failure]:
        """Hands a request (see `request.message`) to a backend's worker, which takes them in order.

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
