"""How long it takes to verify small networks: by one command, one after the other and two at a time; as tests of
pytest, whose frameworks stay warm; and by a command for each. Nothing is cached.

    python -m benchmarks.ways [--count N] [--seed S] [--rounds N] [--to BACKEND ...]

Networks are random ones, of the fuzzer. Times are those of whole processes; the ways take turns, and the least of each
counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cluster import draw

SCRIPTS = Path(sysconfig.get_path("scripts"))


def ways(paths: Sequence[str], to: Sequence[str]) -> dict[str, list[list[str]]]:
    """The commands of each way."""
    backends = [word for name in to for word in ("--to", name)]
    verify = [str(SCRIPTS / "archspec"), "verify", *backends]
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--archspec", "."]
    return {
        "one command": [[*verify, *paths]],
        "one command, -j 2": [[*verify, "-j", "2", *paths]],
        "pytest --archspec": [[*tests, *(word.replace("--to", "--archspec-to") for word in backends)]],
        "a command for each": [[*verify, path] for path in paths],
    }


def main() -> None:
    """Prints a table of wall times in seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--to", action="append", default=[], metavar="BACKEND")
    given = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = [path.name for path in draw(Path(folder), given.count, given.seed)]
        for _ in range(given.rounds):
            for name, commands in ways(paths, given.to).items():
                started = time.perf_counter()
                for command in commands:
                    environment = os.environ | {"ARCHSPEC_NO_CACHE": "1"}
                    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
                seconds.setdefault(name, []).append(time.perf_counter() - started)
                print(f"{name:20}{seconds[name][-1]:8.1f} s", flush=True)
    first = min(seconds["one command"])
    print(f"\n{given.count} networks{'':9}{'seconds':>10}{'times':>8}")
    for name, measured in seconds.items():
        print(f"{name:20}{min(measured):10.1f}{min(measured) / first:8.2f}")


if __name__ == "__main__":
    main()
