"""Time and memory of the generated models, in each framework, by themselves.

process    what runs in a fresh process of a framework, by the `timer.py` of its backend
found      what was found, as data, a table, and JSON

Every framework, phase and way of running is a process, which takes the batches in order; all of them once make a round,
so that what slows the machine down for a while slows all of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from archspec.backend import Backend, Program, backends
from archspec.bench.found import Bench, Row
from archspec.errors import BackendError, UsageError
from archspec.model import Model
from archspec.results.fingerprints import fingerprint
from archspec.verification import data
from archspec.verification.worker import arrange
from archspec.verification.workers import process_environment, program_path

PHASES: Final = ("inference", "training")
WAYS: Final = ("eager", "compiled")

_PROCESS: Final = Path(__file__).parent / "process.py"
_THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


@dataclass(frozen=True, slots=True)
class Options:
    """How models are timed."""

    batches: tuple[int, ...] = (1, 8)
    phases: tuple[str, ...] = PHASES
    ways: tuple[str, ...] = WAYS
    rounds: int = 3
    seconds: float = 1.0
    """How long each process repeats what it measures, for each batch."""
    threads: int = 0
    """Of each framework; as many as there are cores if 0."""
    timeout: float = 600
    """Seconds after which a process is ended."""


def bench(
    model: Model, to: Sequence[str] = (), options: Options | None = None, *, python: Mapping[str, str] | None = None,
    watch: Callable[[str], None] = lambda stage: None, sizes: Mapping[str, int] | None = None,
) -> Bench:  # fmt: skip
    """Times a model in these frameworks, or all. `python` gives interpreters of frameworks that live elsewhere, `sizes`
    numbers for open dimensions.

    What a framework cannot do is said in its rows. Raises SpecError if the spec is not valid, UsageError for a backend
    that is not there, or one without a timer.
    """
    chosen, options = backends(to), options or Options()
    for backend in chosen:
        if backend.timer is None:
            raise UsageError(f"the backend '{backend.name}' has no timer: its models cannot be timed")
    threads = options.threads or os.cpu_count() or 1
    found = Bench(model.name, threads, options.rounds, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    with tempfile.TemporaryDirectory(prefix="archspec-") as name:
        runs = [*_runs(model, chosen, options, found, Path(name), dict(sizes or {}), python or {}, threads)]
        for number in range(1, options.rounds + 1):
            for run in runs:
                watch(f"round {number} of {options.rounds} | {run.title}")
                run.once(options.timeout)
    return found


@dataclass(slots=True)
class _Run:
    """One framework, phase and way of running, in a process of its own each time."""

    title: str
    command: list[str]
    environment: dict[str, str]
    task: dict[str, Any]
    rows: list[Row]
    """By batch."""
    versions: dict[str, str]
    folder: Path

    def once(self, timeout: float) -> None:
        """Runs the process, and adds to the rows what it says. After a failure there is no second try."""
        if any(row.problem for row in self.rows):
            return
        try:
            done = subprocess.run(
                self.command, input=json.dumps(self.task), capture_output=True, text=True, errors="replace",
                env=self.environment, cwd=self.folder, timeout=timeout, check=False,
            )  # fmt: skip
            last = (done.stderr.strip().splitlines() or [""])[-1][:300]
            told, ending = done.stdout, f"the process ended with exit code {done.returncode}{': ' * bool(last)}{last}"
        except subprocess.TimeoutExpired as late:
            told = late.stdout.decode(errors="replace") if isinstance(late.stdout, bytes) else late.stdout or ""
            ending = f"no answer within {timeout:g} seconds"
        except OSError as error:
            told, ending = "", f"cannot start {self.command[0]}: {error.strerror}"
        answers = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
        if answers and "versions" in answers[0]:
            self.versions.update(answers.pop(0)["versions"])
        for row, answer in zip(self.rows, [*answers, *({"problem": ending} for _ in self.rows)], strict=False):
            row.add(answer)
            if row.missing:  # then all are
                for other in self.rows:
                    other.add(answer)
                return


def _runs(
    model: Model, chosen: Sequence[Backend], options: Options, found: Bench, folder: Path, sizes: dict[str, int],
    python: Mapping[str, str], threads: int,
) -> Iterator[_Run]:  # fmt: skip
    environment = process_environment() | dict.fromkeys(_THREADS, str(threads)) | {"TMPDIR": str(folder)}
    environment |= {"TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    batches = sorted({*options.batches})
    drawn = {batch: data.inputs(model.graph_for({**sizes, "batch": batch})) for batch in batches}
    for backend in chosen:
        try:
            program = backend.generate(model)
        except BackendError as error:
            found.rows.append(Row(backend.name, backend.title, "", "", 0, problem=str(error)))
            continue
        found.fingerprints[backend.name] = fingerprint(program.source)
        files = [_saved(folder, backend.name, batch, program, drawn[batch]) for batch in batches]
        for phase in options.phases:
            for way in options.ways:
                rows = [Row(backend.name, backend.title, phase, way, batch) for batch in batches]
                found.rows += rows
                interpreter = program_path(python.get(backend.name, sys.executable))
                task = {
                    "source": program.source, "entry": program.entry, "files": files, "seconds": options.seconds,
                    "arguments": program.training_arguments if phase == "training" else {},
                    "training": phase == "training", "compiled": way == "compiled", "threads": threads,
                }  # fmt: skip
                yield _Run(
                    f"{backend.title}, {phase}, {way}", [interpreter, str(_PROCESS), str(backend.timer)], environment,
                    task, rows, found.versions.setdefault(backend.name, {}), folder,
                )  # fmt: skip


def _saved(folder: Path, backend: str, batch: int, program: Program, drawn: Mapping[str, Any]) -> str:
    """A file of inputs, in the order and the layouts that the model takes them in."""
    path = folder / f"{backend}_{batch}.npz"
    np.savez(path, *(np.ascontiguousarray(arrange(drawn[name], layout)) for name, layout in program.inputs.items()))
    return str(path)
