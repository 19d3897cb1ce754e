"""What `archspec compile resnet152 -o DIR` costs for all frameworks, as one command, and where the time goes.

python benchmarks/compile_resnet152.py [--network resnet152] [--runs 15]

The first table is of whole processes, the second of others that do the same stage by stage (`compile_stages.py`).
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from archspec import load

STAGES = Path(__file__).with_name("compile_stages.py")

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYDANTIC_DISABLE_PLUGINS": "__all__",  # as the command sets it
}
"""Users have compiled modules."""


def run(command: Sequence[str]) -> tuple[float, float]:
    """The CPU seconds (user and system) and the wall seconds of a process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime, wall


def output(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True, env=ENVIRONMENT)


def imported(command: Sequence[str], network: str) -> list[str]:
    """The modules that a command imports, in the order in which they are ready; last those of the network's
    operations, of which `-X importtime` does not tell, because they are imported by `importlib`."""
    told = output(["-X", "importtime", *command]).stderr
    names = re.findall(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", told, re.MULTILINE)
    return [*names, *dict.fromkeys(type(node.op).__module__ for node in load(network).graph.nodes)]


def show(rows: Mapping[str, Sequence[float]]) -> None:
    """Rows of a table, in milliseconds."""
    for name, measured in rows.items():
        print(f"{name:32}{min(measured) * 1e3:8.1f}{statistics.median(measured) * 1e3:9.1f}")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet152")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = ["compile", options.network, "-o", folder]
        script = str(Path(sysconfig.get_path("scripts")) / "archspec")
        run([script, *command])  # fills caches
        # Interleaved, so that a busy moment of the machine does not fall on one of them alone.
        pairs = [(run([script, *command]), run([sys.executable, "-c", "pass"])) for _ in range(options.runs)]
        print(f"{f'{options.runs} runs':32}{'min':>8}{'median':>9}   (ms)")
        show(
            {
                f"compile {options.network}: CPU": [cpu for (cpu, _), _ in pairs],
                f"compile {options.network}: wall": [wall for (_, wall), _ in pairs],
                "python -c pass: CPU": [cpu for _, (cpu, _) in pairs],
            }
        )
        modules = Path(folder) / "modules"
        modules.write_text("\n".join(imported(["-m", "archspec", *command], options.network)))
        parts: dict[str, list[float]] = {}
        for _ in range(options.runs):
            for line in output([str(STAGES), options.network, folder, str(modules)]).stdout.splitlines():
                name, _, seconds = line.partition("\t")
                parts.setdefault(name, []).append(float(seconds))
    print("\nwhere it goes (CPU)")
    show(parts)
    show({"all of these": [sum(each) for each in zip(*parts.values(), strict=True)]})


if __name__ == "__main__":
    main()
