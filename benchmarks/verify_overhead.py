"""What `archspec verify resnet18` costs beyond running the models: wall time against a bare script per framework.

python benchmarks/verify_overhead.py [--network resnet18] [--runs 7]

The bare scripts (`bare_forward.py`) are started in parallel, as verify starts its workers. Each imports its framework,
builds the generated model with random weights and runs it once in float64 and once in float32, on inputs of the size
that verify takes. Runs of both take turns, so that a busy moment of the machine does not fall on one of them alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
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


def together(commands: Sequence[Sequence[str]]) -> float:
    """The wall seconds of commands that run at the same time."""
    started = time.perf_counter()
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
        for command in commands
    ]
    codes = [process.wait() for process in processes]
    seconds = time.perf_counter() - started
    if any(codes):
        raise SystemExit(f"exit codes {codes} of {commands}")
    return seconds


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
        verify = [str(Path(sysconfig.get_path("scripts")) / "archspec"), "verify", options.network]
        together(bare), together([verify])  # fill caches
        pairs = [(together(bare), together([verify])) for _ in range(options.runs)]
    alone, proven = zip(*pairs, strict=True)
    print(f"{options.network}, input {' x '.join(sizes)}, {options.runs} pairs; 1-minute load {os.getloadavg()[0]:.1f}")
    print(f"{'':36}{'min':>8}{'median':>9}")
    for name, seconds in (("bare scripts in parallel (s)", alone), (f"archspec verify {options.network} (s)", proven)):
        print(f"{name:36}{min(seconds):8.2f}{statistics.median(seconds):9.2f}")
    ratios = [b / a for a, b in pairs]
    print(f"{'verify / bare, by pairs':36}{min(ratios):8.2f}{statistics.median(ratios):9.2f}")
    print(f"{'verify / bare, of the minima':36}{min(proven) / min(alone):8.2f}")


if __name__ == "__main__":
    main()
