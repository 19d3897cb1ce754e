"""How long people wait for small commands: whole processes, interleaved, the least and the median of many runs.

python benchmarks/startup.py [RUNS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import pydantic', a model": [
        sys.executable,
        "-c",
        "import pydantic\nclass A(pydantic.BaseModel):\n    x: int",
    ],
    "archspec --version": ["archspec", "--version"],
    "archspec -h": ["archspec", "-h"],
    "archspec check resnet18": ["archspec", "check", "resnet18"],
    "archspec summary resnet18": ["archspec", "summary", "resnet18"],
    "archspec compile resnet18 --to pytorch": ["archspec", "compile", "resnet18", "--to", "pytorch"],
}


def main(runs: int = 15) -> None:
    """Prints a table of wall times in milliseconds."""
    scripts = Path(sysconfig.get_path("scripts"))
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(runs + 1):
        for name, (program, *arguments) in COMMANDS.items():
            found = str(scripts / program) if program == "archspec" else program
            started = time.perf_counter()
            subprocess.run([found, *arguments], check=True, stdout=subprocess.DEVNULL)
            if run:  # the first one fills caches
                seconds[name].append(time.perf_counter() - started)
    floor = min(seconds["python -c pass"])
    print(f"{'':40}{'min':>8}{'median':>8}{'over python':>13}   (ms, {runs} runs)")
    for name, measured in seconds.items():
        least, middle = min(measured), statistics.median(measured)
        print(f"{name:40}{least * 1e3:8.0f}{middle * 1e3:8.0f}{(least - floor) * 1e3:13.0f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
