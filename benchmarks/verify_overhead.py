"""What `archspec verify resnet18` costs beyond running the models: time against a bare script per framework.

python benchmarks/verify_overhead.py [--network resnet18] [--runs 7]

The bare scripts (`bare_forward.py`) are started in parallel, as verify starts its workers. Each imports its framework,
builds the generated model with random weights and runs it once in float64 and once in float32, on inputs of the size
that verify takes. They are run as they are, and once more with `OMP_WAIT_POLICY=passive`, as verify starts its workers:
threads that wait do not take the cores from the other frameworks then. All take turns, so that a busy moment of the
machine does not fall on one of them alone. Wall time is what people wait for; the processor's tells more where a
machine has other work, or as many cores as there are frameworks.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from archspec import load
from archspec.backend import backends
from archspec.verification.cases import case

BARE = Path(__file__).with_name("bare_forward.py")

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "CUDA_VISIBLE_DEVICES": "",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def together(commands: Sequence[Sequence[str]], **more: str) -> tuple[float, float]:
    """The seconds of commands that run at the same time, with more in their environment: on the wall, and of
    processors."""
    started, before = time.perf_counter(), _spent()
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT | more)
        for command in commands
    ]
    codes = [process.wait() for process in processes]
    seconds = time.perf_counter() - started
    if any(codes):
        raise SystemExit(f"exit codes {codes} of {commands}")
    return seconds, _spent() - before


def _spent() -> float:
    """The seconds of processors that all ended children took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Prints a table of wall times, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet18", help="one with one image as its input")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    model = load(options.network)
    tried = case(model, backends())
    (image,) = tried.graph.inputs.values()
    sizes = [str(int(size)) for size in image.shape]
    with tempfile.TemporaryDirectory() as folder:
        bare = []
        for backend in backends():
            file = Path(folder) / f"{backend.name}.py"
            file.write_text(backend.write(model), encoding="utf-8")
            entry = tried.programs[backend.name].entry
            bare.append([sys.executable, str(BARE), backend.name, str(file), entry, *sizes])
        verify = [str(Path(sysconfig.get_path("scripts")) / "archspec"), "verify", "--no-cache", options.network]
        rows: dict[str, Callable[[], tuple[float, float]]] = {
            "bare scripts in parallel": lambda: together(bare),
            "the same, waiting passively": lambda: together(bare, OMP_WAIT_POLICY="passive"),
            f"archspec verify {options.network}": lambda: together([verify]),
        }
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
        for run in range(options.runs + 1):
            for name, work in rows.items():
                spent = work()
                if run:  # the first one fills caches
                    seconds[name].append(spent)
    load1 = os.getloadavg()[0]
    print(f"{options.network}, input {' x '.join(sizes)}, {options.runs} runs of each; 1-minute load {load1:.1f}\n")
    for place, kind in enumerate(("on the wall", "of processors")):
        print(
            f"{'seconds ' + kind:36}{'min':>8}{'median':>9}   verify is so many times that: by minima, median of rounds"
        )
        proven: list[float] = []
        for name, both in reversed(seconds.items()):
            measured = [each[place] for each in both]
            proven = proven or measured
            ratio = statistics.median(b / a for a, b in zip(measured, proven, strict=True))
            print(f"{name:36}{min(measured):8.2f}{statistics.median(measured):9.2f}"
                  f"{min(proven) / min(measured):8.2f}{ratio:8.2f}")  # fmt: skip
        print()


if __name__ == "__main__":
    main()
