"""What `archspec compile resnet152 -o DIR` costs for all frameworks, as one command, and where the time goes.

python benchmarks/compile_resnet152.py [--network resnet152] [--runs 15]

The first table is of whole processes. The second is of other processes that do the same stage by stage, each module
being imported by itself in the order in which the command finishes importing it, so that its cost is not another's.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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


def imported(command: Sequence[str]) -> list[str]:
    """The modules that a command imports, in the order in which they are ready."""
    found = subprocess.run(
        [sys.executable, "-X", "importtime", *command], check=True, capture_output=True, text=True, env=ENVIRONMENT
    )
    lines = re.findall(r"^import time:[ \d|]+\|( +)([\w.]+)$", found.stderr, re.MULTILINE)
    return [name for _, name in lines]


GROUPS = {
    "typer, rich": ("typer", "click", "rich", "shellingham", "markdown_it", "pygments"),
    "pydantic": ("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"),
    "yaml": ("yaml", "_yaml"),
    "jinja2": ("jinja2", "markupsafe"),
    "archspec": ("archspec",),
}


def group(module: str) -> str:
    """Whose import this is."""
    package = module.partition(".")[0]
    return next((name for name, packages in GROUPS.items() if package in packages), "standard library")


def stages(network: str, folder: str, modules: Sequence[str]) -> dict[str, float]:
    """The CPU seconds of each stage of compiling in this process. Imports nothing of archspec before it counts."""
    seconds = {"start of Python": time.process_time()}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        before = time.process_time()
        result = work()
        seconds[name] = seconds.get(name, 0.0) + time.process_time() - before
        return result

    import importlib

    for module in modules:
        if module not in sys.modules:
            timed(f"import {group(module)}", lambda module=module: importlib.import_module(module))

    from archspec.backend import backends
    from archspec.cli.files import write_all
    from archspec.emit import source as emitted
    from archspec.loading import load

    model = timed("read the spec", lambda: load(network))
    timed("check its form", lambda: model.spec.findings)
    timed("elaborate", lambda: model.roots(model.free_params))
    assemble = emitted.assemble
    emitted.assemble = lambda *given: timed("fill templates", lambda: assemble(*given))
    texts = {}
    for backend in backends():
        generated = timed(f"generate {backend.name}", lambda backend=backend: backend.generator(model))
        filling = seconds.get("fill templates", 0.0)
        texts[f"{backend.name}.py"] = timed(f"print {backend.name}", generated.text)
        seconds[f"print {backend.name}"] -= seconds["fill templates"] - filling
    timed("write files", lambda: write_all(Path(folder), texts))
    return seconds


def show(rows: dict[str, list[float]]) -> None:
    """A table of milliseconds."""
    for name, measured in rows.items():
        print(f"{name:32}{min(measured) * 1e3:8.1f}{statistics.median(measured) * 1e3:9.1f}")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet152")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--stages", metavar="MODULES", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.stages is not None:
            modules = Path(options.stages).read_text().split()
            print(json.dumps(stages(options.network, folder, modules)))
            return
        script = str(Path(sysconfig.get_path("scripts")) / "archspec")
        command = [script, "compile", options.network, "-o", folder]
        run(command)  # fills caches
        # Interleaved, so that a busy moment of the machine does not fall on one of them alone.
        pairs = [(run(command), run([sys.executable, "-c", "pass"])) for _ in range(options.runs)]
        print(f"{f'{options.runs} runs':32}{'min':>8}{'median':>9}   (ms)")
        show(
            {
                f"compile {options.network}: CPU": [cpu for (cpu, _), _ in pairs],
                f"compile {options.network}: wall": [wall for (_, wall), _ in pairs],
                "python -c pass: CPU": [cpu for _, (cpu, _) in pairs],
            }
        )
        names = Path(folder) / "modules"
        names.write_text(" ".join(imported(["-m", "archspec", *command[1:]])))
        again = [sys.executable, __file__, "--network", options.network, "--stages", str(names)]
        parts: dict[str, list[float]] = {}
        for _ in range(options.runs):
            found = subprocess.run(again, check=True, capture_output=True, text=True, env=ENVIRONMENT)
            for name, seconds in json.loads(found.stdout).items():
                parts.setdefault(name, []).append(seconds)
    print("\nwhere it goes (CPU)")
    show(parts)
    show({"all of these": [sum(each) for each in zip(*parts.values(), strict=True)]})


if __name__ == "__main__":
    main()
